# SPDX-License-Identifier: Apache-2.0
"""GSSAPI with a real realm: a key server, tickets, a keytab."""
import os
import socket
import subprocess

import pytest

from harness import EHLO, SECONDS, crlf, listener
from realm import Realm

SENDER, RECIPIENT = "guy@cp.com", "administrator@cp.com"


@pytest.fixture(scope="module")
def realm(tmp_path_factory):
    # the port is held until the key server's start, and may be taken between:
    # loopback, and a fresh port of the kernel's each time
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
    made = Realm(tmp_path_factory.mktemp("realm"))
    try:
        yield made.start(port, [("guyt", "pw"), ("stranger", "pw")])
    finally:
        made.stop()


@pytest.fixture(scope="module")
def server(shared_ehlod, realm):
    old = {name: os.environ.get(name) for name in realm.environment}
    os.environ.update(realm.environment)
    daemon = shared_ehlod(
        options={"keytab": realm.keytab},
        listeners=[listener(auth="gssapi plain", max_errors="100",
                            max_auth_failures="100")])
    for name, value in old.items():
        if value is None:
            del os.environ[name]
        else:
            os.environ[name] = value
    return daemon


@pytest.fixture
def tickets(realm):
    realm.login("guyt", "pw")
    yield {**os.environ, **realm.environment}
    subprocess.run(["kdestroy"], capture_output=True, timeout=SECONDS,
                   env={**os.environ, **realm.environment}, check=False)


def run(args, environment, code=0, text=None):
    got = subprocess.run([str(arg) for arg in args], capture_output=True,
                         timeout=SECONDS, env=environment, input=text or b"")
    output = (got.stdout + got.stderr).decode(errors="replace")
    assert (got.returncode == 0) == (code == 0), output
    return output


def gsasl(server, environment, authzid, code=0):
    return run(["gsasl", "--smtp", f"--connect=127.0.0.1:{server.port()}",
                "--no-starttls", "--mechanism=GSSAPI",
                "--authentication-id=guyt",
                f"--authorization-id={authzid}", "--service=smtp",
                "--hostname=localhost", "--quiet"], environment, code)


def test_gnu_sasl(server, tickets):
    gsasl(server, tickets, "guyt")
    event = server.wait_event("login", mechanism="GSSAPI")[-1]
    assert event["user"] == "guyt"
    gsasl(server, tickets, "administrator", code=1)
    event = server.wait_event("login-failed", mechanism="GSSAPI")[-1]
    assert event["reason"] == "may not act as another user"


def test_msmtp(server, tickets):
    run(["msmtp", "--host=localhost", f"--port={server.port()}",
         "--auth=gssapi", "--user=guyt", "--passwordeval=echo x", "--tls=off",
         f"--from={SENDER}", RECIPIENT], tickets,
        text=b"Subject: msmtp by ticket\n\ntext\n")
    server.wait_mails(RECIPIENT, containing="msmtp by ticket")


def test_curl(server, tickets):
    run(["curl", "-sS", "--max-time", "15",
         f"smtp://localhost:{server.port()}", "--mail-from", SENDER,
         "--mail-rcpt", RECIPIENT, "-T", "-", "--user",
         "guyt@TEST.EXAMPLE:", "--login-options", "AUTH=GSSAPI"], tickets,
        text=crlf("Subject: curl by ticket\n\ntext\n"))
    server.wait_mails(RECIPIENT, containing="curl by ticket")


def send(server, environment, *options, code=0):
    return run([EHLO, "send", "--server", f"localhost:{server.port()}",
                "--from", SENDER, "--to", RECIPIENT, "--subject",
                "ehlo by ticket", "--auth", "GSSAPI", *options], environment,
               code)


def test_ehlo_send(server, tickets):
    send(server, tickets)
    server.wait_mails(RECIPIENT, containing="ehlo by ticket")
    output = send(server, {**tickets, "KRB5CCNAME":
                           "FILE:/nonexistent/tickets"}, code=1)
    assert "/nonexistent/tickets" in output


def test_a_ticket_of_nobody_here(server, realm, tickets):
    """Kerberos knows him, we do not."""
    realm.login("stranger", "pw")
    send(server, tickets, code=1)
    event = server.wait_event("login-failed", user="stranger")[-1]
    assert event["reason"] == "no such user"


def test_broken_tokens(server):
    with server.client() as c:
        c.ehlo()
        for token in ("AAAA", "YIICjg==", "YYYY" * 2000):
            assert c.cmd("AUTH GSSAPI") == 334
            assert c.cmd(token) == 535
        assert c.cmd("AUTH GSSAPI =") == 334
        assert c.cmd("*") == 501
        assert c.auth("guyt", "Pauline13") == 235


def test_a_session_that_goes_while_kerberos_works(server):
    for _ in range(20):
        with server.client() as c:
            c.ehlo()
            c.send("AUTH GSSAPI YIICjg==\r\n")
    with server.client() as c:
        assert c.ehlo() == 250


def test_a_missing_keytab_is_told_at_the_start(ehlod):
    daemon = ehlod(start=False, options={"keytab": "/nonexistent/keytab"},
                   listeners=[listener(auth="gssapi")])
    daemon.spawn()
    daemon.process.wait(SECONDS)
    daemon.reader.join(SECONDS)
    daemon.is_checked = True
    assert daemon.process.returncode not in (0, 99)
    assert "/nonexistent/keytab: No such file" in daemon.text()
