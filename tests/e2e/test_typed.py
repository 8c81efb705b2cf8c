# SPDX-License-Identifier: Apache-2.0
"""What five articles tell people to type, typed: through the real telnet, nc
and s_client, with the articles' names and strings. Their printing mistakes are
corrected (a password that is no base64, replies cut by the web page)."""
import re

import pytest

from harness import STRANGER, Typist, field, listener, take_apart

pytestmark = pytest.mark.usefixtures("typed")

GUYT, PAULINE = "Z3V5dA==", "UGF1bGluZTEz"


@pytest.fixture(scope="module")
def server(shared_ehlod):
    return shared_ehlod(listeners=[
        listener("native"),
        listener("secure", tls="implicit"),
        listener("iis6", persona="iis6"),
        listener("exchange2007", persona="exchange2007"),
        listener("exchange2010", persona="exchange2010"),
        listener("postfix-old", persona="postfix-old"),
    ])


@pytest.fixture
def typed(server):
    """Every session begins with empty mailboxes."""
    for path in server.folder.glob("mail/*/*/new/*"):
        path.unlink()


def telnet(server, name):
    return Typist(["telnet", "127.0.0.1", str(server.port(name))],
                  terminal=True)


def nc(server, name):
    return Typist(["nc", "127.0.0.1", str(server.port(name))])


def s_client(server, name, *options):
    return Typist(["openssl", "s_client", "-connect",
                   f"127.0.0.1:{server.port(name)}", "-CAfile",
                   str(server.certs.root), "-servername", "mail.example.org",
                   *options])


def assert_added(raw):
    """What a person did not type, the server has written."""
    assert re.fullmatch(r"\w{3}, +\d+ \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}",
                        field(raw, "Date"))
    assert re.fullmatch(r"<[^<>@\s]+@[^<>@\s]+>", field(raw, "Message-ID"))


# --- the first article: AUTH LOGIN with IIS words

@pytest.mark.parametrize("name", ["iis6", "native"])
def test_exchange_login_by_telnet(server, name):
    with telnet(server, name) as t:
        t.reply(220)
        t.say(("ehlo", 250),
              ("auth login", 334, "VXNlcm5hbWU6"),
              (GUYT, 334, "UGFzc3dvcmQ6"),
              (PAULINE, 235, "2.7.0"),
              ("mail from: guy@cp.com", 250, "2.1.0"),
              ("rcpt to: administrator@cp.com", 250, "2.1.5"),
              ("data", 354),
              ("Please send cheque soonest\n.", 250))
        t.type("quit")
        t.expect("Connection closed by foreign host")
    raw, = server.wait_mails("administrator@cp.com")
    assert take_apart(raw)[1] == b"Please send cheque soonest\n"
    assert "guy@cp.com" in field(raw, "From")
    assert field(raw, "Return-Path") == "<guy@cp.com>"
    assert_added(raw)


def test_iis_words(server):
    """To the letter, with the trailing space and the full stop."""
    with server.client("iis6") as c:
        c.ehlo()
        assert c.cmd("auth login").text == "334 VXNlcm5hbWU6"
        assert c.cmd(GUYT).text == "334 UGFzc3dvcmQ6"
        assert c.cmd(PAULINE).text.startswith(
            "235 2.7.0 Authentication successful")
        assert c.cmd("mail from: guy@cp.com").text \
            == "250 2.1.0 guy@cp.com....Sender OK"
        assert c.cmd("rcpt to: administrator@cp.com").text \
            == "250 2.1.5 administrator@cp.com "
        assert c.cmd("data").text \
            == "354 Start mail input; end with <CRLF>.<CRLF>"
        c.send(b"Please send cheque soonest\r\n.\r\n")
        assert c.reply().text.endswith("Queued mail for delivery")


def test_the_printed_password_is_refused(server):
    """13 characters are no base64; the article shows 235."""
    with telnet(server, "iis6") as t:
        t.reply(220)
        t.say(("ehlo", 250), ("auth login", 334), (GUYT, 334),
              ("UGaF1bGluZTEz", 501),
              # the session lives
              ("auth login", 334), (GUYT, 334), (PAULINE, 235),
              ("quit", 221))


def test_mistakes_of_the_first_article(server):
    with telnet(server, "native") as t:
        t.reply(220)
        t.say(("ehlo", 250),
              ("auth login", 334), (GUYT, 334), (PAULINE, 235),
              ("mail to: guy@cp.com", 501),
              ("mail from guy@cp.com", 501),
              ("mail from: guy@cp.com", 250),
              ("rcpt to: administrator@cp.com", 250),
              ("quit", 221))


# --- the second: Exchange 2007

