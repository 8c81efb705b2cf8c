# SPDX-License-Identifier: Apache-2.0
"""Faults on purpose: every line of the table in doc/faults.md is accepted by
--check and does what it says with a real client."""
import json
import re
import smtplib
import socket
import ssl
import subprocess
import time

import pytest

from harness import (EHLO, EHLOD, ROOT, SECONDS, field, listener, whole)

USER, PASSWORD = "guyt", "Pauline13"
SENDER, RECIPIENT = "guy@cp.com", "administrator@cp.com"
ROW = re.compile(r'^\| `(fault "([a-z-]+)" \{.*\})` \| (.*) \|$', re.M)
TABLE = {name: (line, seen) for line, name, seen
         in ROW.findall((ROOT / "doc/faults.md").read_text())}
NETWORK = {"relay": "networks", "networks": "127.0.0.0/8",
           "sender_must_match_login": "no"}


def smtp(server, name="clear"):
    return smtplib.SMTP("127.0.0.1", server.port(name), timeout=SECONDS)


def swaks(server, *args, recipient=RECIPIENT, sender=SENDER):
    got = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(server.port()),
         "--from", sender, "--to", recipient, "--body", "by swaks", *args],
        capture_output=True, timeout=SECONDS, text=True)
    return got.returncode, got.stdout + got.stderr


def connect(server):
    sock = socket.create_connection(("127.0.0.1", server.port()), SECONDS)
    return sock, sock.makefile("rb")


def certificate(server):
    """The text of what is shown behind STARTTLS."""
    got = subprocess.run(
        ["openssl", "s_client", "-starttls", "smtp", "-connect",
         f"127.0.0.1:{server.port()}"], input=b"", capture_output=True,
        timeout=SECONDS)
    return subprocess.run(
        ["openssl", "x509", "-noout", "-text", "-checkend", "0"],
        input=got.stdout, capture_output=True, timeout=SECONDS,
        check=False).stdout.decode()


# one function a row: what a client sees

def closed_door(server):
    with smtplib.SMTP() as client:
        with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
            client.connect("127.0.0.1", server.port())


def slammed_door(server):
    with pytest.raises(ConnectionResetError):
        sock, _ = connect(server)
        with sock:
            sock.recv(1)


def no_service(server):
    code, text = swaks(server)
    assert code == 28 or code == 21, text
    assert "554 5.3.2 No SMTP service here" in text


def busy(server):
    for _ in range(2):
        with pytest.raises(smtplib.SMTPConnectError) as error:
            smtp(server)
        assert error.value.smtp_code == 421
    with smtp(server) as client:
        assert client.noop()[0] == 250


def late_banner(server):
    sock, lines = connect(server)
    before = time.monotonic()
    with sock:
        assert lines.readline().startswith(b"220 ")
    # not earlier; how much later is the machine's business
    assert time.monotonic() - before > 0.65


def no_list(server):
    with smtp(server) as client:
        assert client.ehlo()[0] == 502
        assert client.helo()[0] == 250


def wrong_list(server):
    with smtp(server) as client:
        client.ehlo()
        assert not client.has_extn("starttls")
        assert client.esmtp_features["size"] == "10"
        assert client.has_extn("xunheard") and client.has_extn("pipelining")


def half_list(server):
    sock, lines = connect(server)
    with sock:
        lines.readline()
        sock.sendall(b"EHLO client.example\r\n")
        assert len(lines.read()) == 30


def slow_list(server):
    sock, lines = connect(server)
    with sock:
        lines.readline()
        sock.sendall(b"EHLO client.example\r\nNOOP\r\n")
        first = sock.recv(65536)
        assert len(first) < 150, "all at once"
        rest = lines.read(1)
        while not rest.endswith(b"250 HELP\r\n"):
            rest += lines.read(1)
        assert lines.readline().startswith(b"250 ")


def no_tls(server):
    with smtp(server) as client:
        client.ehlo()
        with pytest.raises(smtplib.SMTPResponseException) as error:
            client.starttls()
        assert error.value.smtp_code == 454
        assert client.noop()[0] == 250


def expired(server):
    text = certificate(server)
    assert "Certificate will expire" in text, text
    assert "DNS:mail.example.org" in text


def wrong_name(server):
    text = certificate(server)
    assert "Certificate will not expire" in text, text
    assert "DNS:wrong-name.invalid" in text


