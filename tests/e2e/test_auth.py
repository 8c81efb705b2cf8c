# SPDX-License-Identifier: Apache-2.0
"""Logging in: when it is offered, what is answered, what the log says."""
import os
import re
import threading

import pytest

from harness import STRANGER, INSIDE, b64, listener, plain, whole

GUYT, PAULINE = b64("guyt"), b64("Pauline13")


@pytest.fixture(scope="module")
def server(shared_ehlod):
    return shared_ehlod(listeners=[
        listener("clear", max_errors="100", max_auth_failures="100"),
        listener("tls-first", basic_auth_only_after_tls="yes"),
        listener("tls-must", tls_required="yes"),
        listener("few", max_auth_failures="3"),
        listener("none", auth=None, tls="none", relay="nobody"),
        listener("login", auth="login"),
    ])


def mechanisms(reply):
    return set(reply.keywords.get("AUTH", "").split())


# --- when

def test_offered_in_clear_if_so_configured(server):
    with server.client("clear") as c:
        assert mechanisms(c.ehlo()) == {"PLAIN", "LOGIN"}


def test_offered_only_after_tls(server):
    with server.client("tls-first") as c:
        reply = c.ehlo()
        assert not mechanisms(reply) & {"PLAIN", "LOGIN"}
        assert "STARTTLS" in reply.keywords
        for line in ("AUTH LOGIN", "AUTH PLAIN",
                     "AUTH PLAIN " + plain("guyt", "Pauline13")):
            refused = c.cmd(line)
            assert refused == 538 and "5.7.11" in refused.text, refused
        c.starttls(server.context())
        reply = c.ehlo()
        assert mechanisms(reply) == {"PLAIN", "LOGIN"}
        assert "STARTTLS" not in reply.keywords
        assert c.auth("guyt", "Pauline13") == 235


def test_nothing_before_tls_where_it_is_required(server):
    with server.client("tls-must") as c:
        c.ehlo()
        for line in (f"MAIL FROM:<{STRANGER}>",
                     "AUTH PLAIN " + plain("guyt", "Pauline13")):
            reply = c.cmd(line)
            assert reply.code in (530, 538) and "5.7." in reply.text, reply
        c.starttls(server.context())
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("after TLS"))


def test_not_offered_at_all(server):
    with server.client("none") as c:
        assert not mechanisms(c.ehlo())
        assert 500 <= c.cmd("AUTH PLAIN").code < 560


def test_only_what_is_configured(server):
    with server.client("login") as c:
        assert mechanisms(c.ehlo()) == {"LOGIN"}
        assert c.cmd("AUTH PLAIN") == 504
        assert c.cmd("AUTH LOGIN") == 334


# --- what is answered

@pytest.mark.parametrize("mechanism", [
    "NTLM", "GSSAPI", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "EXTERNAL",
    "ANONYMOUS", "XOAUTH2", "OAUTHBEARER", "PLAINX", "X" * 300])
def test_unknown_mechanism(server, mechanism):
    with server.client() as c:
        c.ehlo()
        assert c.cmd(f"AUTH {mechanism}").code in (501, 504)
        assert c.auth("guyt", "Pauline13") == 235


def test_login_with_and_without_initial_response(server):
    for first in ("AUTH LOGIN", f"AUTH LOGIN {GUYT}", f"auth login {GUYT}"):
        with server.client() as c:
            c.ehlo()
            reply = c.cmd(first)
            if not first.endswith(GUYT):
                assert reply.text == "334 VXNlcm5hbWU6"
                reply = c.cmd(GUYT)
            assert reply.text == "334 UGFzc3dvcmQ6"
            assert c.cmd(PAULINE).text.startswith("235 2.7.0")


def test_plain_with_and_without_initial_response(server):
    for spelling in ("AUTH PLAIN", "auth plain"):
        with server.client() as c:
            c.ehlo()
            assert c.cmd(spelling).text.rstrip() == "334"
            assert c.cmd(plain("guyt", "Pauline13")) == 235


@pytest.mark.parametrize("response", [
    "UGaF1bGluZTEz",                # 13 characters, as printed in an article
    "UGF1bGluZTEz=", "UGF1bGlu ZTEz", "UGF1bGluZTE", "UGF1=GluZTEz", "====",
    "_-_-", "Zm9=", "ÄÄÄÄ", "UGF1bGluZTEz\x00", "\x00\x00\x00\x00"])
def test_bad_base64(server, response):
    with server.client() as c:
        c.ehlo()
        assert c.cmd("AUTH LOGIN") == 334
        assert c.cmd(GUYT) == 334
        reply = c.cmd(response)
        assert reply.code in (500, 501), reply
        # the exchange is over, the session is not
        assert c.cmd(f"AUTH LOGIN {GUYT}") == 334
        assert c.cmd(PAULINE) == 235


