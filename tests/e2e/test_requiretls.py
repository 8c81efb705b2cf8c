# SPDX-License-Identifier: Apache-2.0
"""REQUIRETLS and TLS-Required (RFC 8689): offered inside of TLS only, kept in
the spool, passed on to hosts that promise the same, and sent back otherwise."""
import subprocess

import pytest

import harness
from netns import own_network  # noqa: F401  (a fixture)
from policy_server import policy
from sink import Sink
from test_bounce import ALIASES, HOME, Notice
from test_mx import spki
from test_relay import MAIL, QUICK, SENDER, route, start
from test_sts import MX, World, files, world  # noqa: F401  (fixtures)

pytestmark = pytest.mark.usefixtures("own_network")

CAPS = ["PIPELINING", "8BITMIME", "DSN", "REQUIRETLS"]


def send_tls(daemon, text=MAIL, params=" REQUIRETLS"):
    with daemon.client() as client:
        client.ehlo()
        assert client.cmd("STARTTLS") == 220
        client.start_tls(daemon.context())
        assert "REQUIRETLS" in client.ehlo().keywords
        assert client.cmd(f"MAIL FROM:<{SENDER}>{params}") == 250
        assert client.cmd(f"RCPT TO:<{harness.OUTSIDE}>") == 250
        assert client.data(text) == 250


def the_notice(daemon):
    return Notice(daemon.wait_mails(HOME)[0])


def test_offered_inside_of_tls_only(ehlod):
    daemon = ehlod()
    with daemon.client() as client:
        assert "REQUIRETLS" not in client.ehlo().keywords
        assert client.cmd(f"MAIL FROM:<{SENDER}> REQUIRETLS") == 555
        assert client.cmd("STARTTLS") == 220
        client.start_tls(daemon.context())
        assert client.ehlo().keywords["REQUIRETLS"] == ""
        assert client.cmd(f"MAIL FROM:<{SENDER}> REQUIRETLS=yes") == 501


def test_passed_on(world):
    sink = world.sink(world.files.mx, caps=CAPS)
    daemon = world.start()
    send_tls(daemon)
    mail = sink.wait(1)[0]
    assert mail.session.is_tls and "REQUIRETLS" in mail.params


def test_passed_on_by_dane(world):
    """DANE vouches for a certificate that nobody else would believe."""
    sink = world.sink(world.files.wrong, caps=CAPS)
    daemon = world.start(
        f"_{sink.port}._tcp.{MX} TLSA 3 1 1 {spki(world.files.wrong[0])}\n",
        kind="signed")
    send_tls(daemon)
    assert "REQUIRETLS" in sink.wait(1)[0].params


@pytest.mark.parametrize("pair,caps,words", [
    ("mx", CAPS[:-1], "does not offer REQUIRETLS"),
    ("wrong", CAPS, "not for a.elsewhere.example"),
    (None, CAPS, "offers no TLS"),
])
def test_sent_back(world, pair, caps, words):
    sink = world.sink(getattr(world.files, pair) if pair else None, caps=caps)
    daemon = world.start()
    send_tls(daemon)
    notice = the_notice(daemon)
    assert notice.rcpts[0]["Status"] == "5.7.30"
    text = " ".join(notice.text.split())
    assert "demands TLS all the way (REQUIRETLS)" in text and words in text
    # the text stays secret (RFC 8689 5)
    assert notice.original.get_content_type() == "text/rfc822-headers"
    assert "Hello, world." not in str(notice.message)
    assert not sink.mails
    # other mail goes on as usual
    send_tls(daemon, params="")
    assert "REQUIRETLS" not in sink.wait(1)[0].params


@pytest.mark.parametrize("caps,is_sent", [(CAPS, True), (CAPS[:-1], False)])
def test_by_a_smarthost(ehlod, certs, caps, is_sent):
    with Sink(tls=certs.server_context(), caps=caps) as sink:
        daemon = start(ehlod, route(sink), aliases=ALIASES,
                       options={**QUICK, "ca-file": certs.root})
        send_tls(daemon)
        if is_sent:
            assert "REQUIRETLS" in sink.wait(1)[0].params
        else:
            assert the_notice(daemon).rcpts[0]["Status"] == "5.7.30"
            assert not sink.mails


def test_another_host_can(world):
    bad = world.sink(world.files.mx, caps=CAPS[:-1])
    good = world.sink(world.files.mx, host="127.0.0.3", caps=CAPS)
    daemon = world.start("elsewhere.example MX 20 b.elsewhere.example\n")
    send_tls(daemon)
    assert "REQUIRETLS" in good.wait(1)[0].params
    daemon.wait_event("relayed")
    assert not bad.mails and not daemon.find("failed")


def test_dead_host_is_for_later(world):
    """What one host lacks is no verdict while another cannot be reached."""
    world.sink(world.files.mx, host="127.0.0.3", caps=CAPS[:-1])
    daemon = world.start("elsewhere.example MX 20 b.elsewhere.example\n")
    send_tls(daemon)
    daemon.wait_event("deferred", 2)
    assert not daemon.find("failed")


def test_kept_over_a_restart(world):
    sink = world.sink(world.files.mx, caps=CAPS)
    sink.script = lambda step, n: "421 4.3.2 later" if step == "connect" \
        and n == 1 else None
    daemon = world.start()
    send_tls(daemon)
    event = daemon.wait_event("deferred")[0]
    shown = subprocess.run(
        [harness.EHLO, "queue", "show", event["id"], "--control",
         f"{daemon.folder}/control"], capture_output=True, text=True,
        timeout=harness.SECONDS, check=True).stdout
    assert "onward     TLS is demanded (REQUIRETLS)\n" in shown
    daemon.kill()
    daemon.start()
    assert "REQUIRETLS" in sink.wait(1)[0].params


@pytest.mark.parametrize("field,is_sent", [
    ("tls-required:\r\n\tno ", True), ("TLS-Required: Yes", False)])
def test_tls_required_no(world, field, is_sent):
    """It silences the recipient's policy."""
    sink = world.sink(world.files.wrong, caps=CAPS)
    world.web(policy(MX))
    daemon = world.start()
    send_tls(daemon, f"{field}\n{MAIL}", params="")
    if is_sent:
        assert sink.wait(1)[0].session.is_tls
        daemon.wait_event("relayed")
    else:
        assert "MTA-STS" in daemon.wait_event("deferred")[0]["reply"]
        assert not sink.mails


def test_parameter_counts_more_than_field(world):
    world.sink(world.files.wrong, caps=CAPS)
    daemon = world.start()
    send_tls(daemon, f"TLS-Required: No\n{MAIL}")
    assert the_notice(daemon).rcpts[0]["Status"] == "5.7.30"
