# SPDX-License-Identifier: Apache-2.0
"""`ehlo talk` on a real terminal: what a person types and sees, what arrives
at the server, and what a hostile server can do (nothing)."""
import base64
import hmac
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

import harness
from harness import (EHLO, INSIDE, SECONDS, SECRETS, assert_delivered_as_sent,
                     b64, listener)
from terminal import Terminal


class Server:
    """A server that does what a function says, once, and keeps all it heard.
    The function gets (server, socket)."""

    def __init__(self, dialogue, path=None):
        self.heard, self.problem, self.path = b"", None, path
        self.changed = threading.Condition()
        if path:
            self.listening = socket.socket(socket.AF_UNIX)
            self.listening.bind(str(path))
            self.listening.listen()
        else:
            self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.settimeout(SECONDS)
        self.thread = threading.Thread(target=self._run, args=(dialogue,),
                                       daemon=True)
        self.go_on = threading.Event()
        self.thread.start()

    @property
    def name(self):
        return str(self.path) if self.path else \
            f"127.0.0.1:{self.listening.getsockname()[1]}"

    def _run(self, dialogue):
        try:
            connection, _ = self.listening.accept()
            connection.settimeout(SECONDS)
            self.buffer = b""
            with connection:
                dialogue(self, connection)
        except (ConnectionError, BrokenPipeError):
            pass            # cut: which may be what was wanted
        except Exception as problem:
            self.problem = problem

    def line(self, connection):
        while b"\n" not in self.buffer:
            data = connection.recv(65536)
            if not data:
                raise ConnectionError
            with self.changed:
                self.heard += data
                self.changed.notify_all()
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def wait_heard(self, data):
        with self.changed:
            assert self.changed.wait_for(lambda: data in self.heard, SECONDS)

    def serve(self, connection, answers):
        """To each line the next answer; the first one is the greeting."""
        connection.sendall(answers[0])
        for answer in answers[1:]:
            self.line(connection)
            connection.sendall(answer)

    def end(self):
        self.listening.close()
        self.go_on.set()
        self.thread.join(SECONDS)
        assert not self.thread.is_alive(), "the server still waits"
        if self.problem:
            raise self.problem


@pytest.fixture
def server(tmp_path):
    """server(dialogue) starts one for this test."""
    servers = []

    def start(dialogue, **options):
        servers.append(Server(dialogue, **options))
        return servers[-1]
    yield start
    for one in servers:
        one.end()


@pytest.fixture
def talk(tmp_path):
    """talk(HOST, options …) on a terminal."""
    terminals = []

    def start(*args, **options):
        env = {"XDG_STATE_HOME": str(tmp_path / "state"),
               "HOME": str(tmp_path),
               "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99"}
        terminals.append(Terminal([str(EHLO), "talk", *map(str, args)],
                                  env=env, **options))
        return terminals[-1]
    yield start
    for terminal in terminals:
        terminal.__exit__()


@pytest.fixture(scope="module")
def daemon(shared_ehlod):
    return shared_ehlod(listeners=[
        listener(), listener("strict", basic_auth_only_after_tls="yes"),
        listener("implicit", tls="implicit")])


def history(tmp_path):
    return tmp_path / "state" / "ehlo" / "history"


def assert_no_secret(text):
    for secret in SECRETS:
        assert secret not in text and b64(secret) not in text, secret


# --- the article

