# SPDX-License-Identifier: Apache-2.0
"""ehlo check, relay, tls and mx: every fault is found and named, a good server
is not accused, no message is delivered, and no server can hang, crash or paint
them. All in a network of its own."""
import http.server
import json
import os
import re
import ssl
import subprocess
import threading
from html.parser import HTMLParser

import pytest

import harness
from faulty_server import FaultyServer
from harness import EHLO, listener
from nameserver import NameServer
from netns import own_network  # noqa: F401  (a fixture)

pytestmark = pytest.mark.usefixtures("own_network")

GOOD, OTHER, POLICY = "127.0.0.2", "127.0.0.3", "127.0.0.4"
ZONES = """
zone example.org signed
zone forged.test bogus
zone plain.test plain
zone in-addr.arpa plain
example.org          MX    10 mail.example.org
example.org          TXT   v=spf1 mx -all
_dmarc.example.org   TXT   v=DMARC1; p=reject; rua=mailto:postmaster@example.org
_mta-sts.example.org TXT   v=STSv1; id=1
_smtp._tls.example.org TXT v=TLSRPTv1; rua=mailto:postmaster@example.org
mail.example.org     A     127.0.0.2
mta-sts.example.org  A     127.0.0.4
2.0.0.127.in-addr.arpa PTR mail.example.org
forged.test          MX    10 mail.example.org
null.plain.test      MX    0 .
lost.plain.test      MX    5 nowhere.plain.test
lost.plain.test      MX    10 closed.plain.test
closed.plain.test    A     127.0.0.9
silent.plain.test    !     silent
weak.plain.test      MX    10 alias.plain.test
weak.plain.test      TXT   v=spf1 +all
weak.plain.test      TXT   v=spf1 -all
_dmarc.weak.plain.test TXT v=DMARC1; p=nonsense
alias.plain.test     CNAME other.plain.test
other.plain.test     A     127.0.0.3
3.0.0.127.in-addr.arpa PTR liar.plain.test
liar.plain.test      A     127.0.0.8
_25._tcp.alias.plain.test TLSA 3 1 1 00
two.plain.test       A     127.0.0.3
two.plain.test       AAAA  ::1
wide.plain.test      TXT   v=spf1 a mx a:a a:b a:c a:d a:e a:f a:g a:h a:i -all
wide.plain.test      MX    10 other.plain.test
dane.example.org     MX    10 mx.dane.example.org
mx.dane.example.org  A     127.0.0.2
"""
POLICY_TEXT = ("version: STSv1\r\nmode: enforce\r\nmx: mail.example.org\r\n"
               "max_age: 86400\r\n")


def server_context(files, least=ssl.TLSVersion.TLSv1_2, most=None):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    context.minimum_version = least
    if least < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ECDHE-ECDSA-AES256-SHA:@SECLEVEL=0")
    if most:
        context.maximum_version = most
    return context


class World:
    """A name server, and the words that make ehlo ask it alone."""

    def __init__(self, folder, certs):
        self.certs = certs
        self.names = NameServer(ZONES)
        anchors = self.names.write_anchors(folder / "anchors")
        self.args = ["--resolver", f"127.0.0.1@{self.names.port}",
                     "--trust-anchor", str(anchors),
                     "--ca-file", str(certs.root)]
        self.context = server_context((certs.chain, certs.key))

    def run(self, *args, code=0, env=None):
        got = subprocess.run(
            [str(EHLO), *args, *self.args], capture_output=True,
            timeout=120, check=False, stdin=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm", **(env or {})})
        text = got.stdout.decode() + got.stderr.decode()
        assert not harness.SANITIZER.search(text), text[-6000:]
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), \
            "raw controls: " + repr(text)
        assert code is None or got.returncode == code, \
            f"{got.returncode}: {text}"
        return got.stdout.decode()

    def json(self, *args, code=0, env=None):
        return Findings(json.loads(self.run(*args, "--json", code=code,
                                            env=env)))


class Findings:
    def __init__(self, report):
        self.report = report
        self.all = report["findings"]

    def find(self, name):
        return [f for f in self.all if f["id"] == name]

    def one(self, name):
        found = self.find(name)
        assert len(found) == 1, f"{name}: {found} of {self.all}"
        return found[0]

    def severity(self, name):
        return {f["severity"] for f in self.find(name)}

    def those(self, *severities):
        return {f["id"] for f in self.all if f["severity"] in severities}

    def table(self, name):
        return [row for table in self.report["tables"]
                if table["id"] == name for row in table["rows"]]