def broken_tls(server):
    with smtp(server) as client:
        client.ehlo()
        with pytest.raises(ssl.SSLError) as error:
            client.starttls(context=server.context(verify=False))
    assert "HANDSHAKE_FAILURE" in str(error.value)


def login(server):
    with smtp(server) as client:
        client.ehlo()
        try:
            client.user, client.password = USER, PASSWORD
            return client.auth("PLAIN", client.auth_plain)[0]
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code


def login_later(server):
    assert login(server) == 454
    assert login(server) == 454


def login_never(server):
    assert login(server) == 535
    assert login(server) == 235


def sender_no(server):
    code, text = swaks(server)
    assert code == 23 and "550 5.7.1 Not you" in text, text
    assert swaks(server, sender="a@sender.example")[0] == 0


def greylist(server):
    code, text = swaks(server)
    assert code == 24 and "450 4.7.1 Greylisted" in text, text
    assert swaks(server)[0] == 0
    assert swaks(server, recipient="test@cp.com")[0] == 24
    assert swaks(server, recipient="test@cp.com")[0] == 0


def every_third(server):
    with smtp(server) as client:
        client.ehlo()
        client.mail(SENDER)
        got = [client.rcpt(RECIPIENT)[0] for _ in range(6)]
    assert got == [250, 250, 452, 250, 250, 452]


def rate(server):
    assert [swaks(server)[0] for _ in range(3)] == [0, 0, 23]


def no_such_user(server):
    with smtp(server) as client:
        client.ehlo()
        client.mail(SENDER)
        assert client.rcpt("test@cp.com") == (
            550, b"5.1.1 User unknown\nsee the list")
        assert client.rcpt(RECIPIENT)[0] == 250


def no_data(server):
    code, text = swaks(server)
    assert code == 25 and "451 4.3.0 Not now" in text, text


def full(server):
    code, text = swaks(server, "--header", "X-Mark: full")
    assert code == 26 and "452 4.3.1 Disk full" in text, text
    # mail of the test before may still arrive
    assert not [m for m in server.mails(RECIPIENT) if b"X-Mark: full" in m]


def spam(server):
    code, text = swaks(server)
    assert code == 26 and "554 5.7.1 Looks like spam" in text, text
    assert swaks(server, sender="a@sender.example")[0] == 0


def lost(server, kind):
    with smtp(server) as client:
        client.ehlo()
        with pytest.raises((smtplib.SMTPServerDisconnected, OSError)):
            client.sendmail(SENDER, [RECIPIENT], whole(kind))
            pytest.fail("it was answered")
    raw, = server.wait_mails(RECIPIENT, containing=kind)
    assert field(raw, "Subject") == kind


def lost_answer(server):
    lost(server, "lost answer")


def lost_by_reset(server):
    lost(server, "lost by reset")


def garbage(server):
    sock, lines = connect(server)
    with sock:
        lines.readline()
        sock.sendall(b"EHLO a.example\r\n")
        while not lines.readline().startswith(b"250 "):
            pass
        sock.sendall(b"MAIL FROM:<guy@cp.com>\r\n")
        assert lines.readline() == b"what?\r\n"
        sock.sendall(b"RCPT TO:<administrator@cp.com>\r\n")
        assert lines.readline().startswith(b"250 ")


def last_words(server):
    with smtp(server) as client:
        client.ehlo()
        client.mail(SENDER)
        assert client.rcpt(RECIPIENT) == (421, b"4.7.0 Going down")
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.noop()
            client.noop()


@pytest.fixture(scope="module")
def server(shared_ehlod):
    return shared_ehlod(listeners=[listener("clear", **NETWORK)],
                        options={"faults-allowed": "yes"})


def set_faults(server, *lines):
    server.extra = "\n".join(lines)
    server.write_config()
    server.reload()


@pytest.mark.parametrize("name", TABLE)
def test_table(server, name):
    """Set, seen, and gone after removal."""
    line, _ = TABLE[name]
    for path in server.mailbox(RECIPIENT).glob("new/*"):
        path.unlink()
    set_faults(server, line)
    got = subprocess.run([str(EHLOD), "--check", "-c", str(server.config)],
                         capture_output=True, text=True, timeout=SECONDS)
    assert got.returncode == 0 and "warning" not in re.sub(
        r".*passwords can be read.*", "", got.stderr), got.stderr
    globals()[name.replace("-", "_")](server)
    server.wait(lambda: any(event.name == "fault" and event["name"] == name
                            for event in server.events), f"fault {name}")
    set_faults(server)
    code, text = swaks(server, "--auth", "PLAIN", "--auth-user", USER,
                       "--auth-password", PASSWORD, "--tls")
    assert code == 0, text