def test_the_article(daemon, talk, tmp_path):
    """Login by hand and a message, as in the article, without its web site;
    what was mistyped is corrected before it is sent."""
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.expect("^220 ")
    t.line("clear> ")
    t.type("ehpo\x7f\x7flo")
    t.line("clear> ehlo")
    t.type("\r")
    t.expect("^250 HELP")
    t.line("clear> ")
    t.type("auth login\r")
    t.expect("= Username:")
    t.line("Username: ")
    t.type("guyt\r")
    t.expect("clear> Z3V5dA==$")
    t.line("Password: ")
    t.type("Paulinex\x7f13\r")
    t.expect("^235 2.7.0")
    t.line("clear guyt> ")
    # in the middle of the line, by arrows
    t.type("mail from: guycp.com" + "\x1b[D" * 6 + "@")
    t.line("clear guyt> mail from: guy@cp.com")
    t.type("\r")
    t.line("clear guyt mail> ")
    t.say("rcpt to: administrator@cp.com", "^250 2.1.5",
          "clear guyt mail+1> ")
    t.type("data\r")
    t.line("| ")
    t.type("Please send cheque soonest\r.\r")
    t.expect("^250 2.0.0 .*queued")
    t.line("clear guyt> ")
    t.type("quit\r")
    t.expect("^221 ")
    t.wait_end()
    raw = daemon.wait_mails(INSIDE, containing="cheque soonest")[0]
    assert harness.field(raw, "from") == "guy@cp.com"
    assert_no_secret(t.text())
    kept = history(tmp_path).read_text()
    assert_no_secret(kept)
    assert kept.splitlines() == [
        "ehlo", "auth login", "mail from: guy@cp.com",
        "rcpt to: administrator@cp.com", "data", "quit"]
    assert history(tmp_path).stat().st_mode & 0o777 == 0o600


def test_base64_from_the_web_site(daemon, talk):
    """Who has encoded it already is not encoded twice."""
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.say("ehlo", "^250 HELP", "clear> ")
    t.type("auth login\r")
    t.line("Username: ")
    t.type("Z3V5dA==\r")
    t.expect("that is base64 already")
    t.line("Password: ")
    t.type("UGF1bGluZTEz\r")
    t.expect("^235 ")
    t.line("clear guyt> ")
    t.type("\x04")
    t.expect("^221 ")
    t.wait_end()
    assert_no_secret(t.text())


def test_sent_raw_in_a_login(daemon, talk):
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.say("ehlo", "^250 HELP", "clear> ")
    t.type("auth login\r")
    t.line("Username: ")
    t.type("/raw !not base64!\r")
    t.expect("^501 ")
    t.line("clear> ")
    t.type("auth login\r")
    t.line("Username: ")
    t.type("\x03")          # gives up
    t.expect(r"clear> \*$")
    t.expect("^501 ", 2)
    t.line("clear> ")
    t.type("quit\r")
    t.wait_end()


def test_auth_alone_does_it_all(daemon, talk):
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.type("auth\r")        # says EHLO, too
    t.line("User: ")
    t.type("user1@contoso.com\r")
    t.line("Password for user1@contoso.com: ")
    t.type("not the password\r")
    t.expect("^535 ")
    t.line("clear> ")
    t.type("auth plain user1@contoso.com\r")
    t.line("Password for user1@contoso.com: ")
    t.type("P@$$w0rd\r")
    t.expect(r"AUTH PLAIN •••$")
    t.expect(r"= \\0user1@contoso.com\\0•••$")
    t.expect("^235 ")
    t.line("clear user1@contoso.com> ")
    t.type("mail from:<\t")
    t.line("clear user1@contoso.com> mail from:<user1@contoso.com>")
    t.type("\x15quit\r")
    t.wait_end()
    assert_no_secret(t.text())


def test_the_strongest_is_taken(ehlod, certs, talk):
    daemon = ehlod(listeners=[listener(
        auth="plain login scram-sha-256")])
    t = talk(f"127.0.0.1:{daemon.port()}", "--starttls", "--ca-file",
             certs.root, "--user", "guyt")
    t.line("tls> ")
    t.type("auth\r")
    t.line("Password for guyt: ")
    t.type("Pauline13\r")
    t.expect("^tls> AUTH SCRAM-SHA-256-PLUS ")
    t.expect(r"= p=tls-exporter,,n=guyt,r=")
    t.expect(r",p=•••$")
    t.expect("^235 ")
    t.line("tls guyt> ")
    t.type("quit\r")
    t.wait_end()
    assert_no_secret(t.text())


