# SPDX-License-Identifier: Apache-2.0
"""Programs that other people wrote deliver a message, unharmed."""
import email
import email.message
import email.policy
import smtplib
import subprocess

import pytest

from harness import (SECONDS, STRANGER, assert_delivered_as_sent, crlf,
                     field, listener, take_apart, whole)

USER, PASSWORD = "guyt", "Pauline13"
SENDER, RECIPIENT = "guy@cp.com", "administrator@cp.com"


@pytest.fixture(scope="module")
def server(shared_ehlod):
    return shared_ehlod(listeners=[
        listener("clear"),
        listener("secure", tls="implicit"),
        listener("strict", typist="no", basic_auth_only_after_tls="yes"),
    ])


def run(args, **options):
    got = subprocess.run([str(arg) for arg in args], capture_output=True,
                         timeout=SECONDS, **options)
    output = got.stdout.decode(errors="replace") + got.stderr.decode(
        errors="replace")
    assert got.returncode == 0, output
    return output


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
@pytest.mark.parametrize("tls", ["none", "starttls", "implicit"])
def test_swaks(server, mechanism, tls):
    name = "secure" if tls == "implicit" else "clear"
    options = {"none": [], "starttls": ["--tls"],
               "implicit": ["--tls-on-connect"]}[tls]
    subject = f"swaks {mechanism} {tls}"
    output = run(["swaks", "--server", "127.0.0.1", "--port",
                  server.port(name), "--auth", mechanism, "--auth-user", USER,
                  "--auth-password", PASSWORD, "--from", SENDER, "--to",
                  RECIPIENT, "--header", f"Subject: {subject}", "--body",
                  "Line one\n.\nline three", *options])
    assert "235" in output
    raw, = server.wait_mails(RECIPIENT, containing=subject)
    assert field(raw, "Subject") == subject
    assert b"Line one\n.\nline three\n" in take_apart(raw)[1]


def test_swaks_wrong_password(server):
    got = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(server.port()),
         "--auth", "LOGIN", "--auth-user", USER, "--auth-password",
         "not the password", "--from", SENDER, "--to", RECIPIENT],
        capture_output=True, timeout=SECONDS)
    assert got.returncode == 28
    assert b"535 5.7.8" in got.stdout + got.stderr


@pytest.mark.parametrize("name,scheme", [("clear", "smtp"),
                                         ("strict", "smtp"),
                                         ("secure", "smtps")])
def test_curl(server, tmp_path, name, scheme):
    sent = whole(f"curl {name}", "Text with a\n.\ndot.\n").replace("\n",
                                                                   "\r\n")
    (tmp_path / "mail").write_bytes(sent.encode())
    port = server.port(name)
    run(["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert",
         server.certs.root, "--resolve", f"mail.example.org:{port}:127.0.0.1",
         "--user", f"{USER}:{PASSWORD}", "--mail-from", SENDER, "--mail-rcpt",
         RECIPIENT, "--upload-file", tmp_path / "mail",
         f"{scheme}://mail.example.org:{port}/client.example"])
    raw, = server.wait_mails(RECIPIENT, containing=f"curl {name}")
    assert_delivered_as_sent(raw, sent)


@pytest.mark.parametrize("mechanism", ["plain", "login"])
@pytest.mark.parametrize("name", ["strict", "secure"])
def test_msmtp(server, tmp_path, mechanism, name):
    sent = whole(f"msmtp {mechanism} {name}", "Text.\n..\n.dot\n")
    run(["msmtp", "--file=/dev/null", "--host=127.0.0.1",
         f"--port={server.port(name)}", "--tls=on",
         f"--tls-starttls={'off' if name == 'secure' else 'on'}",
         f"--tls-trust-file={server.certs.root}", f"--auth={mechanism}",
         f"--user={USER}", "--passwordeval=echo " + PASSWORD,
         f"--from={SENDER}", RECIPIENT], input=sent.encode())
    raw, = server.wait_mails(RECIPIENT,
                             containing=f"msmtp {mechanism} {name}")
    assert_delivered_as_sent(raw, sent)


@pytest.mark.parametrize("name", ["clear", "strict", "secure"])
def test_smtplib(server, name):
    sent = whole(f"smtplib {name}", "Grüße.\n.\n")
    context = server.context()
    context.check_hostname = False
    if name == "secure":
        smtp = smtplib.SMTP_SSL("127.0.0.1", server.port(name),
                                timeout=SECONDS, context=context)
    else:
        smtp = smtplib.SMTP("127.0.0.1", server.port(name), timeout=SECONDS)
        smtp.starttls(context=context)
    with smtp:
        smtp.login(USER, PASSWORD)
        smtp.sendmail(SENDER, [RECIPIENT], crlf(sent), ["BODY=8BITMIME"])
    raw, = server.wait_mails(RECIPIENT, containing=f"smtplib {name}")
    assert_delivered_as_sent(raw, sent)


