#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the daemon under load, N times: tools/kill_loop.py N [BUILD-DIR]

Clients send without pause and write down what was acknowledged; at a moment
of chance the daemon gets SIGKILL and is started again. In the end

1. every acknowledged message is in the Maildir,
2. every file there is whole: its length and sum are as they were sent,
3. what was delivered twice stands there once.
"""
import hashlib
import os
import random
import re
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SENDERS = 8
TEXT = re.compile(rb"X-Sum: (\S+) (\S+)\n\n(.*)", re.S)


class Sender(threading.Thread):
    """One client that goes on until its connection dies."""

    def __init__(self, daemon, cycle, number, acknowledged):
        super().__init__(daemon=True)
        self.server, self.acknowledged = daemon, acknowledged
        self.mark = f"{cycle}-{number}"
        self.port = daemon.port()
        self.count = 0
        self.random = random.Random(self.mark)

    def message(self):
        name = f"{self.mark}-{self.count}"
        text = "".join(
            f"{self.random.getrandbits(200):x}\n"
            for _ in range(self.random.choice((1, 20, 200, 4000))))
        total = hashlib.sha256(text.encode()).hexdigest()
        return name, ("From: a@sender.example\nMessage-ID: <x@y>\n"
                      "Date: Sat, 21 Nov 2026 00:00:00 +0000\n"
                      f"X-Sum: {name} {total}\n\n{text}")

    def run(self):
        from harness import INSIDE, STRANGER, Client
        try:
            with Client(self.port) as client:
                client.ehlo()
                while True:
                    self.count += 1
                    name, text = self.message()
                    client.begin(STRANGER, INSIDE)
                    if client.data(text) == 250:
                        self.acknowledged.add(name)
        except (OSError, AssertionError):
            pass        # it was killed


def judge(daemon, address):
    """{name: count} of the messages delivered; all of them must be whole."""
    found = {}
    for raw in daemon.mails(address):
        match = TEXT.search(raw)
        assert match, f"torn: {raw[:200]!r} ({len(raw)} octets)"
        name, total, text = match.groups()
        assert hashlib.sha256(text).hexdigest() == total.decode(), \
            f"torn: {name}"
        found[name.decode()] = found.get(name.decode(), 0) + 1
    return found


def kill_loop(folder, certs, users, cycles, chance=None):
    """Returns how many messages were acknowledged."""
    from harness import INSIDE, Daemon
    chance = chance or random.Random()
    daemon = Daemon(folder, certs, users)
    acknowledged = set()
    try:
        for cycle in range(cycles):
            daemon.start()
            senders = [Sender(daemon, cycle, number, acknowledged)
                       for number in range(SENDERS)]
            before = len(acknowledged)
            for sender in senders:
                sender.start()
            # the moment is chosen by work done, not by time
            wanted = before + chance.randrange(1, 120)
            daemon.wait(lambda: len(acknowledged) >= wanted,
                        f"{wanted} acknowledged")
            daemon.kill()
            for sender in senders:
                sender.join(60)
        daemon.start()

        def all_there():
            return acknowledged <= judge(daemon, INSIDE).keys()
        try:
            daemon.wait(all_there, "all that was acknowledged", 120)
        except AssertionError:
            lost = sorted(acknowledged - judge(daemon, INSIDE).keys())
            raise AssertionError(f"lost: {lost[:20]} ({len(lost)} of"
                                 f" {len(acknowledged)})") from None
        twice = [name for name, count in judge(daemon, INSIDE).items()
                 if count > 1]
        assert not twice, f"delivered more than once: {twice}"
        daemon.stop()
        return len(acknowledged)
    finally:
        if daemon.process and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait(20)


def main():
    if len(sys.argv) not in (2, 3) or not sys.argv[1].isdigit():
        print(__doc__.splitlines()[0], file=sys.stderr)
        return 2
    build = sys.argv[2] if len(sys.argv) == 3 else ROOT / "build"
    os.environ["EHLO_BUILD"] = str(Path(build).resolve())
    sys.path.insert(0, str(ROOT / "tests" / "e2e"))
    import tempfile
    import harness
    from conftest import add_user
    seed = random.randrange(1 << 32)
    with tempfile.TemporaryDirectory(prefix="ehlo-kill-") as folder:
        folder = Path(folder)
        certs = harness.Certs(folder / "certs")
        for name, password, send_as in harness.ACCOUNTS:
            add_user(folder / "users", name, password, send_as)
        print(f"seed {seed}, {sys.argv[1]} cycles", flush=True)
        count = kill_loop(folder / "ehlod", certs, folder / "users",
                          int(sys.argv[1]), random.Random(seed))
    print(f"{count} acknowledged, all delivered once, none torn")
    return 0


if __name__ == "__main__":
    sys.exit(main())
