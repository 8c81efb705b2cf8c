# SPDX-License-Identifier: Apache-2.0
"""The control socket as tests use it: raw, as a stranger would, and by way of
`ehlo`."""
import json
import os
import socket
import subprocess

from harness import EHLO, SECONDS


class Control:
    """A client that says what it is told; `path` may be long."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        folder = os.open(os.path.dirname(path), os.O_PATH)
        try:
            self.socket.connect(f"/proc/self/fd/{folder}/"
                                + os.path.basename(path))
        finally:
            os.close(folder)
        # only now: with a time-out connect() does not wait for its turn
        self.socket.settimeout(SECONDS)
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """False if it is closed."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def line(self):
        """The next line as JSON, None at the end."""
        while b"\n" not in self.buffer:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                assert not self.buffer, self.buffer
                return None
            self.buffer += data
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def rest(self):
        """All that still comes, to the end: of a daemon that goes, the last
        line may be cut."""
        while True:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return self.buffer
            self.buffer += data

    def ask(self, **request):
        """(items, last line)"""
        request["do"] = request.pop("what")
        assert self.send(json.dumps(request).encode() + b"\n")
        items = []
        while True:
            line = self.line()
            if line is None or "ok" in line:
                return items, line
            items.append(line["item"])


def control_of(daemon):
    return Control(str(daemon.folder / "control"))


def ehlo(*args, stdin="", daemon=None, code=0, env=None):
    """Runs `ehlo` with the daemon's socket; its output."""
    args = [str(EHLO), *map(str, args)]
    if daemon is not None:
        args += ["--control", str(daemon.folder / "control")]
    got = subprocess.run(args, input=stdin, text=True, capture_output=True,
                         timeout=SECONDS, env=env)
    assert got.returncode == code, (args, got.returncode, got.stdout,
                                    got.stderr)
    return got.stdout + (got.stderr if code else "")


def ehlo_json(*args, **options):
    return [json.loads(line)
            for line in ehlo(*args, "--json", **options).splitlines()]
