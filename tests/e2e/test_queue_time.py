# SPDX-License-Identifier: Apache-2.0
"""Mail that its sender wants held back (FUTURERELEASE, RFC 4865) or there in
time (DELIVERBY, RFC 2852)."""
import datetime
import time

import pytest

import harness
from control import ehlo, ehlo_json
from sink import Sink
from test_bounce import ALIASES, HOME, LOCAL, Notice
from test_relay import MAIL, QUICK, route, send, start

INSIDE = "administrator@cp.com"
LOGIN = [harness.listener(auth="plain", basic_auth_only_after_tls="no",
                          relay="authenticated networks",
                          networks="127.0.0.0/8",
                          sender_must_match_login="no")]


@pytest.fixture
def sink():
    with Sink() as one:
        yield one


def logged_in(daemon):
    client = daemon.client()
    client.ehlo()
    assert client.auth("guyt", "Pauline13") == 235
    return client


def submit(client, to, params, text=MAIL):
    assert client.cmd(f"MAIL FROM:<{LOCAL}>{params}") == 250
    assert client.cmd(f"RCPT TO:<{to}>") == 250
    reply = client.data(text)
    assert reply == 250, reply
    return reply.text.rsplit(" ", 1)[1]


def stamp(seconds):
    when = datetime.datetime.now(datetime.timezone.utc) + \
        datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


# --- FUTURERELEASE

def test_held_until_due_over_a_restart(ehlod, sink):
    daemon = ehlod(listeners=LOGIN, extra=route(sink))
    with logged_in(daemon) as client:
        keywords = client.ehlo().keywords
        seconds, latest = keywords["FUTURERELEASE"].split()
        assert seconds == str(30 * 86400)
        assert latest[:10] == stamp(30 * 86400)[:10]
        one = submit(client, harness.OUTSIDE, " HOLDFOR=3")
        other = submit(client, INSIDE, f" HOLDUNTIL={stamp(3600)}")
        submit(client, harness.OUTSIDE, "", "Subject: at once\n\nHello.\n")
    sink.wait(1)
    [item] = ehlo_json("queue", "show", one, daemon=daemon)
    held = item["release"] - item["received"]
    assert 2900 <= held <= 3100 and item["attempts"] == 0
    assert "held       by its sender, to be sent at " in ehlo(
        "queue", "show", other, daemon=daemon)
    daemon.kill()
    daemon.start()
    mails = sink.wait(2)
    assert b"Subject: out" in mails[1].text
    # not before its time, by the clock of both
    relayed = daemon.wait_event("relayed", id=one)
    assert relayed and time.time() * 1000 >= item["release"]
    [item] = ehlo_json("queue", "list", daemon=daemon)
    assert item["id"] == other
    ehlo("queue", "retry", other, daemon=daemon)    # an operator may
    daemon.wait_mails(INSIDE, 1)


@pytest.mark.parametrize("params", [
    f" HOLDFOR={30 * 86400 + 1}", " HOLDUNTIL=2020-01-01T00:00:00Z",
    " HOLDUNTIL=2099-01-01T00:00:00Z", " HOLDFOR=0", " HOLDFOR=x"])
def test_hold_is_refused(shared_ehlod, params):
    daemon = shared_ehlod(listeners=LOGIN)
    with logged_in(daemon) as client:
        client.ehlo()
        assert client.cmd(f"MAIL FROM:<{LOCAL}>{params}") == 501
        assert client.cmd(f"MAIL FROM:<{LOCAL}> HOLDFOR=9") == 250


def test_nobody_else_may(ehlod):
    daemon = ehlod(listeners=LOGIN)
    with daemon.client() as client:
        assert "FUTURERELEASE" not in client.ehlo().keywords
        assert client.cmd(f"MAIL FROM:<{LOCAL}> HOLDFOR=9") == 555
    daemon = ehlod(listeners=[harness.listener(
        auth="plain", basic_auth_only_after_tls="no", max_hold="0ms",
        sender_must_match_login="no")])
    with logged_in(daemon) as client:
        assert "FUTURERELEASE" not in client.ehlo().keywords
        assert client.cmd(f"MAIL FROM:<{LOCAL}> HOLDFOR=9") == 555


# --- DELIVERBY

def busy(step, _):
    return "450 4.2.0 later" if step == "rcpt" else None


