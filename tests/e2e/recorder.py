# SPDX-License-Identifier: Apache-2.0
"""A mail server that says what a test tells it to say, and remembers every
octet that it heard. It believes nothing of ours: what SMTP is, is written down
here once more."""
import re
import socket
import struct
import threading

from harness import SECONDS

EHLO_LIST = ("PIPELINING", "8BITMIME", "SIZE 10000000", "DSN", "SMTPUTF8",
             "CHUNKING", "BINARYMIME", "ENHANCEDSTATUSCODES")


class Recorder:
    """Replies are looked up by the verb of a line ("MAIL", "RCPT" …, "TEXT",
    "GREETING", "CHUNK"): a string, bytes (sent as they are), a list (one after
    the other, the last one again), or a function of the line. None: silence.
    `close`: the connection ends behind it."""

    def __init__(self, caps=EHLO_LIST, lmtp=False, unix=None, context=None,
                 implicit=False, proxy=0, **replies):
        self.caps, self.lmtp = caps, lmtp
        self.context, self.implicit, self.proxy = context, implicit, proxy
        self.replies = {
            "GREETING": "220 recorder.example ESMTP", "HELO": "250 recorder",
            "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok",
            "DATA": "354 go on", "TEXT": "250 2.0.0 taken",
            "CHUNK": "250 2.0.0 chunk", "RSET": "250 2.0.0 reset",
            "QUIT": "221 2.0.0 bye", "STARTTLS": "220 2.0.0 go",
            "AUTH": "235 2.7.0 in", "XCLIENT": "220 recorder.example ESMTP",
            "NOOP": "250 2.0.0 ok", **replies}
        self.lines, self.texts, self.chunks = [], [], []
        self.heads = []                 # PROXY headers
        self.sessions, self.ends = 0, []
        self.peers = []
        self.changed = threading.Condition()
        if unix:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.bind(str(unix))
        else:
            self.socket = socket.socket()
            self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(64)
        self.port = None if unix else self.socket.getsockname()[1]
        self.is_open = True
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.is_open = False
        self.socket.close()

    def server(self):
        return f"127.0.0.1:{self.port}"

    def verbs(self):
        return [re.split(r"[ :]", line)[0].upper() for line in self.lines]

    def said(self, verb):
        return [line for line in self.lines
                if line.upper().startswith(verb)]

    def wait_end(self, count=1):
        """How the sessions ended: "eof" or "reset"."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: len(self.ends) >= count, SECONDS), self.lines
            return self.ends

    def _accept(self):
        while self.is_open:
            try:
                peer, address = self.socket.accept()
            except OSError:
                return
            self.sessions += 1
            self.peers.append(address)
            threading.Thread(target=self._session, args=(peer,),
                             daemon=True).start()

    def _session(self, peer):
        how = "eof"
        try:
            Dialogue(self, peer).run()
        except ConnectionResetError:
            how = "reset"
        except (OSError, EOFError):
            pass
        finally:
            peer.close()
            with self.changed:
                self.ends.append(how)
                self.changed.notify_all()


class Dialogue:
    def __init__(self, owner, peer):
        self.owner, self.peer, self.data = owner, peer, b""
        self.peer.settimeout(SECONDS)
        self.counts, self.rcpts = {}, 0

    def _more(self):
        got = self.peer.recv(65536)
        if not got:
            raise EOFError
        self.data += got

    def _take(self, n):
        while len(self.data) < n:
            self._more()
        head, self.data = self.data[:n], self.data[n:]
        return head

    def _until(self, mark):
        while mark not in self.data:
            self._more()
        return self._take(self.data.index(mark) + len(mark))

    def _say(self, what, line=""):
        reply = self.owner.replies.get(what, "502 5.5.1 unknown")
        if callable(reply):
            reply = reply(line)
        if isinstance(reply, list):
            at = self.counts.get(what, 0)
            self.counts[what] = at + 1
            reply = reply[min(at, len(reply) - 1)]
        if reply is None:
            return "nothing"
        if reply == "close":
            raise EOFError
        self.peer.sendall(reply if isinstance(reply, bytes)
                          else reply.encode() + b"\r\n")
        return reply if isinstance(reply, str) else ""

    def _head(self):
        if self.owner.proxy == 1:
            self.owner.heads.append(self._until(b"\r\n"))
        elif self.owner.proxy == 2:
            head = self._take(16)
            self.owner.heads.append(
                head + self._take(struct.unpack(">H", head[14:])[0]))

    def _tls(self):
        assert self.data == b"", "clear text behind STARTTLS"
        self.peer = self.owner.context.wrap_socket(self.peer,
                                                   server_side=True)

    def _hello(self, line):
        verb = line[:4].upper()
        if "EHLO" in self.owner.replies and verb != "HELO":
            return self._say("EHLO", line)
        if verb == "HELO":
            return self._say("HELO", line)
        rows = ["recorder.example", *self.owner.caps]
        if self.owner.context and not self.owner.implicit and not hasattr(
                self.peer, "version"):
            rows.append("STARTTLS")
        self.peer.sendall("".join(
            f"250{'-' if row is not rows[-1] else ' '}{row}\r\n"
            for row in rows).encode())
        return ""

    def _text(self):
        while b"\r\n.\r\n" not in b"\r\n" + self.data:
            self._more()
        body = self._take((b"\r\n" + self.data).index(b"\r\n.\r\n"))
        self._take(3)
        self.owner.texts.append(re.sub(rb"(?m)^\.", b"", body))
        for _ in range(self.rcpts if self.owner.lmtp else 1):
            self._say("TEXT")
        self.rcpts = 0

    def _chunk(self, line):
        words = line.split()
        self.owner.chunks.append(self._take(int(words[1])))
        is_last = len(words) > 2
        for _ in range(self.rcpts if self.owner.lmtp and is_last else 1):
            self._say("TEXT" if is_last else "CHUNK", line)
        if is_last:
            self.owner.texts.append(b"".join(self.owner.chunks))

    def run(self):
        self._head()
        if self.owner.implicit:
            self._tls()
        self._say("GREETING")
        while True:
            line = self._until(b"\r\n")[:-2].decode("utf-8",
                                                    "surrogateescape")
            self.owner.lines.append(line)
            self.step(line)

    def step(self, line):
        verb = re.split(r"[ :]", line)[0].upper()
        if verb in ("EHLO", "HELO", "LHLO"):
            self._hello(line)
        elif verb == "BDAT":
            self._chunk(line)
        elif verb == "DATA":
            if self._say("DATA", line).startswith("354"):
                self._text()
        elif verb == "QUIT":
            self._say("QUIT")
            raise EOFError
        elif verb == "STARTTLS":
            if self._say("STARTTLS").startswith("220"):
                self._tls()
        else:
            reply = self._say(verb, line)
            if verb == "RCPT" and reply.startswith("2"):
                self.rcpts += 1
