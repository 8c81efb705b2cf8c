# SPDX-License-Identifier: Apache-2.0
"""`ehlo load` and `ehlo sink`: they count the same, and what goes wrong is
counted by kind."""
import json
import os
import signal
import smtplib
import socket
import subprocess
import threading

import pytest

from harness import EHLO, INSIDE, SANITIZER, SECONDS, listener
from recorder import Recorder
from test_send import run


class Sink:
    """An `ehlo sink` that listens; its totals when it is told to end."""

    def __init__(self, *args, where="0"):
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", str(EHLO), "sink",
             *map(str, args), *([where] if where else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line.startswith("listening at "), self.process.stderr.read()
        self.port = line.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self, number=signal.SIGINT):
        """What it says at its end."""
        if number:
            self.process.send_signal(number)
        out, error = self.process.communicate(timeout=SECONDS)
        assert not SANITIZER.search(error), error
        assert self.process.returncode == 0, error
        return out


def load(*args, code=0, **options):
    return json.loads(run("load", "--json", *args, code=code, **options).out)


def test_both_count_the_same():
    with Sink("--hostname", "sink.example") as sink:
        got = load(f"127.0.0.1:{sink.port}", "--count", 300,
                   "--connections", 20, "--rcpts", 3, "--size", "200-3000")
        assert got["sent"] == 300 and got["errors"] == 0
        assert got["message_ms"]["n"] == 300
        assert got["connections"] == got["most_open"] == 20
        assert 0 < got["message_ms"]["p50"] <= got["message_ms"]["p99"] \
            <= got["message_ms"]["most"]
        out = sink.end()
    assert f"300 messages for 900 recipients, {got['octets']} octets, " \
        "in 20 sessions" in out


def test_connections_end_and_begin_anew():
    with Sink() as sink:
        got = load(f"127.0.0.1:{sink.port}", "--count", 50, "-c", 4,
                   "--per-connection", 3, "--no-pipelining")
        assert got["sent"] == 50 and got["connections"] >= 17
        assert got["most_open"] <= 4
        assert f"in {got['connections']} sessions" in sink.end()


def test_a_thousand_connections():
    with Sink() as sink:
        got = load(f"127.0.0.1:{sink.port}", "--count", 1500, "-c", 1200,
                   "--size", 300)
        assert got["sent"] == 1500 and got["most_open"] == 1200
        assert got["errors"] == 0