def the_notice(daemon, count=1):
    return [Notice(raw) for raw in daemon.wait_mails(HOME, count)][-1]


def test_goes_back_when_its_time_is_over(ehlod, sink):
    sink.caps.append("DELIVERBY")
    sink.script = busy
    daemon = start(ehlod, route(sink), aliases=ALIASES,
                   options={"retry-first": "1h"})
    send(daemon, harness.OUTSIDE, sender=LOCAL, params=" BY=2;R")
    [rcpt] = the_notice(daemon).rcpts
    assert rcpt["Action"] == "failed" and rcpt["Status"] == "5.4.7"
    daemon.wait_event("expired")
    assert " BY=1;R" in " ".join(sink.lines) or \
        " BY=2;R" in " ".join(sink.lines)


def test_its_sender_is_told_once_and_it_goes_on(ehlod, sink):
    sink.caps.append("DELIVERBY")
    sink.script = busy
    daemon = start(ehlod, route(sink), aliases=ALIASES,
                   options={"retry-first": "1s", "retry-max": "1s"})
    send(daemon, harness.OUTSIDE, sender=LOCAL, params=" BY=1;N")
    [rcpt] = the_notice(daemon).rcpts
    assert rcpt["Action"] == "delayed" and rcpt["Status"].startswith("4.")
    sink.wait_step("rcpt", sink.counts["rcpt"] + 2)
    sink.script = lambda step, n: None
    sink.wait(1)
    daemon.wait_event("relayed")
    assert len(daemon.mails(HOME)) == 1
    assert any(" BY=-" in line and ";N" in line for line in sink.lines)


def test_what_is_to_go_back_goes_only_where_time_is_minded(ehlod, sink):
    daemon = start(ehlod, route(sink), aliases=ALIASES)
    send(daemon, harness.OUTSIDE, sender=LOCAL, params=" BY=600;R")
    [rcpt] = the_notice(daemon).rcpts
    assert rcpt["Action"] == "failed" and rcpt["Status"] == "5.3.3"
    assert not sink.mails
    sink.caps.append("DELIVERBY 700")
    daemon = start(ehlod, route(sink), aliases=ALIASES)
    send(daemon, harness.OUTSIDE, sender=LOCAL, params=" BY=600;R")
    [rcpt] = the_notice(daemon).rcpts
    assert rcpt["Status"] == "5.4.7" and not sink.mails


@pytest.mark.parametrize("caps, params, told", [
    ([], " BY=600;N", True),            # nobody there minds its time
    (["DELIVERBY"], " BY=600;N", False),
    (["DELIVERBY", "DSN"], " BY=600;RT", True),    # every relay tells
])
def test_relayed_is_told(ehlod, sink, caps, params, told):
    sink.caps.extend(caps)
    daemon = start(ehlod, route(sink), aliases=ALIASES)
    send(daemon, harness.OUTSIDE, sender=LOCAL, params=params)
    sink.wait(1)
    daemon.wait_event("relayed")
    if told:
        [rcpt] = the_notice(daemon).rcpts
        assert rcpt["Action"] == "relayed"
    else:       # what comes behind it overtakes nothing
        send(daemon, HOME, sender=LOCAL, text="Subject: last\n\nx\n")
        daemon.wait_mails(HOME, 1, b"Subject: last")
        assert len(daemon.mails(HOME)) == 1


def test_a_mailbox_of_ours_has_its_time_too(ehlod):
    daemon = ehlod(listeners=LOGIN, aliases=ALIASES,
                   options={"retry-first": "1h"})
    wall = daemon.mailbox(INSIDE)
    wall.parent.mkdir(parents=True, exist_ok=True)
    wall.write_text("in the way")
    send(daemon, INSIDE, sender=LOCAL, params=" BY=1;R")
    [rcpt] = the_notice(daemon).rcpts
    assert rcpt["Action"] == "failed" and rcpt["Status"] == "5.4.7"
    assert ehlo_json("queue", "list", daemon=daemon) == []


def test_what_waits_for_a_route_has_its_time_too(ehlod):
    daemon = start(ehlod, 'route "*" {\n    via hold;\n}\n',
                   aliases=ALIASES, options=QUICK)
    send(daemon, harness.OUTSIDE, sender=LOCAL, params=" BY=1;R")
    [rcpt] = the_notice(daemon).rcpts
    assert rcpt["Action"] == "failed" and rcpt["Status"] == "5.4.7"
