# SPDX-License-Identifier: Apache-2.0
"""The daemon as a test sees it: started on ports of the kernel's choice in a
temporary folder, watched by its log, spoken to by a client that can say
anything, and looked at from the outside (Maildirs, /proc).

Nothing here waits for time: it waits for a line of the log, a reply, or the
end of a process, and gives up after SECONDS. Nothing here imports code of the
daemon or of smtplib: what we believe of the protocol is written down twice.
"""
import base64
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

SECONDS = 20            # nothing that is alive takes so long
ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("EHLO_BUILD", ROOT / "build-test"))
EHLOD = BUILD / "src" / "ehlod" / "ehlod"
EHLO = BUILD / "src" / "ehlo" / "ehlo"

# name, password, addresses it may send as: the accounts of the five articles
ACCOUNTS = (
    ("guyt", "Pauline13", ("guy@cp.com",)),
    ("administrator", "password", ("administrator@testdomain.local",)),
    ("user1@contoso.com", "P@$$w0rd", ()),
    ("user2@contoso.com", "another secret", ()),
    ("username", "password", ("norbert@acodedb.com",)),
    ("info", "mailbox of info", ()),
    ("iperborea", "iperb01!", ("miro@miro.com",)),
    ("test", "mailbox of test", ()),
)
DOMAINS = ("cp.com", "testdomain.local", "contoso.com", "acodedb.com",
           "myrocode.com", "example.org")
STRANGER = "anna@sender.example"        # not ours, not logged in
INSIDE = "administrator@cp.com"         # a mailbox of ours
OUTSIDE = "bert@elsewhere.example"      # nobody of ours
# what must never stand in a log, in the clear or in base64
SECRETS = ("Pauline13", "P@$$w0rd", "another secret", "iperb01!",
           "mailbox of info", "mailbox of test", "not the password")

LOG_LINE = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3,6}Z)"
    r" (debug|info|notice|warning|error) ([a-z][a-z0-9-]*)((?: .*)?)")
