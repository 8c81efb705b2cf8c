# SPDX-License-Identifier: Apache-2.0
"""A mail server that does what a test wants: it keeps what it takes, and can
refuse, hang up, keep silent or change its mind at any step.

    with Sink() as sink:                 port: sink.port
        sink.script = lambda step, n: …  what to do instead of the usual

A step is named after the command ("connect", "ehlo", "starttls", "auth",
"mail", "rcpt", "data", "text", "rset", "quit"); n counts it over all sessions,
from 1. The script returns None (as usual), a reply ("451 4.7.1 later"), CLOSE,
SILENCE, or LATE (the message is kept, then the connection goes without a
reply)."""
import base64
import errno
import socket
import ssl
import threading

CLOSE, SILENCE, LATE = "close", "silence", "late"


class Mail:
    def __init__(self, sender, rcpts, text, params, session):
        self.sender, self.rcpts, self.text = sender, rcpts, text
        self.params, self.session = params, session


class Sink:
    def __init__(self, host="127.0.0.1", port=0, tls=None, caps=None,
                 lmtp=False, path=None, implicit=False, banner="sink.test"):
        self.caps = caps if caps is not None else [
            "PIPELINING", "8BITMIME", "SMTPUTF8", "DSN", "SIZE 50000000",
            "ENHANCEDSTATUSCODES"]
        self.tls, self.lmtp, self.implicit = tls, lmtp, implicit
        self.banner = banner
        self.users = {}
        self.script = lambda step, n: None
        self.mails, self.lines, self.counts = [], [], {}
        self.sessions, self.open_now, self.open_most = 0, 0, 0
        self.changed = threading.Condition()
        self.is_over = False
        if path is not None:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(str(path))
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.socket = socket.socket(family)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._bind(host, port)
            self.port = self.socket.getsockname()[1]
        self.socket.listen(200)
        self.kept = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _bind(self, host, port):
        """A port that another sink had is free when its thread has noticed."""
        for last in [False] * 1000 + [True]:
            try:
                return self.socket.bind((host, port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE or not port or last:
                    raise
            threading.Event().wait(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.is_over = True
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()
        for one in list(self.kept):
            try:
                one.close()
            except OSError:
                pass

    def wait(self, count, seconds=20):
        """The mails, once there are so many."""
        with self.changed:
            ok = self.changed.wait_for(
                lambda: len(self.mails) >= count, seconds)
            assert ok, f"{len(self.mails)} mails, not {count}; {self.lines}"
            return list(self.mails)

    def wait_step(self, step, count, seconds=20):
        with self.changed:
            ok = self.changed.wait_for(
                lambda: self.counts.get(step, 0) >= count, seconds)
            assert ok, f"{self.counts}, not {count} x {step}"

    def _accept(self):
        while not self.is_over:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.kept.append(connection)
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        with self.changed:
            self.sessions += 1
            number = self.sessions
            self.open_now += 1
            self.open_most = max(self.open_most, self.open_now)
        try:
            Session(self, connection, number).run()
        except (OSError, EOFError, ssl.SSLError):
            pass
        finally:
            with self.changed:
                self.open_now -= 1
                self.changed.notify_all()
            connection.close()


class Session:
    def __init__(self, sink, connection, number):
        self.sink, self.socket, self.number = sink, connection, number
        self.buffer = b""
        self.is_tls = False
        self.login = None
        self.reset()

    def reset(self):
        self.sender, self.rcpts, self.params = None, [], []

    def say(self, text):
        self.socket.sendall(text.encode("utf-8", "surrogateescape") + b"\r\n")

    def line(self):
        while b"\r\n" not in self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line.decode("utf-8", "surrogateescape")

    def step(self, name):
        """False: the script has answered; it raises to end the session."""
        sink = self.sink
        with sink.changed:
            sink.counts[name] = n = sink.counts.get(name, 0) + 1
            sink.changed.notify_all()
            action = sink.script(name, n)
        if action is None:
            return True
        if action == CLOSE:
            raise EOFError
        if action == SILENCE:
            while self.socket.recv(65536):
                pass
            raise EOFError
        if action == LATE:
            return True
        self.say(action)
        if action.startswith("421"):
            raise EOFError
        return False

    def start_tls(self):
        self.socket = self.sink.tls.wrap_socket(self.socket, server_side=True)
        self.is_tls = True
        self.sink.kept.append(self.socket)

    def run(self):
        if self.sink.implicit:
            self.start_tls()
        if self.step("connect"):
            self.say(f"220 {self.sink.banner} ESMTP")
        while True:
            line = self.line()
            with self.sink.changed:
                self.sink.lines.append(line)
            verb = line.split(" ")[0].upper()
            name = "ehlo" if verb in ("EHLO", "LHLO", "HELO") else verb.lower()
            if not self.step(name):
                continue
            if name == "quit":
                self.say("221 bye")
                return
            getattr(self, "do_" + name, self.unknown)(line)

    def unknown(self, _):
        self.say("502 5.5.1 what?")

    def do_ehlo(self, line):
        caps = list(self.sink.caps)
        if line.upper().startswith("HELO"):
            caps = []
        if self.sink.tls and not self.is_tls and not self.sink.implicit:
            caps.append("STARTTLS")
        if self.sink.users:
            caps.append("AUTH PLAIN LOGIN")
        lines = [self.sink.banner] + caps
        for i, cap in enumerate(lines):
            self.say(f"250{' ' if i == len(lines) - 1 else '-'}{cap}")

    def do_starttls(self, _):
        self.say("220 2.0.0 go")
        self.start_tls()
        self.reset()

    def do_auth(self, line):
        words = line.split(" ")
        got = base64.b64decode(words[2]).decode().split("\0")
        if self.sink.users.get(got[1]) == got[2]:
            self.login = got[1]
            self.say("235 2.7.0 welcome")
        else:
            self.say("535 5.7.8 no")

    def do_mail(self, line):
        if self.sink.users and not self.login:
            self.say("530 5.7.0 log in first")
            return
        head, _, rest = line.partition("<")
        self.sender, _, params = rest.partition(">")
        self.params = params.split()
        self.rcpts = []
        self.say("250 2.1.0 ok")

    def do_rcpt(self, line):
        _, _, rest = line.partition("<")
        address, _, params = rest.partition(">")
        self.rcpts.append((address, params.split()))
        self.say("250 2.1.5 ok")

    def do_rset(self, _):
        self.reset()
        self.say("250 2.0.0 ok")

    def do_data(self, _):
        if not self.rcpts:
            self.say("503 5.5.1 nobody")
            return
        self.say("354 go")
        while b"\r\n.\r\n" not in b"\r\n" + self.buffer:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        text, _, self.buffer = (b"\r\n" + self.buffer).partition(b"\r\n.\r\n")
        text = (text[2:] + b"\r\n").replace(b"\r\n..", b"\r\n.")
        sink = self.sink
        with sink.changed:
            n = sink.counts.get("text", 0) + 1
            action = sink.script("text", n)
        if action == LATE:
            self.keep(text)
            with sink.changed:
                sink.counts["text"] = n
            raise EOFError
        rcpts = self.rcpts if sink.lmtp else [None]
        if not self.step("text"):
            return
        self.keep(text)
        for _ in rcpts:
            self.say("250 2.0.0 kept")
        self.reset()

    def keep(self, text):
        sink = self.sink
        with sink.changed:
            sink.mails.append(Mail(self.sender, self.rcpts, text, self.params,
                                   self))
            sink.changed.notify_all()
