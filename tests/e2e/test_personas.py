# SPDX-License-Identifier: Apache-2.0
"""Programs that other people wrote, against each persona: they log in, start
TLS, send; and nmap takes us for what we play."""
import os
import re
import shutil
import smtplib
import subprocess

import pytest

from harness import (EHLO, EHLOD, ROOT, SECONDS, assert_delivered_as_sent,
                     field, listener, whole)

USER, PASSWORD = "guyt", "Pauline13"
SENDER, RECIPIENT = "guy@cp.com", "administrator@cp.com"
# persona: (the name it tells, mechanisms, those of X-EXPS, decoys among them)
PERSONAS = {
    "native": ("mail.example.org", "plain login", "none", "none"),
    "exchange2003": ("guy.cp.com", "gssapi ntlm login",
                     "gssapi ntlm login", "gssapi ntlm"),
    "exchange2007": ("SMTPServer.testdomain.local", "ntlm login",
                     "gssapi ntlm", "gssapi ntlm"),
    "exchange2010": ("server.contoso.com", "ntlm login", "gssapi ntlm",
                     "gssapi ntlm"),
    "iis6": ("C34495-51701", "gssapi ntlm login", "none", "gssapi ntlm"),
    "postfix-old": ("mymailserver.com", "plain login", "none", "none"),
    "postfix": ("mymailserver.com", "plain login", "none", "none"),
}


def block(persona):
    name, auth, exps, decoys = PERSONAS[persona]
    return listener(persona, persona=persona, greeting_name=name, auth=auth,
                    exps=exps, auth_decoys=decoys, typist="no",
                    relay="authenticated")


@pytest.fixture(scope="module")
def server(shared_ehlod):
    return shared_ehlod(listeners=[block(persona) for persona in PERSONAS])


def run(args, **options):
    got = subprocess.run([str(arg) for arg in args], capture_output=True,
                         timeout=SECONDS, **options)
    output = got.stdout.decode(errors="replace") + got.stderr.decode(
        errors="replace")
    assert got.returncode == 0, output
    return output


def by_swaks(server, persona, sent):
    run(["swaks", "--server", "127.0.0.1", "--port", server.port(persona),
         "--tls", "--auth", "LOGIN", "--auth-user", USER, "--auth-password",
         PASSWORD, "--from", SENDER, "--to", RECIPIENT, "--data", "-"],
        input=sent.encode())


def by_curl(server, persona, sent):
    port = server.port(persona)
    run(["curl", "--silent", "--show-error", "--ssl-reqd", "--cacert",
         server.certs.root, "--resolve", f"mail.example.org:{port}:127.0.0.1",
         "--user", f"{USER}:{PASSWORD}", "--login-options", "AUTH=LOGIN",
         "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "--upload-file",
         "-", f"smtp://mail.example.org:{port}/client.example"],
        input=sent.replace("\n", "\r\n").encode())


def by_msmtp(server, persona, sent):
    run(["msmtp", "--file=/dev/null", "--host=127.0.0.1",
         f"--port={server.port(persona)}", "--tls=on", "--tls-starttls=on",
         f"--tls-trust-file={server.certs.root}", "--auth=login",
         f"--user={USER}", "--passwordeval=echo " + PASSWORD,
         f"--from={SENDER}", RECIPIENT], input=sent.encode())


def by_smtplib(server, persona, sent):
    context = server.context()
    context.check_hostname = False
    with smtplib.SMTP("127.0.0.1", server.port(persona),
                      timeout=SECONDS) as smtp:
        smtp.starttls(context=context)
        smtp.login(USER, PASSWORD)
        assert smtp.sendmail(SENDER, [RECIPIENT], sent) == {}


NODE = """
const mail = require("nodemailer").createTransport({
    host: "127.0.0.1", port: Number(process.env.PORT), requireTLS: true,
    tls: { ca: require("fs").readFileSync(process.env.CA),
        servername: "mail.example.org" },
    authMethod: "LOGIN",
    auth: { user: process.env.LOGIN, pass: process.env.SECRET } });
mail.sendMail({ envelope: { from: process.env.SENDER,
    to: [process.env.RCPT] }, raw: require("fs").readFileSync(0) },
    (error, info) => {
        if (error) { console.error(error); process.exitCode = 1; }
        else console.log(info.response);
        mail.close();
    });
"""


