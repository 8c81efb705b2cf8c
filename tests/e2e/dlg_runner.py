#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs dialogue files (tests/dlg) over TCP against a running server.

    dlg_runner.py [options] HOST PORT FILE...

A file marked `! only engine` is skipped, as is one that needs a kind of
listener that was not named. Prints a line a file; the exit status is 0 if none
failed and at least one ran. The format is described in tests/dlg/README.md.
"""

import argparse
import re
import socket
import ssl
import sys

ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "b": b"\b", "\\": b"\\"}


class Failed(Exception):
    """What was expected, and what came."""


def unescape(text):
    """The bytes that a `C|` line stands for."""

    def one(match):
        code = match.group(1).decode()
        if code[0] == "x":
            return bytes([int(code[1:], 16)])
        return ESCAPES[code]

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|[rntb\\])", one, text)


def pattern(text):
    """`*` stands for any text."""
    parts = [re.escape(part) for part in text.split(b"*")]
    return re.compile(b".*".join(parts), re.DOTALL)


class Dialogue:
    """A file, read: options, steps, and whether the server hangs up."""

    def __init__(self, path):
        self.options = {}
        self.steps = []  # (kind, bytes, line number)
        self.is_scripted = False
        with open(path, "rb") as file:
            for number, line in enumerate(file.read().split(b"\n"), 1):
                self.read_line(line, number)

    def read_line(self, line, number):
        mark, rest = line[:2], line[3:]
        if line == b"" or mark[:1] == b"#":
            return
        if mark[:1] == b"!":
            name, _, value = line[2:].decode().partition(" ")
            self.options[name] = value
        elif mark[:1] == b"?":
            self.is_scripted = True
        elif mark == b"C:":
            is_lf = self.options.get("lines") == "lf"
            end = b"\n" if is_lf else b"\r\n"
            self.steps.append(("send", rest + end, number))
        elif mark == b"C|":
            self.steps.append(("send", unescape(rest), number))
        elif mark == b"S:":
            self.steps.append(("line", rest, number))
        elif mark == b"S+":
            self.steps.append(("reply", rest, number))
        elif line in (b"T", b"X"):
            self.steps.append(("tls" if line == b"T" else "close", b"",
                               number))
        elif mark not in (b"B:", b"B|", b"N:", b"E:"):
            raise Failed(f"line {number}: what is this?")

    def why_not(self, args):
        """Why this server is not one to run it against, or None."""
        if self.options.get("only") == "engine" or self.is_scripted:
            return "only engine"
        if self.options.get("tls") == "implicit" and not args.tls_port:
            return "no port with implicit TLS"
        if self.options.get("typist") == "yes" and not args.typist:
            return "no listener for typists"
        if self.options.get("typist") == "no" and args.typist:
            return "no strict listener"
        if self.options.get("lmtp") == "yes" and not args.lmtp:
            return "no LMTP"
        return None


class Session:
    """The client's end of a connection."""

    def __init__(self, args, dialogue):
        self.args = args
        self.is_implicit = dialogue.options.get("tls") == "implicit"
        port = args.tls_port if self.is_implicit else args.port
        self.socket = socket.create_connection((args.host, port),
                                               args.timeout)
        self.buffer = b""
        if self.is_implicit:
            self.start_tls()

    def start_tls(self):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.buffer = b""
        self.socket = context.wrap_socket(self.socket,
                                          server_hostname=self.args.host)

    def read_more(self):
        data = self.socket.recv(65536)
        self.buffer += data
        return data != b""

    def read_line(self):
        while b"\r\n" not in self.buffer:
            if not self.read_more():
                raise Failed(f"closed behind {self.buffer!r}")
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def expect_line(self, text):
        line = self.read_line()
        if not pattern(text).fullmatch(line):
            raise Failed(f"expected {text!r}, got {line!r}")

    def expect_reply(self, code):
        while True:
            line = self.read_line()
            if not line.startswith(code):
                raise Failed(f"expected a reply {code!r}, got {line!r}")
            if line[3:4] != b"-":
                return

    def expect_close(self):
        try:
            while self.buffer == b"" and self.read_more():
                pass
        except (ConnectionResetError, ssl.SSLError):
            pass
        if self.buffer != b"":
            raise Failed(f"expected the close, got {self.buffer!r}")


def run_step(session, kind, text):
    if kind == "send":
        try:
            session.socket.sendall(text)
        except (BrokenPipeError, ConnectionResetError):
            pass  # what is missing will show when we read
    elif kind == "line":
        session.expect_line(text)
    elif kind == "reply":
        session.expect_reply(text)
    elif kind == "tls":
        session.start_tls()
    else:
        session.expect_close()


def run(args, dialogue):
    session = Session(args, dialogue)
    try:
        # "X" may stand anywhere: the close comes last
        steps = sorted(dialogue.steps, key=lambda step: step[0] == "close")
        for kind, text, number in steps:
            try:
                run_step(session, kind, text)
            except (Failed, OSError) as error:
                raise Failed(f"line {number}: {error}") from error
        if session.buffer != b"":
            raise Failed(f"the server says more: {session.buffer!r}")
    finally:
        session.socket.close()


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Run dialogue files against a server.")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("files", nargs="+")
    parser.add_argument("--tls-port", type=int,
                        help="a listener with implicit TLS")
    parser.add_argument("--no-typist", dest="typist", action="store_false",
                        help="the listener is strict: skip typists' files")
    parser.add_argument("--lmtp", action="store_true",
                        help="the listener speaks LMTP")
    parser.add_argument("--timeout", type=float, default=10)
    return parser.parse_args()


def main():
    args = parse_arguments()
    ran = failed = 0
    for path in args.files:
        try:
            dialogue = Dialogue(path)
            reason = dialogue.why_not(args)
            if reason is not None:
                print(f"skip {path}: {reason}")
                continue
            ran += 1
            run(args, dialogue)
            print(f"ok   {path}")
        except (Failed, OSError) as error:
            failed += 1
            print(f"FAIL {path}: {error}")
    print(f"{ran} ran, {failed} failed, {len(args.files) - ran} skipped")
    return 1 if failed or ran == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