@pytest.fixture(scope="module")
def world(own_network, tmp_path_factory, certs):  # noqa: F811
    world = World(tmp_path_factory.mktemp("world"), certs)
    yield world
    world.names.close()


@pytest.fixture(scope="module")
def good(own_network, shared_ehlod):  # noqa: F811
    """An ehlod as its sample configuration would have it."""
    common = {"tls": "starttls", "typist": None, "auth": None,
              "basic_auth_only_after_tls": None, "relay": None}
    login = {**common, "auth": "plain login", "auth_required": "yes",
             "basic_auth_only_after_tls": "yes", "relay": "authenticated",
             "sender_must_match_login": "yes"}
    return shared_ehlod(listeners=[
        listener("mx", **{**common, "address": f"{GOOD}:25"}),
        listener("submission", **{
            **login, "address": f"{GOOD}:587", "tls_required": "yes"}),
        listener("submissions", **{
            **login, "address": f"{GOOD}:465", "tls": "implicit",
            "basic_auth_only_after_tls": None})])


class PolicyServer(http.server.ThreadingHTTPServer):
    """https://mta-sts.example.org"""

    def __init__(self, world, text=POLICY_TEXT, status=200, name=None):
        certs = world.certs
        files = certs.leaf(name or "mta-sts.example.org",
                           file=f"policy-{name}-{status}")

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = text.encode()
                self.send_response(status)
                if status == 301:
                    self.send_header("Location", "https://elsewhere.test/")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        super().__init__((POLICY, 443), Handler)
        self.socket = server_context(files).wrap_socket(
            self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


# --- a good server

LOGIN = ("--user", "guyt", "--password-env", "EHLO_TEST", "--from",
         "guy@cp.com")
SECRET = {"EHLO_TEST": "Pauline13"}


def test_good_server(world, good):
    found = world.json("check", "mail.example.org", *LOGIN, "--smuggling",
                       "administrator@cp.com", "--smuggling-wait", "1s",
                       "--known",
                       "postmaster@cp.com", "--inside", "cp.com", env=SECRET)
    assert found.those("bad", "warning") == set(), found.all
    assert {"greeting", "starttls", "injection", "handshake", "clear-auth",
            "clear-mail", "tls-old", "tls-weak", "certificate-name",
            "certificate-chain", "certificate-date", "login",
            "wrong-password", "user-names", "relay-open", "relay-trick",
            "relay-login", "relay-sender", "smuggling", "reverse-name",
            "postmaster", "vrfy", "bare-lf"} <= found.those("good"), found.all
    place = found.one("handshake")["place"]
    for port in (":25", ":587", ":465"):
        assert port in place, place
    assert good.all_mails() == []
    assert not good.find("accepted"), good.tail()


def test_good_domain(world, good):
    with PolicyServer(world):
        found = world.json("check", "example.org")
    assert found.those("bad", "warning") == set(), found.all
    assert {"mx", "dnssec", "mta-sts", "spf", "dmarc", "tls-rpt", "mx-reach",
            "mx-tls", "relay-open"} <= found.those("good"), found.all
    assert good.all_mails() == []
    row, = found.table("road")
    assert (row["host"], row["tls"], row["mta_sts"]) == (
        "mail.example.org", "verified", "named")


def test_good_relay(world, good):
    found = world.json("relay", "mail.example.org:587", *LOGIN, "--inside",
                       "cp.com", env=SECRET)
    assert found.those("bad", "warning") == set(), found.all
    rows = {row["what"]: row for row in found.table("relay")}
    # before a login nobody says anything; then only in the login's own name
    for name, row in rows.items():
        if name != "the login's own to outside":
            assert row["clear"] == "530 to MAIL", row
            assert row["tls"] == "530 to MAIL", row
    assert rows["the login's own to outside"]["tls__login"] == "250"
    assert rows["outside to outside"]["tls__login"].startswith("5")
    assert good.all_mails() == []


# --- each fault is found, by its name

def without(*steps):
    return [word for step in steps for word in ("--skip", step)]


QUICK = without("versions", "relay", "names", "wrong-password", "injection",
                "clear", "bare-lf")
USERS = {"anna": "the right one"}


def only(*steps):
    every = ("clear", "injection", "versions", "login", "wrong-password",
             "relay", "names", "bare-lf")
    return without(*[step for step in every if step not in steps])


@pytest.mark.parametrize("faults, args, name, severity", [
    ({"relays": True}, only("relay"), "relay-open", "bad"),
    ({"catch_all": True}, only("relay"), "relay-trick", "note"),
    ({"no_null": True}, only("relay"), "relay-bounce", "warning"),
    ({"users": USERS, "clear_auth": True}, only("clear"), "clear-auth",
     "bad"),
    ({"obeys_clear": True}, only("injection"), "injection", "bad"),
    ({"no_starttls": True}, only(), "starttls", "bad"),
    ({"only_helo": True}, only(), "ehlo", "warning"),
    ({"users": USERS, "any_password": True}, only("wrong-password"),
     "wrong-password", "bad"),
    ({"users": USERS, "tells_users": True},
     only("wrong-password", "login")
     + ["--user", "anna", "--password-env", "EHLO_TEST"],
     "user-names", "warning"),
    ({"users": {"anna": "another"}}, only("login")
     + ["--user", "anna", "--password-env", "EHLO_TEST", "--tls-name",
        "mail.example.org"], "login", "bad"),
    ({"says": {"EHLO": b"250-x\r\n250-XXXXXXXA\r\n250 SIZE 1\r\n"}}, only(),
     "firewall", "warning"),
    ({"tells_vrfy": True}, only("names"), "vrfy", "warning"),
    ({"yes_man": True}, only(), "unknown-command", "warning"),
    ({"lf_commands": True}, only("bare-lf"), "bare-lf", "note"),
    ({"lf_ends": True}, only() + ["--smuggling", "anna@example.org"],
     "smuggling", "bad"),
    ({"hangs_at": "XEHLOCHECK"}, only() + ["--timeout", "1s"], "hangs",
     "warning"),
    ({"hangs_at": "MAIL"}, only("relay", "names") + ["--timeout", "1s"],
     "hangs", "bad"),
    ({"hangs_at": "GREETING"}, ["--timeout", "1s"], "greeting", "bad"),
    ({"hangs_at": "EHLO"}, ["--timeout", "1s"], "ehlo", "bad"),
    ({"says": {"GREETING": b"HTTP/1.1 400 Bad Request\r\n\r\n"}}, [],
     "greeting", "bad"),
    ({"says": {"GREETING": b"SSH-2.0-OpenSSH_9.2\r\n"}}, [], "greeting",
     "bad"),
    ({"says": {"GREETING": b"554 5.3.2 go away\r\n"}}, [], "greeting", "bad"),
    ({"says": {"EHLO": b"250-x\n250 y\n"}}, only(), "flaws", "warning"),
    ({"says": {"EHLO": b"250 \x1b[2J\x1b]0;mine\x07 \x00 x\r\n"}}, only(),
     "flaws", "warning"),
    ({"says": {"EHLO": b"999 what\r\n"}}, [], "ehlo", "bad"),
    ({"forever": {"GREETING": b"220-and on"}}, [], "greeting", "bad"),
    ({"forever": {"EHLO": b"250-and on\r\n"}}, [], "ehlo", "bad"),
])
def test_fault(world, faults, args, name, severity):
    with FaultyServer(world.context, OTHER, 25, **faults) as server:
        found = world.json("check", f"{OTHER}:25", "--inside", "example.org",
                           "--known", "postmaster@example.org", *args,
                           code=1 if severity == "bad" else None,
                           env={"EHLO_TEST": USERS["anna"]})
    assert found.severity(name) == {severity}, found.all
    # what is sent on request only was sent only then
    assert bool(server.delivered) == bool(faults.get("lf_ends"))


@pytest.mark.parametrize("says, named", [
    (b"SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
    (b"* OK IMAP4rev1 ready\r\n", "IMAP"),
    (b"+OK ready\r\n", "POP3")])
def test_another_kind_of_server(world, says, named):
    """It is named, and that nothing could be asked is not good."""
    with FaultyServer(world.context, OTHER, 0, says={"GREETING": says}) as one:
        place = f"{OTHER}:{one.port}"
        for command, name in (("check", "greeting"),
                              ("relay", "relay-no-session"),
                              ("tls", "handshake")):
            found = world.json(command, place, "--no-dns", code=1)
            assert named in found.find(name)[0]["detail"], found.all


def test_tls_from_the_first_byte_is_found_out(world):
    """Where nobody said so; and not asked again where it was said."""
    with FaultyServer(world.context, OTHER, 0, implicit=True) as one:
        args = (f"{OTHER}:{one.port}", "--no-dns", "--tls-name",
                "mail.example.org", "--timeout", "1s")
        for command in (("check", *args, *only()), ("relay", *args),
                        ("tls", *args)):
            found = world.json(*command)
            assert found.severity("tls-first") == {"note"}, found.all
        found = world.json("check", *args, *only(), "--tls-on-connect")
        assert not found.find("tls-first")


def test_no_false_alarm(world):
    """The same server without faults."""
    with FaultyServer(world.context, OTHER, 25):
        found = world.json("check", f"{OTHER}:25", "--inside", "example.org",
                           "--tls-name", "mail.example.org", "--no-dns",
                           "--smuggling", "anna@example.org",
                           "--smuggling-wait", "1s")
    assert found.those("bad", "warning") == set(), found.all


@pytest.mark.parametrize("has_both", [True, False])
def test_addresses(world, has_both):
    """Each address of a host is tried."""
    with FaultyServer(world.context, OTHER, 25) as server:
        other = FaultyServer(world.context, "::1", 25) if has_both else None
        found = world.json("check", "two.plain.test:25", *only())
        assert found.severity("other-address") == {
            "good" if has_both else "warning"}, found.all
        if other:
            assert other.commands == ["QUIT"]
            other.close()
    assert any(line.startswith("EHLO") for line in server.commands)


@pytest.mark.parametrize("there", [OTHER, "::1"])
def test_one_address_is_enough(world, there, tmp_path):
    """Whichever of them answers is examined, and the dead one is told."""
    hosts = tmp_path / "hosts"
    hosts.write_text(f"{OTHER} half.test\n::1 half.test\n")
    with FaultyServer(world.context, there, 0) as server:
        args = (f"half.test:{server.port}", "--hosts", hosts, "--tls-name",
                "mail.example.org")
        found = world.json("check", *map(str, args), *only())
        assert found.severity("greeting") == {"good"}
        assert found.severity("other-address") == {"warning"}
        for command in ("relay", "tls"):
            assert not world.json(command, *map(str, args)).those("bad")


def test_resolver_without_signatures(world):
    """Is told, instead of everything being called forged."""
    if not os.access("/usr/share/dns/root.key", os.R_OK):
        words = "dns-root-data"
    else:
        words = "does not pass the signatures on"
    names = NameServer(ZONES.replace("signed", "plain") + "zone . plain\n")
    got = subprocess.run(
        [str(EHLO), "mx", "null.plain.test", "--json", "--resolver",
         f"127.0.0.1@{names.port}"], capture_output=True, check=False,
        timeout=harness.SECONDS)
    names.close()
    assert got.returncode == 0, got
    found = Findings(json.loads(got.stdout))
    assert words in found.one("resolver")["detail"]
    assert found.severity("null-mx") == {"note"}


# --- certificates

def signed_by_itself(certs):
    certs._request("self", "mail.example.org")
    path = certs._sign("self", None,
                       "subjectAltName=DNS:mail.example.org\n")
    return path, certs.folder / "self.key"


def expired(certs):
    """Ended yesterday."""
    certs.leaf("mail.example.org", file="expired")
    certs._openssl("x509", "-req", "-in", "expired.csr",
                   "-days", "-1", "-extfile", "expired.ext", "-out",
                   "expired.pem", "-CA", "intermediate.pem", "-CAkey",
                   "intermediate.key", "-CAcreateserial")
    chain = certs.folder / "expired.chain.pem"
    chain.write_text((certs.folder / "expired.pem").read_text()
                     + certs.intermediate.read_text())
    return chain, certs.folder / "expired.key"


def lonely(certs):
    """Without the intermediate one."""
    _, key = certs.leaf("mail.example.org", file="lonely")
    return certs.folder / "lonely.pem", key


@pytest.mark.parametrize("make, name, words", [
    (expired, "certificate-date", "1 day ago"),
    (lambda certs: certs.leaf("mx.example.org"), "certificate-name",
     "Configure mx.example.org"),
    (signed_by_itself, "certificate-chain", "signed by itself"),
    (lonely, "certificate-chain", "intermediate one is missing"),
], ids=["expired", "name", "self", "lonely"])
def test_certificate(world, make, name, words):
    context = server_context(make(world.certs))
    with FaultyServer(context, OTHER, 587, users=USERS, is_submission=True):
        found = world.json("check", f"{OTHER}:587", "--tls-name",
                           "mail.example.org", *only(), code=1)
        assert found.those("bad") == {name}, found.all
        assert words in found.one(name)["detail"]


def test_password_is_kept(world):
    """It goes to nobody who cannot say who he is."""
    login = ["--user", "anna", "--password-env", "EHLO_TEST", "--inside",
             "example.org"]
    env = {"EHLO_TEST": USERS["anna"]}
    with FaultyServer(world.context, OTHER, 587, users=USERS,
                      clear_auth=True) as server:
        for options, severity in ((login, {"untried"}),
                                  (login + ["--no-verify"], {"good"})):
            found = world.json("check", f"{OTHER}:587", *only("login"),
                               *options, code=1, env=env)
            assert found.severity("login") == severity, found.all
            found = world.json("relay", f"{OTHER}:587", *options, env=env)
            assert bool(found.find("relay-login")) == (severity == {"good"})
            if severity == {"untried"}:
                assert server.logins == [], server.logins
        assert server.logins and set(server.logins) == {"anna"}


def test_old_tls(world):
    context = server_context((world.certs.chain, world.certs.key),
                             ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1)
    with FaultyServer(context, OTHER, 587, users=USERS):
        found = world.json("tls", f"{OTHER}:587", "--tls-name",
                           "mail.example.org", code=1)
    assert found.severity("tls-old") == {"warning"}
    assert found.severity("tls-new") == {"bad"}
    rows = {row["version"]: row["accepted"] for row
            in found.table("versions")}
    assert rows == {"TLS 1.0": "yes", "TLS 1.1": "yes", "TLS 1.2": "no",
                    "TLS 1.3": "no"}


def test_tls(world, good):
    found = world.json("tls", "mail.example.org:465")
    assert found.those("bad", "warning") == set(), found.all
    facts = found.report["facts"]
    assert facts["verdict"] == "trusted, and for mail.example.org"
    assert re.fullmatch("[0-9a-f]{64}", facts["TLSA 3 1 1"])
    ciphers = {row["cipher"] for row in found.table("ciphers")}
    assert {"TLS_AES_256_GCM_SHA384",
            "ECDHE-ECDSA-AES256-GCM-SHA384"} <= ciphers, ciphers
    assert len(found.table("chain")) == 2


# --- roads

def key_sum(path):
    """The data of a TLSA record 3 1 1."""
    key = subprocess.run(["openssl", "x509", "-in", path, "-noout",
                          "-pubkey"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"],
                         input=key, capture_output=True, check=True).stdout
    return subprocess.run(["openssl", "sha256", "-r"], input=der,
                          capture_output=True,
                          check=True).stdout.decode().split()[0]


@pytest.mark.parametrize("kind, severity", [("right", "good"),
                                            ("wrong", "bad")])
def test_dane(world, good, kind, severity):
    table = world.names.table
    data = key_sum(world.certs.chain) if kind == "right" else "00" * 32
    name = f"mx.{kind}.example.org"
    table.add(f"{kind}.example.org", "MX", f"10 {name}")
    table.add(name, "A", GOOD)
    table.add(f"_25._tcp.{name}", "TLSA", f"3 1 1 {data}")
    found = world.json("mx", f"{kind}.example.org",
                       code=1 if severity == "bad" else 0)
    assert found.severity("dane") == {severity}, found.all
    row, = found.table("road")
    assert row["dane"] == ("matches" if severity == "good"
                           else "does not match")


@pytest.mark.parametrize("domain, code, expected", [
    ("forged.test", 1, {"dnssec": "bad"}),
    ("null.plain.test", 0, {"null-mx": "note"}),
    ("none.plain.test", 1, {"mx": "bad"}),
    ("lost.plain.test", 2, {"mx-lost": "bad", "mx-reach": "bad",
                            "road": "bad"}),
    ("weak.plain.test", 1, {
        "mx-alias": "warning", "dane": "warning", "spf": "bad",
        "dmarc": "bad", "reverse-name": "note", "mta-sts": "note",
        "tls-rpt": "note"}),
    ("wide.plain.test", 1, {"spf": "bad", "dmarc": "warning",
                            "mx-reach": "good"}),
])
def test_domain(world, domain, code, expected):
    with FaultyServer(world.context, OTHER, 25):
        found = world.json("check", domain, "--domain", *QUICK, code=code)
    for name, severity in expected.items():
        assert severity in found.severity(name), (name, found.all)


@pytest.mark.parametrize("options, words", [
    ({"status": 301}, "HTTP status 301"),
    ({"status": 404}, "HTTP status 404"),
    ({"name": "elsewhere.example.org"}, "certificate: not for"),
    ({"text": "version: STSv1\nmode: enforce\nmax_age: 1\n"}, "names no mx"),
    ({"text": "version: STSv1\nmode: perhaps\nmax_age: 1\n"}, "its mode"),
    ({"text": "x" * 200000}, "longer than 64 KiB"),
    (None, "refused"),
])
def test_policy(world, good, options, words):
    if options is None:
        found = world.json("mx", "example.org", code=1)
    else:
        with PolicyServer(world, **options):
            found = world.json("mx", "example.org", code=1)
    assert words in found.one("mta-sts")["detail"].lower() \
        or words in found.one("mta-sts")["detail"], found.one("mta-sts")


def test_policy_without_host(world, good):
    text = POLICY_TEXT.replace("mail.example.org", "*.elsewhere.test")
    with PolicyServer(world, text=text):
        found = world.json("mx", "example.org", code=1)
    assert found.severity("mta-sts-mx") == {"bad"}


# --- the report

class Page(HTMLParser):
    VOID = {"meta", "link", "br"}

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_page(world, tmp_path):
    path = tmp_path / "report.html"
    evil = b"220 <script>alert(1)</script>\"'&\x1b[31m ESMTP\r\n"
    with FaultyServer(world.context, OTHER, 25, relays=True,
                      says={"GREETING": evil}):
        text = world.run("check", f"{OTHER}:25", "--inside", "example.org",
                         "--html", str(path), *only("relay"), code=1)
    assert "\\x1b[31m" in text and "an open relay" in text
    raw = path.read_text()
    page = Page()
    page.feed(raw)
    page.close()
    assert page.open == [] and "script" not in page.tags
    assert not {"img", "link", "iframe", "a"} & set(page.tags)
    assert "<script>alert(1)</script>" in page.text
    assert "an open relay" in page.text and "RFC 5321" in page.text


def test_terminal(world, monkeypatch):
    """On a terminal there are colours and a line of progress, and no other
    sequence, whatever the server says."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    evil = b"220 \x1b[2J\x1b]0;mine\x07\x9b31m\r\x08\x08 ESMTP\r\n"
    with FaultyServer(world.context, OTHER, 25, relays=True,
                      says={"GREETING": evil, "EHLO": b"250-\x1b[5m\r\n"
                            b"250-AUTH \x1bc\r\n250 STARTTLS\r\n"}):
        with harness.Typist(
                [str(EHLO), "check", f"{OTHER}:25", "--inside",
                 "example.org", *only("relay"), *world.args],
                terminal=True) as program:
            program.expect(r"\d+ bad")
            assert program.wait_end() == 1
            program.reader.join(harness.SECONDS)
            text = program.seen
    sequences = set(re.findall(rb"\x1b[^A-Za-z]*[A-Za-z]?", text))
    assert sequences, "no colours on a terminal"
    assert all(re.fullmatch(rb"\x1b\[(K|[0-9;]*m)", seq)
               for seq in sequences), sequences
    assert b"\x1b[5m" not in sequences
    rest = re.sub(rb"\x1b\[(K|[0-9;]*m)", b"", text)
    assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", rest), rest


def test_exit_codes(world, tmp_path):
    world.run("check", "127.0.0.9:25", code=2)
    world.run("check", "127.0.0.9", code=2)
    world.run("relay", "127.0.0.9", code=2)
    world.run("tls", "127.0.0.9", code=2)
    world.run("check", code=3)
    world.run("check", "a", "b", code=3)
    world.run("check", "127.0.0.9", "--skip", "nonsense", code=3)
    world.run("check", "127.0.0.9", "--inside", "a>\r\nDATA", code=3)
    world.run("mx", "no name", code=3)
    for command in ("check", "relay", "tls", "mx"):
        assert "usage: ehlo " + command in world.run(command, "--help")
    with FaultyServer(world.context, OTHER, 25, yes_man=True):
        args = ("check", f"{OTHER}:25", *only())
        world.run(*args)
        world.run(*args, "--strict", code=1)
        world.run(*args, "--html", str(tmp_path / "no" / "page"), code=3)
