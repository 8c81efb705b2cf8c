# SPDX-License-Identifier: Apache-2.0
"""Plays a dialogue of tests/dlg over TCP. The format is told in
tests/dlg/README.md; lines that only the engine can show (N, B, E) are not
looked at here."""
import re

from harness import listener

ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(.))")
PLAIN_ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"b": b"\b",
                 b"\\": b"\\"}
# options that are called otherwise in the configuration
LIMITS = {
    "size": "max_message_size", "rcpt-max": "max_recipients",
    "errors-max": "max_errors", "commands-max": "max_commands",
    "transactions-max": "max_transactions",
    "auth-failures-max": "max_auth_failures",
}


def unescape(text):
    def one(match):
        if match[1]:
            return bytes([int(match[1], 16)])
        return PLAIN_ESCAPES[match[2]]
    return ESCAPE.sub(one, text)


class Dialogue:
    """`options` and `steps` (number of the line, kind, text) of a file."""

    def __init__(self, path):
        self.path, self.options, self.steps = path, {}, []
        for number, line in enumerate(path.read_bytes().split(b"\n"), 1):
            kind, text = line[:2], line[3:]
            if line.startswith(b"!"):
                name, _, value = line[2:].decode().partition(" ")
                self.options[name] = value
            elif kind in (b"C:", b"C|", b"S:", b"S+") or line in (b"T", b"X"):
                self.steps.append((number, kind.decode(), text))
            else:
                assert not line or line[:1] in b"#NBE?", \
                    f"{path}:{number}: what is this line?"

    def is_for_tcp(self):
        return self.options.get("only") != "engine"

    def listener(self):
        """The block of the configuration that offers what it needs."""
        get = self.options.get
        clear = get("auth-clear", "none")
        rows = {
            "tls": get("tls", "starttls"),
            "auth": get("auth-tls", "PLAIN LOGIN").lower(),
            "basic_auth_only_after_tls": "yes" if clear == "none" else "no",
            "typist": get("typist", "no"), "lmtp": get("lmtp", "no"),
            "tls_required": get("tls-required", "no"),
            "auth_required": get("auth-required", "no"),
            "persona": get("persona", "native"),
            "greeting_name": get("hostname"),
            "exps": get("exps-tls", "none").lower(),
            "auth_decoys": get("decoys", "none"),
            # everybody may send to everybody
            "relay": "networks", "networks": "127.0.0.0/8",
            "sender_must_match_login": "no",
        }
        assert get("exps-clear") == get("exps-tls") and \
            clear in ("none", get("auth-tls", "PLAIN LOGIN")), \
            f"{self.path}: cannot be configured, so: ! only engine"
        rows.update({LIMITS[name]: value
                     for name, value in self.options.items()
                     if name in LIMITS})
        return listener(self.path.stem, **rows)


class Player:
    def __init__(self, server, dialogue):
        self.server, self.dialogue = server, dialogue
        self.where = dialogue.path.name
        self.end = b"\n" if dialogue.options.get("lines") == "lf" else b"\r\n"
        is_tls = dialogue.options.get("tls") == "implicit"
        self.client = server.client(
            dialogue.path.stem, greet=False,
            tls=server.context() if is_tls else None)
        self.is_over = False

    def play(self):
        with self.client:
            for number, kind, text in self.dialogue.steps:
                self.where = f"{self.dialogue.path.name}:{number}"
                self.step(kind, text)
            if not self.is_over:
                self.where += ", behind the last line"
                self.nothing_more()

    def nothing_more(self):
        """What is said next is the answer to this, or the end."""
        self.client.send(b"QUIT" + self.end)
        reply = self.client.reply()
        assert reply.code in (0, 221, 421, 501), f"{self.where}: {reply}"

    def step(self, kind, text):
        if kind == "C:":
            self.client.send(text + self.end)
        elif kind == "C|":
            self.client.send(unescape(text))
        elif kind == "S:":
            self.hear(text)
        elif kind == "S+":
            reply = self.client.reply()
            assert reply == int(text), f"{self.where}: {reply}"
        elif kind == "T":
            assert not self.client.buffer, \
                f"{self.where}: more in the clear: {self.client.buffer!r}"
            self.client.start_tls(self.server.context())
        else:
            self.is_over = True
            line = self.client.line()
            assert not line, f"{self.where}: no end, but {line!r}"

    def hear(self, pattern):
        line = self.client.line()
        parts = [re.escape(part) for part in pattern.split(b"*")]
        assert re.fullmatch(b".*".join(parts) + b"\r\n", line, re.S), \
            f"{self.where}: expected {pattern!r}, got {line!r}"
