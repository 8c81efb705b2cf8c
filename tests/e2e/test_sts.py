# SPDX-License-Identifier: Apache-2.0
"""MTA-STS (RFC 8461): right certificates and hosts are accepted, wrong ones
refused; a policy survives its web server, and a restart. In a network of its
own: the web server needs port 443."""
import json
import threading
import time

import pytest

import harness
from nameserver import NameServer
from netns import own_network  # noqa: F401  (a fixture)
from policy_server import PolicyServer, policy
from sink import Sink
from test_bounce import ALIASES
from test_mx import spki
from test_relay import QUICK, send, start

pytestmark = pytest.mark.usefixtures("own_network")

DOMAIN = "elsewhere.example"
MX = "a.elsewhere.example"
ZONE = """
zone elsewhere.example {kind}
elsewhere.example MX 10 a.elsewhere.example
elsewhere.example TXT v=spf1 mx -all
_mta-sts.elsewhere.example TXT v=STSv1; id=one;
mta-sts.elsewhere.example A 127.0.0.4
a.elsewhere.example A 127.0.0.2
b.elsewhere.example A 127.0.0.3
"""


class Files:
    """Certificates that are made once for all tests."""

    def __init__(self, certs):
        self.certs = certs
        self.web = certs.leaf(f"mta-sts.{DOMAIN}")
        self.mx = certs.leaf(MX, f"b.{DOMAIN}")
        self.wrong = certs.leaf("other.example")


@pytest.fixture(scope="module")
def files(certs):
    return Files(certs)


class World:
    def __init__(self, ehlod, files, folder):
        self.ehlod, self.files, self.folder = ehlod, files, folder
        self.opened = []
        self.port = 0

    def keep(self, one):
        self.opened.append(one)
        return one

    def close(self):
        for one in self.opened:
            one.close()

    def context(self, pair):
        return self.files.certs.server_context(*pair)

    def sink(self, pair=None, host="127.0.0.2", **options):
        """A mail host that shows this certificate; None: no TLS."""
        made = self.keep(Sink(host=host, port=self.port, tls=(
            self.context(pair) if pair else None), **options))
        self.port = made.port
        return made

    def web(self, text, pair=None):
        return self.keep(PolicyServer(self.context(pair or self.files.web),
                                      text))

    def start(self, more="", kind="plain", route="", **options):
        self.names = self.keep(NameServer(ZONE.format(kind=kind) + more))
        rows = {**QUICK, "resolver": f"127.0.0.1@{self.names.port}",
                "ca-file": self.files.certs.root, "trust-anchor": "none",
                **options}
        if kind == "signed":
            rows["trust-anchor"] = self.names.write_anchors(
                self.folder / "anchors")
        self.daemon = start(
            self.ehlod, f'route "*" {{ via mx; patience 5s; '
            f"port {self.port}; {route} }}", options=rows, aliases=ALIASES)
        return self.daemon

    def book(self):
        """What was noted for reports, once the daemon has ended."""
        folder = self.daemon.folder / "spool" / "tls-reports"
        days = [json.loads(path.read_text()) for path in folder.iterdir()]
        return [one for day in days for one in day[DOMAIN].values()]


@pytest.fixture
def world(ehlod, files, tmp_path):
    made = World(ehlod, files, tmp_path)
    yield made
    made.close()


def failures(book):
    """{(policy, what): how often}"""
    found = {}
    for one in book:
        for detail in one["failure-details"]:
            key = one["policy"]["policy-type"], detail["result-type"]
            found[key] = found.get(key, 0) + detail["failed-session-count"]
    return found


def deferred(daemon):
    return daemon.wait_event("deferred")[0]["reply"]


def test_right_host_and_certificate(world):
    sink = world.sink(world.files.mx)
    web = world.web(policy("*.elsewhere.example"))
    daemon = world.start()
    for i in range(5):
        send(daemon, f"r{i}@elsewhere.example")
    assert all(mail.session.is_tls for mail in sink.wait(5))
    assert daemon.wait_event("relayed")[0]["tls"].endswith(", MTA-STS")
    assert web.asked == 1
    daemon.stop()
    book = world.book()
    assert failures(book) == {}
    assert [one["policy"]["policy-type"] for one in book] == ["sts"]
    assert book[0]["policy"]["mx-host"] == ["*.elsewhere.example"]
    assert book[0]["summary"]["total-successful-session-count"] >= 1