def test_the_table_is_whole():
    assert len(TABLE) >= 27


def test_own_certificate(server, certs):
    chain, key = certs.leaf("other.example.org")
    set_faults(server, f'fault "own" {{ at starttls; tls own; certificate'
               f" {chain}; key {key}; }}")
    with smtp(server) as client:
        client.ehlo()
        with pytest.raises(ssl.SSLCertVerificationError) as error:
            client._host = "mail.example.org"
            client.starttls(context=certs.context())
    assert "other.example.org" in str(error.value) or \
        "Hostname mismatch" in str(error.value)
    set_faults(server)


# --- at run time

def ehlo_fault(server, *args, code=0):
    got = subprocess.run(
        [str(EHLO), "fault", *args, "--control", server.options["control"]],
        capture_output=True, text=True, timeout=SECONDS)
    assert got.returncode == code, got.stdout + got.stderr
    return got.stdout + got.stderr


def test_run_time(server):
    """Added, listed, played, gone; a reload leaves it, a name is one."""
    assert ehlo_fault(server, "list") == ""
    ehlo_fault(server, "add", TABLE["no-data"][0])
    ehlo_fault(server, "add", "busy {", "at banner; skip 1; first 1;",
               'reply "421 4.3.2 Too busy"; }')
    server.reload()
    text = ehlo_fault(server, "list")
    assert ('fault no-data { at data; reply "451 4.3.0 Not now"; }\n'
            "    played 0 of 0 times, added at run time\n") in text
    assert swaks(server)[0] == 25
    with pytest.raises(smtplib.SMTPConnectError):
        smtp(server)
    rows = [json.loads(line) for line in
            ehlo_fault(server, "list", "--json").splitlines()]
    assert [(row["name"], row["played"], row["seen"]) for row in rows] == [
        ("no-data", 1, 1), ("busy", 1, 2)]
    assert "already" in ehlo_fault(server, "add", TABLE["no-data"][0], code=1)
    ehlo_fault(server, "remove", "no-data")
    assert swaks(server)[0] == 0
    assert "no fault of this name" in ehlo_fault(server, "remove", "no-data",
                                                 code=1)
    ehlo_fault(server, "remove", "--all")
    assert ehlo_fault(server, "list") == ""


@pytest.mark.parametrize("text,error", [
    ("x { at rcpt; }", "this fault does nothing"),
    ("x { at rcptt; then drop; }", "did you mean 'rcpt'?"),
    ("x { at connect; sender a; then drop; }", "known from mail on"),
    ("x", "a '{' is missing"),
    ("listener x { address 127.0.0.1:1; }", "fault"),
    ("x { at rcpt; then drop; } fault y { at rcpt; then drop; }",
     "write one fault"),
    ('x { at ehlo; ehlo-with "A\x1bB"; }', "control"),
])
def test_run_time_mistakes(server, text, error):
    assert error in ehlo_fault(server, "add", text, code=1)
    assert ehlo_fault(server, "list") == ""


def test_run_time_usage(server, tmp_path):
    assert "wants a fault" in ehlo_fault(server, "add", code=3)
    assert "did you mean" in ehlo_fault(server, "lst", code=3)
    assert "wants names" in ehlo_fault(server, "remove", code=3)
    got = subprocess.run(
        [str(EHLO), "fault", "list", "--control", str(tmp_path / "none")],
        capture_output=True, text=True, timeout=SECONDS)
    assert got.returncode == 2, got.stderr


def test_run_time_not_allowed(ehlod):
    server = ehlod(listeners=[listener("clear", **NETWORK)])
    assert "faults are not allowed" in ehlo_fault(
        server, "add", TABLE["closed-door"][0], code=1)
    with smtp(server) as client:
        assert client.noop()[0] == 250
    # allowed by a reload, and forgotten by the next
    server.options["faults-allowed"] = "yes"
    server.write_config()
    server.reload()
    ehlo_fault(server, "add", TABLE["no-data"][0])
    assert swaks(server)[0] == 25
    server.options["faults-allowed"] = "no"
    server.write_config()
    server.reload()
    assert swaks(server)[0] == 0


