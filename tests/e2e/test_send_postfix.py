# SPDX-License-Identifier: Apache-2.0
"""`ehlo send` and `ehlo load` against Postfix: its own daemons, queue and
Maildir in a temporary folder."""
import email
import email.policy
import json
import os
import pwd
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest

from harness import SECONDS
from test_send import run

DAEMONS = Path("/usr/lib/postfix/sbin")
MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = {daemons}
mail_owner = postfix
setgid_group = postdrop
maillog_file = /dev/stdout
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = postfix.example
mydestination =
mynetworks = 127.0.0.0/8
virtual_mailbox_domains = x.example
virtual_mailbox_base = {folder}/mail
virtual_mailbox_maps = static:box/
virtual_uid_maps = static:{nobody}
virtual_gid_maps = static:{nobody}
virtual_minimum_uid = 1
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_tls_security_level = may
smtpd_tls_chain_files = {key}, {chain}
alias_maps =
"""
MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
127.0.0.1:{proxy} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
virtual unix - n n - - virtual
error unix - - n - - error
discard unix - - n - - discard
smtp unix - - n - - smtp
relay unix - - n - - smtp
postlog unix-dgram n - n - 1 postlogd
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
"""


def free_ports(n):
    sockets = [socket.socket() for _ in range(n)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Postfix:
    def __init__(self, folder, certs):
        self.folder = folder
        self.port, self.proxy = free_ports(2)
        for name in ("conf", "queue", "data", "mail"):
            (folder / name).mkdir(mode=0o755)
        for path in (folder, *folder.parents):      # postfix walks in
            if os.stat(path).st_uid == os.getuid() and path != Path("/"):
                path.chmod(path.stat().st_mode | 0o055)
        nobody = pwd.getpwnam("nobody").pw_uid
        os.chown(folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
        os.chown(folder / "mail", nobody, -1)
        (folder / "conf" / "main.cf").write_text(MAIN.format(
            folder=folder, daemons=DAEMONS, nobody=nobody, key=certs.key,
            chain=certs.chain))
        (folder / "conf" / "master.cf").write_text(MASTER.format(
            port=self.port, proxy=self.proxy))
        self.lines, self.changed = [], threading.Condition()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", "postfix", "-c",
             str(folder / "conf"), "start-fg"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True)
        threading.Thread(target=self._read, daemon=True).start()
        self.wait("daemon started")

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line)
                self.changed.notify_all()

    def wait(self, words, count=1):
        """The lines of the log that hold the words."""
        with self.changed:
            assert self.changed.wait_for(lambda: sum(
                words in line for line in self.lines) >= count, SECONDS), \
                "".join(self.lines[-40:])
            return [line for line in self.lines if words in line]

    def mails(self, count):
        self.wait("delivered to maildir", count)
        files = sorted((self.folder / "mail" / "box" / "new").iterdir(),
                       key=lambda path: path.stat().st_mtime_ns)
        return [email.message_from_bytes(path.read_bytes(),
                                         policy=email.policy.default)
                for path in files]

    def stop(self):
        pid = int((self.folder / "queue" / "pid" / "master.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        self.process.wait(SECONDS)


@pytest.fixture(scope="module")
def postfix(tmp_path_factory, certs):
    # it is not among what setup.sh installs: it would be the machine's server
    if os.getuid() != 0 or not DAEMONS.is_dir():
        pytest.skip("Postfix is not here, or we are not root, who starts it")
    server = Postfix(tmp_path_factory.mktemp("postfix"), certs)
    yield server
    server.stop()


def test_what_it_takes(postfix, certs, tmp_path):
    image = tmp_path / "ü.png"
    image.write_bytes(os.urandom(5000))
    where = ("--server", f"127.0.0.1:{postfix.port}", "--from",
             "me@z.example")
    run("send", *where, "--to", "a@x.example", "--tls", "--verify",
        "--ca-file", certs.root, "--subject", "Grüße", "--body", ".Äpfel\\n.",
        "--attach", image, "--ret", "HDRS", "--envid", "a b", "--notify",
        "NEVER", "--orcpt", "auto")
    run("send", *where, "--to", "ü@x.example", "--subject", "zwei ü",
        "--bdat", "100", "--xclient-addr", "192.0.2.7", "--xclient-name",
        "client.example")
    run("send", "--server", f"127.0.0.1:{postfix.proxy}", "--to",
        "a@x.example", "--from", "me@z.example", "--proxy-source",
        "192.0.2.9", "--proxy-source-port", "99", "--proxy-dest",
        "127.0.0.1", "--proxy-dest-port", "25")
    first, second, third = postfix.mails(3)
    assert first["Subject"] == "Grüße"
    assert first.get_body().get_content() == ".Äpfel\n.\n"
    assert list(first.iter_attachments())[0].get_content() == \
        image.read_bytes()
    assert "with ESMTPS" in first["Received"]
    assert first["X-Original-To"] == "a@x.example"
    assert second["Subject"] == "zwei ü"
    assert "client.example [192.0.2.7]" in second["Received"]
    assert second["Delivered-To"] == "ü@x.example"
    assert "[192.0.2.9]" in third["Received"]


def test_what_it_refuses(postfix):
    where = ("--server", f"127.0.0.1:{postfix.port}", "--from", "m@z.example")
    got = run("send", *where, "--to", "a@x.example", "--size", "99999999",
              code=1)
    assert "MAIL FROM" in got.err and "552" in got.err
    got = run("send", *where, "--to", "a@x.example", "--notify", "LUNCH",
              "--json", code=1)
    assert json.loads(got.out)["failed"] == "RCPT"


def test_load(postfix):
    got = json.loads(run(
        "load", f"127.0.0.1:{postfix.port}", "--no-tls", "--count", "20",
        "-c", "4", "--per-connection", "3", "--to", "u%d@x.example",
        "--from", "load@z.example", "--json").out)
    assert got["sent"] == 20 and got["errors"] == 0
    postfix.wait("delivered to maildir", 20)
