# SPDX-License-Identifier: Apache-2.0
"""Logins at Postfix with Cyrus SASL, by every mechanism that it and `ehlo`
both speak: neither side of the dialogue but one is ours. The right password
and a wrong one, inside TLS whose certificate is verified, and the mail found.
Nobody may send there who is not logged in."""
import json
import os
import shutil
import subprocess

import pytest

from foreign import free_ports, need_root
from harness import EHLO, SECONDS
from postfix import LOGIN, Postfix
from realm import Realm
from test_send import run

USER, PASSWORD, WRONG = "guyt", "Grüße 13", "Grüße 14"
ASCII_USER, ASCII_PASSWORD = "ntlm", "Pauline13"
BY_PASSWORD = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256",
               "NTLM")
MAIN = LOGIN + """
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_error_sleep_time = 0
import_environment = MAIL_CONFIG MAIL_LOGTAG TZ LANG=C \
KRB5_CONFIG={folder}/krb5.conf KRB5_KTNAME={folder}/smtp.keytab \
KRB5RCACHEDIR={folder}/replays
"""


@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    need_root()
    made = Realm(tmp_path_factory.mktemp("realm"))
    try:
        yield made.start(free_ports(1)[0], [(USER, "pw")])
    finally:
        made.stop()


@pytest.fixture(scope="module")
def postfix(certs, realm):
    def prepare(server):
        # its user cannot read ours, and keeps its own replays
        for path in (realm.folder / "krb5.conf", realm.keytab):
            server.give(shutil.copy(path, server.folder))
        server.make("replays", "postfix", 0o700)
        server.let_in(
            {USER: PASSWORD, ASCII_USER: ASCII_PASSWORD},
            f"mech_list: {' '.join(BY_PASSWORD)} GSSAPI\n"
            f"keytab: {server.folder}/smtp.keytab\n")

    server = Postfix(certs, MAIN, prepare)
    yield server
    server.stop()


@pytest.fixture
def tickets(realm):
    realm.login(USER, "pw")
    yield realm.environment
    realm.logout()


def send(server, certs, mechanism, *args, password=PASSWORD, tls=True,
         env=None, **options):
    secret = () if password is None else ("--password-env", "SECRET")
    secure = ("--starttls", "--verify", "--ca-file", certs.root) if tls \
        else ("--no-tls",)
    return run("send", "--server", f"localhost:{server.port}", "--from",
               "me@z.example", "--to", "a@x.example", "--auth", mechanism,
               *secure, *secret, *args, env={"SECRET": password or "",
                                             **(env or {})}, **options)


def accepted(server, mechanism, user=USER):
    """Postfix' own word for who came and how."""
    return server.wait(f"sasl_method={mechanism}, sasl_username={user}")


def refused(server, certs, mechanism, *args, **options):
    count = sum("authentication failed" in line for line in server.lines)
    got = send(server, certs, mechanism, *args, "--json", code=1, **options)
    result = json.loads(got.out)
    assert result["failed"] == "AUTH", got.out
    assert "535" in [str(answer["code"]) for step in result["steps"]
                     for answer in step["answers"]], got.out
    server.wait("authentication failed", count + 1)
    assert WRONG not in got.out + got.err


@pytest.mark.parametrize("tls", (True, False), ids=("tls", "clear"))
@pytest.mark.parametrize("mechanism", BY_PASSWORD)
def test_by_password(postfix, certs, mechanism, tls):
    # Cyrus' NTLM makes UTF-16 of each octet: its user has a password in ASCII
    user, password = (ASCII_USER, ASCII_PASSWORD) if mechanism == "NTLM" \
        else (USER, PASSWORD)
    subject = f"by {mechanism}, {tls}"
    got = send(postfix, certs, mechanism, "--user", user, "--subject",
               subject, password=password, tls=tls)
    assert password not in got.out
    is_shown = not tls and mechanism in ("PLAIN", "LOGIN")
    assert ("shows the password to whoever listens" in got.out) == is_shown
    mail = postfix.arrived(subject)
    assert f"Authenticated sender: {user}" in mail["Received"]
    assert ("with ESMTPSA" if tls else "with ESMTPA") in mail["Received"]
    accepted(postfix, mechanism, user)
    refused(postfix, certs, mechanism, "--user", user, password=WRONG,
            tls=tls)
    refused(postfix, certs, mechanism, "--user", "nobody", tls=tls)


def test_nobody_sends_without(postfix, certs):
    got = run("send", "--server", f"localhost:{postfix.port}", "--from",
              "me@z.example", "--to", "a@x.example", "--starttls", "--verify",
              "--ca-file", certs.root, code=1)
    assert "554" in got.err and "RCPT TO" in got.err


def test_a_certificate_of_others(postfix, certs, tmp_path):
    """The login is not even begun."""
    lines = len(postfix.lines)
    run("send", "--server", f"localhost:{postfix.port}", "--to",
        "a@x.example", "--starttls", "--verify", "--tls-name",
        "else.example.net", "--ca-file", certs.root, "--auth", "PLAIN",
        "--user", USER, "--password-env", "SECRET", env={"SECRET": PASSWORD},
        code=1)
    assert not any("sasl_method" in line for line in postfix.lines[lines:])


def test_the_strongest_is_taken(postfix, certs):
    got = run("send", "--server", f"localhost:{postfix.port}", "--from",
              "me@z.example", "--to", "a@x.example", "--starttls", "--verify",
              "--ca-file", certs.root, "--auth", "--user", USER,
              "--password-env", "SECRET", "--subject", "the strongest",
              env={"SECRET": PASSWORD})
    assert " ~> AUTH SCRAM-SHA-256" in got.out
    postfix.arrived("the strongest")


@pytest.mark.parametrize("tls", (True, False), ids=("tls", "clear"))
def test_gssapi(postfix, certs, tickets, tls):
    subject = f"by ticket, {tls}"
    send(postfix, certs, "GSSAPI", "--subject", subject, password=None,
         tls=tls, env=tickets)
    assert "Authenticated sender: guyt" in postfix.arrived(subject)[
        "Received"]
    accepted(postfix, "GSSAPI")


def test_gssapi_as_another(postfix, certs, tickets):
    refused(postfix, certs, "GSSAPI", "--authzid", "administrator",
            password=None, env=tickets)


def test_gssapi_without_a_ticket(postfix, certs, realm):
    with pytest.raises(AssertionError, match="[Pp]assword incorrect"):
        realm.login(USER, "not it")
    got = send(postfix, certs, "GSSAPI", password=None, code=1,
               env=realm.environment)
    assert "tickets" in got.err


@pytest.mark.parametrize("password, code", ((PASSWORD, 0), (WRONG, 1)))
def test_talk(postfix, certs, password, code):
    got = subprocess.run(
        [str(EHLO), "talk", f"localhost:{postfix.port}", "--starttls",
         "--verify", "--ca-file", str(certs.root), "--auth", "SCRAM-SHA-256",
         "--user", USER, "--password-env", "SECRET"], input="quit\n",
        text=True, capture_output=True, timeout=SECONDS,
        env={**os.environ, "SECRET": password})
    assert ("\n235 2.7.0" in got.stdout) == (code == 0), got.stdout
    assert ("\n535 5.7.8" in got.stdout) == (code == 1), got.stdout
    assert password not in got.stdout + got.stderr
