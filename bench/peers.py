# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: how each is installed in a folder of its own,
configured and started. Nothing of them is left on the machine: packages are
unpacked, not installed, and each runs in a mount namespace in which its files
and users appear where it expects them (overlay mounts). Needs root."""
import glob
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "tools"))
import unpacked
from unpacked import NotHere, run

DOMAIN = "example.org"
OUTSIDE = "outside.example.net"
USERS = 50
LOGIN, PASSWORD = "bench", "bench-password"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, process, seconds=30, log=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        try:
            with socket.create_connection(("127.0.0.1", port), 2) as s:
                s.settimeout(5)
                if s.recv(4).startswith(b"220"):
                    return
        except OSError:
            time.sleep(0.02)
    tail = ""
    if log and os.path.exists(log):
        tail = open(log, errors="replace").read()[-600:]
    raise NotHere(f"it did not answer on port {port}: {tail}")


def tree(pid):
    """The process and all below it."""
    kids = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                stat = open(f"/proc/{name}/stat").read()
            except OSError:
                continue
            parent = int(stat.rsplit(")", 1)[1].split()[1])
            kids.setdefault(parent, []).append(int(name))
    found, todo = [], [pid]
    while todo:
        at = todo.pop()
        found.append(at)
        todo += kids.get(at, [])
    return found


def pss_kb(pid):
    total = 0
    for p in tree(pid):
        try:
            for line in open(f"/proc/{p}/smaps_rollup"):
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total


def cpu_seconds(pid):
    """Of the tree, ended children that were waited for included."""
    ticks = 0
    for p in tree(pid):
        try:
            fields = open(f"/proc/{p}/stat").read().rsplit(")", 1)[1].split()
            ticks += sum(int(x) for x in fields[11:15])
        except OSError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def written_bytes(pid):
    total = 0
    for p in tree(pid):
        try:
            for line in open(f"/proc/{p}/io"):
                if line.startswith("write_bytes:"):
                    total += int(line.split()[1])
        except OSError:
            pass
    return total


class Peer:
    name = ""
    durable = True
    packages = ()
    has_tls = True
    has_maildir = True
    pending = 512       # simultaneous new connections it stands
    quits = True
    pipelines = True
    relays = False      # start("relay") sends all to port next_hop
    next_hop = 1

    def __init__(self, work):
        self.work = work
        self.home = os.path.join(work, self.name)
        self.mail = os.path.join(work, "mail-" + self.name)
        self.port = free_port()
        self.process = None
        os.makedirs(self.home, exist_ok=True)
        os.chmod(self.home, 0o755)

    def log_path(self):
        return os.path.join(self.home, "output.log")

    def install(self):
        if self.packages and os.geteuid() != 0:
            raise NotHere("needs root for its users and folders")
        if self.packages:
            unpacked.unpack(self.packages, os.path.join(self.work, "deb"),
                            os.path.join(self.home, "root"))

    def fresh_mail(self):
        shutil.rmtree(self.mail, ignore_errors=True)
        os.makedirs(self.mail)
        os.chmod(self.mail, 0o777)

    def delivered(self):
        n = 0
        for path, _, files in os.walk(self.mail):
            if os.path.basename(path) == "new":
                n += len(files)
        return n

    def spawn(self, command, users=(), **kw):
        """Starts it inside its namespace: package files over /usr, users over
        /etc, a resolver that refuses at once."""
        inside = unpacked.inside(os.path.join(self.home, "root"),
                                 os.path.join(self.home, "etc-over"), users)
        log = open(self.log_path(), "ab")
        self.process = subprocess.Popen(
            [*inside, *command], stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True, **kw)
        wait_port(self.port, self.process, log=self.log_path())

    def stop(self):
        if self.process is None:
            return
        family = tree(self.process.pid)
        self.process.terminate()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        self.process = None


class Postfix(Peer):
    name = "postfix"
    relays = True
    packages = ("postfix",)
    users = ("postfix", "postdrop", "vmail")

    def start(self, mode):
        root, spool = f"{self.home}/root", f"{self.home}/spool-{time.time_ns()}"
        # its lock is in the data folder: one left running must not stop us
        etc, data = f"{self.home}/etc", f"{spool}-data"
        postfix, postdrop, vmail = 6100, 6101, 6102
        share = f"{root}/usr/share/postfix"
        for old in glob.glob(f"{self.home}/spool-*"):
            shutil.rmtree(old, ignore_errors=True)
        os.makedirs(f"{etc}/sasl", exist_ok=True)
        os.makedirs(data, exist_ok=True)
        os.chown(data, postfix, postfix)
        for f in os.listdir(share):
            if os.path.isfile(f"{share}/{f}"):
                shutil.copy(f"{share}/{f}", etc)
        for f in glob.glob(f"{root}/etc/postfix/*"):
            if os.path.isfile(f):
                shutil.copy(f, etc)
        lines = []
        for line in open(f"{share}/master.cf.dist"):
            words = line.split()
            if len(words) >= 8 and not line.startswith(("#", " ")):
                words[4] = "n"      # chroot
                if words[0] == "smtp" and words[1] == "inet":
                    words[0] = f"127.0.0.1:{self.port}"
                line = " ".join(words) + "\n"
            lines.append(line)
        open(f"{etc}/master.cf", "w").writelines(lines)
        conf = {
            "compatibility_level": "3.6", "queue_directory": spool,
            "data_directory": data, "command_directory": "/usr/sbin",
            "daemon_directory": "/usr/lib/postfix/sbin",
            "meta_directory": etc, "shlib_directory": "/usr/lib/postfix",
            "mail_owner": "postfix", "setgid_group": "postdrop",
            "myhostname": "mail.example.org", "mydestination": "",
            "alias_maps": "", "alias_database": "",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4",
            "mynetworks": "127.0.0.0/8",
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": f"{self.work}/tls/cert.pem",
            "smtpd_tls_key_file": f"{self.work}/tls/key.pem",
            "smtpd_sasl_auth_enable": "yes",
            "cyrus_sasl_config_path": f"{etc}/sasl",
            "smtpd_sasl_path": "smtpd", "smtpd_peername_lookup": "no",
            "default_process_limit": "600",
        }
        if mode == "accept":
            conf["smtpd_recipient_restrictions"] = \
                "static:HOLD, permit_mynetworks, reject"
        elif mode == "relay":
            conf["relayhost"] = f"[127.0.0.1]:{self.next_hop}"
        else:
            conf["virtual_mailbox_domains"] = DOMAIN
            conf["virtual_mailbox_base"] = self.mail
            conf["virtual_mailbox_maps"] = f"texthash:{etc}/vmaps"
            conf["virtual_uid_maps"] = f"static:{vmail}"
            conf["virtual_gid_maps"] = f"static:{vmail}"
            open(f"{etc}/vmaps", "w").writelines(
                f"user{i}@{DOMAIN} user{i}/\n" for i in range(USERS))
        open(f"{etc}/main.cf", "w").writelines(
            f"{k} = {v}\n" for k, v in conf.items())
        open(f"{etc}/sasl/smtpd.conf", "w").write(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
            f"mech_list: PLAIN LOGIN\nsasldb_path: {etc}/sasldb2\n")
        if shutil.which("saslpasswd2"):
            subprocess.run(["saslpasswd2", "-p", "-c", "-f", f"{etc}/sasldb2",
                            "-u", "mail.example.org", LOGIN],
                           input=PASSWORD, text=True, check=True,
                           capture_output=True)
            os.chown(f"{etc}/sasldb2", postfix, postfix)
        else:
            self.has_tls = False
        os.makedirs(spool)
        for d in ("active bounce corrupt defer deferred flush hold incoming "
                  "private saved trace maildrop public pid").split():
            os.mkdir(f"{spool}/{d}", 0o700)
            os.chown(f"{spool}/{d}", postfix, -1)
        os.chown(f"{spool}/pid", 0, 0)
        os.chmod(f"{spool}/pid", 0o755)
        for d, m in (("maildrop", 0o730), ("public", 0o710)):
            os.chown(f"{spool}/{d}", postfix, postdrop)
            os.chmod(f"{spool}/{d}", m)
        self.spawn(["/usr/lib/postfix/sbin/master", "-c", etc, "-d"],
                   self.users, env={**os.environ, "MAIL_CONFIG": etc})


class OpenSMTPD(Peer):
    name = "opensmtpd"
    relays = True
    packages = ("opensmtpd",)
    durable = False     # no sync call before its 250
    pipelines = False
    pending = 4         # its listen backlog is tiny: more at once hang
    has_tls = False

    def start(self, mode):
        if mode == "maildir":
            action = (f'table vu {{ "@" = vmail }}\n'
                      f'action a maildir "{self.mail}/%{{rcpt.user}}" '
                      f'virtual <vu>\n'
                      f'match from any for domain {DOMAIN} action a\n')
        else:
            action = (f'action a relay host smtp://127.0.0.1:{self.next_hop}\n'
                      'match from any for any action a\n')
        conf = f"{self.home}/smtpd.conf"
        open(conf, "w").write(
            f"listen on 127.0.0.1 port {self.port} hostname "
            f"mail.example.org\n{action}")
        spool = f"{self.home}/spool-{time.time_ns()}"
        for d in ("offline", "purge", "temporary", "incoming", "corrupt",
                  "queue"):
            os.makedirs(f"{spool}/{d}")
            os.chmod(f"{spool}/{d}", 0o700)
            os.chown(f"{spool}/{d}", 6101, 0)
        os.chown(f"{spool}/offline", 0, 6101)
        os.chmod(f"{spool}/offline", 0o770)
        os.chmod(spool, 0o711)
        root = f"{self.home}/root"
        script = (f"mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty; "
                  f"mount --bind {spool} /var/spool/smtpd; "
                  f"chgrp 6101 {root}/usr/sbin/smtpctl; "
                  f"exec /usr/sbin/smtpd -F -f {conf}")
        self.spawn(["bash", "-c", script],
                   ("opensmtpd", "opensmtpq", "vmail"))
        if mode == "accept":
            pid = self.process.pid
            subprocess.run(["nsenter", "-t", str(pid), "-m",
                            "/usr/sbin/smtpctl", "pause", "mta"],
                           capture_output=True)


class Exim(Peer):
    name = "exim"
    relays = True
    packages = ("exim4-base", "exim4-config", "exim4-daemon-heavy")
    quits = False       # it waits 200 ms before its 221; that is not acceptance

    def start(self, mode):
        spool = f"{self.home}/spool-{time.time_ns()}"
        os.makedirs(spool)
        os.chown(spool, 6100, 6100)
        for d in ("run", "log"):
            os.makedirs(f"{self.home}/{d}", exist_ok=True)
            os.chown(f"{self.home}/{d}", 6100, 6100)
        shutil.copy(f"{self.work}/tls/key.pem", f"{self.home}/key.pem")
        os.chown(f"{self.home}/key.pem", 6100, 6100)
        open(f"{self.home}/users", "w").writelines(
            f"user{i}: 1\n" for i in range(USERS))
        if mode == "maildir":
            router = ("driver = accept\n  local_parts = "
                      f"lsearch;{self.home}/users")
            transport = (f"driver = appendfile\n  maildir_format\n  directory ="
                         f" {self.mail}/$local_part_data\n  create_directory\n"
                         "  directory_mode = 0700\n  user = vmail\n"
                         "  group = vmail")
        else:
            router = ("driver = manualroute\n  route_list = * 127.0.0.1\n"
                      "  self = send")
            transport = (f"driver = smtp\n  port = {self.next_hop}\n"
                         "  hosts_try_fastopen =")
        conf = f"{self.home}/exim.conf"
        condition = ("${if and{{eq{$auth1}{" + LOGIN + "}}{eq{$auth2}{"
                     + PASSWORD + "}}}}")
        open(conf, "w").write(f"""primary_hostname = mail.example.org
