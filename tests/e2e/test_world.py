# SPDX-License-Identifier: Apache-2.0
"""A little internet: a network of its own with a name server that signs, and
three sites in it, Postfix, OpenSMTPD and ours, each at an address of its own,
port 25. Mail crosses both ways between each two of them; in TLS, but for
Debian's OpenSMTPD, which cannot do it as a server (it loses its key with
OpenSSL 3)."""
import itertools

import pytest

from foreign import BUILD, need_root, unpacked
from harness import Client, listener, take_apart
from nameserver import NameServer
from netns import add_address, network
from opensmtpd import OpenSMTPD
from postfix import Postfix
from test_bounce import Notice
from test_mx import spki

PLACES = {"ours": "127.0.1.1", "postfix": "127.0.2.1", "smtpd": "127.0.3.1"}
MAILBOX = {"ours": "info@ours.example", "postfix": "anna@postfix.example",
           "smtpd": "anna@smtpd.example"}
ZONE = """
zone {name}.example signed
{name}.example MX 10 mail.{name}.example
mail.{name}.example A {address}
1.{net}.in-addr.arpa PTR mail.{name}.example
"""
TLSA = """
_25._tcp.mail.{name}.example TLSA 3 1 1 {digest}
"""
# the same host, whose certificate is another than here
WRONG = """
zone wrong-{name}.example signed
wrong-{name}.example MX 10 mail.wrong-{name}.example
mail.wrong-{name}.example A {address}
_25._tcp.mail.wrong-{name}.example TLSA 3 1 1 {digest}
"""
POSTFIX = """
myhostname = mail.postfix.example
inet_interfaces = 127.0.2.1
smtp_bind_address = 127.0.2.1
virtual_mailbox_domains = postfix.example
virtual_alias_maps = inline:{{ loop@postfix.example=loop@ours.example }}
smtp_tls_security_level = dane
smtp_dns_support_level = dnssec
smtp_tls_loglevel = 1
minimal_backoff_time = 1s
hopcount_limit = 20
"""
SMTPD = """
listen on 127.0.3.1 port 25 hostname mail.smtpd.example
"""
SMTPD_LAST = """
action out relay src 127.0.3.1 helo mail.smtpd.example
match from any for domain "smtpd.example" action box
match from any for any action out
"""


class World:
    """`ours`, `postfix`, `smtpd`; `names` is the name server."""

    def __init__(self, certs, ehlod, folder):
        self.names = NameServer(self.table(spki(certs.chain)), "127.0.0.1",
                                53)
        anchors = self.names.write_anchors(folder / "anchors")
        self.postfix = self.smtpd = None
        self.ours = ehlod(
            listeners=[listener(address="127.0.1.1:25", relay="networks",
                                networks="127.0.0.0/8", typist="no")],
            options={"hostname": "mail.ours.example", "trust-anchor": anchors,
                     "resolver": "127.0.0.1", "retry-first": "1s",
                     "retry-max": "1s"},
            domains=['domain "ours.example" { deliver maildir '
                     f'{folder}/mail/%d/%u; }}'],
            aliases="loop: loop@postfix.example\n",
            extra='route "*" { via mx; source 127.0.1.1; }')
        self.ours.folder = folder       # of its mailboxes
        self.postfix = Postfix(certs, POSTFIX, address="127.0.2.1", port=25)
        self.smtpd = OpenSMTPD(certs, SMTPD, SMTPD_LAST)

    @staticmethod
    def table(digest):
        table = "zone arpa plain\nzone example plain\n"
        for name, address in PLACES.items():
            net = ".".join(reversed(address.split(".")[:3]))
            table += ZONE.format(name=name, address=address, net=net)
            if name != "smtpd":
                table += TLSA.format(name=name, digest=digest)
                table += WRONG.format(name=name, address=address,
                                      digest="00" * 32)
        return table

    def arrived(self, site, subject):
        """(fields, text) of the one mail there."""
        if site == "ours":
            raw, = self.ours.wait_mails(MAILBOX[site], containing=subject)
            return raw
        return getattr(self, site).arrived(subject).as_bytes()

    def close(self):
        for site in self.postfix, self.smtpd:
            if site:
                site.stop()
        self.names.close()


@pytest.fixture(scope="module")
def world(certs, shared_ehlod, tmp_path_factory):
    need_root()
    for site in Postfix, OpenSMTPD:     # from outside of that network
        unpacked.unpack(site.packages, BUILD / "packages",
                        BUILD / "packages" / site.packages[-1])
    with network():
        for number, address in enumerate(PLACES.values()):
            add_address(number, address)
        world = World(certs, shared_ehlod, tmp_path_factory.mktemp("ours"))
        yield world
        world.close()


def post(site, sender, rcpt, subject, text="A line.\n.\n.and a dot\n"):
    with Client(25, host=PLACES[site]) as client:
        client.ehlo("[127.0.0.1]")
        client.message(sender, rcpt, f"From: {sender}\nTo: {rcpt}\n"
                       f"Subject: {subject}\n\n{text}")
        client.cmd("QUIT")


@pytest.mark.parametrize("source,target",
                         itertools.permutations(PLACES, 2))
def test_crosses(world, source, target):
    """Whole, several at once."""
    subjects = [f"{source} to {target}, {i}" for i in range(4)]
    for subject in subjects:
        post(source, MAILBOX[source], MAILBOX[target], subject)
    for subject in subjects:
        raw = world.arrived(target, subject)
        fields, text = take_apart(raw)
        assert text == b"A line.\n.\n.and a dot\n"
        received = [body for name, body in fields if name == "received"]
        # by the target over TLS from the source, which had it from us
        assert f"by mail.{target}.example" in received[0]
        assert target == "smtpd" or "ESMTPS" in received[0], received[0]
        assert f"mail.{source}.example" in received[0], received[0]


def test_dane_of_ours(world):
    """The right certificate of Postfix is taken, the wrong one is not."""
    post("ours", MAILBOX["ours"], "anna@postfix.example", "ours, right")
    world.arrived("postfix", "ours, right")
    event = world.ours.wait_event("relayed", to="anna@postfix.example")[-1]
    assert event["tls"].endswith(", DANE")
    post("ours", MAILBOX["ours"], "anna@wrong-postfix.example", "ours, wrong")
    event = world.ours.wait_event("deferred",
                                  to="anna@wrong-postfix.example")[0]
    assert "DANE" in event["reply"], event


def test_dane_of_postfix(world):
    """As Postfix does it with ours."""
    post("postfix", MAILBOX["postfix"], "info@ours.example", "theirs, right")
    world.arrived("ours", "theirs, right")
    assert world.postfix.find("Verified TLS connection established to "
                              "mail.ours.example")
    post("postfix", MAILBOX["postfix"], "info@wrong-ours.example",
         "theirs, wrong")
    line = world.postfix.wait("to=<info@wrong-ours.example>")[0]
    assert "status=deferred" in line and "not verified" in line, line


def test_aliases_of_two_sites_go_in_circles(world):
    """loop at ours is loop at Postfix, and the other way round: it ends, and
    the sender hears of it."""
    post("ours", MAILBOX["ours"], "loop@ours.example", "round and round")
    raw = world.arrived("ours", "Your mail could not be delivered")
    notice = Notice(raw)
    assert notice.rcpts[0]["Action"] == "failed"
    assert notice.rcpts[0]["Status"] in ("5.4.0", "5.4.6")
    assert "hops" in notice.rcpts[0]["Diagnostic-Code"]