def test_mechanism_by_hand_is_helped(server, talk):
    """AUTH CRAM-MD5 typed: nobody computes that by hand."""
    challenge = "<1896.697170952@postoffice.example>"
    answers = []

    def dialogue(self, connection):
        self.serve(connection, [
            b"220 h\r\n", b"250-h\r\n250 AUTH CRAM-MD5\r\n",
            b"334 " + b64(challenge).encode() + b"\r\n"])
        answers.append(base64.b64decode(self.line(connection)).decode())
        connection.sendall(b"235 yes\r\n")
        self.line(connection)
        connection.sendall(b"221 bye\r\n")

    t = talk(server(dialogue).name)
    t.line("clear> ")
    t.say("EHLO x", "^250 AUTH", "clear> ")
    t.type("AUTH CRAM-MD5\r")
    t.expect("= " + re.escape(challenge))
    t.line("User: ")
    t.type("tim\r")
    t.line("Password for tim: ")
    t.type("tanstaaftanstaaf\r")
    t.expect("= tim •••$")
    t.expect("^235 ")
    t.line("clear tim> ")
    t.type("quit\r")
    t.wait_end()
    digest = hmac.new(b"tanstaaftanstaaf", challenge.encode(),
                      "md5").hexdigest()
    assert answers == [f"tim {digest}"]
    assert digest not in t.text()


# --- editing

def test_history_and_completion(daemon, talk):
    first = talk(f"127.0.0.1:{daemon.port()}")
    first.line("clear> ")
    first.say("NOOP recalled", "^250 ", "clear> ")
    first.type("quit\r")
    first.wait_end()
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.type("\x1b[A\x1b[A")
    t.line("clear> NOOP recalled")
    t.type("\x15ST\t")      # not offered yet: nothing
    t.line("clear> ST")
    t.type("\x15EH\t\t\r")
    t.expect("^250 HELP")
    t.line("clear> ")
    t.type("ST\t")
    t.line("clear> STARTTLS")
    t.type("\x15MA\ta@b> \t")
    t.expect("^SIZE= .*BODY=8BITMIME")
    t.line("clear> MAIL FROM:<a@b>")
    t.type("bo\t8\t\r")
    t.expect(r"^clear> MAIL FROM:<a@b> body=8bitmime$")
    t.line("clear mail> ")
    t.type("quit\r")
    t.wait_end()


def test_files_are_completed_and_sent(daemon, talk, tmp_path):
    letter = tmp_path / "letter.eml"
    letter.write_bytes(harness.whole("From a file", "one\n.\n..two\nfour"
                                     ).encode())
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.say("ehlo", "^250 HELP", "clear> ")
    t.say("mail from:<anna@sender.example>", "^250 2.1.0", "clear mail> ")
    t.say(f"rcpt to:<{INSIDE}>", "^250 2.1.5", "clear mail+1> ")
    t.type(f"send {tmp_path}/let\t")
    t.wait(lambda: "letter.eml" in t.screen.all_lines()[-1],
           "the whole name")
    t.type("\r")
    t.expect("queued as")
    t.line("clear> ")
    t.say("send /not/there", "No such file", "clear> ")
    t.type("quit\r")
    t.wait_end()
    raw = daemon.wait_mails(INSIDE, containing="From a file")[0]
    assert_delivered_as_sent(raw, letter.read_bytes() + b"\n")


def test_pasted_at_once(daemon, talk):
    """A whole session in one paste: each line waits for its turn."""
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.type(f"ehlo x\rmail from:<anna@sender.example>\rrcpt to:<{INSIDE}>\r"
           "data\rSubject: Pasted\r\rat once\r.\rnoop\rquit\r")
    t.expect("^221 ")
    t.wait_end()
    assert [line for line in t.text().splitlines() if "> " in line
            and line.startswith("clear")] == [
        "clear> ehlo x", "clear> mail from:<anna@sender.example>",
        f"clear mail> rcpt to:<{INSIDE}>", "clear mail+1> data",
        "clear> noop", "clear> quit"]
    raw = daemon.wait_mails(INSIDE, containing="Pasted")[0]
    assert raw.endswith(b"\n\nat once\n")