spool_directory = {spool}
log_file_path = {self.home}/log/%slog
pid_file_path = {self.home}/run/exim.pid
never_users =
local_interfaces = 127.0.0.1
daemon_smtp_ports = {self.port}
tls_advertise_hosts = *
tls_certificate = {self.work}/tls/cert.pem
tls_privatekey = {self.home}/key.pem
smtp_accept_max = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 1024
rfc1413_query_timeout = 0s
host_lookup =
keep_environment =
acl_smtp_rcpt = accept
{"queue_only = true" if mode == "accept" else ""}
begin routers
r:
  {router}
  transport = t
begin transports
t:
  {transport}
begin authenticators
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = "Username:: : Password::"
  server_condition = {condition}
  server_set_id = $auth1
""")
        script = (f"mkdir -p {self.home}/etc4; cp {conf} "
                  f"{self.home}/etc4/exim4.conf; chmod 640 "
                  f"{self.home}/etc4/exim4.conf; "
                  f"mount --bind {self.home}/etc4 /etc/exim4; "
                  "exec /usr/sbin/exim4 -bdf")
        self.spawn(["bash", "-c", script], ("Debian-exim", "x1", "vmail"))


class Aiosmtpd(Peer):
    name = "aiosmtpd"
    has_tls = False
    pending = 64        # its listen backlog is 100

    def install(self):
        if subprocess.run(["/usr/bin/python3", "-c", "import aiosmtpd"],
                          capture_output=True).returncode != 0:
            raise NotHere("python3-aiosmtpd is not installed")

    def start(self, mode):
        self.fresh_mail()
        self.spawn(["/usr/bin/python3", "-m", "aiosmtpd", "-n", "-c",
                    "aiosmtpd.handlers.Mailbox", f"{self.mail}/all", "-l",
                    f"127.0.0.1:{self.port}"])


class Ehlod(Peer):
    name = "ehlod"
    relays = True
    build = "build"
    keep_spool = False

    def route(self, mode):
        if mode == "relay":
            return ('route "*" { via smarthost 127.0.0.1:'
                    f"{self.next_hop}; }}\n")
        if mode == "destinations":
            return (f"hosts-file {self.home}/hosts;\n"
                    "resolver 127.0.0.1@1;\ntrust-anchor none;\n"
                    "mta-sts no;\n"
                    f'route "*" {{ via mx; port {self.next_hop}; }}\n')
        return ""

    def start(self, mode):
        spool = f"{self.home}/spool"
        if not self.keep_spool:
            shutil.rmtree(spool, ignore_errors=True)
        users = f"{self.home}/users"
        if not os.path.exists(users):
            secret = f"{self.home}/password"
            open(secret, "w").write(PASSWORD + "\n")
            run(f"{self.build}/ehlo", "user", "add", LOGIN, "--users", users,
                "--password-file", secret)
            line = open(users).read().strip().splitlines()[-1]
            hashed = line.split(":")[1]
            with open(users, "a") as f:
                f.writelines(f"user{i}@{DOMAIN}:{hashed}:\n"
                             for i in range(USERS))
        open(f"{self.home}/ehlod.conf", "w").write(f"""
