# SPDX-License-Identifier: Apache-2.0
"""Postfix, Exim and OpenSMTPD, each between two ehlods: `ehlo` logs in there,
sends and examines; the outer ehlod relays into it, it relays into the inner
one, over STARTTLS and with a login both times.

Debian's OpenSMTPD 6.8 cannot do TLS as a server: it loses its key with OpenSSL
3 (its issue 1171). So there is no login there, and it is a server whose
STARTTLS is broken in earnest."""
import json
import os
import subprocess

import pytest

from exim import Exim
from foreign import message_of, need_root
from harness import EHLO, SANITIZER, SECONDS, STRANGER, listener
from opensmtpd import OpenSMTPD
from postfix import LOGIN, Postfix
from test_send import run

USER, PASSWORD, WRONG = "anna", "Anna's 1st secret", "Anna's 2nd secret"
ME, BOX = "anna@x.example", "box@x.example"
INNER = ("guyt", "Pauline13")
INSIDE, UNKNOWN = "administrator@cp.com", "nobody@cp.com"

POSTFIX = LOGIN + """
mynetworks = 192.0.2.0/24
smtpd_tls_auth_only = yes
strict_smtputf8 = yes
smtpd_tls_protocols = >=TLSv1.2
smtpd_tls_exclude_ciphers = aNULL
smtpd_sender_login_maps = inline:{{ {{ anna@x.example = anna }} }}
smtpd_sender_restrictions = reject_sender_login_mismatch
relayhost = [localhost]:PORT
smtp_host_lookup = native
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = inline:{{ {{ [localhost]:PORT = USER:PASSWORD }} }}
smtp_sasl_security_options = noanonymous
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = nexthop
smtp_tls_CAfile = ROOT
"""
EXIM_MAIN = """
tls_require_ciphers = NORMAL:-VERS-TLS1.0:-VERS-TLS1.1
acl_smtp_mail = mail
"""
EXIM_ACL = """
mail:
  accept  !authenticated = *
  accept  condition = ${if eq{$sender_address}{$authenticated_id@x.example}}
  deny    message = not an address of yours
"""
EXIM_ROUTER = """
inner:
  driver = manualroute
  domains = ! +local_domains
  route_list = * localhost::PORT byname
  self = send
  transport = inner
"""
EXIM_TRANSPORT = """
inner:
  driver = smtp
  hosts_require_tls = *
  hosts_require_auth = *
  tls_verify_certificates = FOLDER/root.pem
  tls_verify_cert_hostnames = *
"""
EXIM_CLIENT = """
client:
  driver = plaintext
  public_name = PLAIN
  client_send = ^USER^PASSWORD
"""
SMTPD = """
table secrets { inner = "USER:PASSWORD" }
action inner relay host "smtp+tls://inner@127.0.0.1:PORT" auth <secrets>
match from src 127.0.0.1 for domain "cp.com" action inner
"""


class Between:
    """One of them, and what of it the tests must know."""

    def __init__(self, kind, certs, inner):
        def fill(text):
            for word, value in (("PORT", inner.port()), ("USER", INNER[0]),
                                ("PASSWORD", INNER[1]), ("ROOT", certs.root)):
                text = text.replace(word, str(value))
            return text

        self.certs = certs
        if kind == "postfix":
            self.server = Postfix(certs, fill(POSTFIX), lambda postfix:
                                  postfix.let_in({USER: PASSWORD}))
        elif kind == "exim":
            self.server = Exim(certs, EXIM_MAIN, EXIM_ACL, fill(EXIM_ROUTER),
                               fill(EXIM_TRANSPORT), fill(EXIM_CLIENT))
        else:
            self.server = OpenSMTPD(certs, fill(SMTPD))
        self.kind, self.has_tls = kind, kind != "opensmtpd"
        self.port = self.server.port

    def ehlo(self, *args, code=0, password=PASSWORD, user=USER):
        login = () if user is None else (
            "--user", user, "--password-env", "SECRET")
        return run(*args, *login, "--ca-file", self.certs.root, code=code,
                   env={"SECRET": password})

    def send(self, *args, **options):
        secure = ("--starttls", "--verify") if self.has_tls else ("--no-tls",)
        sender = STRANGER if options.get("user", USER) is None else ME
        return self.ehlo("send", "--server", f"localhost:{self.port}",
                         "--from", sender, *secure, *args, **options)

    def examine(self, command, code, *args):
        got = subprocess.run(
            [str(EHLO), command, f"127.0.0.1:{self.port}", "--no-dns",
             "--json", "--ca-file", str(self.certs.root), "--inside",
             "x.example", "--known", BOX, "--from", ME, "--user", USER,
             "--password-env", "SECRET", *args], text=True,
            capture_output=True, timeout=SECONDS * 2,
            env={**os.environ, "SECRET": PASSWORD})
        assert not SANITIZER.search(got.stderr), got.stderr
        assert got.returncode == code, got.stdout + got.stderr
        report = json.loads(got.stdout)
        severities = {}
        for finding in report["findings"]:
            severities.setdefault(finding["severity"], set()).add(
                finding["id"])
        rows = {row["what"]: row for table in report["tables"]
                if table["id"] == "relay" for row in table["rows"]}
        return severities, rows