def test_exchange_2007_by_telnet(server):
    with telnet(server, "exchange2007") as t:
        t.reply(220, "Microsoft ESMTP MAIL Service")
        t.say(("ehlo", 250),
              ("AUTH LOGIN", 334, "VXNlcm5hbWU6"),
              ("YWRtaW5pc3RyYXRvcg==", 334, "UGFzc3dvcmQ6"),
              ("cGFzc3dvcmQ=", 235, "2.7.0 Authentication successful"),
              ("mail from:administrator@testdomain.local", 250,
               "2.1.0 Sender OK"),
              ("rcpt to:administrator@testdomain.local", 250,
               "2.1.5 Recipient OK"),
              ("data", 354, "Start mail input; end with <CRLF>.<CRLF>"),
              ("This is a test email\n.", 250, "Queued mail for delivery"),
              ("quit", 221))
    raw, = server.wait_mails("administrator@testdomain.local")
    assert take_apart(raw)[1] == b"This is a test email\n"
    assert_added(raw)


def test_a_mistyped_word_does_not_end_the_session(server):
    with telnet(server, "exchange2007") as t:
        t.reply(220)
        t.say(("ehlo", 250),
              ("mail frrom:", 501, "5.5.4 Unrecognized parameter"),
              ("mail from:administrator@testdomain.local", 250),
              ("quit", 221))


@pytest.mark.parametrize("backspace", ["\x08", "\x7f"])
def test_backspaces_are_applied_for_typists(server, backspace):
    with server.client("native") as c:
        c.ehlo()
        reply = c.cmd("mail frrom:" + backspace * 4
                      + "om:<guy@cp.com>")
        # "mail fr" + "om:<guy@cp.com>"
        assert reply == 250, reply


def test_ntlm_that_is_not_offered(server):
    with telnet(server, "exchange2007") as t:
        t.reply(220)
        t.say(("ehlo", 250), ("auth ntlm", 504), ("quit", 221))


# --- the third: STARTTLS, openssl s_client without -crlf

@pytest.mark.parametrize("name,options", [
    ("exchange2010", ("-starttls", "smtp")),
    ("native", ("-starttls", "smtp")),
    ("native", ("-starttls", "smtp", "-crlf")),
    ("native", ("-starttls", "smtp", "-tls1_2")),
    ("secure", ()),
    ("secure", ("-crlf",)),
])
def test_openssl_s_client(server, name, options):
    with s_client(server, name, *options) as t:
        # the whole chain comes, so that the root alone is enough
        t.expect(r"Verify return code: 0 \(ok\)")
        if "-starttls" in options:
            # s_client has said EHLO in the clear, and people say no other
            t.expect(r"^250 .*\n")
        else:
            t.reply(220)
            t.say(("ehlo smtp.contoso.com", 250))
        t.say(("AUTH LOGIN", 334, "VXNlcm5hbWU6"),
              ("dXNlcjFAY29udG9zby5jb20=", 334, "UGFzc3dvcmQ6"),
              ("UEAkJHcwcmQ=", 235, "2.7.0 Authentication successful"),
              ("mail from:user1@contoso.com", 250, "2.1.0"),
              ("rcpt to:user2@contoso.com", 250, "2.1.5"),
              ("data", 354),
              ("subject: Test OpenSSL Mail-Enabled User\n"
               "Test from mail-enabled user\n.", 250),
              ("quit", 221))
    raw, = server.wait_mails("user2@contoso.com")
    assert field(raw, "Subject") == "Test OpenSSL Mail-Enabled User"
    assert take_apart(raw)[1] == b"Test from mail-enabled user\n"
    assert_added(raw)


def test_starttls_is_offered_before_it(server):
    with telnet(server, "exchange2010") as t:
        t.reply(220)
        t.type("ehlo smtp.contoso.com")
        t.expect(r"^250-STARTTLS\r?\n")
        t.expect(r"^250[- ]AUTH .*LOGIN")


# --- the fourth: telnet and nc to Postfix, LF only

@pytest.mark.parametrize("program", [telnet, nc])
@pytest.mark.parametrize("name", ["postfix-old", "native"])
def test_postfix_session(server, program, name):
    with program(server, name) as t:
        t.reply(220)
        t.say(("ehlo h1.home.net", 250),
              ("auth login dXNlcm5hbWU=", 334, "UGFzc3dvcmQ6"),
              ("cGFzc3dvcmQ=", 235, "Authentication successful"),
              ("mail from:<norbert@acodedb.com>", 250),
              ("rcpt to:<info@acodedb.com>", 250),
              ("data", 354),
              ("from: name_of_sender <norbert@acodedb.com>\n"
               "to: name_of_recipient <info@acodedb.com>\n"
               "subject:test\n"
               "Enter the actual mailtext here...blabla. \n.", 250),
              ("quit", 221))
        if program is telnet:
            t.expect("Connection closed by foreign host")
    raw, = server.wait_mails("info@acodedb.com")
    assert field(raw, "Subject") == "test"
    assert field(raw, "To") == "name_of_recipient <info@acodedb.com>"
    # the space at the end of the line is part of the text
    assert take_apart(raw)[1] == b"Enter the actual mailtext here...blabla. \n"
    assert_added(raw)


