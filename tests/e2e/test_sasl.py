# SPDX-License-Identifier: Apache-2.0
"""Logins that do not show the password: SCRAM and NTLM, with clients of others
(GNU SASL, msmtp, curl, python3-ntlm-auth), with our own, and with one written
here that can be wrong on purpose."""
import base64
import hashlib
import hmac
import os
import re
import ssl
import subprocess

import pytest

from harness import EHLO, SECONDS, b64, crlf, listener

USER, PASSWORD = "guyt", "Pauline13"
SENDER, RECIPIENT = "guy@cp.com", "administrator@cp.com"
SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-1")
AUTH = "scram-sha-256 scram-sha-1 ntlm plain"


def set_password(users, name, password, *options):
    secret = users.parent / "password"
    secret.write_text(password + "\n")
    got = subprocess.run(
        [str(EHLO), "user", "passwd", "--users", str(users),
         "--password-file", str(secret), *options, name],
        text=True, capture_output=True, timeout=SECONDS)
    secret.unlink()
    assert got.returncode == 0, got.stdout + got.stderr


@pytest.fixture(scope="module")
def server(shared_ehlod):
    daemon = shared_ehlod(start=False, listeners=[
        listener("clear", auth=AUTH, max_errors="100",
                 max_auth_failures="100"),
        listener("implicit", auth=AUTH, tls="implicit"),
    ])
    set_password(daemon.folder / "users", USER, PASSWORD, "--ntlm")
    return daemon.start()


def offered(reply):
    return reply.keywords["AUTH"].split()


def test_binding_is_offered_in_tls_only(server):
    with server.client() as c:
        assert offered(c.ehlo()) == ["SCRAM-SHA-256", "SCRAM-SHA-1", "NTLM",
                                     "PLAIN"]
        assert c.cmd("AUTH SCRAM-SHA-256-PLUS") in (504, 538)
        c.starttls(server.context())
        assert offered(c.ehlo()) == [
            "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS",
            "SCRAM-SHA-1", "NTLM", "PLAIN"]


# --- an independent client (RFC 5802)

class Scram:
    def __init__(self, c, mechanism, user=USER, password=PASSWORD, flag="n",
                 binding=b"", authzid=""):
        self.c, self.mechanism = c, mechanism
        self.hash = "sha1" if "SHA-1" in mechanism else "sha256"
        self.password = password.encode()
        self.header = f"{flag},{'a=' + authzid if authzid else ''},"
        self.binding = binding
        self.bare = f"n={user},r={b64(os.urandom(18))}"

    def mac(self, key, text):
        return hmac.new(key, text, self.hash).digest()

    def first(self):
        """The server's first message, or its refusal."""
        reply = self.c.cmd(f"AUTH {self.mechanism} "
                           + b64(self.header + self.bare))
        if reply == 334:
            self.challenge = base64.b64decode(reply.text[4:]).decode()
            self.row = dict(x.split("=", 1)
                            for x in self.challenge.split(","))
        return reply

    def final(self, nonce=None, spoil=False):
        without = "c=" + b64(self.header.encode() + self.binding) + ",r=" + (
            nonce or self.row["r"])
        message = ",".join((self.bare, self.challenge, without)).encode()
        salted = hashlib.pbkdf2_hmac(
            self.hash, self.password, base64.b64decode(self.row["s"]),
            int(self.row["i"]))
        key = self.mac(salted, b"Client Key")
        proof = bytearray(
            a ^ b for a, b in zip(key, self.mac(
                hashlib.new(self.hash, key).digest(), message)))
        proof[0] ^= spoil
        reply = self.c.cmd(b64(f"{without},p={b64(bytes(proof))}"))
        if reply == 334:
            signature = self.mac(self.mac(salted, b"Server Key"), message)
            assert base64.b64decode(reply.text[4:]).decode() == \
                "v=" + b64(signature)
            return self.c.cmd("")
        return reply

    def run(self, **options):
        reply = self.first()
        return self.final(**options) if reply == 334 else reply


