# SPDX-License-Identifier: Apache-2.0
"""Notices to senders (RFC 3461, 3464), read by Python's own parser."""
import email
import email.policy
import re

import pytest

import harness
from sink import Sink
from test_relay import MAIL, QUICK, SENDER, route, send, start

LOCAL = "norbert@acodedb.com"   # may be sent as, is a mailbox by an alias
ALIASES = "postmaster: administrator\nnorbert: username\n"
HOME = "username@acodedb.com"


@pytest.fixture
def sink():
    with Sink() as one:
        yield one


def begin(ehlod, sink, **options):
    options.setdefault("aliases", ALIASES)
    return start(ehlod, route(sink), **options)


class Notice:
    """Taken apart: text, message fields, one dict a recipient, original."""

    def __init__(self, raw):
        self.message = email.message_from_bytes(
            raw, policy=email.policy.default)
        assert not self.message.defects, self.message.defects
        assert self.message.get_content_type() == "multipart/report"
        assert self.message.get_param("report-type") == "delivery-status"
        assert self.message["Auto-Submitted"] == "auto-replied"
        assert raw.startswith(b"Return-Path: <>\n")
        text, status, original = self.message.iter_parts()
        assert not status.defects and not original.defects
        self.text = text.get_content()
        if status.get_content_type() == "message/delivery-status":
            blocks = status.get_payload()
        else:               # which the parser does not know (RFC 6533)
            whole = raw.decode().partition("global-delivery-status\n")[2]
            whole = whole.partition("\n\n")[2].partition("\n--")[0]
            blocks = [email.message_from_string(block) for block
                      in whole.strip().split("\n\n")]
        self.fields, *self.rcpts = blocks
        self.original = original


def the_notice(daemon, count=1):
    return [Notice(raw) for raw in daemon.wait_mails(HOME, count)][-1]


def test_refused_recipient(ehlod, sink):
    sink.script = lambda s, n: (
        "550 5.1.1 <bert@elsewhere.example>: No such user here"
        if s == "rcpt" else None)
    daemon = begin(ehlod, sink)
    send(daemon, harness.OUTSIDE, params=" ENVID=QQ314159 RET=FULL",
         rcpt_params=" ORCPT=rfc822;Bert+2BB@elsewhere.example")
    notice = the_notice(daemon)
    assert notice.message["Subject"] == "Your mail could not be delivered"
    assert notice.message["To"] == SENDER
    rcpt = notice.rcpts[0]
    assert rcpt["Final-Recipient"] == f"rfc822; {harness.OUTSIDE}"
    assert rcpt["Original-Recipient"] == "rfc822; Bert+B@elsewhere.example"
    assert rcpt["Action"] == "failed" and rcpt["Status"] == "5.1.1"
    assert rcpt["Remote-MTA"] == "dns; 127.0.0.1"
    assert "smtp; 550 5.1.1 <bert@" in rcpt["Diagnostic-Code"]
    assert notice.fields["Original-Envelope-Id"] == "QQ314159"
    assert notice.fields["Reporting-MTA"] == "dns; mail.example.org"
    assert "127.0.0.1 said:" in notice.text
    assert "That means:" in notice.text
    assert notice.original.get_content_type() == "message/rfc822"
    assert "Hello, world." in str(notice.original)
    # settled and gone
    daemon.wait_event("failed")


def test_each_recipient_his_own(ehlod, sink):
    sink.script = lambda s, n: (
        {2: "550 5.1.1 nobody", 3: "552 5.2.2 full"}.get(n)
        if s == "rcpt" else None)
    daemon = begin(ehlod, sink, options={**QUICK, "expire": "1h"})
    send(daemon, *[f"{x}@elsewhere.example" for x in "abcd"])
    notice = the_notice(daemon)
    assert [r["Final-Recipient"] for r in notice.rcpts] == [
        "rfc822; b@elsewhere.example"]
    assert {r for m in sink.wait(2) for r, _ in m.rcpts} >= {
        f"{x}@elsewhere.example" for x in "acd"}


def test_text_refused(ehlod, sink):
    sink.script = lambda s, n: (
        "554 5.7.1 smells of spam" if s == "text" else None)
    daemon = begin(ehlod, sink)
    send(daemon, harness.OUTSIDE)
    notice = the_notice(daemon)
    assert notice.rcpts[0]["Status"] == "5.7.1"
    assert "smells of spam" in notice.text


def test_expired(ehlod, sink):
    sink.script = lambda s, n: "450 4.2.0 later" if s == "rcpt" else None
    daemon = begin(ehlod, sink, options={**QUICK, "expire": "2s",
                                         "warn-after": "0ms"})
    send(daemon, harness.OUTSIDE)
    notice = the_notice(daemon)
    assert notice.rcpts[0]["Action"] == "failed"
    assert notice.rcpts[0]["Status"] == "4.4.7"
    assert "450 4.2.0 later" in notice.rcpts[0]["Diagnostic-Code"]
    daemon.wait_event("expired")


