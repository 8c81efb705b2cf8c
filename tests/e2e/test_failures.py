# SPDX-License-Identifier: Apache-2.0
"""All ways in which a destination can fail, each a domain of its own in a
little network with a name server: what the sender is told, field for field
(RFC 3464), read by Python's parser of mail."""
import email.utils
import re

import pytest

from harness import listener
from nameserver import NameServer
from netns import own_network
from sink import CLOSE, Sink
from test_bounce import ALIASES, HOME, Notice
from test_relay import MAIL, OPEN, SENDER

__all__ = ["own_network"]
pytestmark = pytest.mark.usefixtures("own_network")


class Failure:
    """`status` and the reply in `words` come back; `at` says which step is
    answered with it, by a server of its own. Without one `rows` are what DNS
    says of the domain ("@")."""

    def __init__(self, name, status, words, at=None, says=None, rows=None,
                 **options):
        self.name, self.status, self.words = name, status, words
        self.at, self.says, self.options = at, says or words, options
        self.rows = rows

    def domain(self):
        return f"{self.name}.example"

    def table(self, address):
        rows = self.rows or f"@ MX 10 mx.@\nmx.@ A {address}"
        return f"zone @ plain\n{rows}\n".replace("@", self.domain())

    def sink(self, address):
        sink = Sink(host=address, port=25, **self.options)
        sink.script = lambda step, n: self.says if step == self.at else None
        return sink


NEVER = [
    Failure("null", "5.1.10", "takes no mail", rows="@ MX 0 ."),
    Failure("nothing", "5.4.4", "has no address", rows="@ TXT none"),
    Failure("empty", "5.4.4", "has no address",
            rows="@ MX 10 mx.@\nmx.@ TXT none"),
    Failure("ourselves", "5.4.6", "this server",
            rows="@ MX 10 mail.example.org"),
    Failure("address", "5.4.6", "this server",
            rows="@ MX 10 mx.@\nmx.@ A 127.0.0.1"),
    Failure("mail", "5.1.8", "553 5.1.8 who is that?", "mail"),
    Failure("rcpt", "5.1.1", "550 5.1.1 nobody of that name", "rcpt"),
    Failure("plain", "5.0.0", "550 no", "rcpt"),
    Failure("other", "5.0.0", "550 2.1.5 a status of another class", "rcpt"),
    Failure("data", "5.5.1", "554 5.5.1 not now", "data"),
    Failure("text", "5.7.1", "554 5.7.1 smells of spam", "text"),
    Failure("large", "5.3.4", "552 5.3.4 too large", "text"),
    Failure("size", "5.3.4", "larger than the server takes",
            caps=["SIZE 20"], at="nothing"),
    Failure("lines", "5.2.1", "550-5.2.1 one 550 5.2.1 two", "rcpt",
            "550-5.2.1 one\r\n550 5.2.1 two"),
    Failure("codes", "5.2.1", "550 5.2.1 never", "rcpt",
            "250-2.1.5 yes\r\n450-4.2.1 later\r\n550 5.2.1 never"),
    Failure("binary", "5.1.1", r"550 5.1.1 \x00\xff\x1b[2J\x07", "rcpt",
            "550 5.1.1 \0\udcff\x1b[2J\x07"),
]

# what would be tried again, and was, until it was too old
LATER = [
    Failure("grey", "4.4.7", "451 4.7.1 come again", "rcpt"),
    Failure("busy", "4.4.7", "421 4.3.2 too busy", "connect"),
    Failure("closed", "4.4.7", "554 5.7.1 not for you", "connect"),
    Failure("full", "4.4.7", "452 4.2.2 full", "rcpt"),
    Failure("many", "4.4.7", "552 5.5.3 too many", "rcpt"),
    Failure("hello", "4.4.7", "501 5.5.4 what a name", "ehlo"),
    Failure("dead", "4.4.7", "refused",
            rows="@ MX 10 mx.@\nmx.@ A 127.0.0.9"),
    Failure("dumb", "4.4.7", "SERVFAIL", rows="@ ! servfail"),
    Failure("hangs-up", "4.4.7", "closed the connection", "mail", CLOSE),
    Failure("endless", "4.4.7", "more than a thousand lines", "mail",
            "250-for ever\r\n" * 40000),
    Failure("noise", "4.4.7", "without a reply code", "connect",
            "\0\udcff\udcfe\x1b[2J"),
    Failure("number", "4.4.7", "without a reply code", "connect",
            "999 9.9.9 hello"),
    Failure("no-go", "4.4.7", "do not fit", "data", "250 2.0.0 fine"),
]