@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram(server, mechanism):
    with server.client() as c:
        c.ehlo()
        assert Scram(c, mechanism, password="not the password").run() == 535
        assert Scram(c, mechanism).run(spoil=True) == 535
        assert Scram(c, mechanism).run(nonce="another") == 535
        assert Scram(c, mechanism, authzid="administrator").run() == 535
        assert Scram(c, mechanism, flag="p=tls-unique").run() == 501
        assert Scram(c, mechanism, flag="y", authzid=USER).run() == 235
        assert c.cmd(f"MAIL FROM:<{SENDER}>") == 250
    event = server.wait_event("login", mechanism=mechanism)[-1]
    assert event["user"] == USER
    reasons = {e["reason"] for e in server.wait_event(
        "login-failed", count=4, mechanism=mechanism)}
    assert "wrong password" in reasons
    assert "that answers another challenge" in reasons
    assert "may not act as another user" in reasons


def tls_1_2(server):
    context = server.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


@pytest.mark.parametrize("mechanism", SCRAM)
def test_scram_bound_to_tls(server, mechanism):
    with server.client() as c:
        c.ehlo()
        c.starttls(tls_1_2(server))
        c.ehlo()
        bound = {"flag": "p=tls-unique",
                 "binding": c.socket.get_channel_binding("tls-unique")}
        plus = mechanism + "-PLUS"
        # somebody in between: another binding, or the offer taken away
        assert Scram(c, plus, flag="p=tls-unique",
                     binding=b"other").run() == 535
        assert Scram(c, mechanism, flag="y").run() == 535
        assert Scram(c, plus, flag="p=tls-nothing").run() == 535
        c.ehlo()
    with server.client() as c:
        c.ehlo()
        c.starttls(tls_1_2(server))
        c.ehlo()
        assert Scram(c, plus, flag="n").run() == 501
        bound["binding"] = c.socket.get_channel_binding("tls-unique")
        assert Scram(c, plus, **bound).run() == 235


def test_scram_bound_to_the_certificate(server):
    """TLS 1.3, and what any client can compute (RFC 5929 4)."""
    with server.client() as c:
        c.ehlo()
        c.starttls(server.context())
        c.ehlo()
        assert c.socket.version() == "TLSv1.3"
        digest = hashlib.sha256(c.socket.getpeercert(True)).digest()
        plus, flag = "SCRAM-SHA-256-PLUS", "p=tls-server-end-point"
        assert Scram(c, plus, flag=flag, binding=bytes(32)).run() == 535
        # TLS 1.3 has none of these
        assert Scram(c, plus, flag="p=tls-unique", binding=b"").run() == 535
        assert Scram(c, plus, flag=flag, binding=digest).run() == 235


@pytest.mark.parametrize("mechanism", SCRAM)
def test_nobody_learns_who_exists(server, mechanism):
    def salt(c, name):
        scram = Scram(c, mechanism, user=name, password="not the password")
        assert scram.first() == 334
        assert scram.final() == 535
        return scram.row["s"], scram.row["i"]

    with server.client() as c:
        c.ehlo()
        real, nobody, other = (salt(c, x) for x in (USER, "nobody", "nemo"))
        assert salt(c, "nobody") == nobody and salt(c, "NoBody") == nobody
        assert len({real[0], nobody[0], other[0]}) == 3
        assert real[1] == nobody[1] and len(real[0]) == len(nobody[0])
    reasons = {e["reason"] for e in server.wait_event(
        "login-failed", user="nobody")}
    assert reasons == {"no such user"}


def test_salts_of_nobody_outlive_the_daemon(ehlod):
    daemon = ehlod(listeners=[listener(auth="scram-sha-256")])
    salts = set()
    for _ in range(2):
        with daemon.client() as c:
            c.ehlo()
            scram = Scram(c, "SCRAM-SHA-256", user="nobody")
            assert scram.first() == 334
            salts.add(scram.row["s"])
            assert c.cmd("*") == 501
        daemon.stop()
        daemon.start()
    assert len(salts) == 1


