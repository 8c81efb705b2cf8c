# SPDX-License-Identifier: Apache-2.0
"""A server that is not ours and not installed, for it would be the machine's
server: its packages are unpacked (tools/unpacked.py; fetched once for each
build folder), it runs in a mount namespace, its files are in a folder of the
test's, and what it logs is read line by line.

postfix.py, exim.py and opensmtpd.py know how each is set up."""
import email
import email.policy
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from harness import BUILD, ROOT, SECONDS

sys.path.insert(0, str(ROOT / "tools"))
import unpacked  # noqa: E402


def need_root():
    with open("/proc/self/uid_map") as f:
        users = sum(int(line.split()[2]) for line in f)
    if os.getuid() != 0 or users <= unpacked.FIRST_UID:
        pytest.skip("not root, who alone may start such a server as its users")


def free_ports(count):
    """Of the kernel's choice, which another may take until they are used."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


END = "it has ended\n"


def message_of(raw):
    return email.message_from_bytes(raw, policy=email.policy.default)


class Foreign:
    packages, users = (), ()
    delivered = "delivered"     # a word of the log for a mail that is stored

    def __init__(self):
        # not below the tests' folder, which pytest locks for all others
        # whenever it is started once more
        self.folder = Path(tempfile.mkdtemp(prefix="foreign-mta-"))
        self.folder.chmod(0o755)
        self.process, self.lines = None, []
        self.changed = threading.Condition()
        self.root = BUILD / "packages" / self.packages[-1]
        unpacked.unpack(self.packages, BUILD / "packages", self.root)

    @classmethod
    def uid(cls, name):
        return unpacked.uid(cls.users, name)

    def make(self, name, user=None, mode=0o755, group=None):
        """A folder below ours, of one of its users."""
        path = self.folder / name
        path.mkdir()
        os.chown(path, self.uid(user) if user else 0,
                 self.uid(group) if group else 0)
        path.chmod(mode)
        return path

    def write(self, name, text, user=None, mode=0o644):
        path = self.folder / name
        path.write_text(text)
        os.chown(path, self.uid(user) if user else 0, 0)
        path.chmod(mode)
        return path

    def spawn(self, script, ready, **options):
        """`script`, which ends in exec, inside of the namespace; returns when
        the log holds the words `ready`."""
        words = unpacked.inside(self.root, self.folder / "etc", self.users)
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *words, "bash", "-ec", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace",
            start_new_session=True, **options)
        threading.Thread(target=self._read, args=(self.process.stdout,),
                         daemon=True).start()
        try:
            self.wait(ready)
        except AssertionError:
            self.stop()
            raise

    def log_to(self, path):
        """What is written to this pipe is of the log, too."""
        os.mkfifo(path)
        # opened for both: there is a writer at any time, so no end
        stream = os.fdopen(os.open(path, os.O_RDWR), "r", errors="replace")
        threading.Thread(target=self._read, args=(stream,),
                         daemon=True).start()

    def _read(self, stream):
        for line in stream:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.lines.append(END)
            self.changed.notify_all()

    def find(self, words):
        return [line for line in self.lines if words in line]

    def wait(self, words, count=1):
        """The lines of the log that hold the words, once there are `count`."""
        def is_over():
            return len(self.find(words)) >= count or \
                END in self.lines
        with self.changed:
            self.changed.wait_for(is_over, SECONDS)
            found = self.find(words)
        assert len(found) >= count, \
            f"no {count} x {words!r}: {''.join(self.lines[-40:])}"
        return found

    def mails(self, count=0):
        """What is in the one Maildir, oldest first, once there are `count`."""
        self.wait(self.delivered, count)
        new = self.folder / "mail" / "box" / "new"
        files = sorted(new.iterdir() if new.is_dir() else (),
                       key=lambda path: path.stat().st_mtime_ns)
        return [message_of(path.read_bytes()) for path in files]

    def first(self, is_it):
        """The oldest mail of which that is true, once it is there."""
        count = len(self.find(self.delivered))
        while True:
            found = [mail for mail in self.mails(count) if is_it(mail)]
            if found:
                return found[0]
            count += 1

    def arrived(self, subject):
        return self.first(lambda mail: mail["Subject"] == subject)

    def report(self, action):
        """Of what became of a mail: (the report, the part for programs)."""
        def status(mail):
            return "".join(str(part) for part in mail.walk() if part
                           .get_content_type() == "message/delivery-status")
        mail = self.first(lambda mail: f"Action: {action}" in status(mail))
        return mail, status(mail)

    def stop(self):
        try:
            self.process.terminate()
            self.process.wait(SECONDS)
        finally:
            self.process.kill()
            self.process.wait(SECONDS)
            shutil.rmtree(self.folder)
