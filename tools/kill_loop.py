#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills the daemon under load, N times:

    tools/kill_loop.py N [BUILD-DIR] [--relay] [--disk full|failing]

Clients send without pause and write down what was acknowledged; at a moment
of chance the daemon gets SIGKILL and is started again. With --disk full the
file system (a small one of its own, on a loop device; needs root) is filled up
under it in every cycle, with --disk failing writes and syncs end in EIO
(tests/e2e/bad_disk.c); the kill comes before, in the middle or after that. In
the end, with a good disk,

1. every acknowledged message is in the Maildir,
2. every file there is whole: its length and sum are as they were sent,
3. what was delivered twice stands there once.

With --relay the mail goes on to other servers (tests/e2e/ledger.py), which
write down what they took; every message has to be in that book, for each of
its recipients, and whole. What stands there twice is counted and must be
explained: when the daemon that sent it first was killed, its spool did not yet
say that it was over.
"""
import argparse
import contextlib
import hashlib
import json
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

    def __init__(self, daemon, goal, cycle, number, acknowledged, stop):
        super().__init__(daemon=True)
        self.goal = goal
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
        self.count += 1
        name, text = self.message()
        rcpts = self.goal.recipients(self.random)
        reply = client.cmd(f"MAIL FROM:<{name}@sender.example>")
        for rcpt in rcpts:
            if reply == 250:
                reply = client.cmd(f"RCPT TO:<{rcpt}>")
        if reply == 250:
            reply = client.data(text)
        if reply == 250:
            self.acknowledged.update((name, rcpt) for rcpt in rcpts)
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


class ToMaildir:
    """Mail for a mailbox: a second copy replaces the first."""

    def __init__(self, folder):
        pass

    def recipients(self, _):
        from harness import INSIDE
        return (INSIDE,)

    def begin(self, daemon, cycle):
        pass

    def killed(self, daemon, cycle):
        pass

    def found(self, daemon):
        """{(name, recipient): count}; all of them must be whole."""
        from harness import INSIDE
        found = {}
        for raw in daemon.mails(INSIDE):
            match = TEXT.search(raw)
            assert match, f"torn: {raw[:200]!r} ({len(raw)} octets)"
            name, total, text = match.groups()
            assert hashlib.sha256(text).hexdigest() == total.decode(), \
                f"torn: {name}"
            key = name.decode(), INSIDE
            found[key] = found.get(key, 0) + 1
        return found

    def judge(self, daemon):
        """In words, what came twice."""
        twice = [key for key, count in self.found(daemon).items()
                 if count > 1]
        assert not twice, f"delivered more than once: {twice}"
        return "all delivered once"

    def close(self):
        pass


class ToServers:
    """Mail for two other servers. Which life of the daemon sent a copy tells
    its EHLO; what had not ended when that life was over tells its spool."""

    def __init__(self, folder):
        folder.mkdir(parents=True)
        self.books = [folder / "one.example", folder / "two.example"]
        self.servers = [subprocess.Popen(
            [sys.executable, ROOT / "tests" / "e2e" / "ledger.py", book],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            for book in self.books]
        self.ports = [int(server.stdout.readline())
                      for server in self.servers]
        self.unsettled = {}     # life: {(name, recipient)}

    def recipients(self, chance):
        both = ("x@one.example", "x@two.example", "y@one.example")
        return both[:chance.choice((1, 1, 2, 3))]

    def begin(self, daemon, cycle):
        from harness import listener
        daemon.listeners = [listener(relay="networks",
                                     networks="127.0.0.0/8")]
        daemon.extra = "".join(
            f'route "{book.name}" {{ via smarthost 127.0.0.1:{port};'
            f" hello life-{cycle}; tls none; }}\n"
            for book, port in zip(self.books, self.ports))
        daemon.write_config()

    def killed(self, daemon, cycle):
        from harness import EHLO
        for event in "failed", "expired", "notice":
            assert not daemon.find(event), daemon.find(event)[:3]
        got = subprocess.run(
            [EHLO, "spool", "dump", daemon.options["spool"], "--json"],
            capture_output=True, check=False)
        open_now = {}
        for line in got.stdout.splitlines():
            row = json.loads(line)
            if row.get("over") is False and row["complete"]:
                name = row["from"].partition("@")[0]
                open_now[row["id"]] = {
                    i: (name, to) for i, to in enumerate(row["to"])}
            for outcome in row.get("recipients", ()):
                open_now.get(row["id"], {}).pop(outcome["index"], None)
        self.unsettled[cycle] = {
            key for message in open_now.values() for key in message.values()}

    def rows(self):
        """(life, name, recipient) in the order in which they came."""
        for book in self.books:
            for line in book.read_text().splitlines():
                life, name, rcpt, verdict = line.split()
                assert verdict == "whole", f"torn: {line}"
                yield int(life.partition("-")[2]), name, rcpt

    def found(self, _):
        found = {}
        for _, name, rcpt in self.rows():
            found[name, rcpt] = found.get((name, rcpt), 0) + 1
        return found

    def judge(self, daemon):
        before, twice = {}, 0
        for life, name, rcpt in self.rows():
            first = before.get((name, rcpt))
            if first is not None:
                twice += 1
                assert life > first and \
                    (name, rcpt) in self.unsettled[first], \
                    f"{name} for {rcpt} came in life {first} and in {life}"
            before[name, rcpt] = life
        return (f"{sum(self.found(daemon).values())} reached the other "
                f"servers, {twice} of them a second time, none of these "
                "settled before")

    def close(self):
        for server in self.servers:
            server.stdin.close()
            server.stdout.close()
            server.wait(20)


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


def run_cycles(daemon, goal, disk, cycles, chance):
    """What was acknowledged: {(name, recipient)}."""
    acknowledged = set()
    for cycle in range(cycles):
        goal.begin(daemon, cycle)
        daemon.start()
        stop = threading.Event()
        senders = [Sender(daemon, goal, cycle, number, acknowledged, stop)
                   for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        one_cycle(daemon, disk, senders, acknowledged, chance)
        daemon.kill()
        stop.set()
        for sender in senders:
            sender.join(60)
        goal.killed(daemon, cycle)
        disk.mend()
    goal.begin(daemon, cycles)
    daemon.start()
    return acknowledged


def kill_loop(folder, certs, users, cycles, *, chance=None, disk="good",
              is_relay=False):
    """How many were acknowledged, and what came of them in words."""
    from harness import Daemon
    chance = chance or random.Random()
    disk = DISKS[disk](folder / "disk")
    goal = (ToServers if is_relay else ToMaildir)(folder / "goal")
    # what the disk refused is tried again while we wait
    daemon = Daemon(folder, certs, users, prefix=disk.prefix, options={
        "retry-first": "1s", "retry-max": "2s", **disk.options})
    try:
        acknowledged = run_cycles(daemon, goal, disk, cycles, chance)

        def all_there():
            return acknowledged <= goal.found(daemon).keys()
        try:
            daemon.wait(all_there, "all that was acknowledged", 120)
        except AssertionError:
            lost = sorted(acknowledged - goal.found(daemon).keys())
            raise AssertionError(f"lost: {lost[:20]} ({len(lost)} of"
                                 f" {len(acknowledged)})") from None
        daemon.stop()
        return len(acknowledged), goal.judge(daemon)
    finally:
        if daemon.process and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait(20)
        goal.close()
        disk.close()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("cycles", type=int, metavar="N")
    parser.add_argument("build", nargs="?", default=ROOT / "build")
    parser.add_argument("--disk", choices=DISKS, default="good")
    parser.add_argument("--relay", action="store_true")
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
        count, words = kill_loop(
            folder / "ehlod", certs, folder / "users", args.cycles,
            chance=random.Random(args.seed), disk=args.disk,
            is_relay=args.relay)
    print(f"{count} acknowledged, {words}, none torn")
    return 0


if __name__ == "__main__":
    sys.exit(main())
