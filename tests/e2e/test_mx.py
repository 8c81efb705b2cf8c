# SPDX-License-Identifier: Apache-2.0
"""Mail to domains: MX in all its forms, from a name server of our own; DANE.
Hosts are addresses of the loopback, all at one port."""
import contextlib
import hashlib
import subprocess

import pytest

import harness
from nameserver import NameServer
from sink import CLOSE, Sink
from test_bounce import ALIASES, HOME, Notice
from test_relay import QUICK, send, start


class Net:
    """A name server, and sinks at 127.0.0.2, .3 … at the same port."""

    def __init__(self, ehlod, tmp_path, count=1, **sink_options):
        self.ehlod, self.tmp = ehlod, tmp_path
        first = Sink(host="127.0.0.2", **sink_options)
        self.port = first.port
        self.sinks = [first] + [
            Sink(host=f"127.0.0.{i + 3}", port=self.port, **sink_options)
            for i in range(count - 1)]
        self.names = None

    def start(self, table, anchor="none", route="", **options):
        self.names = NameServer(table)
        if anchor == "ours":
            anchor = self.tmp / "anchors"
            self.names.write_anchors(anchor)
        rows = {**QUICK, "resolver": f"127.0.0.1@{self.names.port}",
                "trust-anchor": anchor, **options}
        return start(self.ehlod, 'route "*" { via mx; patience 5s; '
                     f"port {self.port}; {route} }}", options=rows,
                     aliases=ALIASES)

    def close(self):
        for sink in self.sinks:
            sink.close()
        if self.names:
            self.names.close()


@pytest.fixture
def net(ehlod, tmp_path):
    made = []

    def make(count=1, **options):
        made.append(Net(ehlod, tmp_path, count, **options))
        return made[-1]
    yield make
    for one in made:
        one.close()


def the_notice(daemon):
    return Notice(daemon.wait_mails(HOME)[0])


def test_preference(net):
    world = net(2)
    daemon = world.start("""
zone elsewhere.example plain
elsewhere.example MX 20 b.elsewhere.example
elsewhere.example MX 10 a.elsewhere.example
a.elsewhere.example A 127.0.0.2
b.elsewhere.example A 127.0.0.3
""")
    for i in range(5):
        send(daemon, f"r{i}@elsewhere.example")
    assert len(world.sinks[0].wait(5)) == 5
    assert not world.sinks[1].mails


@pytest.mark.parametrize("step", ["connect", "ehlo", "mail", "data"])
def test_next_host_if_the_first_is_bad(net, step):
    world = net(2)
    world.sinks[0].script = lambda s, n: (
        ("421 4.3.2 busy" if s == "mail" else CLOSE) if s == step else None)
    daemon = world.start("""
zone elsewhere.example plain
elsewhere.example MX 10 a.elsewhere.example
elsewhere.example MX 20 b.elsewhere.example
a.elsewhere.example A 127.0.0.2
b.elsewhere.example A 127.0.0.3
""")
    send(daemon, harness.OUTSIDE)
    assert len(world.sinks[1].wait(1)) == 1
    assert not daemon.find("deferred")


def test_dead_hosts_and_addresses(net):
    world = net()
    daemon = world.start("""
zone elsewhere.example plain
elsewhere.example MX 5 gone.elsewhere.example
elsewhere.example MX 10 a.elsewhere.example
a.elsewhere.example A 127.0.0.9
a.elsewhere.example AAAA ::1
a.elsewhere.example A 127.0.0.2
""")
    send(daemon, harness.OUTSIDE)
    assert len(world.sinks[0].wait(1)) == 1


def test_implicit_mx_and_cname(net):
    world = net()
    daemon = world.start("""
zone elsewhere.example plain
zone alias.example plain
elsewhere.example A 127.0.0.2
alias.example CNAME elsewhere.example
""")
    send(daemon, harness.OUTSIDE)
    world.sinks[0].wait(1)
    send(daemon, "bert@alias.example")
    world.sinks[0].wait(2)


def test_address_literal(net):
    world = net()
    daemon = world.start("zone elsewhere.example plain\n")
    send(daemon, "bert@[127.0.0.2]")
    world.sinks[0].wait(1)


@pytest.mark.parametrize("table,status", [
    ("elsewhere.example MX 0 .", "5.1.10"),
    ("elsewhere.example MX 10 mail.example.org\n"
     "elsewhere.example MX 20 a.elsewhere.example\n"
     "a.elsewhere.example A 127.0.0.2", "5.4.6"),
    ("elsewhere.example MX 10 a.elsewhere.example\n"
     "a.elsewhere.example TXT none", "5.4.4"),
])
def test_never(net, table, status):
    world = net()
    daemon = world.start("zone elsewhere.example plain\n" + table + "\n")
    send(daemon, harness.OUTSIDE)
    assert the_notice(daemon).rcpts[0]["Status"] == status
    assert not world.sinks[0].mails


def test_no_such_domain(net):
    world = net()
    daemon = world.start("zone elsewhere.example plain\n"
                         "elsewhere.example A 127.0.0.2\n")
    send(daemon, "bert@nobody.elsewhere.example")
    assert the_notice(daemon).rcpts[0]["Status"] == "5.1.2"


def test_better_than_ourselves(net):
    world = net()
    daemon = world.start("""
zone elsewhere.example plain
elsewhere.example MX 10 a.elsewhere.example
elsewhere.example MX 20 mail.example.org
a.elsewhere.example A 127.0.0.2
""")
    send(daemon, harness.OUTSIDE)
    world.sinks[0].wait(1)