def test_cancelled(server):
    with server.client() as c:
        c.ehlo()
        assert c.cmd("AUTH LOGIN") == 334
        assert c.cmd("*") == 501
        assert c.cmd(GUYT).code in (500, 502)    # a command, and none we know
        assert c.auth("guyt", "Pauline13") == 235


WRONG = [
    ("guyt", "not the password"), ("guyt", "Pauline1"), ("guyt", "pauline13"),
    ("guyt", "Pauline13 "), ("guyt", ""), ("nobody", "not the password"),
    ("nobody", "Pauline13"), ("", "Pauline13"), ("guy@cp.com", "Pauline13"),
    ("guyt\\", "Pauline13"), ("g" * 300, "Pauline13"), ("guyt", "P" * 2000),
    ("ｇｕｙｔ", "Pauline13"),
]


@pytest.mark.parametrize("user,password", WRONG)
def test_wrong_and_unknown_get_the_same_words(server, user, password):
    with server.client() as c:
        c.ehlo()
        texts = {c.auth("guyt", "not the password").text,
                 c.auth("nobody", "not the password").text}
        assert len(texts) == 1
        assert texts.pop().startswith("535 5.7.8")
        reply = c.auth(user, password)
        assert reply.code in (501, 535), reply
        reply = c.cmd("AUTH LOGIN")
        for answer in (user, password):
            if reply == 334:
                reply = c.cmd(b64(answer) or "=")
        assert reply.code in (501, 535), reply
        # and nobody is logged in
        c.cmd(f"MAIL FROM:<{STRANGER}>")
        assert c.cmd("RCPT TO:<bert@elsewhere.example>") == 550


def test_authorization_identity_of_oneself(server):
    with server.client() as c:
        c.ehlo()
        assert c.cmd("AUTH PLAIN " + b64("guyt\0guyt\0Pauline13")) == 235


@pytest.mark.parametrize("message", [
    "administrator\0guyt\0Pauline13", "root\0guyt\0Pauline13",
    "\0guyt\0Pauline13\0", "\0guyt\0Pauline13\0x", "\0guyt", "guyt", "",
    "\0\0", "\0guyt\0", "guyt\0Pauline13", "\0\0Pauline13",
    "\0guyt\0Paul\0ine13"])
def test_broken_plain(server, message):
    with server.client() as c:
        c.ehlo()
        reply = c.cmd("AUTH PLAIN " + (b64(message) or "="))
        assert reply.code in (501, 535), reply
        assert c.auth("guyt", "Pauline13") == 235


def test_not_twice_and_not_inside_a_transaction(server):
    with server.client() as c:
        c.ehlo()
        c.cmd(f"MAIL FROM:<{STRANGER}>")
        assert c.cmd("AUTH LOGIN") == 503
        c.cmd("RSET")
        assert c.auth("guyt", "Pauline13") == 235
        assert c.auth("guyt", "Pauline13") == 503
        assert c.cmd("AUTH LOGIN") == 503


def test_before_ehlo(server):
    with server.client("clear") as c:
        assert c.auth("guyt", "Pauline13").code in (235, 503)


def test_enough_wrong_passwords_end_the_session(server):
    with server.client("few") as c:
        c.ehlo()
        codes = []
        for _ in range(20):
            reply = c.auth("guyt", "not the password")
            codes.append(reply.code)
            if not reply.lines or reply == 421:
                break
        assert codes[:2] == [535, 535] and 421 in codes and len(codes) <= 5
        assert not c.reply().lines
    # the owner still gets in
    with server.client("few") as c:
        c.ehlo()
        assert c.auth("guyt", "Pauline13") == 235


def test_guessing_from_one_address_is_slowed(ehlod):
    daemon = ehlod(options={"max-auth-failures-per-address": "5"},
                   listeners=[listener(max_auth_failures="100",
                                       max_errors="100")])
    codes = []
    for _ in range(10):
        with daemon.client(greet=False) as c:
            if c.reply() != 220:
                codes.append(421)
                continue
            c.ehlo()
            codes.append(c.auth("guyt", "not the password").code)
    assert 421 in codes and codes.count(535) <= 6, codes


@pytest.mark.parametrize("length", [*range(0, 70), 1021, 1022, 1023, 1024,
                                    4093, 4094, 4095, 4096, 4097, 4098, 4099])
def test_every_length_of_base64(server, length):
    """One octet too few once was a hole (CVE-2018-6789)."""
    with server.client() as c:
        c.ehlo()
        assert c.cmd("AUTH LOGIN") == 334
        reply = c.cmd("A" * length or "=")
        assert reply.code in (334, 500, 501, 535), reply
        if reply == 334:
            assert c.cmd("*") == 501
        assert c.auth("guyt", "Pauline13") == 235