LOG_FIELD = re.compile(r' ([A-Za-z][\w-]*)=("(?:\\.|[^"\\])*"|[^ "]*)')
SANITIZER = re.compile(
    r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")


def b64(text):
    if isinstance(text, str):
        text = text.encode()
    return base64.b64encode(text).decode()


def plain(user, password):
    return b64(f"\0{user}\0{password}")


def crlf(text):
    """Text as it travels: bytes with CRLF line ends."""
    if isinstance(text, str):
        text = text.encode()
    return text.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


# --- the log

class Event:
    def __init__(self, line, match):
        self.line, self.level, self.name = line, match[2], match[3]
        self.fields = {}
        for key, value in LOG_FIELD.findall(match[4]):
            if value.startswith('"'):
                value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
            self.fields[key] = value
        rest = LOG_FIELD.sub("", match[4])
        assert rest.strip() == "", f"odd text in a log line: {line!r}"

    def __getitem__(self, key):
        return self.fields[key]

    def get(self, key, default=None):
        return self.fields.get(key, default)

    def __repr__(self):
        return self.line


# --- the daemon

def listener(name="clear", **options):
    """A listener's block; options have '_' for '-', None leaves one out."""
    rows = {
        "address": "127.0.0.1:0", "tls": "starttls", "auth": "plain login",
        "basic_auth_only_after_tls": "no", "typist": "yes",
        "relay": "authenticated", "max_message_size": "25M",
        "max_sessions": "10000", "max_sessions_per_address": "10000",
    }
    rows.update(options)
    return f'listener "{name}" {{\n' + "".join(
        f"    {key.replace('_', '-')} {value};\n"
        for key, value in rows.items() if value is not None) + "}\n"


class Daemon:
    """One ehlod in its own folder.

    `listeners` are blocks made by listener(); `options` are top-level rows
    that are added or replace ours; `extra` is text put at the end;
    `is_measured` is for tests that look at its memory."""

    def __init__(self, folder, certs, users, *, listeners=None, options=None,
                 domains=None, tls=None, aliases="postmaster: administrator\n",
                 extra="", args=(), prefix=(), is_measured=False):
        self.folder = Path(folder)
        self.certs = certs
        self.args, self.prefix = list(args), list(prefix)
        # the sanitizer keeps freed memory for a while: not where we measure
        self.sanitizer = "exitcode=99:detect_leaks=1" + (
            ":quarantine_size_mb=1:thread_local_quarantine_size_kb=16"
            if is_measured else "")
        self.listeners = listeners or [listener()]
        self.options = {
            "hostname": "mail.example.org",
            "spool": str(self.folder / "spool"),
            "control": str(self.folder / "control"),
            "drop-folder": str(self.folder / "drop"),
            "shards": "2", "log": "stderr",
            "max-auth-failures-per-address": "1000",
            **(options or {}),
        }
        self.domains = domains or [
            f'domain "{name}" {{ deliver maildir {self.folder}/mail/%d/%u; }}'
            for name in DOMAINS]
        self.tls = tls if tls is not None else (
            f"tls {{ certificate {certs.chain}; key {certs.key}; }}")
        self.extra = extra
        self.process = None
        self.lines, self.events, self.odd = [], [], []
        self.changed = threading.Condition()
        self.is_checked = True
        self.folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(users, self.folder / "users")
        (self.folder / "aliases").write_text(aliases)
        self.config = self.folder / "ehlod.conf"
        self.write_config()

    def write_config(self):
        rows = [f"{key} {value};" for key, value in self.options.items()
                if value is not None]
        self.config.write_text("\n".join(
            rows + self.listeners + [self.tls]
            + [f"users {{ file {self.folder}/users; }}",
               f"aliases {{ file {self.folder}/aliases; }}"]
            + self.domains + [self.extra, ""]))

    # starting and ending

    def command(self):
        # it never outlives the test that started it
        args = ["setpriv", "--pdeathsig", "KILL", *self.prefix, str(EHLOD),
                "--config", str(self.config), "--foreground", *self.args]
        if os.getuid() == 0:
            args.append("--allow-root")
        return args

    def spawn(self):
        """Starts it without waiting for `ready`."""
        environment = dict(
            os.environ, LC_ALL="C.UTF-8",
            ASAN_OPTIONS=self.sanitizer,
            UBSAN_OPTIONS="halt_on_error=1:exitcode=99:print_stacktrace=1")
        self.lines, self.events, self.odd = [], [], []
        self.is_checked = False
        self.process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment, cwd=self.folder)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        return self

    def start(self):
        self.spawn()
        self.wait_event("ready")
        return self

    def _read(self):
        for raw in self.process.stderr:
            line = raw.decode("utf-8", "surrogateescape").rstrip("\n")
            match = LOG_LINE.fullmatch(line)
            with self.changed:
                self.lines.append(line)
                if match:
                    try:
                        self.events.append(Event(line, match))
                    except AssertionError:
                        self.odd.append(line)
                else:
                    self.odd.append(line)
                self.changed.notify_all()
        with self.changed:
            self.lines.append(None)     # the end
            self.changed.notify_all()

    def stop(self, number=signal.SIGTERM, code=0):
        """Ends it in an orderly way, and judges its whole life."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.wait_exit(code)

    def wait_exit(self, code):
        try:
            got = self.process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(SECONDS)
            raise AssertionError("does not end:\n" + self.tail()) from None
        self.reader.join(SECONDS)
        self.check_log()
        assert got == code, f"exit code {got}, not {code}:\n{self.tail()}"

    def kill(self):
        """kill -9; what it said until then is judged as well."""
        self.process.kill()
        self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        self.check_log()

    def clean_up(self):
        """At the end of a test: not running, and judged once."""
        if self.process is not None:
            if self.process.poll() is None:
                self.stop()
            elif not self.is_checked:
                self.reader.join(SECONDS)
                self.check_log()

    def is_alive(self):
        return self.process.poll() is None

    # its log

    def text(self):
        return "\n".join(line for line in self.lines if line is not None)

    def tail(self, n=40):
        return "\n".join([x for x in self.lines if x is not None][-n:])

    def check_log(self):
        """What holds for every log: no finding of a sanitizer, no secret, no
        byte that a terminal would obey."""
        self.is_checked = True
        text = self.text()
        assert not SANITIZER.search(text), text[-8000:]
        for secret in SECRETS:
            for form in (secret, b64(secret)):
                assert form not in text, f"the log tells {form!r}"
        for line in self.lines:
            assert line is None or not re.search(
                r"[\x00-\x08\x0b-\x1f\x7f]", line), f"raw control: {line!r}"

    def wait(self, found, what, seconds=SECONDS):
        """Waits until found() is true; looked at after every log line."""
        deadline = time.monotonic() + seconds
        with self.changed:
            while True:
                got = found()
                if got:
                    return got
                left = deadline - time.monotonic()
                ended = self.lines[-1:] == [None]
                if left <= 0 or ended:
                    raise AssertionError(
                        f"{'ended' if ended else 'waited'} without {what}:\n"
                        + self.tail())
                # the log is written a moment before a file is seen by us
                self.changed.wait(min(left, 0.05))

    def find(self, name, **fields):
        return [event for event in self.events if event.name == name and all(
            event.get(key) == str(value) for key, value in fields.items())]

    def wait_event(self, name, count=1, **fields):
        """The events of that name, once there are `count`."""
        return self.wait(
            lambda: len(self.find(name, **fields)) >= count
            and self.find(name, **fields), f"{count} x {name} {fields}")

    def port(self, name="clear"):
        return int(self.wait_event("listening", listener=name)[0]["port"])

    def reload(self, event="reloaded"):
        count = len(self.find(event)) + 1
        self.process.send_signal(signal.SIGHUP)
        return self.wait_event(event, count)[-1]

    # what it has made

    def mailbox(self, address):
        user, _, domain = address.rpartition("@")
        return self.folder / "mail" / domain / user

    def mails(self, address):
        """The messages in new/, oldest first."""
        new = self.mailbox(address) / "new"
        if not new.is_dir():
            return []
        files = sorted(new.iterdir(), key=lambda p: (p.stat().st_mtime_ns,
                                                     p.name))
        return [path.read_bytes() for path in files]

    def wait_mails(self, address, count=1, containing=b""):
        if isinstance(containing, str):
            containing = containing.encode()

        def found():
            got = [raw for raw in self.mails(address) if containing in raw]
            return got if len(got) >= count else None
        return self.wait(found, f"{count} mails for {address}")

    def all_mails(self):
        return [path.read_bytes()
                for path in self.folder.glob("mail/*/*/new/*")]

    def rss_kib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1])

    def descriptors(self):
        """What its descriptors are, as the kernel names it."""
        folder, names = f"/proc/{self.process.pid}/fd", []
        for number in os.listdir(folder):
            try:
                names.append(os.readlink(f"{folder}/{number}"))
            except FileNotFoundError:
                pass
        return sorted(names)

    def sockets(self):
        return sum(name.startswith("socket:") for name in self.descriptors())

    # talking to it

    def client(self, listener_name="clear", **options):
        return Client(self.port(listener_name), **options)

    def context(self, **options):
        return self.certs.context(**options)


# --- an independent client

class Reply:
    def __init__(self, lines):
        self.lines = lines
        self.code = int(lines[-1][:3]) if lines else 0
        self.text = "\n".join(lines)

    def __eq__(self, code):
        return self.code == code

    def __repr__(self):
        return repr(self.text) if self.lines else "the end of the connection"

    @property
    def keywords(self):
        """EHLO: {keyword: arguments}, without the greeting."""
        rows = [line[4:].partition(" ") for line in self.lines[1:]]
        return {row[0].upper(): row[2] for row in rows}


REPLY_LINE = re.compile(rb"[2-5]\d\d[ -][^\r\n\0]*\r\n")


class Client:
    """Says what it is told, at any pace; reads replies and checks their form.
    A connection that is closed or reset reads as an empty reply."""

    def __init__(self, port, host="127.0.0.1", tls=None, name=None,
                 greet=True):
        self.socket = socket.create_connection((host, port), SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.seen = b""
        if tls is not None:
            self.start_tls(tls, name)
        if greet:
            self.greeting = self.reply()
            assert self.greeting == 220, self.greeting

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def start_tls(self, context, name=None):
        self.socket = context.wrap_socket(
            self.socket, server_hostname=name or "mail.example.org")

    def send(self, data):
        """True if the kernel took all of it."""
        if isinstance(data, str):
            data = data.encode()
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, ssl.SSLError):
            return False

    def send_bytes(self, data):
        """One packet a byte."""
        return all(self.send(data[i:i + 1]) for i in range(len(data)))

    def _fill(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError,
                ssl.SSLZeroReturnError):
            data = b""
        self.buffer += data
        self.seen += data
        return bool(data)

    def line(self):
        while b"\n" not in self.buffer:
            if not self._fill():
                rest, self.buffer = self.buffer, b""
                return rest
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line + b"\n"

    def reply(self):
        lines = []
        while True:
            line = self.line()
            if not line:
                assert not lines, f"cut in the middle of a reply: {lines}"
                return Reply([])
            assert REPLY_LINE.fullmatch(line), f"not a reply line: {line!r}"
            assert len(line) <= 512, f"{len(line)} octets: {line!r}"
            lines.append(line[:-2].decode())
            assert lines[0][:3] == lines[-1][:3], f"mixed codes: {lines}"
            if line[3:4] == b" ":
                return Reply(lines)

    def cmd(self, text):
        if isinstance(text, str):
            text = text.encode()
        self.send(text + b"\r\n")
        return self.reply()

    def rest(self):
        """All replies until the connection ends."""
        replies = []
        while True:
            reply = self.reply()
            if not reply.lines:
                return replies
            replies.append(reply)

    def half_close(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def is_quiet(self):
        """Nothing has been said that was not read. Asked by a NOOP, not by
        time: its reply is the next one."""
        return self.cmd("NOOP") == 250 and not self.buffer

    # whole steps

    def ehlo(self, name="client.example"):
        reply = self.cmd(f"EHLO {name}")
        assert reply == 250, reply
        return reply

    def starttls(self, context, name=None):
        reply = self.cmd("STARTTLS")
        assert reply == 220, reply
        assert not self.buffer
        self.start_tls(context, name)
        return self

    def auth(self, user, password):
        return self.cmd("AUTH PLAIN " + plain(user, password))

    def begin(self, sender, *recipients):
        """MAIL and RCPT, all of which must be taken."""
        reply = self.cmd(f"MAIL FROM:<{sender}>")
        assert reply == 250, reply
        for recipient in recipients:
            reply = self.cmd(f"RCPT TO:<{recipient}>")
            assert reply == 250, (recipient, reply)

    def data(self, text):
        """DATA with the text, which is made ready to travel."""
        reply = self.cmd("DATA")
        if reply != 354:
            return reply
        text = crlf(text)
        text = re.sub(rb"(?m)^\.", b"..", text)
        if not text.endswith(b"\r\n"):
            text += b"\r\n"
        self.send(text + b".\r\n")
        return self.reply()

    def message(self, sender, recipient, text):
        self.begin(sender, recipient)
        reply = self.data(text)
        assert reply == 250, reply
        return reply


# --- a person at a keyboard

class Typist:
    """Drives a real program (telnet, nc, s_client): types a line when the
    reply it waits for has come. The program sees a terminal or a pipe."""

    def __init__(self, args, terminal=False):
        self.seen, self.at = b"", 0
        self.changed = threading.Condition()
        self.is_over = False
        self.master = None
        if terminal:
            self.master, slave = os.openpty()
            self.process = subprocess.Popen(
                args, stdin=slave, stdout=slave, stderr=slave,
                start_new_session=True)
            os.close(slave)
            self.input = self.output = self.master
        else:
            self.process = subprocess.Popen(
                args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, bufsize=0)
            self.input = self.process.stdin.fileno()
            self.output = self.process.stdout.fileno()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        if self.master is not None:
            os.close(self.master)
        else:
            self.process.stdin.close()
            self.process.stdout.close()

    def _read(self):
        while True:
            try:
                data = os.read(self.output, 65536)
            except OSError:         # a terminal whose other end has gone
                data = b""
            with self.changed:
                self.seen += data
                self.is_over = not data
                self.changed.notify_all()
            if not data:
                return

    def expect(self, pattern):
        """Waits for the pattern behind what was expected last."""
        pattern = re.compile(pattern.encode(), re.M)
        with self.changed:
            def found():
                return pattern.search(self.seen, self.at) or self.is_over
            self.changed.wait_for(found, SECONDS)
            match = pattern.search(self.seen, self.at)
            assert match, (f"no {pattern.pattern!r} in:\n"
                           + self.seen[self.at:].decode(errors="replace")
                           + "\nbefore it:\n"
                           + self.seen[:self.at].decode(errors="replace"))
            self.at = match.end()
            return match

    def reply(self, code, text=""):
        """The last line of the next reply has that code and that text."""
        match = self.expect(r"^(\d\d\d) ([^\r\n]*)\r?\n")
        line = match.group().decode().strip("\r\n")
        assert line.startswith(f"{code} ") and text in line, \
            f"{line!r} is not {code} …{text}"
        return line

    def type(self, line):
        os.write(self.input, line.encode() + b"\n")

    def say(self, *steps):
        """('what is typed', code, 'part of the reply') in order."""
        for line, code, *text in steps:
            for part in line.split("\n"):
                self.type(part)
            self.reply(code, *text)

    def wait_end(self):
        if self.master is None:
            self.process.stdin.close()
            # closed twice otherwise
            self.process.stdin = open(os.devnull, "wb")
        return self.process.wait(SECONDS)


# --- messages

def take_apart(raw):
    """(fields as [(name, body)], text) of a message with LF line ends."""
    head, gap, text = raw.partition(b"\n\n")
    assert gap, f"no empty line: {raw!r}"
    fields = []
    for line in head.split(b"\n"):
        if line[:1] in b" \t" and fields:
            fields[-1][1] += b"\n" + line
            continue
        name, colon, body = line.partition(b":")
        assert colon and re.fullmatch(rb"[!-9;-~]+", name), \
            f"not a header line: {line!r} of {raw!r}"
        fields.append([name.decode().lower(), body])
    return [(name, body.strip().decode("utf-8", "surrogateescape"))
            for name, body in fields], text


def field(raw, name):
    """The one field of that name."""
    got = [body for key, body in take_apart(raw)[0] if key == name.lower()]
    assert len(got) == 1, f"{len(got)} fields {name}: {raw!r}"
    return got[0]


def assert_delivered_as_sent(raw, sent):
    """Byte for byte what was sent, behind the lines of the servers' trace."""
    if isinstance(sent, str):
        sent = sent.encode()
    sent = sent.replace(b"\r\n", b"\n")
    assert raw.endswith(sent), f"{raw!r}\ndoes not end in\n{sent!r}"
    trace = raw[:len(raw) - len(sent)]
    fields, rest = take_apart(trace + b"\n")
    assert rest == b"", f"more than fields in front: {trace!r}"
    names = [name for name, _ in fields]
    assert names[0] == "return-path" and names.count("received") == 1, names
    assert set(names) <= {"return-path", "received", "delivered-to"}, names