@pytest.mark.parametrize("pair,words,kind", [
    ("wrong", "not for a.elsewhere.example", "certificate-host-mismatch"),
    ("stranger", "issuer certificate", "certificate-not-trusted"),
    (None, "no TLS", "starttls-not-supported"),
])
def test_wrong_certificate(world, tmp_path, pair, words, kind):
    chosen = world.files.wrong if pair == "wrong" else None
    if pair == "stranger":      # of an authority that nobody knows
        chosen = harness.Certs(tmp_path / "certs").leaf(MX)
    sink = world.sink(chosen)
    world.web(policy(MX))
    daemon = world.start()
    send(daemon, harness.OUTSIDE)
    said = deferred(daemon)
    assert words in said, said
    if pair:
        assert "MTA-STS" in said
    daemon.stop()
    assert not sink.mails
    assert set(failures(world.book())) == {("sts", kind)}


def test_host_that_is_not_named(world):
    sink = world.sink(world.files.mx)
    world.web(policy("*.other.example", "b.elsewhere.example"))
    daemon = world.start()
    send(daemon, harness.OUTSIDE)
    assert "not named by the policy of elsewhere.example (MTA-STS)" \
        in deferred(daemon)
    assert not sink.sessions


def test_next_host_is_named(world):
    bad, good = world.sink(world.files.mx), world.sink(
        world.files.mx, host="127.0.0.3")
    world.web(policy("b.elsewhere.example"))
    daemon = world.start("elsewhere.example MX 20 b.elsewhere.example\n")
    send(daemon, harness.OUTSIDE)
    good.wait(1)
    daemon.wait_event("relayed")
    assert not bad.sessions


def test_testing_delivers_and_notes(world):
    sink = world.sink(world.files.wrong)
    world.web(policy(MX, mode="testing"))
    daemon = world.start()
    send(daemon, harness.OUTSIDE)
    assert sink.wait(1)[0].session.is_tls
    daemon.wait_event("relayed")
    daemon.stop()
    assert failures(world.book()) == {
        ("sts", "certificate-host-mismatch"): 1}


def test_policy_outlives_its_server_and_ours(world):
    sink = world.sink(world.files.mx)
    web = world.web(policy(MX))
    daemon = world.start()
    send(daemon, harness.OUTSIDE)
    sink.wait(1)
    daemon.wait_event("relayed")
    daemon.stop()
    web.close()
    world.opened.remove(web)
    sink.tls = world.context(world.files.wrong)
    # the record is gone, too: somebody stands in between
    world.names.table.rows.pop(("_mta-sts.elsewhere.example", "TXT"))
    daemon.start()
    send(daemon, harness.OUTSIDE)
    assert "MTA-STS" in deferred(daemon)
    assert len(sink.mails) == 1


def test_new_id_brings_a_new_policy(world):
    sink = world.sink(world.files.mx)
    web = world.web(policy("gone.elsewhere.example"))
    daemon = world.start()
    send(daemon, harness.OUTSIDE)
    deferred(daemon)
    daemon.stop()
    web.text = policy(MX)
    rows = world.names.table.rows
    rows.pop(("_mta-sts.elsewhere.example", "TXT"))
    world.names.table.add("_mta-sts.elsewhere.example", "TXT",
                          "v=STSv1; id=two")
    daemon.start()
    sink.wait(1)
    assert web.asked == 2