def by_nodemailer(server, persona, sent):
    environment = dict(
        os.environ, NODE_PATH="/usr/share/nodejs", LOGIN=USER,
        PORT=str(server.port(persona)), CA=str(server.certs.root),
        SECRET=PASSWORD, SENDER=SENDER, RCPT=RECIPIENT)
    run(["node", "-e", NODE], input=sent.encode(), env=environment)


CLIENTS = {"swaks": by_swaks, "curl": by_curl, "msmtp": by_msmtp,
           "smtplib": by_smtplib, "nodemailer": by_nodemailer}


@pytest.mark.parametrize("persona", PERSONAS)
@pytest.mark.parametrize("client", CLIENTS)
def test_login_tls_send(server, client, persona):
    subject = f"{client} to {persona}."
    sent = whole(subject, "Text.\n.\n..two\n")
    CLIENTS[client](server, persona, sent)
    raw, = server.wait_mails(RECIPIENT, containing=subject)
    if client == "swaks":       # adds a header of its own
        assert field(raw, "Subject") == subject
        assert raw.endswith(b"Text.\n.\n..two\n") or \
            raw.endswith(b"Text.\n.\n..two\n\n")
    else:
        assert_delivered_as_sent(raw, sent)


@pytest.mark.parametrize("persona", PERSONAS)
def test_wrong_password(server, persona):
    with smtplib.SMTP("127.0.0.1", server.port(persona),
                      timeout=SECONDS) as smtp:
        smtp.ehlo()
        smtp.user, smtp.password = USER, "not the password"
        with pytest.raises(smtplib.SMTPAuthenticationError) as error:
            smtp.auth("LOGIN", smtp.auth_login)
    assert error.value.smtp_code == 535


@pytest.fixture(scope="module")
def real_ntlm(shared_ehlod, users, tmp_path_factory):
    """NTLM that is no decoy, and somebody who may use it."""
    name, _, exps, _ = PERSONAS["exchange2010"]
    server = shared_ehlod(start=False, listeners=[listener(
        "ntlm", persona="exchange2010", greeting_name=name, auth="ntlm login",
        exps=exps, auth_decoys="gssapi", sender_must_match_login="no")])
    secret = tmp_path_factory.mktemp("ntlm") / "password"
    secret.write_text(PASSWORD + "\n")
    run([EHLO, "user", "add", "--users", server.folder / "users",
         "--password-file", secret, "--ntlm", "fangyunfeng"])
    return server.start()


def test_curl_ntlm(real_ntlm):
    port, sent = real_ntlm.port("ntlm"), whole("curl by NTLM")
    run(["curl", "--silent", "--show-error", "--user",
         f"fangyunfeng:{PASSWORD}", "--login-options", "AUTH=NTLM",
         "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "--upload-file",
         "-", f"smtp://127.0.0.1:{port}/client.example"],
        input=sent.replace("\n", "\r\n").encode())
    raw, = real_ntlm.wait_mails(RECIPIENT, containing="curl by NTLM")
    assert_delivered_as_sent(raw, sent)
    event, = real_ntlm.wait(lambda: real_ntlm.find("login"), "the login")
    assert event["mechanism"] == "NTLM" and event["user"] == "fangyunfeng"


def test_ntlm_is_not_a_password_in_base64(real_ntlm):
    """What the readers of the article tried."""
    with real_ntlm.client("ntlm") as client:
        client.ehlo()
        assert client.cmd("auth ntlm").text == "334 NTLM supported"
        assert client.cmd("ZmFuZ3l1bmZlbmdcQXNkMTIz").text == \
            "535 5.7.3 Authentication unsuccessful"
        assert client.cmd("x-exps ntlm").text == "334 NTLM supported"
        reply = client.cmd("TlRMTVNTUAABAAAAt4II4gAAAAAAAAAAAAAAAAAAAAAFAs4O"
                           "AAAADw==")
        assert reply == 334 and reply.text[4:].startswith("TlRMTVNTUAACAAAA")
        assert client.cmd("*") == 501