def test_text_is_edited(daemon, talk):
    """Arrows go back to the lines before; Tab suggests headers; dots are what
    they look like."""
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.say("ehlo", "^250 HELP", "clear> ")
    t.say("mail from:<anna@sender.example>", "^250 2.1.0", "clear mail> ")
    t.say(f"rcpt to:<{INSIDE}>", "^250 2.1.5", "clear mail+1> ")
    t.type("data\r")
    t.line("| ")
    t.type("\t")
    t.line("| From: anna@sender.example")
    t.type("\r\t")
    t.line("| To: administrator@cp.com")
    t.type("\r\tAn edited txt\r\r")
    t.type("first\r..second\r")
    t.line("| ")
    for shown in ("| ..second", "| first", "|", "| Subject: An edited txt"):
        t.type("\x1b[A")
        t.line(shown)
    t.type("\x7f\x7fext\r\r")
    t.line("| first")
    t.type("!\r\r\x04")     # then the second line, and the end
    t.expect("queued as")
    t.line("clear> ")
    t.type("quit\r")
    t.wait_end()
    raw = daemon.wait_mails(INSIDE, containing="An edited text")[0]
    assert raw.endswith(b"\n\nfirst!\n..second\n"), raw
    assert harness.field(raw, "to") == INSIDE


def test_long_line_and_a_narrow_terminal(server, talk):
    """A line of several rows, and the server's word above it."""
    one = server(lambda self, c: (
        c.sendall(b"220 h\r\n"), self.go_on.wait(SECONDS),
        c.sendall(b"250 meanwhile\r\n"), self.line(c),
        c.sendall(b"221 bye\r\n")))
    t = talk(one.name, columns=40)
    t.line("clear> ")
    long = "NOOP " + "".join(chr(97 + i % 26) for i in range(90))
    t.type(long)
    t.wait(lambda: (("clear> " + long)[80:]) == t.screen.current(),
           "the third row")
    t.type("\x1b[D" * 45)
    t.wait(lambda: t.screen.row == 3 and t.screen.column == 17,
           "the cursor in the middle")
    # the server speaks, the line is drawn again below it
    t.type("X")
    t.wait(lambda: "X" in t.screen.current(), "the X")
    one.go_on.set()
    t.expect("^250 meanwhile$")
    expected = "clear> " + long[:50] + "X" + long[50:]
    rows = [expected[i:i + 40] for i in range(0, len(expected), 40)]
    t.wait(lambda: t.screen.all_lines()[-3:] == rows
           and t.screen.all_lines().count(rows[0]) == 1,
           "the line, once, at the end")
    t.type("\x15\x0bquit\r")
    t.wait_end()


def test_the_window_changes(daemon, talk):
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.type("NOOP one")
    t.line("clear> NOOP one")
    t.resize(24, 60)
    t.type("X")
    t.line("clear> NOOP oneX")
    t.type("\r")
    t.expect("^250 ")
    t.line("clear> ")
    t.type("quit\r")
    t.wait_end()


# --- TLS

def test_starttls_compares_both_lists(daemon, certs, talk):
    t = talk(f"127.0.0.1:{daemon.port('strict')}", "--ca-file", certs.root,
             "--tls-name", "mail.example.org")
    t.line("clear> ")
    t.say("ehlo", "may come after starttls", "clear> ")
    t.type("starttls\r")
    t.expect(r"^\* TLSv1.3 ")
    t.expect("certificate for mail.example.org, localhost")
    t.expect("issued by .*Test intermediate")
    t.expect("the certificate is right")
    t.expect(r"new with TLS: AUTH PLAIN LOGIN, REQUIRETLS$")
    t.line("tls> ")
    t.type("quit\r")
    t.wait_end()


def test_a_wrong_certificate_is_named(daemon, certs, talk):
    t = talk(f"127.0.0.1:{daemon.port()}", "--ca-file", certs.root,
             "--tls-name", "smtp.contoso.com", "--starttls")
    t.expect("the certificate is not right")
    t.expect("asked for smtp.contoso.com: configure one of the names above")
    t.line("tls> ")
    t.type("quit\r")
    t.wait_end()
    t = talk(f"127.0.0.1:{daemon.port()}", "--ca-file", certs.root,
             "--tls-name", "smtp.contoso.com", "--starttls", "--verify")
    t.expect("the certificate is not right")
    t.wait_end(1)