def whole(subject, text="A line.\n", sender="guy@cp.com"):
    """A message that needs nothing added."""
    return (f"From: Somebody <{sender}>\n"
            "To: Somebody else <administrator@cp.com>\n"
            f"Subject: {subject}\n"
            "Date: Sat, 21 Nov 2026 06:37:03 +0000\n"
            f"Message-ID: <{abs(hash(subject))}@client.example>\n"
            "\n" + text)


# --- certificates

class Certs:
    """A root, an intermediate, and leaves signed by the latter."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.root = self._authority("root", None)
        self.intermediate = self._authority("intermediate", "root")
        self.chain, self.key = self.leaf(
            "mail.example.org", "localhost", "IP:127.0.0.1", "IP:::1")

    def _openssl(self, *args):
        got = subprocess.run(["openssl", *map(str, args)], text=True,
                             capture_output=True, timeout=SECONDS,
                             cwd=self.folder)
        assert got.returncode == 0, got.stderr
        return got.stdout

    def _request(self, name, subject):
        self._openssl("req", "-new", "-newkey", "ec", "-pkeyopt",
                      "ec_paramgen_curve:P-256", "-nodes", "-subj",
                      f"/CN={subject}", "-keyout", f"{name}.key", "-out",
                      f"{name}.csr")
        (self.folder / f"{name}.key").chmod(0o600)

    def _sign(self, name, issuer, extensions):
        (self.folder / f"{name}.ext").write_text(extensions)
        signer = ["-CA", f"{issuer}.pem", "-CAkey", f"{issuer}.key",
                  "-CAcreateserial"] if issuer else \
            ["-signkey", f"{name}.key"]
        self._openssl("x509", "-req", "-in", f"{name}.csr", "-days", "30",
                      "-extfile", f"{name}.ext", "-out", f"{name}.pem",
                      *signer)
        return self.folder / f"{name}.pem"

    def _authority(self, name, issuer):
        self._request(name, f"Test {name}")
        return self._sign(name, issuer, "basicConstraints=critical,CA:TRUE\n"
                          "keyUsage=critical,keyCertSign,cRLSign\n")

    def leaf(self, *names, file=None):
        """(chain file, key file); the first name is the common name, too."""
        file = file or names[0]
        self._request(file, names[0])
        alternatives = ",".join(
            name if name.startswith("IP:") else f"DNS:{name}"
            for name in names)
        leaf = self._sign(file, "intermediate",
                          "extendedKeyUsage=serverAuth\n"
                          f"subjectAltName={alternatives}\n")
        chain = self.folder / f"{file}.chain.pem"
        chain.write_text(leaf.read_text() + self.intermediate.read_text())
        return chain, self.folder / f"{file}.key"

    def server_context(self, chain=None, key=None):
        """A server that shows a leaf of ours."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain or self.chain, key or self.key)
        return context

    def context(self, version=None, ciphers=None, verify=True):
        """A client that knows the root only: the chain must be sent."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if verify:
            context.load_verify_locations(self.root)
        else:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if ciphers:
            context.set_ciphers(ciphers)
        if version:
            context.minimum_version = context.maximum_version = version
        return context