@pytest.mark.parametrize("fault,error", [
    ("at starttls; tls broken;", ssl.SSLError),
    ("at connect; then reset;", OSError),
    ("at starttls; tls wrong-name;", ssl.SSLCertVerificationError),
])
def test_implicit_tls(ehlod, fault, error):
    server = ehlod(listeners=[listener("secure", tls="implicit")],
                   options={"faults-allowed": "yes"},
                   extra=f'fault "x" {{ {fault} first 1; }}')
    with pytest.raises(error):
        server.client("secure", tls=server.context())
    with server.client("secure", tls=server.context()) as client:
        assert client.cmd("NOOP") == 250


def test_implicit_tls_refused_at_connect(ehlod):
    server = ehlod(listeners=[listener("secure", tls="implicit")],
                   options={"faults-allowed": "yes"},
                   extra='fault "x" { at connect; first 1;'
                   ' reply "554 5.3.2 Not here"; }')
    with server.client("secure", tls=server.context(), greet=False) as client:
        assert [reply.text for reply in client.rest()] == [
            "554 5.3.2 Not here"]


def test_own_certificate_is_checked(server, tmp_path):
    text = f"own {{ at starttls; tls own; certificate {tmp_path}/c; key /k; }}"
    assert "No such file" in ehlo_fault(server, "add", text, code=1)
    server.extra = "fault " + text
    server.write_config()
    server.reload("reload-failed")
    set_faults(server)


def test_said_once_is_off(ehlod):
    server = ehlod(listeners=[listener("clear", **NETWORK)],
                   extra=TABLE["closed-door"][0])
    assert "off: faults need 'faults-allowed yes;'" in server.text()
    with smtp(server) as client:
        assert client.noop()[0] == 250


def test_all_effects_in_one(ehlod):
    """Late, octet by octet, only a part, and then nothing more."""
    server = ehlod(
        listeners=[listener("clear", **NETWORK)],
        options={"faults-allowed": "yes"},
        extra='fault "x" { at mail; reply "250 2.1.0 Sender OK, maybe";'
        ' delay 50ms; slow 1ms; cut 10; then reset; }')
    sock, lines = connect(server)
    with sock:
        lines.readline()
        sock.sendall(b"HELO a.example\r\nMAIL FROM:<guy@cp.com>\r\n"
                     b"RCPT TO:<administrator@cp.com>\r\n")
        assert lines.readline().startswith(b"250 ")
        got = b""
        with pytest.raises(ConnectionResetError):
            while len(got) < 11:
                got += sock.recv(1)
    assert got == b"250 2.1.0 "


def test_held_for_whoever_has_said_all(ehlod):
    """A client that ends its stream still gets what is held for it, also
    behind an answer of the disk."""
    server = ehlod(listeners=[listener("clear", **NETWORK)],
                   options={"faults-allowed": "yes"},
                   extra='fault "a" { at mail; delay 300ms; }\n'
                   'fault "b" { at end; delay 300ms; }')
    sock, lines = connect(server)
    with sock:
        sock.sendall(b"HELO a.example\r\nMAIL FROM:<guy@cp.com>\r\n"
                     b"RCPT TO:<administrator@cp.com>\r\nDATA\r\n"
                     b"Subject: held\r\n\r\ntext\r\n.\r\nNOOP\r\n")
        sock.shutdown(socket.SHUT_WR)
        codes = [line[:3] for line in lines]
    assert codes == [b"220", b"250", b"250", b"250", b"354", b"250", b"250"]
    assert len(server.find("fault")) == 2


def test_stops_while_a_reply_is_held(ehlod):
    """A fault that waits for a day does not keep the daemon."""
    server = ehlod(listeners=[listener("clear", **NETWORK)],
                   options={"faults-allowed": "yes", "shutdown-grace": "1s"},
                   extra='fault "x" { at ehlo; delay 1d; }')
    sock, lines = connect(server)
    with sock:
        lines.readline()
        sock.sendall(b"EHLO a.example\r\n")
        server.wait_event("fault")
        server.stop()
        rest = lines.read()
        assert b"250 HELP\r\n421 " in rest, rest