def test_tls_from_the_first_byte(daemon, certs, talk):
    t = talk(f"127.0.0.1:{daemon.port('implicit')}", "--ca-file", certs.root,
             "--tls-on-connect")
    t.expect("the certificate is right")
    t.line("tls> ")
    t.type("\x04")
    t.expect("^221 ")
    t.wait_end()


# --- keys that end something

def test_control_c_and_the_end(server, talk):
    """At the prompt Ctrl-C drops the line; while an answer is waited for it
    cuts the connection; Ctrl-D says QUIT."""
    silent = server(lambda self, c: (c.sendall(b"220 h\r\n"), self.line(c),
                                     self.line(c)))
    t = talk(silent.name)
    t.line("clear> ")
    t.type("never sent")
    t.line("clear> never sent")
    t.type("\x03")          # the kernel throws away what is not read yet
    t.expect(r"never sent\^C$")
    t.line("clear> ")
    t.type("NOOP\r")
    silent.wait_heard(b"NOOP\r\n")
    t.type("\x03")
    t.expect("interrupted: the connection is cut")
    t.line("closed> ")
    t.say("noop", "there is no connection", "closed> ")
    t.type("\x04")
    t.wait_end()
    assert silent.heard == b"NOOP\r\n"


def test_killed_leaves_the_terminal_as_it_was(daemon, talk):
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.signal(signal.SIGTERM)
    t.wait_end()


def test_cancelled_text_is_not_sent(daemon, talk):
    t = talk(f"127.0.0.1:{daemon.port()}")
    t.line("clear> ")
    t.say("ehlo", "^250 HELP", "clear> ")
    t.say("mail from:<anna@sender.example>", "^250 2.1.0", "clear mail> ")
    t.say(f"rcpt to:<{INSIDE}>", "^250 2.1.5", "clear mail+1> ")
    t.type("data\r")
    t.line("| ")
    t.type("half of a message\r\x03")
    t.expect("SMTP has no way back")
    t.line("| ")
    t.type("\x03")
    t.expect("nothing was sent")
    t.line("closed> ")
    t.type("/open\r")       # and anew
    t.expect("^220 ", 2)
    t.line("clear> ")
    t.type("quit\r")
    t.wait_end()
    assert not any(b"half of a message" in raw for raw in daemon.all_mails())


# --- servers that speak unasked, or badly

def test_421_while_the_prompt_waits(server, talk):
    """It is shown at once, what was typed stays, and can be explained."""
    one = server(lambda self, c: (
        c.sendall(b"220 h\r\n"), self.go_on.wait(SECONDS),
        c.sendall(b"421 4.4.2 mail.example.org Error: timeout exceeded\r\n")))
    t = talk(one.name)
    t.line("clear> ")
    t.type("mail from:<a@b")
    t.line("clear> mail from:<a@b")
    one.go_on.set()
    t.expect("^421 4.4.2 .*timeout exceeded$")
    t.line("closed> mail from:<a@b")
    assert len([x for x in t.text().splitlines() if "mail from" in x]) == 1
    t.type("\x15")
    t.type("?\r")
    t.expect("^  means ")
    t.line("closed> ")
    t.type("quit\r")
    t.wait_end()


def test_half_a_line_is_no_hurry(server, talk):
    """The rest of it is waited for, without a look at it again and again."""
    def dialogue(self, connection):
        connection.sendall(b"220 h\r\n250 first\r\n250 sec")
        self.go_on.wait(SECONDS)
        connection.sendall(b"ond\r\n421 th")
        self.line(connection)
        connection.sendall(b"ird\r\n250 noop\r\n")
        self.line(connection)
        connection.sendall(b"221 bye\r\n")

    one = server(dialogue)
    t = talk(one.name)
    t.expect("^250 first")
    t.line("clear> ")
    t.wait_asleep()
    one.go_on.set()
    t.expect("^250 second")
    t.line("clear> ")
    t.wait_asleep()
    t.type("NOOP\r")
    t.expect("^421 third")
    t.line("closed> ")
    t.type("quit\r")
    t.wait_end()


PAINT = (b"\x1b[2J\x1b]0;title\x07\x1b[31mred\x9b1m\xc2\x9b2J\x00\x08\x08"
         b"\x1bP+q\x1b\\ \xff\xfe end")


