# SPDX-License-Identifier: Apache-2.0
"""OpenSMTPD: its own configuration, spool and Maildir in a temporary folder.

    server = OpenSMTPD(certs)               server.port
    … server.arrived("subject") …  server.stop()

All of x.example is one mailbox; relays for who is logged in (USER, PASSWORD),
which is offered inside of TLS only, as it does by itself."""
import subprocess

from foreign import Foreign, free_ports
from harness import SECONDS

USER, PASSWORD = "anna", "Anna's 1st secret"
CONFIG = """
pki here cert "{chain}"
pki here key "{folder}/key.pem"
table people {{ "{user}" = "{hashed}" }}
table boxes {{ "@" = vmail }}
listen on 127.0.0.1 port {port} hostname smtpd.example tls pki here \\
    auth-optional <people>
{main}
action box maildir "{folder}/mail/box" virtual <boxes>
match from any for domain "x.example" action box
{last}
"""
SPOOL = ("purge", "temporary", "incoming", "corrupt", "queue")


class OpenSMTPD(Foreign):
    """`main`: lines of the configuration in front of what delivers, `last`:
    behind it."""

    packages = ("opensmtpd",)
    users = ("opensmtpd", "opensmtpq", "vmail")
    delivered = " delivery "

    def __init__(self, certs, main="", last=""):
        super().__init__()
        folder = self.folder
        self.port, = free_ports(1)
        self.make("mail", "vmail")
        self.make("spool", mode=0o711)
        for name in SPOOL:
            self.make(f"spool/{name}", "opensmtpq", 0o700)
        self.make("spool/offline", mode=0o770, group="opensmtpq")
        self.write("key.pem", certs.key.read_text(), mode=0o600)
        hashed = subprocess.run(
            ["openssl", "passwd", "-6", "-stdin"], input=PASSWORD, text=True,
            capture_output=True, timeout=SECONDS, check=True).stdout.strip()
        self.write("smtpd.conf", CONFIG.format(
            folder=folder, port=self.port, chain=certs.chain, user=USER,
            hashed=hashed, main=main, last=last))
        # the one file of whom it trusts
        trusted = "etc/ssl/certs/ca-certificates.crt"
        (self.root / trusted).parent.mkdir(parents=True, exist_ok=True)
        (self.root / trusted).touch()
        # its paths cannot be configured, so these folders are its own
        self.spawn("for f in /run /var/lib /var/spool; do "
                   "mount -t tmpfs tmpfs $f; done; "
                   "mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty; "
                   f"mount --bind {folder}/spool /var/spool/smtpd; "
                   f"mount --bind {certs.root} /{trusted}; "
                   f"exec /usr/sbin/smtpd -dv -f {folder}/smtpd.conf",
                   "will accept at most")