@pytest.fixture(scope="module")
def inner(shared_ehlod):
    need_root()
    return shared_ehlod(listeners=[listener(
        auth="plain login scram-sha-256", auth_required="yes",
        tls_required="yes", relay="nobody", basic_auth_only_after_tls="yes",
        sender_must_match_login="no")])


@pytest.fixture(scope="module", params=("postfix", "exim", "opensmtpd"))
def between(request, certs, inner):
    made = Between(request.param, certs, inner)
    yield made
    made.server.stop()


@pytest.fixture
def outer(ehlod, between, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    login = (f"tls verified; tls-name localhost; login {USER}; "
             f"password-file {secret};") if between.has_tls else "tls may;"
    return ehlod(
        options={"ca-file": between.certs.root},
        domains=['domain "outer.example" { deliver maildir /nonexistent/%u; }'],
        extra=f'route "*" {{ via smarthost 127.0.0.1:{between.port}; '
              f'{login} }}\n',
        listeners=[listener(relay="networks", networks="127.0.0.0/8")])


# --- by hand

@pytest.mark.parametrize("mechanism", ("PLAIN", "LOGIN", "CRAM-MD5"))
def test_login(between, mechanism):
    offered = {"postfix": ("PLAIN", "LOGIN", "CRAM-MD5"),
               "exim": ("PLAIN", "LOGIN", "CRAM-MD5"), "opensmtpd": ()}
    where = ("--to", BOX, "--subject", f"by {mechanism}", "--auth", mechanism)
    if mechanism not in offered[between.kind]:
        got = between.send(*where, code=1)
        assert "AUTH" in got.err, got.err
        return
    between.send(*where)
    mail = between.server.arrived(f"by {mechanism}")
    assert f"Authenticated sender: {USER}" in mail["Received"] or \
        "with esmtpsa" in mail["Received"], mail["Received"]
    got = between.send(*where, password=WRONG, code=1)
    assert "535" in got.err
    between.send(*where, user="stranger", code=1)


def test_no_login_in_clear(between):
    got = between.ehlo("send", "--server", f"localhost:{between.port}",
                       "--no-tls", "--to", BOX, "--auth", code=1)
    assert " -> AUTH" not in got.out and "login" in got.err, got.err


def test_nobody_relays_without_a_login(between):
    got = between.send("--to", "a@elsewhere.example", user=None, code=1)
    assert "RCPT TO" in got.err, got.err


def test_a_message_of_all_kinds(between, tmp_path):
    image = tmp_path / "ü.png"
    image.write_bytes(os.urandom(50000))
    between.send("--to", BOX, "--subject", "Grüße", "--body", ".Äpfel\\n.",
                 "--attach", image, user=None)
    mail = between.server.arrived("Grüße")
    assert mail.get_body().get_content() == ".Äpfel\n.\n"
    assert list(mail.iter_attachments())[0].get_content() == \
        image.read_bytes()


# --- looked at

GOOD = {"greeting", "ehlo", "flaws", "unknown-command", "vrfy", "expn",
        "starttls", "relay-open", "certificate-name", "certificate-chain",
        "certificate-date", "certificate-key"}
GOOD_TLS = {"handshake", "injection", "ehlo-again", "tls-old", "tls-new",
            "tls-weak", "clear-auth", "auth", "login", "wrong-password",
            "user-names", "relay-trick", "relay-login", "relay-sender"}


def test_check(between):
    if between.has_tls:
        found, _ = between.examine("check", 0)
        assert found.keys() <= {"good", "note", "untried"}, found
        assert GOOD | GOOD_TLS <= found["good"], found
    else:
        found, _ = between.examine("check", 1)
        assert found["bad"] == {"handshake"}, found
        assert "warning" not in found, found
        assert GOOD <= found["good"], found
    assert found["untried"] == {"smuggling"}, found


def test_relay(between):
    found, rows = between.examine("relay", 0)
    assert found.keys() <= {"good", "note", "untried"}, found
    assert "relay-open" in found["good"], found
    ways = ("clear", "tls") if between.has_tls else ("clear",)
    for name, row in rows.items():
        for way in ways:
            if name.endswith("to inside"):
                assert row[way][0] in "25", row
            elif name != "the login's own to outside":
                assert row[way][0] in "45" or row[way + "_mark"] == "note", row
    assert rows["outside to inside"]["clear"] == "250"
    if between.has_tls:
        assert rows["the login's own to outside"]["tls__login"] == "250"
        assert rows["outside to outside"]["tls__login"][0] == "5"
        assert "relay-sender" in found["good"], found


# --- from server to server

def test_through_three(between, outer, inner, tmp_path):
    """What arrives is what was sent."""
    image = tmp_path / "image.png"
    image.write_bytes(os.urandom(200000))
    subject = f"through {between.kind}"
    run("send", "--server", f"127.0.0.1:{outer.port()}", "--no-tls", "--from",
        ME, "--to", INSIDE, "--subject", subject, "--body", ".\\n..\\nÄ",
        "--attach", image)
    relayed = outer.wait_event("relayed", to=INSIDE)[0]
    assert relayed["tls"].startswith("TLSv1.3") == between.has_tls
    if not between.has_tls:
        outer.wait_event("tls-failed")
    raw, = inner.wait_mails(INSIDE, containing=subject)
    mail = message_of(raw)
    assert mail.get_body().get_content() == ".\n..\nÄ\n"
    assert list(mail.iter_attachments())[0].get_content() == \
        image.read_bytes()
    hops = mail.get_all("Received")
    assert len(hops) == 3, hops
    assert "ESMTPSA" in hops[0], hops[0]
    assert ("ESMTPSA" in hops[1].upper()) == between.has_tls, hops[1]
    event = inner.find("login")[-1]
    assert (event["user"], event["tls"]) == (INNER[0], "yes")
    # Cyrus SASL takes the strongest
    assert event["mechanism"] == (
        "SCRAM-SHA-256" if between.kind == "postfix" else "PLAIN")


def test_refused_at_the_end(between, outer, inner):
    """The inner one's refusal comes home in the report of the one between."""
    run("send", "--server", f"127.0.0.1:{outer.port()}", "--no-tls", "--from",
        ME, "--to", UNKNOWN, "--subject", "to nobody")
    outer.wait_event("relayed", to=UNKNOWN)
    inner.wait_event("refused", what="rcpt", address=UNKNOWN)
    mail, status = between.server.report("failed")
    assert UNKNOWN in status, status
    assert "5.1.1" in str(mail), mail


def test_a_report_of_success_is_asked_for(between, outer):
    """What the sender wants to be told goes on with the mail (RFC 3461)."""
    run("send", "--server", f"127.0.0.1:{outer.port()}", "--no-tls", "--from",
        ME, "--to", BOX, "--notify", "SUCCESS", "--envid", "our mark",
        "--subject", "with a report")
    between.server.arrived("with a report")
    _, status = between.server.report("delivered")
    assert BOX in status, status
    if between.kind == "postfix":
        assert "Original-Envelope-Id: our mark" in status, status


def test_addresses_with_accents(between, outer):
    run("send", "--server", f"127.0.0.1:{outer.port()}", "--no-tls", "--from",
        ME, "--to", "ü@x.example", "--subject", "für ü")
    if between.kind == "opensmtpd":     # does not know SMTPUTF8
        event = outer.wait_event("failed", to="ü@x.example")[0]
        assert "SMTPUTF8" in event["reply"]
        outer.wait_event("relayed", to=ME)      # the report of that
        return
    mail = between.server.arrived("für ü")
    assert "ü@x.example" in str(mail["To"])