hostname mail.example.org;
spool {spool};
control {self.home}/control;
listener "bench" {{
    address 127.0.0.1:{self.port};
    tls starttls;
    auth plain login;
    basic-auth-only-after-tls no;
    relay networks;
    networks 127.0.0.0/8;
    sender-must-match-login no;
    max-sessions 20000;
    max-sessions-per-address 20000;
    max-transactions 1000000;
}}
tls {{ certificate {self.work}/tls/cert.pem; key {self.work}/tls/key.pem; }}
users {{ file {users}; }}
domain "{DOMAIN}" {{ deliver maildir {self.mail}/%u; }}
{self.route(mode)}""")
        log = open(self.log_path(), "ab")
        self.process = subprocess.Popen(
            [f"{self.build}/ehlod", "--config", f"{self.home}/ehlod.conf",
             "--foreground", "--allow-root"], stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, start_new_session=True)
        wait_port(self.port, self.process, seconds=120, log=self.log_path())


class Sink(Peer):
    """Stores nothing: the limit of generator and loopback."""
    name = "sink"
    durable = False
    has_tls = has_maildir = False

    def start(self, mode):
        """As "next hop" it counts, and listens on every address."""
        command = [f"{self.work}/bin/sink", str(self.port), "2"]
        self.counter = f"{self.home}/count"
        if mode == "next hop":
            open(self.counter, "wb").close()
            command.append(self.counter)
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, start_new_session=True)
        wait_port(self.port, self.process)

    def count(self):
        with open(self.counter, "rb") as f:
            return struct.unpack("Q", f.read(8))[0]


PEERS = {p.name: p for p in (Ehlod, Postfix, OpenSMTPD, Exim, Aiosmtpd, Sink)}