def test_nmap_ntlm_info(real_ntlm):
    """As it prints of an Exchange: the names of the machine and its domain."""
    output = run(["nmap", "-n", "-Pn", "-sT", "-p", real_ntlm.port("ntlm"),
                  "--script", "+smtp-ntlm-info", "127.0.0.1"])
    for name in ("Target_Name", "NetBIOS_Computer_Name", "DNS_Domain_Name",
                 "DNS_Computer_Name"):
        assert re.search(rf"^\|[ _]+{name}: \S", output, re.M), output
    assert re.search(r"DNS_Computer_Name: server\.contoso\.com", output,
                     re.I), output


def test_decoys_are_refused(server):
    """Offered, begun, refused; not even the right password helps."""
    with server.client("exchange2007") as client:
        assert "NTLM" in client.ehlo().keywords["AUTH"]
        for words in ("AUTH NTLM", "X-EXPS GSSAPI"):
            assert client.cmd(words) == 334
            assert client.cmd("TlRMTVNTUAABAAAA") == 535
    server.wait(lambda: [event for event in server.find("login-failed")
                         if event["reason"] == "a decoy"], "a decoy")


def test_names_in_the_log(server):
    """The name that a persona gives to a mail leads to the spool's."""
    with server.client("exchange2010") as client:
        client.ehlo()
        reply = client.message("a@sender.example", RECIPIENT, whole("named"))
    match = re.fullmatch(
        r"250 2\.6\.0 <(\S+@server\.contoso\.com)> \[InternalId=(\d+)\] "
        r"Queued mail for delivery", reply.text)
    assert match, reply
    event, = server.wait(lambda: [
        event for event in server.find("named") if event["as"] == match[1]],
        "its name")
    assert event["number"] == match[2]
    raw, = server.wait_mails(RECIPIENT, containing="named")
    assert event["message"] in field(raw, "Received")


@pytest.mark.parametrize("persona,words", [
    ("exchange2007", "451 4.7.0 Timeout waiting for client input"),
    ("postfix", "421 4.4.2 mail.example.org Error: timeout exceeded"),
    ("postfix-old", "421 mail.example.org Error: timeout exceeded"),
    ("native", "421 4.4.2 Nothing heard for too long; goodbye"),
])
def test_time_out(ehlod, persona, words):
    server = ehlod(listeners=[listener(persona=persona, timeout="100ms")])
    with server.client() as client:
        assert [reply.text for reply in client.rest()] == [words]


def test_check_tells(ehlod):
    server = ehlod(start=False, listeners=[block("exchange2007")])
    output = run([EHLOD, "--check", "-c", server.config])
    assert "persona: exchange2007, as SMTPServer.testdomain.local" in output
    assert "X-EXPS: GSSAPI NTLM" in output
    assert "offered, always refused: GSSAPI NTLM" in output


# --- what a scanner takes us for

@pytest.fixture(scope="module")
def scan(server):
    """{persona: what nmap says of its port}"""
    ports = {str(server.port(persona)): persona for persona in PERSONAS}
    output = run(["nmap", "-n", "-Pn", "-sT", "-p", ",".join(ports),
                  "--script", "+smtp-commands", "127.0.0.1"])
    parts = re.split(r"^(\d+)/tcp +open .*\n", output, flags=re.M)
    return {ports[port]: text for port, text
            in zip(parts[1::2], parts[2::2])}