def test_a_new_password_ends_the_old_keys(ehlod):
    daemon = ehlod(listeners=[listener(auth=AUTH)])
    set_password(daemon.folder / "users", USER, "another secret")
    daemon.reload()
    with daemon.client() as c:
        c.ehlo()
        assert Scram(c, SCRAM[0]).run() == 535
        assert Scram(c, SCRAM[0], password="another secret").run() == 235


@pytest.mark.parametrize("message", [
    "", "n", "n,", "n,,", "n,,n=", "n,,n=guyt", "n,,n=guyt,r=", "x,,n=a,r=b",
    "n,,r=abcdefgh,n=guyt", "n,b=x,n=guyt,r=abcdefgh", "n,,m=x,n=guyt,r=abcd",
    "n,,n=gu=yt,r=abcdefgh", "n,a=\xff,n=guyt,r=abcdefgh",
    "n,,n=guyt,r=abc\x01defgh", "n,,n=" + "g" * 300 + ",r=abcdefgh",
    "n,,n=guyt,r=" + "r" * 300, "p=,,n=guyt,r=abcdefgh"])
def test_broken_scram(server, message):
    with server.client() as c:
        c.ehlo()
        reply = c.cmd("AUTH SCRAM-SHA-256 "
                      + (b64(message.encode("latin-1")) or "="))
        assert reply == 501, reply
        assert c.auth(USER, PASSWORD) == 235


# --- clients of others

def run(args, code=0, **options):
    got = subprocess.run([str(arg) for arg in args], capture_output=True,
                         timeout=SECONDS, **options)
    output = (got.stdout + got.stderr).decode(errors="replace")
    assert (got.returncode == 0) == (code == 0), output
    return output


