# SPDX-License-Identifier: Apache-2.0
"""DANE for mail (RFC 7672): the right certificate is taken, the wrong one is
not; and nobody on the way gets the mail by spoiling answers of DNS."""
import hashlib
import ssl
import subprocess

import pytest

import harness
from test_mx import DANE, net, spki
from test_relay import send

__all__ = ["net"]
HOST = "a.elsewhere.example"
ROWS = DANE.partition("_{port}")[0]


def digest(certificate):
    """Of the whole certificate, TLSA x 0 1."""
    der = subprocess.run(["openssl", "x509", "-in", certificate, "-outform",
                          "DER"], capture_output=True, check=True).stdout
    return hashlib.sha256(der).hexdigest()


def public_key(certificate):
    """The whole of it, TLSA x 1 0."""
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-noout",
                          "-pubkey"], capture_output=True, check=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"],
                          input=key, capture_output=True,
                          check=True).stdout.hex()


@pytest.fixture(scope="module")
def host_certs(tmp_path_factory):
    """A chain of another authority, with a leaf for the host."""
    certs = harness.Certs(tmp_path_factory.mktemp("hosts"))
    certs.chain, certs.key = certs.leaf(HOST)
    return certs


@pytest.fixture
def begin(net):
    """begin(context, TLSA records, more rows of the zone, route=…)"""
    def make(context, *tlsa, more="", kind="signed", route=""):
        world = net(tls=context)
        table = ROWS.format(kind=kind) + more.format(port=world.port)
        for one in tlsa:
            table += f"_{world.port}._tcp.{HOST} TLSA {one}\n"
        daemon = world.start(table, "ours", route=route)
        send(daemon, harness.OUTSIDE)
        return daemon, world.sinks[0]
    return make


def is_taken(begun, how=", DANE"):
    daemon, sink = begun
    mail = sink.wait(1)[0]
    tls = daemon.wait_event("relayed")[0]["tls"]
    return mail.session.is_tls and tls.endswith(how)


def is_kept(begun, words):
    """Not sent, to nobody; and why."""
    daemon, sink = begun
    reply = daemon.wait_event("deferred")[0]["reply"]
    assert words in reply, reply
    return not sink.mails and not daemon.find("relayed")


def test_authority(begin, host_certs):
    """2 x 1: whatever it signed for that host."""
    context = host_certs.server_context()
    assert is_taken(begin(context, "2 0 1 "
                          + digest(host_certs.intermediate)))


def test_authority_but_another_name(begin, certs):
    """certs.chain is for mail.example.org."""
    assert is_kept(begin(certs.server_context(), "2 1 1 "
                         + spki(certs.intermediate)), "certificate")


def test_another_authority(begin, certs, host_certs):
    assert is_kept(begin(host_certs.server_context(), "2 1 1 "
                         + spki(certs.intermediate)), "certificate")


def test_another_authority_and_name(begin, certs, host_certs):
    """The error that is found last is not the one that counts."""
    assert is_kept(begin(certs.server_context(), "2 1 1 "
                         + spki(host_certs.intermediate)), "certificate")


def test_key_of_any_name_and_date(begin, certs):
    """3 1 1 is about the key alone (RFC 7672 3.1.1)."""
    assert is_taken(begin(certs.server_context(),
                          "3 1 1 " + spki(certs.chain)))


def test_one_of_several(begin, certs):
    """The next key stands there before it is used."""
    assert is_taken(begin(certs.server_context(), "3 1 1 " + "00" * 32,
                          "3 1 1 " + spki(certs.chain)))


def test_whole_key(begin, certs):
    """No digest, but the key itself."""
    assert is_taken(begin(certs.server_context(),
                          "3 1 0 " + public_key(certs.chain)))


def test_another_whole_key(begin, certs, host_certs):
    assert is_kept(begin(certs.server_context(),
                         "3 1 0 " + public_key(host_certs.chain)), "DANE")


USELESS = (
    "1 1 1 " + "00" * 32,       # of the Web's authorities
    "3 1 9 " + "00" * 32,       # a digest that nobody knows
    "3 1 1 " + "00" * 5,        # too short for one
    "3 0 0 " + "00" * 3000,     # too long to keep
)


def test_useless_records_demand_tls(begin, certs):
    """RFC 7672 2.2: then any certificate is good enough, but not none."""
    assert is_taken(begin(certs.server_context(), *USELESS), "SHA384")
    assert is_kept(begin(None, *USELESS), "no TLS")


# what somebody between us and DNS does who wants the mail in clear
WITHHELD = [f"{name} !{kind} {manner}" for name, kind, manners in (
    ("_{port}._tcp.mx.@", "TLSA", "servfail denied stripped forged"),
    ("mx.@", "A", "servfail denied forged"),
    ("mx.@", "AAAA", "servfail denied forged"),
    ("@", "MX", "servfail denied stripped forged"))
    for manner in manners.split()]


def test_answers_withheld(net):
    """Each in a signed domain of its own, with TLSA records, whose host has
    no TLS: whatever is not answered, or tampered with, nothing is sent."""
    world = net()
    names = [f"d{i}.example" for i in range(len(WITHHELD))]
    table = "".join(f"""
zone @ signed
@ MX 10 mx.@
mx.@ A 127.0.0.2
mx.@ AAAA ::1
_{{port}}._tcp.mx.@ TLSA 3 1 1 {"00" * 32}
{row}
""".replace("@", name) for name, row in zip(names, WITHHELD))
    daemon = world.start(table.replace("{port}", str(world.port)), "ours")
    send(daemon, *[f"bert@{name}" for name in names])
    for name in names:
        daemon.wait_event("deferred", to=f"bert@{name}")
    assert not daemon.find("relayed") and not world.sinks[0].mails


ALIAS = """
zone alias.example signed
zone real.example signed
alias.example MX 10 mx.alias.example
mx.alias.example CNAME mx.real.example
mx.real.example A 127.0.0.2
"""


@pytest.mark.parametrize("host", ["real", "alias"])
def test_records_of_an_alias(net, certs, host):
    """They stand where the alias leads, or else at the alias."""
    world = net(tls=certs.server_context())
    tlsa = f"_{world.port}._tcp.mx.{{}}.example TLSA 3 1 1 {{}}\n"
    daemon = world.start(
        ALIAS + tlsa.format(host, spki(certs.chain))
        + (tlsa.format("alias", "00" * 32) if host == "real" else ""), "ours")
    send(daemon, "bert@alias.example")
    assert is_taken((daemon, world.sinks[0]))


@pytest.mark.parametrize("host", ["real", "alias"])
def test_records_of_an_alias_do_not_fit(net, certs, host):
    world = net(tls=certs.server_context())
    daemon = world.start(
        ALIAS + f"_{world.port}._tcp.mx.{host}.example TLSA 3 1 1 "
        + "00" * 32 + "\n", "ours")
    send(daemon, "bert@alias.example")
    assert is_kept((daemon, world.sinks[0]), "DANE")


def test_broken_half_of_a_plain_zone(begin):
    """There is no DNSSEC to lose: what can be had is used."""
    daemon, sink = begin(None, kind="plain", more=f"{HOST} !AAAA servfail\n")
    sink.wait(1)
    daemon.wait_event("relayed")


def test_slow_name_server(begin, certs):
    assert is_taken(begin(
        certs.server_context(), "3 1 1 " + spki(certs.chain),
        more=f"elsewhere.example ! slow\n{HOST} ! slow\n"))


def test_handshake_that_fails(begin):
    """Not in clear instead."""
    assert is_kept(begin(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
                         "3 1 1 " + "00" * 32), "")
