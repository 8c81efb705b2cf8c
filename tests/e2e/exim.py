# SPDX-License-Identifier: Apache-2.0
"""Exim: its own configuration, spool and Maildir in a temporary folder.

    server = Exim(certs)                    server.port
    … server.arrived("subject") …  server.stop()

All of x.example is one mailbox; relays for who is logged in (USER, PASSWORD),
which is offered inside of TLS only, as Exim's manual recommends."""
import os

from foreign import Foreign, free_ports

USER, PASSWORD = "anna", "Anna's 1st secret"
CONFIG = """
FOLDER = {folder}
primary_hostname = exim.example
domainlist local_domains = x.example
spool_directory = {folder}/spool
log_file_path = {folder}/log/%s
local_interfaces = 127.0.0.1
daemon_smtp_ports = {port}
pid_file_path = {folder}/run/exim.pid
never_users =
host_lookup =
rfc1413_query_timeout = 0s
keep_environment =
tls_advertise_hosts = *
tls_certificate = {folder}/chain.pem
tls_privatekey = {folder}/key.pem
auth_advertise_hosts = ${{if eq{{$tls_in_cipher}}{{}}{{}}{{*}}}}
log_selector = +tls_cipher +tls_certificate_verified +smtp_confirmation
acl_smtp_rcpt = rcpt
acl_smtp_data = accept
smtp_accept_max = 0
chunking_advertise_hosts = *
dsn_advertise_hosts = *
smtputf8_advertise_hosts = *
{main}

begin acl
{acl}
rcpt:
  deny    message = restricted characters in address
          domains = +local_domains
          local_parts = ^[.] : ^.*[@%!/|]
  deny    message = restricted characters in address
          domains = !+local_domains
          local_parts = ^[./|] : ^.*[@%!] : ^.*/\\\\.\\\\./
  accept  authenticated = *
  require message = relay not permitted
          domains = +local_domains
  accept

begin routers
{routers}
local:
  driver = accept
  domains = +local_domains
  transport = box

begin transports
{transports}
box:
  driver = appendfile
  maildir_format
  directory = {folder}/mail/box
  create_directory
  delivery_date_add
  envelope_to_add
  return_path_add
  user = vmail
  group = vmail

begin authenticators
{authenticators}
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth2/$auth3}}{{{user}/{password}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = "Username:: : Password::"
  server_condition = ${{if eq{{$auth1/$auth2}}{{{user}/{password}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
  server_set_id = $auth1
"""


class Exim(Foreign):
    """`main`, `acl`, `routers`, `transports` and `authenticators` are added to
    those parts of the configuration, in front; FOLDER stands for its folder,
    where root.pem is whom the tests trust."""

    packages = ("exim4-base", "exim4-daemon-light")
    users = ("Debian-exim", "vmail")
    delivered = "T=box"

    def __init__(self, certs, main="", acl="", routers="", transports="",
                 authenticators=""):
        super().__init__()
        folder = self.folder
        self.port, = free_ports(1)
        for name in ("spool", "run"):
            self.make(name, "Debian-exim")
        self.make("mail", "vmail")
        log = self.make("log", "Debian-exim")
        self.log_to(log / "main")
        for name in ("reject", "panic"):
            (log / name).symlink_to("main")
        os.chown(log / "main", self.uid("Debian-exim"), 0)
        self.write("chain.pem", certs.chain.read_text())
        self.write("root.pem", certs.root.read_text())
        self.write("key.pem", certs.key.read_text(), "Debian-exim", 0o600)
        self.make("exim4")
        self.write("exim4/exim4.conf", CONFIG.format(
            folder=folder, port=self.port, user=USER,
            password=PASSWORD, main=main, acl=acl, routers=routers,
            transports=transports, authenticators=authenticators),
            mode=0o640)
        # it trusts one path for its configuration, and drops its rights with
        # any other
        (self.root / "etc" / "exim4").mkdir(exist_ok=True)
        self.spawn(f"mount --bind {folder}/exim4 /etc/exim4; "
                   "exec /usr/sbin/exim4 -bdf", "daemon started")