def test_smtplib_utf8_address(server):
    with smtplib.SMTP("127.0.0.1", server.port(), timeout=SECONDS) as smtp:
        smtp.ehlo()
        assert smtp.has_extn("SMTPUTF8")
        smtp.login(USER, PASSWORD)
        # not ours and not known: refused for that, not for its letters
        code, _ = smtp.mail(SENDER, ["SMTPUTF8"])
        assert code == 250
        code, text = smtp.rcpt("grüße@cp.com")
        assert code == 550, text


def test_attachments_survive(server):
    """A megabyte of all octets, as a client would send it."""
    message = email.message.EmailMessage()
    message["From"], message["To"] = SENDER, RECIPIENT
    message["Subject"] = "a large attachment"
    message["Date"] = "Sat, 21 Nov 2026 06:37:03 +0000"
    message["Message-ID"] = "<large@client.example>"
    message.set_content("See attached.\n")
    content = bytes(range(256)) * 4096
    message.add_attachment(content, maintype="application",
                           subtype="octet-stream", filename="all.bin")
    sent = message.as_bytes(policy=email.policy.SMTP)
    with smtplib.SMTP("127.0.0.1", server.port(), timeout=SECONDS) as smtp:
        smtp.login(USER, PASSWORD)
        smtp.sendmail(SENDER, [RECIPIENT], sent)
    raw, = server.wait_mails(RECIPIENT, containing="a large attachment")
    assert_delivered_as_sent(raw, sent)
    got = email.message_from_bytes(raw, policy=email.policy.default)
    attachment, = got.iter_attachments()
    assert attachment.get_content() == content


def test_chunking(server):
    """BDAT carries bytes as they are, dots and all."""
    sent = whole("by chunks", ".\n..\nlast line\n").replace("\n", "\r\n")
    data = sent.encode()
    with server.client() as c:
        assert "CHUNKING" in c.ehlo().keywords
        c.begin(STRANGER, RECIPIENT)
        for at in range(0, len(data), 50):
            piece = data[at:at + 50]
            last = " LAST" if at + 50 >= len(data) else ""
            c.send(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
            assert c.reply() == 250
    raw, = server.wait_mails(RECIPIENT, containing="by chunks")
    assert_delivered_as_sent(raw, sent)


def test_pipelining(server):
    """A whole session in one packet, up to the points of RFC 2920."""
    sent = whole("pipelined").replace("\n", "\r\n").encode()
    with server.client() as c:
        assert "PIPELINING" in c.ehlo().keywords
        c.send(f"MAIL FROM:<{STRANGER}>\r\nRCPT TO:<{RECIPIENT}>\r\n"
               f"RCPT TO:<nobody@cp.com>\r\nDATA\r\n")
        assert [c.reply().code for _ in range(4)] == [250, 250, 550, 354]
        c.send(sent + b".\r\nQUIT\r\n")
        assert [reply.code for reply in c.rest()] == [250, 221]
    raw, = server.wait_mails(RECIPIENT, containing="pipelined")
    assert_delivered_as_sent(raw, sent)


def test_three_messages_in_one_session(server):
    with server.client() as c:
        c.ehlo()
        for n in range(3):
            c.message(STRANGER, RECIPIENT, whole(f"one of three {n}"))
        assert c.cmd("QUIT") == 221
    mails = server.wait_mails(RECIPIENT, 3, containing="one of three")
    assert len(mails) == 3


def test_blind_copies_stay_blind(server):
    """Two recipients: neither copy names the other."""
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, RECIPIENT, "test@cp.com")
        assert c.data(whole("blind copy")) == 250
    one, = server.wait_mails(RECIPIENT, containing="blind copy")
    two, = server.wait_mails("test@cp.com", containing="blind copy")
    assert b"test@cp.com" not in one
    assert b"administrator@cp.com" not in two.partition(b"From:")[0]


def test_received_tells_the_way(server):
    with server.client("secure", tls=server.context()) as c:
        c.ehlo("laptop.example")
        assert c.auth(USER, PASSWORD) == 235
        c.message(SENDER, RECIPIENT, whole("the way"))
    raw, = server.wait_mails(RECIPIENT, containing="the way")
    received = field(raw, "Received")
    assert "laptop.example" in received and "127.0.0.1" in received
    assert "mail.example.org" in received and "ESMTPSA" in received
    assert USER not in received