def test_tls_and_logins(certs, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("geheim\n")
    secret.chmod(0o600)
    login = ("--user", "guyt", "--password-file", secret)
    with Sink("--cert", certs.chain, "--key", certs.key, "--auth") as sink:
        where = f"127.0.0.1:{sink.port}"
        got = load(where, "--count", 30, "-c", 10, "--tls", "--verify",
                   "--ca-file", certs.root, *login)
        assert got["sent"] == 30 and got["tls"] == got["logins"] == 10
        got = load(where, "--count", 3, "-c", 1, *login, "--auth", "LOGIN",
                   "--no-tls")
        assert got["sent"] == 3 and got["tls"] == 0 and got["logins"] == 1
        got = load(where, "--count", 5, "--tls", "--verify", code=1)
        assert got["sent"] == 0 and "TLS" in got["error_kinds"][0]["what"]
        assert "10 sessions with TLS, 11 logins" in sink.end(signal.SIGTERM)
    with Sink("--cert", certs.chain, "--key", certs.key,
              "--tls-on-connect") as sink:
        got = load(f"127.0.0.1:{sink.port}", "--count", 5, "-tlsc")
        assert got["sent"] == 5 and got["tls"] == got["connections"]


def test_rate_and_duration():
    with Sink() as sink:
        where = f"127.0.0.1:{sink.port}"
        got = load(where, "--count", 60, "--rate", 200)
        # never faster than it should; slower is the machine's affair
        assert got["sent"] == 60 and got["seconds"] >= 59 / 200
        got = load(where, "--duration", "300ms", "--rate", 100)
        assert 1 <= got["sent"] <= 100 and got["errors"] == 0
        got = load(where, "--duration", "200ms")
        assert got["sent"] > 0 and got["begun"] == got["sent"]


def test_lmtp_over_a_local_socket(tmp_path):
    path = tmp_path / "socket"
    with Sink("--lmtp", "--unix", path, where=None):
        got = load("--unix", path, "--lmtp", "--count", 20, "--rcpts", 2)
        assert got["sent"] == 20
    # a socket that was left behind is none to listen at
    run("sink", "--unix", path, code=2)


def test_errors_by_kind():
    with Recorder(RCPT=["250 ok", "550 5.1.1 unknown \x1b[2J"]) as server:
        got = load(server.server(), "--count", 4, "-c", 1, code=1)
        assert got["sent"] == 1 and got["recipients_refused"] == 3
        assert got["error_kinds"] == [
            {"n": 3, "what": "RCPT 550",
             "example": "5.1.1 unknown \\x1b[2J"}]
        assert server.verbs().count("RSET") == 3
    with Recorder(TEXT=["452 4.3.1 full", "250 ok"]) as server:
        got = load(server.server(), "--count", 2, "-c", 1, code=1)
        assert got["sent"] == 1
        assert got["error_kinds"][0]["what"] == "text 452"
    with Recorder(MAIL="close") as server:
        got = load(server.server(), "--count", 3, "-c", 3, code=1)
        assert got["sent"] == 0 and got["errors"] == 3


@pytest.mark.parametrize("replies, what", [
    ({"GREETING": "421 4.3.2 busy"}, "greeting 421"),
    ({"GREETING": b"HTTP/1.1 400\r\n"}, "no SMTP"),
    ({"GREETING": b"220-x\r\n" * 50000}, "no SMTP"),
    ({"EHLO": "550 5.7.1 not you"}, "EHLO 550"),
    ({"GREETING": "close"}, "lost: closed by the server"),
])
def test_servers_that_will_not(replies, what):
    with Recorder(**replies) as server:
        got = load(server.server(), "--count", 20, "-c", 3, code=1)
        assert got["sent"] == 0
        assert got["error_kinds"][0]["what"].startswith(what)
        assert got["errors"] <= 6


def test_nobody_there_and_nonsense():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        got = load(f"127.0.0.1:{port}", code=2)
        assert got["error_kinds"][0]["what"].startswith("connect: ")
    for args in (("--rate", "x"), ("--size", "9-1"), ("--count", "0"),
                 ("--connections", "-1"), ("a", "b"), ("--data", "/none"),
                 ("--from", "a<b>"), ("--proxy", "x"), ("--helo",)):
        assert run("load", *args, code=3).err
    for args in (("a", "b"), ("x",), ("--reject", "LUNCH", "0"),
                 ("--tls-on-connect", "0"), ("--count", "0", "0")):
        assert run("sink", *args, code=3 if args != ("x",) else 2).err


def test_a_session_may_be_long_enough(ehlod):
    """421 between two messages is no error: the rest goes over another."""
    daemon = ehlod(listeners=[listener(max_transactions="7")])
    got = load(f"127.0.0.1:{daemon.port()}", "--no-tls", "--count", 40,
               "-c", 2, "--to", INSIDE)
    assert got["sent"] == got["begun"] == 40 and got["errors"] == 0
    assert got["turned_away"] > 0
    daemon.wait_mails(INSIDE, 40)


def test_hangs_are_timed_out():
    with Recorder(MAIL=None) as server:
        got = load(server.server(), "--count", 2, "-c", 2, "--timeout",
                   "200ms", "--no-pipelining", code=1)
        assert got["error_kinds"][0] == {
            "n": 2, "what": "time-out: answer", "example": ""}


def test_interrupted():
    seen = threading.Event()

    def text(_):
        seen.set()
        return "250 2.0.0 taken"

    with Recorder(TEXT=text) as server:
        process = subprocess.Popen(
            [str(EHLO), "load", server.server(), "--duration", "60",
             "--rate", "50", "--json"], stdout=subprocess.PIPE, text=True)
        assert seen.wait(SECONDS)
        process.send_signal(signal.SIGINT)
        got = json.loads(process.communicate(timeout=SECONDS)[0])
        assert got["begun"] == got["sent"] == len(server.texts)


# --- the sink alone

def test_saved_messages(tmp_path):
    with Sink("--save", tmp_path / "box", "--count", 2) as sink:
        with smtplib.SMTP("127.0.0.1", int(sink.port)) as smtp:
            smtp.sendmail("a@b", ["c@d", "e@f"],
                          b"A: b\r\n\r\n.dot\r\n")
            smtp.sendmail("", ["c@d"], b"second")
        assert "2 messages" in sink.end(None)
    files = {path.name: path.read_bytes()
             for path in (tmp_path / "box").iterdir()}
    assert files == {
        "00000000.eml": b"A: b\r\n\r\n.dot\r\n",
        "00000000.envelope": b"from <a@b>\nto <c@d>\nto <e@f>\n",
        "00000001.eml": b"second\r\n",
        "00000001.envelope": b"from <>\nto <c@d>\n"}


def test_refuses_what_it_is_told():
    steps = {"MAIL": 0, "RCPT": 1, "DATA": 2, "DOT": 2}
    for step in ("CONNECT", "EHLO", *steps):
        for option, class_ in (("--reject", 5), ("--defer", 4)):
            with Sink(option, step) as sink:
                got = run("send", "--server", f"127.0.0.1:{sink.port}",
                          "--to", "a@b", "--json", "--no-pipelining", code=1)
                codes = [answer["code"] // 100
                         for row in json.loads(got.out)["steps"]
                         for answer in row["answers"]]
                assert class_ in codes
    with Sink("--reject", "RCPT", "--every", "2") as sink:
        got = load(f"127.0.0.1:{sink.port}", "--count", 10, "-c", 1, code=1)
        assert got["sent"] == 5


def test_once_and_shown(certs):
    with Sink("--once", "--show-dialogue", "--auth", "--cert", certs.chain,
              "--key", certs.key) as sink:
        with smtplib.SMTP("localhost", int(sink.port)) as smtp:
            smtp.starttls(context=certs.context())
            smtp.login("guyt", "Pauline13")
            smtp.noop()
        out = sink.end(None)
    assert "1 C: STARTTLS" in out and "1 logins" in out
    assert "Pauline13" not in out and "AUTH" in out


def test_a_client_that_attacks():
    with Sink() as sink:
        for raw in (b"\x16\x03\x01" + os.urandom(200), b"A" * 100000,
                    b"EHLO x\r\n" * 1000, b"\r\n" * 5000, b"\0" * 1000):
            with socket.create_connection(("127.0.0.1",
                                           int(sink.port))) as peer:
                try:
                    peer.sendall(raw)
                except OSError:
                    pass
        assert load(f"127.0.0.1:{sink.port}", "--count", 5)["sent"] == 5
        sink.end()