def test_too_long_is_no_command(server):
    """What does not fit is not read as the next command."""
    with server.client() as c:
        c.ehlo()
        assert c.cmd("AUTH PLAIN") == 334
        c.send(b"A" * 1000000 + b"\r\nNOOP\r\n")
        replies = [c.reply(), c.reply()]
        assert replies[0].code in (500, 501, 535), replies
        assert replies[1].code in (250, 0, 421), replies


def test_ending_in_the_middle(server):
    """Nobody waits for the rest; the login is just gone."""
    for text in (b"AUTH PLAIN\r\n", b"AUTH LOGIN\r\n" + GUYT.encode(),
                 b"AUTH PLAIN " + plain("guyt", "Pauline13").encode()
                 + b"\r\n"):
        with server.client() as c:
            c.ehlo()
            c.send(text)
    with server.client() as c:
        c.ehlo()
        assert c.auth("guyt", "Pauline13") == 235


def test_many_at_once(server):
    """More logins than the pool has threads: each gets its own answer."""
    codes, lock = [], threading.Lock()

    def login(n):
        good = n % 3 != 0
        with server.client() as c:
            c.ehlo()
            code = c.auth("guyt", "Pauline13" if good
                          else f"not the password {n}").code
            with lock:
                codes.append((good, code))

    threads = [threading.Thread(target=login, args=(n,)) for n in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(codes) == 60
    # a full queue says "later", and never the wrong thing
    assert {code for good, code in codes if good} <= {235, 454}
    assert {code for good, code in codes if not good} <= {535, 454}
    assert (True, 235) in codes and (False, 535) in codes


# --- what the log says

def test_log_of_a_login(server):
    with server.client() as c:
        c.ehlo()
        assert c.auth("guyt", "Pauline13") == 235
    event = server.wait_event("login", user="guyt")[-1]
    assert event["peer"].startswith("127.0.0.1")
    assert event["mechanism"] == "PLAIN"


@pytest.mark.parametrize("user,reason", [
    ("guyt", "password"), ("nobody", "unknown|no such")])
def test_log_of_a_failure_says_who_where_how_why(ehlod, user, reason):
    daemon = ehlod()
    with daemon.client() as c:
        c.ehlo()
        c.cmd(f"AUTH LOGIN {b64(user)}")
        assert c.cmd(b64("not the password")) == 535
    event, = daemon.wait_event("login-failed")
    assert event["user"] == user
    assert event["peer"].startswith("127.0.0.1")
    assert event["mechanism"] == "LOGIN"
    assert re.search(reason, event["reason"])


def test_log_cannot_be_forged(ehlod):
    daemon = ehlod(args=["--show-dialogue"])
    evil = "evil\r\n1999-01-01T00:00:00.000Z info login user=root x=\"\x1b[2J"
    with daemon.client() as c:
        c.cmd("EHLO a\x1b[31m\tb")
        c.ehlo()
        assert c.auth(evil, "not the password").code in (501, 535)
        c.cmd(f"AUTH LOGIN {b64(evil)}")
        assert c.cmd(b64("not the password")).code in (501, 535)
        c.cmd('MAIL FROM:<"a\x0bb level=error"@x.example>')
        c.cmd("RCPT TO:<\x7f\x1b]0;x\x07@cp.com>")
        c.cmd("X\x00Y\x0c info accepted id=forged")
        assert c.cmd("QUIT") == 221
    daemon.wait_event("session-end")
    assert not [e for e in daemon.events if e.name == "login"]
    assert not [line for line in daemon.lines
                if line and line.startswith("1999-01-01T00:00:00.000Z")]
    # check_log() looks at every raw octet when the daemon ends


def test_password_is_not_shown_in_the_dialogue(ehlod):
    daemon = ehlod(args=["--show-dialogue"])
    with daemon.client() as c:
        c.ehlo()
        c.cmd(f"AUTH LOGIN {GUYT}")
        assert c.cmd(PAULINE) == 235
        c.message("guy@cp.com", INSIDE, whole("shown", "the text itself\n"))
        assert c.cmd("QUIT") == 221
    daemon.wait_event("session-end")
    text = daemon.text()
    assert "EHLO client.example" in text and "AUTH LOGIN" in text
    assert PAULINE not in text and "Pauline13" not in text
    assert "the text itself" not in text


def test_accounts_are_read_again(ehlod, users):
    """A change of the file is seen by a reload at the latest."""
    from conftest import add_user
    daemon = ehlod()
    add_user(daemon.folder / "users", "fresh", "mailbox of test")
    daemon.reload()
    with daemon.client() as c:
        c.ehlo()
        assert c.auth("fresh", "mailbox of test") == 235
        c.message("fresh@cp.com", "fresh@cp.com", whole("to myself"))
    daemon.wait_mails("fresh@cp.com")
    assert os.stat(daemon.folder / "users").st_mode & 0o077 == 0