def gsasl(server, mechanism, password, *options, code=0):
    return run(["gsasl", "--smtp", f"--connect=127.0.0.1:{server.port()}",
                f"--mechanism={mechanism}", f"--authentication-id={USER}",
                f"--password={password}", "--quiet", *options], code=code,
               stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("mechanism", SCRAM)
def test_gnu_sasl(server, mechanism):
    count = len(server.find("login", mechanism=mechanism))
    gsasl(server, mechanism, PASSWORD, "--no-starttls", "--no-cb")
    server.wait_event("login", count=count + 1, mechanism=mechanism)
    gsasl(server, mechanism, "not the password", "--no-starttls", "--no-cb",
          code=1)


@pytest.mark.parametrize("mechanism", SCRAM)
def test_gnu_sasl_bound_to_tls(server, mechanism):
    """GnuTLS on their side: its exporter is ours."""
    mechanism += "-PLUS"
    gsasl(server, mechanism, PASSWORD, "--starttls",
          f"--x509-ca-file={server.certs.root}")
    server.wait_event("login", mechanism=mechanism)
    gsasl(server, mechanism, "not the password", "--starttls",
          f"--x509-ca-file={server.certs.root}", code=1)


@pytest.mark.parametrize("method", ["scram-sha-256", "scram-sha-1"])
def test_msmtp(server, method):
    text = f"Subject: msmtp {method}\nTo: {RECIPIENT}\n\ntext\n"
    run(["msmtp", "--host=127.0.0.1", f"--port={server.port()}",
         f"--auth={method}", f"--user={USER}",
         f"--passwordeval=echo {PASSWORD}", "--tls=off", f"--from={SENDER}",
         RECIPIENT], input=text.encode())
    server.wait_mails(RECIPIENT, containing=f"msmtp {method}")


def curl(server, user, password, *options, subject="curl", code=0):
    text = crlf(f"Subject: {subject}\n\ntext\n")
    return run(["curl", "-sS", "--max-time", "15",
                f"smtp://127.0.0.1:{server.port()}", "--mail-from", SENDER,
                "--mail-rcpt", RECIPIENT, "-T", "-", "--user",
                f"{user}:{password}", "--login-options", "AUTH=NTLM",
                *options], code=code, input=text)


@pytest.mark.parametrize("user", [USER, "CP\\" + USER, USER.upper()])
@pytest.mark.parametrize("options", [(), ("--sasl-ir",)])
def test_ntlm_curl(server, user, options):
    """32 octets of NEGOTIATE, and OEM strings only."""
    subject = f"curl {user} {len(options)}"
    curl(server, user, PASSWORD, *options, subject=subject)
    server.wait_mails(RECIPIENT, containing=subject)
    curl(server, user, "not the password", *options, code=1)


def nt_hash(password):
    """By OpenSSL, in the form that ntlm_auth takes for a password; Python has
    no MD4 where OpenSSL's legacy provider is not asked for by name."""
    got = subprocess.run(["openssl", "dgst", "-md4", "-provider", "legacy",
                          "-provider", "default", "-r"], check=True,
                         input=password.encode("utf-16-le"),
                         capture_output=True, timeout=SECONDS)
    return "0" * 32 + ":" + got.stdout.split()[0].decode()


def python_ntlm(c, user, password):
    from ntlm_auth.ntlm import NtlmContext
    context = NtlmContext(user, nt_hash(password), domain="CP",
                          workstation="PYBOX")
    reply = c.cmd("AUTH NTLM")
    assert reply == 334 and reply.text.rstrip() == "334"
    reply = c.cmd(b64(context.step()))
    assert reply == 334
    return context.step(base64.b64decode(reply.text[4:]))


def test_ntlm_with_a_mic(server):
    with server.client() as c:
        c.ehlo()
        assert c.cmd(b64(python_ntlm(c, USER, "not the password"))) == 535
        message = bytearray(python_ntlm(c, USER, PASSWORD))
        message[72] ^= 1        # the MIC's first octet
        assert c.cmd(b64(bytes(message))) == 535
        assert c.cmd(b64(python_ntlm(c, "nobody", PASSWORD))) == 535
        assert c.cmd(b64(python_ntlm(c, USER, PASSWORD))) == 235
    server.wait_event("login-failed", mechanism="NTLM", reason="no such user")
    reasons = [e["reason"] for e in server.find("login-failed",
                                                mechanism="NTLM")]
    assert any("MIC" in reason for reason in reasons), reasons


def test_ntlm_only_where_it_was_asked_for(server):
    with server.client() as c:
        c.ehlo()
        assert c.cmd(b64(python_ntlm(c, "administrator", "password"))) == 535
    event = server.wait_event("login-failed", user="administrator")[-1]
    assert "no NT hash" in event["reason"]


# --- our own client

def send(server, mechanism, *options, password=PASSWORD, code=0):
    secret = server.folder / f"secret-{os.getpid()}"
    secret.write_text(password + "\n")
    return run([EHLO, "send", "--server", f"127.0.0.1:{server.port()}",
                "--from", SENDER, "--to", RECIPIENT, "--subject",
                f"ehlo {mechanism}", "--auth", mechanism, "--auth-user", USER,
                "--password-file", secret, *options], code=code)


OURS = [("SCRAM-SHA-256", ()), ("SCRAM-SHA-1", ()), ("NTLM", ()),
        ("SCRAM-SHA-256-PLUS", ("--tls",)), ("SCRAM-SHA-1-PLUS", ("--tls",)),
        ("SCRAM-SHA-256-PLUS", ("--tls", "--tls-protocol", "tlsv1_2")),
        ("SCRAM-SHA-256", ("--tls",))]


@pytest.mark.parametrize("mechanism,options", OURS)
def test_ehlo_send(server, mechanism, options):
    count = len(server.find("login", mechanism=mechanism))
    send(server, mechanism, *options)
    server.wait_event("login", count=count + 1, mechanism=mechanism)
    send(server, mechanism, *options, password="not the password", code=1)


def test_ehlo_user_list_shows_kinds_not_keys(server):
    users = server.folder / "users"
    keys = re.findall(r"(?:scram|nt)=(\S+)", users.read_text())
    assert keys
    for option in ((), ("--json",)):
        text = run([EHLO, "user", "list", "--users", users, *option])
        assert "scram-sha-256" in text and "ntlm" in text
        for key in keys:
            assert key not in text