def test_escape_sequences_are_not_obeyed(server, talk, tmp_path):
    def dialogue(self, connection):
        self.serve(connection, [
            b"220 " + PAINT + b"\r\n",
            b"250-" + PAINT + b"\r\n250-X" + PAINT + b"\r\n"
            b"250-AUTH " + PAINT + b"\r\n250 SIZE " + PAINT + b"\r\n",
            b"334 " + base64.b64encode(PAINT) + b"\r\n",
            b"535 5.7.8 " + PAINT + b"\r\n",
            b"250 " + PAINT + b"\r\n", b"221 " + PAINT + b"\r\n"])

    t = talk(server(dialogue).name, "--record", tmp_path / "record",
             "--explain")
    t.line("clear> ")
    t.say("EHLO x", r"^250 SIZE \\x1b\[2J", "clear> ")
    t.type("\t\t")          # what is offered, too
    t.expect("^EHLO ")
    t.type("AUTH LOGIN\r")
    t.line("response: ")
    t.type("x\r")
    t.expect("^535 ")
    t.line("clear> ")
    t.type("NOOP\r")
    t.expect(r"\\x1b\[31mred\\x9b1m\\xc2\\x9b2J\\x00\\x08", 4)
    t.line("clear> ")
    t.type("/tls\r")
    t.line("clear> ")
    t.type("quit\r")
    t.wait_end()
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f-\x9f\xfe\xff]",
                         (tmp_path / "record").read_bytes())


def flood(data):
    def dialogue(self, connection):
        connection.sendall(b"220 h\r\n")
        self.go_on.wait(SECONDS)
        while not self.listening._closed:
            connection.sendall(data)
    return dialogue


@pytest.mark.parametrize("data, words", [
    (b"250 unasked\r\n" * 1000, "does not stop talking"),
    (b"x" * 65536, "! "),                   # a line without an end
    (b"250-more\r\n" * 1000, "! "),         # an answer without an end
    (b"\0" * 65536, "! "),
], ids=["unasked", "endless-line", "endless-answer", "nuls"])
def test_floods_end(server, talk, data, words):
    one = server(flood(data))
    t = talk(one.name)
    t.line("clear> ")
    t.type("half")
    t.line("clear> half")
    one.go_on.set()
    t.line("closed> half")
    t.expect("^" + words if words == "! " else words)
    t.type("\x15quit\r")
    t.wait_end()


def test_floods_while_an_answer_is_waited_for(server, talk):
    def dialogue(self, connection):
        connection.sendall(b"220 h\r\n")
        self.line(connection)
        while True:
            connection.sendall(b"250-more and more\r\n" * 1000)

    t = talk(server(dialogue).name)
    t.line("clear> ")
    t.type("EHLO x\r")
    t.line("closed> ")
    t.type("\x04")
    t.wait_end()


# --- exact bytes

def test_raw(server, talk, tmp_path):
    def dialogue(self, connection):
        connection.sendall(b"220 h\r\n")
        for _ in range(4):
            self.line(connection)
            connection.sendall(b"250 line\r\n")
        self.line(connection)
        connection.sendall(b"221 bye\r\n")

    one = server(dialogue)
    t = talk(one.name, "--record", tmp_path / "record")
    t.line("clear> ")
    t.type(r"/raw NO" + "\r")
    t.line("clear> ")
    t.type(r"/raw OP\n" + "\r")
    t.expect("^250 line")
    t.line("clear> ")
    t.type("raw\r")
    t.line("raw> ")
    t.type(r"mail frrom\b\b\x7f\0\xff\t\\\r\n" + "\r")
    t.expect("^250 line", 2)
    t.type(r" two lines\r\nat once\r\n" + "\r")
    t.expect("^250 line", 4)
    t.type(r"wrong\q" + "\r")
    t.expect("nothing was sent: character 6")
    t.type("\r")
    t.type("quit\r")
    t.expect("^221 ")
    t.wait_end()
    assert one.heard.startswith(
        b"NOOP\nmail frrom\b\b\x7f\0\xff\t\\\r\n two lines\r\nat once\r\n")
    assert r"C| mail frrom\b\b\x7f\x00\xff\t\\\r\n" in \
        (tmp_path / "record").read_text().splitlines()


