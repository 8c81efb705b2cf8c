# SPDX-License-Identifier: Apache-2.0
"""Postfix: its own daemons, queue and Maildir in a temporary folder.

    server = Postfix(certs)                 server.port
    … server.mails(1) …  server.stop()

All of x.example is one mailbox; who comes from 127.0.0.0/8 may relay."""
import os
import subprocess

from foreign import Foreign, free_ports
from harness import SECONDS

MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
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
virtual_uid_maps = static:{vmail}
virtual_gid_maps = static:{vmail}
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_tls_security_level = may
smtpd_tls_chain_files = {key}, {chain}
alias_maps =
"""
MASTER = """
{address}:{port} inet n - n - - smtpd
{address}:{proxy} inet n - n - - smtpd -o smtpd_upstream_proxy_protocol=haproxy
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


QUEUE = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
         "incoming", "private", "saved", "trace")
SMTPD = """
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/sasldb
"""
# what a main.cf needs for let_in(): the name is the realm of those users
LOGIN = """
myhostname = localhost
smtpd_sasl_auth_enable = yes
smtpd_sasl_authenticated_header = yes
"""


class Postfix(Foreign):
    """`main`: lines "name = value" that are added to main.cf, or replace ours;
    `master`: lines for master.cf; {folder} in both is its folder. `prepare`
    is called with this before the start, to put files there. Without a `port`
    it is one of the kernel's choice; a second one wants the header of
    PROXY."""

    packages = ("postfix",)
    users = ("postfix", "postdrop", "vmail")
    delivered = "delivered to maildir"

    def __init__(self, certs, main="", prepare=None, master="",
                 address="127.0.0.1", port=None):
        super().__init__()
        folder = self.folder
        free, self.proxy = free_ports(2)
        self.port = port or free
        for name, user in (("conf", None), ("queue", None),
                           ("data", "postfix"), ("mail", "vmail")):
            self.make(name, user)
        # as `postfix check` does it, which takes seconds for that
        self.make("queue/pid")
        for name in QUEUE:
            self.make(f"queue/{name}", "postfix", 0o700)
        self.make("queue/public", "postfix", 0o710, "postdrop")
        self.make("queue/maildrop", "postfix", 0o730, "postdrop")
        rows = dict(row.split(" =", 1) for row in (MAIN + main).format(
            folder=folder, vmail=self.uid("vmail"), key=certs.key,
            chain=certs.chain).splitlines() if row)
        path = self.write("conf/main.cf", "".join(
            f"{name} ={value}\n" for name, value in rows.items()))
        # what was changed this second it would read again and again
        os.utime(path, (0, 0))
        self.write("conf/master.cf", (MASTER + master).format(
            address=address, port=self.port, proxy=self.proxy,
            folder=folder))
        if prepare:
            prepare(self)
        self.spawn("exec /usr/lib/postfix/sbin/master -s "
                   f"-c {folder}/conf", "daemon started")

    def let_in(self, users, more=""):
        """Before the start: who may log in ({name: password}), by what Cyrus
        SASL offers unless `more`, lines of its smtpd.conf, says otherwise."""
        # Debian's Postfix looks here, whatever cyrus_sasl_config_path says
        self.make("conf/sasl")
        self.write("conf/sasl/smtpd.conf", SMTPD.format(
            folder=self.folder) + more)
        for user, password in users.items():
            subprocess.run(
                ["saslpasswd2", "-p", "-c", "-f", str(self.folder / "sasldb"),
                 "-u", "localhost", user], input=password.encode(),
                check=True, timeout=SECONDS, capture_output=True)
        self.give(self.folder / "sasldb")

    def give(self, path):
        """The file becomes one of Postfix' user."""
        os.chown(path, self.uid("postfix"), self.uid("postfix"))