def test_postfix_words(server):
    with server.client("postfix-old") as c:
        # what is offered is what there is; the words are the persona's
        assert "250-AUTH PLAIN LOGIN" in c.ehlo("h1.home.net").lines
        assert c.cmd("auth login dXNlcm5hbWU=").text == "334 UGFzc3dvcmQ6"
        assert c.cmd("cGFzc3dvcmQ=").text == "235 Authentication successful"
        assert c.cmd("mail from:<norbert@acodedb.com>").text == "250 Ok"
        assert c.cmd("rcpt to:<info@acodedb.com>").text == "250 Ok"
        assert c.cmd("data").text \
            == "354 End data with <CR><LF>.<CR><LF>"
        c.send(b"text\r\n.\r\n")
        assert re.fullmatch(r"250 Ok: queued as \w+", c.reply().text)
        assert c.cmd("quit").text == "221 Bye"


# --- the fifth: IIS 6

@pytest.mark.parametrize("program", [telnet, nc])
def test_iis_session(server, program):
    with program(server, "iis6") as t:
        t.reply(220, "Microsoft ESMTP MAIL Service")
        t.say(("ehlo myrocode.com", 250),
              ("auth login", 334, "VXNlcm5hbWU6"),
              ("aXBlcmJvcmVh", 334, "UGFzc3dvcmQ6"),
              ("aXBlcmIwMSE=", 235, "2.7.0 Authentication successful"),
              ("mail from:miro@miro.com", 250,
               "2.1.0 miro@miro.com....Sender OK"),
              ("rcpt to:test@myrocode.com", 250, "2.1.5 test@myrocode.com"),
              ("data", 354),
              ("ciaooooo\n.", 250, "Queued mail for delivery"),
              ("quit", 221))
    raw, = server.wait_mails("test@myrocode.com")
    assert take_apart(raw)[1] == b"ciaooooo\n"
    assert_added(raw)


@pytest.mark.parametrize("hello", ["EHLO 193.56.47.125", "HELO x", "ehlo",
                                   "EHLO [127.0.0.1]", "helo"])
def test_ways_to_say_hello(server, hello):
    with server.client("iis6") as c:
        assert c.cmd(hello) == 250


def test_help(server):
    with server.client("native") as c:
        assert c.cmd("HELP") == 214


# --- lines that end in LF only, and the way out of that mode

def test_nc_text_with_dots(server):
    with nc(server, "native") as t:
        t.reply(220)
        t.say(("ehlo", 250), ("auth login", 334), (GUYT, 334),
              (PAULINE, 235), ("mail from:guy@cp.com", 250),
              ("rcpt to:administrator@cp.com", 250), ("data", 354),
              ("subject: dots\n\n..one dot\n...two\ntext.\n.", 250),
              ("quit", 221))
        assert t.wait_end() == 0
    raw, = server.wait_mails("administrator@cp.com")
    assert take_apart(raw)[1] == b".one dot\n..two\ntext.\n"


def test_one_crlf_ends_the_lf_mode(server):
    """After it, LF . LF is text like any other."""
    with server.client("native") as c:
        c.send(b"ehlo x\n")
        assert c.reply() == 250
        c.begin(STRANGER, "administrator@cp.com")       # CRLF
        assert c.cmd("DATA") == 354
        c.send(b"Subject: mixed\r\n\r\nbefore\n.\nafter\r\n.\r\n")
        reply = c.reply()
        assert reply == 250 or 500 <= reply.code < 560, reply
        assert c.is_quiet()
        if reply == 250:
            raw, = server.wait_mails("administrator@cp.com")
            assert b"before" in raw and b"after" in raw


def test_lf_after_crlf_is_no_command(server):
    with server.client("native") as c:
        c.ehlo()
        c.send(b"RSET\nNOOP\r\nQUIT\r\n")
        codes = [reply.code for reply in c.rest()]
        assert 250 not in codes and len(codes) <= 2, codes


def test_a_person_may_be_slow(server):
    """Each octet in a packet of its own."""
    with server.client("native") as c:
        for line, code in (("ehlo", 250), ("auth login", 334), (GUYT, 334),
                           (PAULINE, 235), ("mail from:guy@cp.com", 250),
                           ("rcpt to:administrator@cp.com", 250),
                           ("data", 354), ("hello\r\n.", 250)):
            c.send_bytes(line.encode() + b"\r\n")
            assert c.reply() == code, line
    server.wait_mails("administrator@cp.com", containing=b"hello")