@pytest.fixture
def world(ehlod):
    made = []

    def make(failures, **options):
        table = "zone example plain\n"
        for i, failure in enumerate(failures):
            address = f"127.0.1.{i + 1}"
            table += failure.table(address)
            if failure.at:
                made.append(failure.sink(address))
        made.append(NameServer(table))
        return ehlod(
            listeners=[listener(address="127.0.0.1:25", relay=OPEN,
                                networks="127.0.0.0/8")],
            aliases=ALIASES, extra='route "*" { via mx; patience 3s; }',
            options={"resolver": f"127.0.0.1@{made[-1].port}",
                     "trust-anchor": "none", "retry-first": "1s",
                     "retry-max": "1s", "warn-after": "0ms", **options})
    yield make
    for one in made:
        one.close()


def post(daemon, failure, ret):
    """One mail, with everything that a notice gives back."""
    with daemon.client() as client:
        client.ehlo()
        for line in (
                f"MAIL FROM:<{SENDER}> RET={ret} ENVID={failure.name}+2B1",
                f"RCPT TO:<bert@{failure.domain()}> NOTIFY=FAILURE "
                f"ORCPT=rfc822;B+2BC@{failure.domain()}"):
            reply = client.cmd(line)
            assert reply == 250, reply
        reply = client.data(MAIL)
        assert reply == 250, reply


def is_date(text):
    return email.utils.parsedate_to_datetime(text) is not None


def check(notice, failure, ret):
    domain, rcpt = failure.domain(), notice.rcpts[0]
    assert len(notice.rcpts) == 1
    assert notice.message["To"] == SENDER
    assert notice.fields["Reporting-MTA"] == "dns; mail.example.org"
    assert notice.fields["Original-Envelope-Id"] == failure.name + "+1"
    assert is_date(notice.fields["Arrival-Date"])
    assert rcpt["Original-Recipient"] == f"rfc822; B+C@{domain}"
    assert rcpt["Final-Recipient"] == f"rfc822; bert@{domain}"
    assert rcpt["Action"] == "failed"
    assert rcpt["Status"] == failure.status
    assert is_date(rcpt["Last-Attempt-Date"])
    assert "Will-Retry-Until" not in rcpt
    # their words are quoted as theirs, ours never
    is_theirs = re.match(r"[245]\d\d[ -]", failure.words)
    kind, _, words = rcpt["Diagnostic-Code"].partition("; ")
    assert kind == ("smtp" if is_theirs else "X-Ehlo")
    assert failure.words in words, (failure.words, words)
    assert rcpt["Remote-MTA"] == (f"dns; mx.{domain}" if is_theirs else None)
    assert notice.original.get_content_type() == (
        "message/rfc822" if ret == "FULL" else "text/rfc822-headers")
    assert ("Hello, world." in str(notice.original)) == (ret == "FULL")


@pytest.mark.parametrize("failures,ret,expire", [
    (NEVER, "FULL", "1h"), (LATER, "HDRS", "4s")],
    ids=["never", "later"])
def test_each_notice(world, failures, ret, expire):
    daemon = world(failures, expire=expire)
    for failure in failures:
        post(daemon, failure, ret)
    notices = {}
    for raw in daemon.wait_mails(HOME, len(failures)):
        notice = Notice(raw)
        name = notice.fields["Original-Envelope-Id"].partition("+")[0]
        notices[name] = notice
    assert notices.keys() == {failure.name for failure in failures}
    wrong = []
    for failure in failures:
        try:
            check(notices[failure.name], failure, ret)
        except AssertionError as problem:
            wrong.append(f"{failure.name}: {problem}")
    assert not wrong, "\n".join(wrong)