def test_one_warning(ehlod, sink):
    sink.script = lambda s, n: (
        "450 4.2.0 later" if s == "rcpt" and n < 5 else None)
    daemon = begin(ehlod, sink, options={
        "retry-first": "1s", "retry-max": "1s", "warn-after": "1s"})
    send(daemon, harness.OUTSIDE)
    sink.wait(1)
    notice = the_notice(daemon)
    assert notice.rcpts[0]["Action"] == "delayed"
    assert notice.rcpts[0]["Status"] == "4.2.0"
    assert notice.rcpts[0]["Will-Retry-Until"]
    assert "need not send it again" in notice.text
    assert notice.original.get_content_type() == "text/rfc822-headers"
    daemon.wait_event("relayed")
    assert len(daemon.find("notice")) == 1


@pytest.mark.parametrize("caps,told", [(["DSN"], False), ([], True)])
def test_success(ehlod, caps, told):
    with Sink(caps=["PIPELINING", *caps]) as sink:
        daemon = begin(ehlod, sink)
        send(daemon, harness.OUTSIDE, harness.INSIDE,
             rcpt_params=" NOTIFY=SUCCESS,FAILURE")
        notice = the_notice(daemon)
        got = {r["Final-Recipient"][8:]: r["Action"] for r in notice.rcpts}
        assert got[harness.INSIDE] == "delivered"
        assert got.get(harness.OUTSIDE) == ("relayed" if told else None)
        params = sink.wait(1)[0].rcpts[0][1]
        assert ("NOTIFY=SUCCESS,FAILURE" in params) != told


def test_never(ehlod, sink):
    sink.script = lambda s, n: "550 5.1.1 no" if s == "rcpt" else None
    daemon = begin(ehlod, sink)
    send(daemon, harness.OUTSIDE, rcpt_params=" NOTIFY=NEVER")
    daemon.wait_event("failed")
    assert not daemon.find("notice")


def test_null_sender_is_not_answered(ehlod, sink):
    sink.script = lambda s, n: "550 5.1.1 no" if s == "rcpt" else None
    daemon = begin(ehlod, sink)
    send(daemon, harness.OUTSIDE, sender="")
    assert daemon.wait_event("no-notice")[0]["to"] == ""
    assert not daemon.find("notice")


def test_large_comes_back_without_its_text(ehlod, sink):
    sink.script = lambda s, n: "550 5.1.1 no" if s == "rcpt" else None
    daemon = begin(ehlod, sink, options={**QUICK, "bounce-size": "1K"})
    send(daemon, harness.OUTSIDE, text="Subject: large\n\n" + "body\n" * 999)
    notice = the_notice(daemon)
    assert notice.original.get_content_type() == "text/rfc822-headers"
    assert "Subject: large" in str(notice.original.get_payload())
    assert "body" not in str(notice.original.get_payload())


def test_hostile_words(ehlod, sink):
    sink.script = lambda s, n: (
        "550-5.1.1 \x1b[2J\0 --boundary\r\n550-Content-Type: text/html\r\n"
        "550 5.1.1 \xff\xfe" + "x" * 2000 if s == "rcpt" else None)
    daemon = begin(ehlod, sink)
    send(daemon, harness.OUTSIDE)
    raw = daemon.wait_mails(HOME)[0]
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f-\xff]", raw)
    assert all(len(line) < 998 for line in raw.split(b"\n"))
    notice = Notice(raw)
    assert len(notice.rcpts) == 1
    assert "\n" not in notice.rcpts[0]["Status"]


def test_8bit_and_utf8(ehlod):
    with Sink(caps=["PIPELINING"]) as sink:
        daemon = begin(ehlod, sink)
        send(daemon, harness.OUTSIDE, params=" BODY=8BITMIME",
             text="Subject: x\n\nGr\xfc\xdfe\n".encode())
        assert the_notice(daemon).rcpts[0]["Status"] == "5.6.3"
        send(daemon, harness.OUTSIDE, params=" BODY=8BITMIME")
        assert sink.wait(1)     # it is 7bit after all
        send(daemon, "b\xe9rt@elsewhere.example", params=" SMTPUTF8")
        notice = the_notice(daemon, 2)
        assert notice.rcpts[0]["Status"] == "5.6.7"
        assert notice.rcpts[0]["Final-Recipient"].startswith("utf-8; ")


def test_bounce_of_a_bounce_ends(ehlod, sink):
    """Our notice to an outside sender is refused there: that is all."""
    sink.script = lambda s, n: "550 5.1.1 no" if s == "rcpt" else None
    daemon = begin(ehlod, sink)
    send(daemon, harness.OUTSIDE, sender=harness.STRANGER)
    daemon.wait_event("notice")
    daemon.wait_event("failed", 2)
    assert len(daemon.find("notice")) == 1


def test_failed_notice_keeps_the_mail(ehlod, sink):
    """kill -9 between the refusal and the notice: nothing is lost."""
    sink.script = lambda s, n: "550 5.1.1 no" if s == "rcpt" else None
    daemon = begin(ehlod, sink)
    for _ in range(5):
        send(daemon, harness.OUTSIDE)
    daemon.kill()
    daemon.start()
    daemon.wait(lambda: len(daemon.mails(HOME)) >= 5, "five notices")
    assert MAIL