# --- without a terminal

def pipe(lines, *args, env=None):
    return subprocess.run(
        [str(EHLO), "talk", *map(str, args)], input="\n".join(lines) + "\n",
        capture_output=True, text=True, timeout=SECONDS * 2,
        env=dict(os.environ, **(env or {})))


def test_from_a_pipe(daemon):
    got = pipe(["ehlo client.example", "auth login", "guyt", "Pauline13",
                "mail from:<guy@cp.com>", f"rcpt to:<{INSIDE}>", "data",
                "Subject: From a pipe", "", ".dot", ".", "quit"],
               f"127.0.0.1:{daemon.port()}")
    assert got.returncode == 0, got.stdout + got.stderr
    assert "> mail from:<guy@cp.com>\n250 2.1.0 " in got.stdout
    assert "\x1b" not in got.stdout
    assert_no_secret(got.stdout + got.stderr)
    raw = daemon.wait_mails(INSIDE, containing="From a pipe")[0]
    assert raw.endswith(b"\n\n.dot\n")


def test_raw_logins_are_not_recorded(daemon, tmp_path):
    record = tmp_path / "record"
    login = harness.plain("guyt", "Pauline13")
    got = pipe(["ehlo x", f"/raw AUTH PLAIN {login}\\r\\n",
                "/raw AUTH LOGIN\\r\\n", "quit"],
               f"127.0.0.1:{daemon.port()}", "--record", record)
    assert "\n235 " in got.stdout, got.stdout
    pipe(["ehlo x", "/raw auth login\\r\\n",
          f"/raw {b64('guyt')}\\r\\n", f"/raw {b64('Pauline13')}\\r\\n",
          "quit"], f"127.0.0.1:{daemon.port()}", "--record",
         tmp_path / "other")
    text = record.read_text() + (tmp_path / "other").read_text()
    assert login not in text and text.count("S: 235 ") == 2
    assert_no_secret(text)


def test_text_that_has_no_end(daemon):
    """A pipe that breaks in the middle of a message sends none."""
    got = pipe(["ehlo x", "mail from:<anna@sender.example>",
                f"rcpt to:<{INSIDE}>", "data", "Subject: cut off", "", "so"],
               f"127.0.0.1:{daemon.port()}")
    assert got.returncode == 1 and "nothing was sent" in got.stdout
    pipe(["noop"], f"127.0.0.1:{daemon.port()}")
    assert not any(b"cut off" in raw for raw in daemon.all_mails())


def test_exit_codes(daemon):
    where = f"127.0.0.1:{daemon.port()}"
    assert pipe(["quit"], where).returncode == 0
    assert pipe([], where).returncode == 0          # says QUIT itself
    got = pipe(["mail from:<a", "noop", "quit"], where)
    assert got.returncode == 1 and "> noop" in got.stdout
    got = pipe(["mail from:<a", "noop", "quit"], where, "--stop")
    assert got.returncode == 1 and "> noop" not in got.stdout
    with socket.create_server(("127.0.0.1", 0)) as free:
        closed = free.getsockname()[1]
    assert pipe([], f"127.0.0.1:{closed}").returncode == 2
    assert pipe([]).returncode == 3
    assert pipe([], "127.0.0.1", "--explian").returncode == 3
    assert pipe([], "[::1", "noop").returncode == 3


def test_json(daemon, certs):
    got = pipe(["ehlo x", "starttls", "AUTH PLAIN " +
                harness.plain("guyt", "Pauline13"), "mial", "quit"],
               f"127.0.0.1:{daemon.port()}", "--json", "--ca-file",
               certs.root)
    rows = [json.loads(line) for line in got.stdout.splitlines()]
    assert [row["code"] for row in rows] == [220, 250, 220, 250, 235, 500,
                                             221]
    assert rows[4]["said"] == "AUTH PLAIN" and rows[4]["tls"] is True
    assert rows[4]["status"] == "2.7.0"
    assert rows[1]["lines"][0].startswith("mail.example.org")
    assert rows[5]["said"] == "mial" and got.returncode == 1
    assert_no_secret(got.stdout + got.stderr)