def test_name_server_fails_for_a_while(net):
    world = net()
    daemon = world.start("zone elsewhere.example plain\n"
                         "elsewhere.example ! servfail\n")
    send(daemon, harness.OUTSIDE)
    assert "name servers" in daemon.wait_event("deferred")[0]["reply"]
    assert not daemon.mails(HOME)


def test_hundreds_of_hosts(net):
    world = net()
    daemon = world.start("zone elsewhere.example plain\n" + "".join(
        f"elsewhere.example MX {i} h{i}.elsewhere.example\n"
        f"h{i}.elsewhere.example A 127.0.0.{2 if i == 3 else 9}\n"
        for i in range(300)))
    send(daemon, harness.OUTSIDE)
    world.sinks[0].wait(1)


def test_smarthost_that_is_not_there(ehlod):
    """Its name is the operator's, not the sender's: nobody is told that his
    mail failed because of it."""
    with contextlib.closing(NameServer("zone corp.example plain")) as names:
        daemon = start(ehlod, 'route "*" { via smarthost '
                       "out.corp.example:25; patience 5s; }",
                       options={**QUICK, "trust-anchor": "none",
                                "resolver": f"127.0.0.1@{names.port}"},
                       aliases=ALIASES)
        send(daemon, harness.OUTSIDE, sender=HOME)
        event = daemon.wait_event("deferred")[0]
        assert "no address" in event["reply"]
        daemon.wait_event("deferred", 2)
        assert not daemon.find("notice") and not daemon.find("failed")


def test_hundred_addresses(net):
    """Who has many addresses that lead nowhere does not keep a link busy for
    hours: an attempt tries some of them, the next one comes later."""
    world = net()
    world.sinks[0].close()
    world.sinks = [Sink(host="0.0.0.0", port=world.port)]
    world.sinks[0].script = lambda step, n: "421 4.3.2 not here"
    rows = ["zone elsewhere.example plain"]
    for i in range(4):
        rows.append(f"elsewhere.example MX {i} h{i}.elsewhere.example")
        rows += [f"h{i}.elsewhere.example A 127.0.{i + 1}.{j + 1}"
                 for j in range(8)]
    daemon = world.start("\n".join(rows), **{"retry-first": "1m",
                                             "retry-max": "1m"})
    send(daemon, harness.OUTSIDE)
    daemon.wait_event("deferred")
    assert world.sinks[0].counts["connect"] == 20


def spki_der(chain):
    key = subprocess.run(["openssl", "x509", "-in", chain, "-noout",
                          "-pubkey"], capture_output=True, check=True).stdout
    return subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"],
                          input=key, capture_output=True, check=True).stdout


def spki(chain):
    return hashlib.sha256(spki_der(chain)).hexdigest()


ZONE = """
zone elsewhere.example signed
elsewhere.example MX 10 a.elsewhere.example
a.elsewhere.example A 127.0.0.2
_{port}._tcp.a.elsewhere.example TLSA {tlsa}
"""
DANE = ZONE.replace("signed", "{kind}").replace("{tlsa}", "3 1 1 {digest}")


def test_dane_right(net, certs):
    world = net(tls=certs.server_context())
    daemon = world.start(DANE.format(
        kind="signed", port=world.port, digest=spki(certs.chain)), "ours")
    send(daemon, harness.OUTSIDE)
    assert world.sinks[0].wait(1)[0].session.is_tls
    assert daemon.wait_event("relayed")[0]["tls"].endswith(", DANE")


def test_dane_wrong_certificate(net, certs):
    world = net(tls=certs.server_context())
    daemon = world.start(DANE.format(
        kind="signed", port=world.port, digest="00" * 32), "ours")
    send(daemon, harness.OUTSIDE)
    assert "DANE" in daemon.wait_event("deferred")[0]["reply"]
    assert not world.sinks[0].mails


@pytest.mark.parametrize("names, authority, is_right", [
    (["a.elsewhere.example"], "intermediate", True),
    (["a.elsewhere.example"], "none", False),
    (["b.elsewhere.example"], "intermediate", False),
])
def test_dane_by_an_authority(net, certs, names, authority, is_right):
    """Usage 2: its chain and its name, too, must be right (RFC 7672 3.1.2).
    Whoever sits in between shows a certificate that is neither."""
    chain, key = certs.leaf(*names)
    digest = "00" * 32 if authority == "none" else spki(
        certs.folder / f"{authority}.pem")
    world = net(tls=certs.server_context(chain, key))
    daemon = world.start(ZONE.format(
        port=world.port, tlsa=f"2 1 1 {digest}"), "ours")
    send(daemon, harness.OUTSIDE)
    if is_right:
        world.sinks[0].wait(1)
        assert daemon.wait_event("relayed")[0]["tls"].endswith(", DANE")
    else:
        assert "DANE" in daemon.wait_event("deferred")[0]["reply"]
        assert not world.sinks[0].mails


def test_dane_without_starttls(net, certs):
    world = net()
    daemon = world.start(DANE.format(
        kind="signed", port=world.port, digest=spki(certs.chain)), "ours")
    send(daemon, harness.OUTSIDE)
    assert "no TLS" in daemon.wait_event("deferred")[0]["reply"]
    assert not world.sinks[0].mails


def test_dane_of_a_plain_zone_is_nothing(net):
    world = net()
    daemon = world.start(DANE.format(
        kind="plain", port=world.port, digest="00" * 32), "ours")
    send(daemon, harness.OUTSIDE)
    world.sinks[0].wait(1)
    daemon.wait_event("relayed")


def test_bogus_is_for_later(net):
    world = net()
    daemon = world.start(DANE.format(
        kind="bogus", port=world.port, digest="00" * 32), "ours")
    send(daemon, harness.OUTSIDE)
    assert "DNSSEC" in daemon.wait_event("deferred")[0]["reply"]
    assert not world.sinks[0].mails