def test_got_again_beside_the_mail(world):
    """A policy that is not young any more is got anew, while mail goes by the
    old one; one that has run out is forgotten, as is a damaged file."""
    sink = world.sink(world.files.mx)
    web = world.web(policy("b.elsewhere.example"))
    daemon = world.start()
    daemon.stop()
    folder = daemon.folder / "spool" / "mta-sts"
    folder.mkdir()
    now = int(time.time() * 1000)
    file = folder / DOMAIN

    def write(name, days, text):
        (folder / name).write_text(
            f"id one\nfetched {now - days * 86400000}\n\n{text}")
    write(DOMAIN, 2, policy(MX, age=10 * 86400))
    write("old.example", 2, policy("x.example"))
    (folder / "damaged.example").write_text("id one\nfetched")
    daemon.start()
    assert [path.name for path in folder.iterdir()] == [DOMAIN]
    assert daemon.find("sts-file-removed")
    send(daemon, harness.OUTSIDE)
    sink.wait(1)
    daemon.wait_event("sts-policy", domain=DOMAIN)
    assert web.asked == 1
    assert "mx: b.elsewhere.example" in file.read_text()
    # and that one holds now: for a session that begins from here on
    daemon.stop()
    daemon.start()
    send(daemon, harness.OUTSIDE)
    assert "not named" in deferred(daemon)
    assert web.asked == 1


@pytest.mark.parametrize("change,kind", [
    ({"status": 301, "headers": [("Location", "https://other.example/")]},
     "sts-policy-fetch-error"),
    ({"type": "text/html"}, "sts-policy-fetch-error"),
    ({"text": policy(MX) + "x: y\r\n" * 20000}, "sts-policy-fetch-error"),
    ({"text": "version: STSv1\r\nmode: enforce\r\nmax_age: 9\r\n"},
     "sts-policy-invalid"),
    ("wrong", "sts-webpki-invalid"),
    (None, "sts-policy-fetch-error"),
])
def test_policy_that_cannot_be_had(world, change, kind):
    """Mail goes as without one; what was wrong is noted."""
    sink = world.sink(world.files.wrong)
    if change == "wrong":
        web = world.web(policy(MX), world.files.wrong)
    elif change:
        web = world.web(policy(MX))
        for key, value in change.items():
            setattr(web, key, value)
    daemon = world.start()
    send(daemon, harness.OUTSIDE)
    send(daemon, harness.OUTSIDE)
    sink.wait(2)
    daemon.wait_event("relayed", 2)
    daemon.stop()
    assert set(failures(world.book())) == {("sts", kind)}
    if change:
        assert web.asked <= 1   # it is not asked again at once


def test_ends_while_a_policy_is_got(world):
    """A web server that keeps silent holds nobody up."""
    world.sink(world.files.mx)
    web = world.web(policy(MX))
    web.pause = threading.Event()
    daemon = world.start()
    send(daemon, harness.OUTSIDE)
    daemon.wait(lambda: web.asked, "a request for the policy")
    daemon.stop()
    web.pause.set()
    daemon.start()
    daemon.wait_event("relayed")


def test_dane_comes_first(world):
    """The policy does not name the host, and its certificate is for another;
    but its key is the one of the TLSA record."""
    sink = world.sink(world.files.wrong)
    world.web(policy("b.elsewhere.example"))
    daemon = world.start(
        f"_{sink.port}._tcp.{MX} TLSA 3 1 1 {spki(world.files.wrong[0])}\n",
        kind="signed")
    send(daemon, harness.OUTSIDE)
    sink.wait(1)
    assert daemon.wait_event("relayed")[0]["tls"].endswith(", DANE")
    daemon.stop()
    assert [one["policy"]["policy-type"] for one in world.book()] == ["tlsa"]


@pytest.mark.parametrize("pair,words", [
    ("mx", None), ("wrong", "MTA-STS"), (None, "no TLS")])
def test_records_that_cannot_be_used(world, pair, words):
    """TLSA of usages that are not for mail (RFC 7672 3.1.3) demand TLS and say
    nothing about the certificate; so the policy decides."""
    sink = world.sink(getattr(world.files, pair) if pair else None)
    if pair:
        world.web(policy(MX))
    daemon = world.start(f"_{sink.port}._tcp.{MX} TLSA 1 1 1 {'00' * 32}\n",
                         kind="signed")
    send(daemon, harness.OUTSIDE)
    if words:
        assert words in deferred(daemon)
        assert not sink.mails
    else:
        sink.wait(1)
        assert daemon.wait_event("relayed")[0]["tls"].endswith(", MTA-STS")


def test_switched_off(world):
    sink = world.sink(world.files.wrong)
    web = world.web(policy(MX))
    daemon = world.start(**{"mta-sts": "no"})
    send(daemon, harness.OUTSIDE)
    sink.wait(1)
    assert web.asked == 0