def test_login_from_options(daemon, certs, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("Pauline13\n")
    secret.chmod(0o600)
    got = pipe(["noop", "quit"], f"127.0.0.1:{daemon.port('strict')}",
               "--starttls", "--ca-file", certs.root, "--auth", "--user",
               "guyt", "--password-file", secret)
    assert got.returncode == 0, got.stdout + got.stderr
    assert "\n235 2.7.0" in got.stdout and "AUTH PLAIN •••" in got.stdout
    assert_no_secret(got.stdout)


def test_lmtp_on_a_local_socket(server, tmp_path):
    def dialogue(self, connection):
        self.serve(connection, [b"220 h LMTP\r\n", b"250 h\r\n", b"221 x\r\n"])

    one = server(dialogue, path=tmp_path / "socket")
    got = pipe(["/hello", "quit"], one.name, "--lmtp", "--hello", "me.example")
    assert got.returncode == 0, got.stdout
    assert one.heard.startswith(b"LHLO me.example\r\n")


def test_lmtp_answers_once_a_recipient(server, tmp_path):
    def dialogue(self, connection):
        self.serve(connection, [b"220 h LMTP\r\n", b"250 h\r\n"]
                   + [b"250 ok\r\n"] * 3 + [b"354 go\r\n"])
        while self.line(connection) != b".\r\n":
            pass
        connection.sendall(b"550 5.1.1 not him\r\n250 2.0.0 but her\r\n")
        self.line(connection)
        connection.sendall(b"221 bye\r\n")

    one = server(dialogue, path=tmp_path / "socket")
    got = pipe(["lhlo me", "mail from:<>", "rcpt to:<a@b>", "rcpt to:<c@d>",
                "data", "x", ".", "quit"], one.name, "--lmtp", "--json")
    codes = [json.loads(line)["code"] for line in got.stdout.splitlines()]
    assert codes == [220, 250, 250, 250, 250, 354, 550, 250, 221]
    assert got.returncode == 1


def test_no_answer_in_time(server):
    one = server(lambda self, c: (c.sendall(b"220 h\r\n"),
                                  self.go_on.wait(SECONDS)))
    got = pipe(["noop"], one.name, "--timeout", "100ms")
    one.go_on.set()
    assert got.returncode == 1 and "no answer within" in got.stdout


def test_recorded(daemon, certs, tmp_path):
    """What is recorded is what happened, but for the secrets."""
    record = tmp_path / "record"
    got = pipe(["ehlo client.example", "starttls", "auth login", "guyt",
                "Pauline13", "mail from:<guy@cp.com>", f"rcpt to:<{INSIDE}>",
                "data", "Subject: Recorded", "", ".dot", ".", "quit"],
               f"127.0.0.1:{daemon.port()}", "--record", record,
               "--ca-file", certs.root)
    assert got.returncode == 0, got.stdout
    text = record.read_text()
    assert_no_secret(text)
    lines = text.splitlines()
    assert lines[:2] == ["# ehlo transcript 1",
                         f"! host 127.0.0.1:{daemon.port()}"]
    assert "C: ehlo client.example" in lines and "T" in lines
    at = lines.index("C: data")
    assert lines[at + 2:at + 6] == ["C: Subject: Recorded", "C: ", "C: ..dot",
                                    "C: ."]
    assert lines[-3:-1] == ["C: quit", "S: 221 2.0.0 Goodbye"]
    assert lines[-1] == "X"

    # and it can be played again, by another program
    secret = tmp_path / "secret"
    secret.write_text("Pauline13\n")
    secret.chmod(0o600)

    def replay():
        return subprocess.run(
            [str(EHLO), "replay", str(record), "--user", "guyt",
             "--password-file", str(secret)],
            capture_output=True, text=True, timeout=SECONDS)
    got = replay()
    assert got.returncode == 0, got.stdout + got.stderr
    mails = daemon.wait_mails(INSIDE, 2, "Subject: Recorded")
    assert all(raw.endswith(b"\n\n.dot\n") for raw in mails)
    record.write_text(text.replace("S: 354 ", "S: 250 "))
    assert replay().returncode == 1
