#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the daemon under load, N times:

    tools/kill_loop.py N [BUILD-DIR] [--disk full|failing]

Clients send without pause and write down what was acknowledged; at a moment
of chance the daemon gets SIGKILL and is started again. With --disk full the
file system (a small one of its own, on a loop device; needs root) is filled up
under it in every cycle, with --disk failing writes and syncs end in EIO
(tests/e2e/bad_disk.c); the kill comes before, in the middle or after that. In
the end, with a good disk,

1. every acknowledged message is in the Maildir,
2. every file there is whole: its length and sum are as they were sent,
3. what was delivered twice stands there once.
"""
import argparse
import contextlib
import hashlib
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SENDERS = 8
TEXT = re.compile(rb"X-Sum: (\S+) (\S+)\n\n(.*)", re.S)


class Sender(threading.Thread):
    """One client that goes on until it is told to stop. What is refused is
    not counted; a lost connection is made again."""

    def __init__(self, daemon, cycle, number, acknowledged, stop):
        super().__init__(daemon=True)
        self.acknowledged, self.stop = acknowledged, stop
        self.mark = f"{cycle}-{number}"
        self.port = daemon.port()
        self.count = self.refused = 0
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

    def send(self, client):
        from harness import INSIDE, STRANGER
        self.count += 1
        name, text = self.message()
        reply = client.cmd(f"MAIL FROM:<{STRANGER}>")
        if reply == 250:
            reply = client.cmd(f"RCPT TO:<{INSIDE}>")
        if reply == 250:
            reply = client.data(text)
        if reply == 250:
            self.acknowledged.add(name)
            return
        if not reply.code:
            raise EOFError
        assert reply.code in (421, 451, 452), reply
        self.refused += 1
        client.cmd("RSET")

    def run(self):
        from harness import Client
        while not self.stop.is_set():
            try:
                client = Client(self.port)
            except (OSError, AssertionError):
                self.stop.wait(0.01)    # no greeting: it is gone
                continue
            try:
                with client:
                    if client.cmd("EHLO load.example") != 250:
                        raise EOFError
                    while not self.stop.is_set():
                        self.send(client)
            except (OSError, EOFError):
                self.stop.wait(0.01)    # it was killed, or hung up


class GoodDisk:
    """Nothing happens to it."""

    def __init__(self, folder):
        self.prefix, self.options = (), {}

    def spoil(self):
        pass

    def mend(self):
        pass

    def close(self):
        pass


class FullDisk(GoodDisk):
    """A small file system of its own that is filled up by somebody else."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.image, self.at = folder / "image", folder / "disk"
        self.at.mkdir()
        subprocess.run(["truncate", "-s", "700M", self.image], check=True)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        subprocess.run(["mount", "-o", "loop", self.image, self.at],
                       check=True)
        self.prefix = ()
        self.options = {"spool": str(self.at / "spool")}

    def spoil(self):
        at, piece = 0, 512 << 20
        with open(self.at / "ballast", "wb") as ballast:
            while piece >= 65536:
                try:
                    os.posix_fallocate(ballast.fileno(), at, piece)
                    at += piece
                except OSError:     # the last octets are not wanted
                    piece //= 2

    def mend(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.at / "ballast")

    def close(self):
        subprocess.run(["umount", "-l", self.at], check=True)


class FailingDisk(GoodDisk):
    """Writes and syncs fail, every one or every third."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.control, self.turns = folder / "bad", 0
        shim = folder / "bad_disk.so"
        source = ROOT / "tests" / "e2e" / "bad_disk.c"
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, source],
                       check=True)
        # a sanitizer wants to be first in line; here it is second
        self.prefix = ("env", f"LD_PRELOAD={shim}",
                       "ASAN_OPTIONS=exitcode=99:verify_asan_link_order=0",
                       f"EHLO_BAD_DISK={self.control}")
        self.options = {}

    def spoil(self):
        self.turns += 1
        self.control.write_text("x" if self.turns % 2 else "xxx")

    def mend(self):
        self.control.unlink(missing_ok=True)


DISKS = {"good": GoodDisk, "full": FullDisk, "failing": FailingDisk}


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


def one_cycle(daemon, disk, senders, acknowledged, chance):
    """The moments are chosen by work done, not by time."""
    def more(n):
        wanted = len(acknowledged) + n
        daemon.wait(lambda: len(acknowledged) >= wanted,
                    f"{wanted} acknowledged")

    more(chance.randrange(1, 120))
    if type(disk) is GoodDisk:
        return
    refused = sum(sender.refused for sender in senders)
    disk.spoil()
    if chance.randrange(3) == 0:
        return
    daemon.wait(lambda: sum(s.refused for s in senders) > refused,
                "a refusal")
    disk.mend()
    if chance.randrange(2) == 0:
        return
    more(20)


def kill_loop(folder, certs, users, cycles, chance=None, disk="good"):
    """Returns how many messages were acknowledged."""
    from harness import INSIDE, Daemon
    chance = chance or random.Random()
    disk = DISKS[disk](folder / "disk")
    # what the disk refused is tried again while we wait
    daemon = Daemon(folder, certs, users, prefix=disk.prefix, options={
        "retry-first": "1s", "retry-max": "2s", **disk.options})
    acknowledged = set()
    try:
        for cycle in range(cycles):
            daemon.start()
            stop = threading.Event()
            senders = [Sender(daemon, cycle, number, acknowledged, stop)
                       for number in range(SENDERS)]
            for sender in senders:
                sender.start()
            one_cycle(daemon, disk, senders, acknowledged, chance)
            daemon.kill()
            stop.set()
            for sender in senders:
                sender.join(60)
            disk.mend()
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
        disk.close()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cycles", type=int, metavar="N")
    parser.add_argument("build", nargs="?", default=ROOT / "build")
    parser.add_argument("--disk", choices=DISKS, default="good")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    args = parser.parse_args()
    os.environ["EHLO_BUILD"] = str(Path(args.build).resolve())
    sys.path.insert(0, str(ROOT / "tests" / "e2e"))
    import harness
    from conftest import add_user
    with tempfile.TemporaryDirectory(prefix="ehlo-kill-") as folder:
        folder = Path(folder)
        certs = harness.Certs(folder / "certs")
        for name, password, send_as in harness.ACCOUNTS:
            add_user(folder / "users", name, password, send_as)
        print(f"seed {args.seed}, {args.cycles} cycles, {args.disk} disk",
              flush=True)
        count = kill_loop(folder / "ehlod", certs, folder / "users",
                          args.cycles, random.Random(args.seed), args.disk)
    print(f"{count} acknowledged, all delivered once, none torn")
    return 0


if __name__ == "__main__":
    sys.exit(main())
