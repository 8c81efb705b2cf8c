# SPDX-License-Identifier: Apache-2.0
"""A site that sleeps: its mail is held by a route until it asks for it (ETRN,
RFC 1985), or an operator releases it."""
import pytest

import harness
from control import ehlo, ehlo_json
from sink import Sink
from test_relay import MAIL, QUICK, send, start

HOLD = ('route "{name}" {{\n    via hold;\n'
        '    release-via smarthost 127.0.0.1:{port};\n'
        '    patience 5s;\n}}\n')
NETWORK = harness.listener(relay="networks", etrn="networks",
                           networks="127.0.0.0/8", auth="none")


@pytest.fixture
def sink():
    with Sink() as one:
        yield one


def begin(ehlod, sink, *names, listeners=None, **options):
    return ehlod(extra="".join(HOLD.format(name=name, port=sink.port)
                               for name in names),
                 listeners=listeners or [NETWORK],
                 options=options.pop("options", QUICK), **options)


def queued(daemon):
    return ehlo_json("queue", "list", daemon=daemon)


def hold(daemon, *rcpts):
    for rcpt in rcpts:
        send(daemon, *([rcpt] if isinstance(rcpt, str) else rcpt))
    daemon.wait(lambda: len(queued(daemon)) == len(rcpts) and all(
        i["state"] == "waiting" for i in queued(daemon)), "all wait")


def etrn(daemon, site, **options):
    with daemon.client(**options) as client:
        client.ehlo()
        return client.cmd(f"ETRN {site}")


def test_a_site_asks_for_its_mail(ehlod, sink):
    daemon = begin(ehlod, sink, "*")
    with daemon.client() as client:
        assert "ETRN" in client.ehlo().keywords
    assert etrn(daemon, "site.example") == 251
    hold(daemon, "a@site.example", "b@other.example",
         ("c@site.example", "d@other.example"), "e@sub.site.example")
    assert not sink.mails
    got = etrn(daemon, "Site.Example")
    assert got == 253 and " 2 mails " in got.text
    assert sorted(r for m in sink.wait(2) for r, _ in m.rcpts) == [
        "a@site.example", "c@site.example"]
    daemon.wait(lambda: sorted(r for i in queued(daemon)
                               for r in i["rcpts"]) == [
        "b@other.example", "d@other.example", "e@sub.site.example"],
        "the others wait")
    got = etrn(daemon, "@site.example")
    assert got == 253 and " 1 mails " in got.text
    sink.wait(3)
    assert etrn(daemon, "@site.example") == 251


def test_over_a_restart(ehlod, sink):
    daemon = begin(ehlod, sink, "*")
    hold(daemon, *[f"r{n}@site.example" for n in range(30)])
    daemon.kill()
    daemon.start()
    assert etrn(daemon, "site.example").code in (252, 253)
    sink.wait(30)
    daemon.wait(lambda: queued(daemon) == [], "all are gone")


def test_a_queue_by_name(ehlod, sink):
    daemon = begin(ehlod, sink, "one.example", "*.two.example")
    hold(daemon, "a@one.example", "b@x.two.example")
    assert etrn(daemon, "#one.example") == 253
    sink.wait(1)
    assert etrn(daemon, "@two.example") == 253
    sink.wait(2)


@pytest.mark.parametrize("site, code", [
    ("nobody.example", 459), ("#nothing", 459), ("@nobody.example", 459),
    ("cp.com", 251), ("", 501), ("@", 501), ("a b", 501),
    ("#" + "x" * 300, 501),
])
def test_answers(shared_ehlod, site, code):
    daemon = shared_ehlod(listeners=[NETWORK], extra=HOLD.format(
        name="site.example", port=1))
    assert etrn(daemon, site) == code


def test_who_may(ehlod, sink):
    daemon = begin(ehlod, sink, "*", listeners=[
        harness.listener(relay="networks", etrn="authenticated",
                         networks="127.0.0.0/8", auth="plain",
                         basic_auth_only_after_tls="no"),
        harness.listener("none", relay="networks",
                         networks="127.0.0.0/8")])
    hold(daemon, "a@site.example")
    assert etrn(daemon, "site.example") == 459
    with daemon.client("none") as client:
        assert "ETRN" not in client.ehlo().keywords
        assert client.cmd("ETRN site.example") == 502
    assert not sink.mails
    with daemon.client() as client:
        client.ehlo()
        assert client.auth("guyt", "Pauline13") == 235
        assert client.cmd("ETRN site.example") == 253
        assert client.cmd("MAIL FROM:<guyt@cp.com>") == 250
        assert client.cmd("ETRN site.example") == 503
    sink.wait(1)


def test_a_site_that_is_not_there_yet(ehlod, sink):
    """What is not taken is held again, however old; nothing is retried; and
    the next call counts, though nobody was there at the last one."""
    port = sink.port
    sink.close()
    daemon = begin(ehlod, sink, "*", options={
        "retry-first": "1s", "retry-max": "1s", "expire": "1s",
        "warn-after": "0ms"})
    hold(daemon, *[f"r{n}@site.example" for n in range(8)])
    for _ in range(2):
        before = len(daemon.find("waiting"))
        assert etrn(daemon, "site.example") == 253
        daemon.wait_event("waiting", before + 8)
    daemon.wait(lambda: all(i["state"] == "waiting" and "refused" in
                            i["reason"] for i in queued(daemon)), "held again")
    assert not daemon.find("expired") and not daemon.find("notice")
    with Sink(port=port) as awake:
        assert etrn(daemon, "site.example") == 253
        awake.wait(8)
        daemon.wait(lambda: queued(daemon) == [], "all are gone")


def test_an_operator_releases(ehlod, sink):
    daemon = begin(ehlod, sink, "*")
    hold(daemon, "a@site.example", "b@other.example")
    assert ehlo("queue", "release", "--domain", "site.example", "--yes",
                daemon=daemon) == "released 1 message\n"
    assert [r for r, _ in sink.wait(1)[0].rcpts] == ["a@site.example"]
    assert [i["rcpts"] for i in queued(daemon)] == [["b@other.example"]]


def test_a_client_that_does_not_wait(ehlod, sink):
    daemon = begin(ehlod, sink, "*")
    hold(daemon, *[f"r{n}@site.example" for n in range(5)])
    for _ in range(20):
        with daemon.client() as client:
            client.ehlo()
            client.send("ETRN site.example\r\n")
    sink.wait(5)
    daemon.wait(lambda: queued(daemon) == [], "all are gone")
    assert len(sink.mails) == 5