# as the script prints what real servers answer
SEEN = {
    "exchange2003": (
        "guy.cp.com Hello [127.0.0.1], TURN, SIZE, ETRN, PIPELINING, DSN, "
        "ENHANCEDSTATUSCODES, 8bitmime, BINARYMIME, CHUNKING, VRFY, TLS, "
        "STARTTLS, X-EXPS GSSAPI NTLM LOGIN, X-EXPS=LOGIN, AUTH GSSAPI NTLM "
        "LOGIN, AUTH=LOGIN, X-LINK2STATE, XEXCH50, OK",
        "This server supports the following commands: HELO EHLO STARTTLS "
        "RCPT DATA RSET MAIL QUIT HELP AUTH TURN ETRN BDAT VRFY"),
    "exchange2007": (
        "SMTPServer.testdomain.local Hello [127.0.0.1], SIZE, PIPELINING, "
        "DSN, ENHANCEDSTATUSCODES, STARTTLS, X-ANONYMOUSTLS, AUTH NTLM "
        "LOGIN, X-EXPS GSSAPI NTLM, 8BITMIME, BINARYMIME, CHUNKING, XEXCH50, "
        "XRDST",
        "This server supports the following commands: HELO EHLO STARTTLS "
        "RCPT DATA RSET MAIL QUIT HELP AUTH BDAT"),
    "exchange2010": (
        "server.contoso.com Hello [127.0.0.1], SIZE 26214400, PIPELINING, "
        "DSN, ENHANCEDSTATUSCODES, STARTTLS, X-ANONYMOUSTLS, AUTH NTLM "
        "LOGIN, X-EXPS GSSAPI NTLM, 8BITMIME, BINARYMIME, CHUNKING, XEXCH50, "
        "XRDST, XSHADOW",
        "This server supports the following commands: HELO EHLO STARTTLS "
        "RCPT DATA RSET MAIL QUIT HELP AUTH BDAT"),
    "iis6": (
        "C34495-51701 Hello [127.0.0.1], AUTH GSSAPI NTLM LOGIN, AUTH=LOGIN, "
        "TURN, SIZE, ETRN, PIPELINING, DSN, ENHANCEDSTATUSCODES, 8bitmime, "
        "BINARYMIME, CHUNKING, VRFY, TLS, STARTTLS, OK",
        "This server supports the following commands: HELO EHLO STARTTLS "
        "RCPT DATA RSET MAIL QUIT HELP AUTH TURN ETRN BDAT VRFY"),
    "postfix-old": (
        "mymailserver.com, PIPELINING, SIZE 26214400, VRFY, ETRN, STARTTLS, "
        "AUTH PLAIN LOGIN, AUTH=PLAIN LOGIN, 8BITMIME", None),
    "postfix": (
        "mymailserver.com, PIPELINING, SIZE 26214400, VRFY, ETRN, STARTTLS, "
        "AUTH PLAIN LOGIN, ENHANCEDSTATUSCODES, 8BITMIME, DSN, SMTPUTF8, "
        "CHUNKING", "2.0.0 Commands: AUTH BDAT DATA EHLO ETRN HELO HELP "
        "MAIL NOOP QUIT RCPT RSET STARTTLS VRFY"),
}


@pytest.mark.parametrize("persona", SEEN)
def test_nmap_smtp_commands(scan, persona):
    commands, help_text = SEEN[persona]
    text = " ".join(scan[persona].split()).replace(" | ", " ")
    assert f"smtp-commands: {commands}" in text, scan[persona]
    if help_text is None:
        assert "ommands:" not in text.split("smtp-commands:")[1]
    else:
        assert help_text in text, scan[persona]


def test_tools_are_here():
    for tool in ("swaks", "curl", "msmtp", "node", "nmap"):
        assert shutil.which(tool), f"{tool} is missing: tools/setup.sh test"


def test_all_five_as_the_articles_want_them(tmp_path):
    """What tests/articles/README.md tells to type makes a good server."""
    text = (ROOT / "tests/articles/README.md").read_text()
    typed = re.search(r"    openssl req .*?    done\n", text, re.S)[0]
    (tmp_path / "ehlod.conf").write_text(
        re.search(r"```\n(.*?)```", text, re.S)[1])
    run(["bash", "-ec", typed], cwd=tmp_path,
        env={**os.environ, "PATH": f"{EHLO.parent}:{os.environ['PATH']}"})
    got = run([EHLOD, "--check", "--config", "ehlod.conf"], cwd=tmp_path)
    for persona in ("exchange2003", "exchange2007", "exchange2010",
                    "postfix-old", "iis6"):
        assert f"persona: {persona}, " in got, got
