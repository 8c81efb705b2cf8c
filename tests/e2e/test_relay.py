# SPDX-License-Identifier: Apache-2.0
"""Mail to the outside: by a smarthost, by LMTP, to a sink that misbehaves at
every step."""
import socket
import ssl
import sys
import threading
import time

import pytest

import harness
from control import control_of
from sink import CLOSE, LATE, SILENCE, Sink

sys.path.insert(0, str(harness.ROOT / "tools"))
from kill_loop import FailingDisk  # noqa: E402

SENDER = "norbert@acodedb.com"
MAIL = "Subject: out\n\n.dot\nHello, world.\n"
QUICK = {"retry-first": "1s", "retry-max": "2s"}
OPEN = "authenticated networks"


def queue(daemon):
    with control_of(daemon) as control:
        return control.ask(what="queue.list")[0]


def send_is_refused(daemon):
    with daemon.client() as client:
        client.ehlo()
        client.begin(SENDER, harness.OUTSIDE)
        assert client.data(MAIL) == 451


def route(sink, name="*", **options):
    rows = {"via": f"smarthost 127.0.0.1:{sink.port}", "patience": "5s",
            **options}
    return f'route "{name}" {{\n' + "".join(
        f"    {key.replace('_', '-')} {value};\n"
        for key, value in rows.items()) + "}\n"


@pytest.fixture
def sink():
    with Sink() as one:
        yield one


def start(ehlod, extra, **options):
    options.setdefault("options", QUICK)
    return ehlod(extra=extra, listeners=[harness.listener(
        relay=OPEN, networks="127.0.0.0/8")], **options)


def send(daemon, *rcpts, sender=SENDER, text=MAIL, params="", rcpt_params=""):
    with daemon.client() as client:
        client.ehlo()
        assert client.cmd(f"MAIL FROM:<{sender}>{params}") == 250
        for rcpt in rcpts:
            assert client.cmd(f"RCPT TO:<{rcpt}>{rcpt_params}") == 250
        reply = client.data(text)
        assert reply == 250, reply
        client.cmd("QUIT")


def test_smarthost(ehlod, sink):
    daemon = start(ehlod, route(sink))
    send(daemon, harness.OUTSIDE)
    mail = sink.wait(1)[0]
    assert mail.sender == SENDER
    assert [r for r, _ in mail.rcpts] == [harness.OUTSIDE]
    assert mail.text.endswith(b"\r\n\r\n.dot\r\nHello, world.\r\n")
    assert mail.text.startswith(b"Received: ")
    event = daemon.wait_event("relayed", to=harness.OUTSIDE)[0]
    assert event["reply"].startswith("250 ")
    assert f"[127.0.0.1]:{sink.port}" in event["host"]


def test_many_over_few_links(ehlod, sink):
    daemon = start(ehlod, route(sink, max_connections=3))
    for i in range(60):
        send(daemon, f"r{i}@elsewhere.example")
    mails = sink.wait(60)
    assert len({m.rcpts[0][0] for m in mails}) == 60
    # two shards share three connections: two each
    assert sink.open_most <= 4
    assert sink.sessions < 60


def test_recipients_share_a_transaction(ehlod, sink):
    daemon = start(ehlod, route(sink))
    send(daemon, *[f"r{i}@elsewhere.example" for i in range(250)])
    mails = sink.wait(3)
    assert sorted(len(m.rcpts) for m in mails) == [50, 100, 100]
    daemon.wait_event("relayed", 250)


def test_large_text(ehlod, sink):
    daemon = start(ehlod, route(sink))
    text = "Subject: large\n\n" + "".join(
        f"{i:07d} {'x' * 60}\n" for i in range(40000))
    send(daemon, harness.OUTSIDE, text=text)
    got = sink.wait(1)[0].text
    assert got.endswith(harness.crlf(text).partition(b"\r\n\r\n")[2])


def test_greylisting(ehlod, sink):
    sink.script = lambda step, n: (
        "451 4.7.1 greylisted, come again" if step == "rcpt" and n <= 2
        else None)
    daemon = start(ehlod, route(sink))
    send(daemon, harness.OUTSIDE)
    sink.wait(1)
    deferred = daemon.wait_event("deferred", 2)
    assert "greylisted" in deferred[0]["reply"]
    daemon.wait_event("relayed")


def test_421_in_the_middle(ehlod, sink):
    sink.script = lambda step, n: (
        "421 4.3.2 going down" if step == "rcpt" and n == 1 else None)
    daemon = start(ehlod, route(sink))
    send(daemon, harness.OUTSIDE)
    assert len(sink.wait(1)) == 1
    assert "going down" in daemon.wait_event("deferred")[0]["reply"]


def test_421_when_a_session_is_long_enough(ehlod, sink):
    """Some servers take so many mails in a session, and say it by a 421 to
    the next: that is no trouble, the next session takes it."""
    sink.script = lambda step, n: (
        "421 4.7.0 enough for one session" if step == "mail" and n % 4 == 0
        else None)
    daemon = start(ehlod, route(sink, max_connections=1), options={
        **QUICK, "shards": "1"})
    for i in range(12):
        send(daemon, f"r{i}@elsewhere.example")
    mails = sink.wait(12)
    assert len({mail.rcpts[0][0] for mail in mails}) == 12
    daemon.wait_event("relayed", 12)
    assert not daemon.find("deferred")
    assert sink.sessions == 4


@pytest.mark.parametrize("reply", ["452 4.5.3 too many",
                                   "552 5.5.3 too many"])
def test_452_and_552_mean_fewer_at_a_time(ehlod, sink, reply):
    state = {"left": 3}

    def script(step, _):
        if step == "mail":
            state["left"] = 3
        if step == "rcpt":
            state["left"] -= 1
            if state["left"] < 0:
                return reply
        return None
    sink.script = script
    daemon = start(ehlod, route(sink))
    send(daemon, *[f"r{i}@elsewhere.example" for i in range(8)])
    mails = sink.wait(3)
    assert sorted(len(m.rcpts) for m in mails) == [2, 3, 3]
    assert not daemon.find("deferred")


@pytest.mark.parametrize("step", ["connect", "ehlo", "mail", "rcpt", "data",
                                  "text"])
def test_hangs_up_at(ehlod, sink, step):
    sink.script = lambda s, n: CLOSE if s == step and n == 1 else None
    daemon = start(ehlod, route(sink))
    send(daemon, harness.OUTSIDE)
    assert len(sink.wait(1)) == 1
    daemon.wait_event("relayed")


def test_reply_lost_behind_the_text(ehlod, sink):
    sink.script = lambda s, n: LATE if s == "text" and n == 1 else None
    daemon = start(ehlod, route(sink))
    send(daemon, harness.OUTSIDE)
    assert len(sink.wait(2)) == 2
    daemon.wait_event("possible-duplicate")
    daemon.wait_event("relayed")


def test_tarpit(ehlod, sink):
    sink.script = lambda s, n: SILENCE if s == "mail" and n == 1 else None
    daemon = start(ehlod, route(sink, patience="1s"))
    send(daemon, harness.OUTSIDE)
    sink.wait(1)
    assert "in time" in daemon.wait_event("deferred")[0]["reply"]


class Raw:
    """A server that is a function: of the first connection, in a thread."""

    def __init__(self, serve):
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.serve = serve
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            connection = self.listening.accept()[0]
            with connection:
                self.serve(connection)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.close()


def test_answer_that_never_ends(ehlod):
    """Whoever says a line at a time is no faster than who says nothing."""
    gone = threading.Event()

    def drip(connection):
        connection.settimeout(0.1)
        for _ in range(120):
            connection.sendall(b"220-wait\r\n")
            try:
                if not connection.recv(1000):
                    break
            except TimeoutError:
                continue
        else:
            return
        gone.set()

    with Raw(drip) as server:
        daemon = start(ehlod, route(server, patience="1s"))
        send(daemon, harness.OUTSIDE)
        assert gone.wait(harness.SECONDS)
        assert "in time" in daemon.wait_event("deferred")[0]["reply"]


def test_slow_but_steady(ehlod):
    """A large text takes longer than our patience with silence."""
    def take(connection):
        lines = connection.makefile("rb")
        connection.sendall(b"220 slow\r\n")
        for line in lines:
            connection.sendall(b"354 go\r\n" if line == b"DATA\r\n"
                               else b"250 ok\r\n")
            if line == b"DATA\r\n":
                break
        last = b""
        while not last.endswith(b"\r\n.\r\n"):
            time.sleep(0.04)            # its pace: 3 MB a second
            last = last[-5:] + lines.read1(131072)
        connection.sendall(b"250 kept\r\n")
        lines.read()

    with Raw(take) as server:
        server.listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                    131072)
        daemon = start(ehlod, route(server, patience="2s"))
        send(daemon, harness.OUTSIDE, text="\n" + ("x" * 70 + "\n") * 210000)
        daemon.wait_event("relayed")
        assert not daemon.find("deferred")


def test_starttls_and_login(ehlod, certs, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("Pauline13\n")
    secret.chmod(0o600)
    with Sink(tls=certs.server_context()) as sink:
        sink.users = {"relay": "Pauline13"}
        daemon = start(ehlod, route(sink, tls="must", login="relay",
                                    password_file=secret))
        send(daemon, harness.OUTSIDE)
        mail = sink.wait(1)[0]
        assert mail.session.is_tls and mail.session.login == "relay"
        assert daemon.wait_event("relayed")[0]["tls"].startswith("TLSv1.3")


def test_no_tls_where_it_must_be(ehlod, sink):
    daemon = start(ehlod, route(sink, tls="must"))
    send(daemon, harness.OUTSIDE)
    assert "no TLS" in daemon.wait_event("deferred")[0]["reply"]
    assert not sink.mails


def test_tls_that_fails_is_not_needed(ehlod):
    """`tls may`: a server that cannot do what it offers gets it in clear."""
    with Sink(tls=ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)) as sink:
        daemon = start(ehlod, route(sink))
        send(daemon, harness.OUTSIDE)
        assert not sink.wait(1)[0].session.is_tls
        daemon.wait_event("tls-failed")
        assert daemon.wait_event("relayed")[0]["tls"] == ""


def test_injected_behind_starttls(ehlod, certs):
    """CVE-2011-0411 from the other side: replies ahead of TLS."""
    with Sink(tls=certs.server_context()) as sink:
        sink.script = lambda s, n: (
            "220 go\r\n250 injected" if s == "starttls" else None)
        daemon = start(ehlod, route(sink, tls="must"))
        send(daemon, harness.OUTSIDE)
        assert "injects" in daemon.wait_event("deferred")[0]["reply"]
        assert not sink.mails


def test_password_file_is_checked(ehlod, sink, tmp_path):
    daemon = start(ehlod, "", start=False)
    daemon.extra = route(sink, login="relay", tls="must",
                         password_file=tmp_path / "none")
    daemon.write_config()
    daemon.spawn()
    daemon.wait_exit(1)
    assert "none: No such file" in daemon.text()


def test_wrong_certificate(ehlod, certs):
    with Sink(tls=certs.server_context()) as sink:
        daemon = start(ehlod, route(sink, tls="verified"))
        send(daemon, harness.OUTSIDE)
        assert "certificate" in daemon.wait_event("deferred")[0]["reply"]
        assert not sink.mails


def test_login_refused_waits(ehlod, certs, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("not the password\n")
    secret.chmod(0o600)
    with Sink(tls=certs.server_context()) as sink:
        sink.users = {"relay": "Pauline13"}
        daemon = start(ehlod, route(sink, tls="must", login="relay",
                                    password_file=secret))
        send(daemon, harness.OUTSIDE)
        daemon.wait_event("smarthost-login-failed")
        daemon.wait_event("deferred")
        assert not sink.mails


def test_login_asked_without_end(ehlod, certs, tmp_path):
    """A server that wants more, whatever we say, "*" included."""
    secret = tmp_path / "secret"
    secret.write_text("Pauline13\n")
    secret.chmod(0o600)
    with Sink(tls=certs.server_context()) as sink:
        sink.users = {"relay": "Pauline13"}
        sink.script = lambda s, n: None if s in (
            "connect", "ehlo", "starttls", "quit") else "334 bW9yZQ=="
        daemon = start(ehlod, route(sink, tls="must", login="relay",
                                    password_file=secret))
        send(daemon, harness.OUTSIDE)
        daemon.wait_event("smarthost-login-failed")
        daemon.wait_event("deferred")
        assert "*" in sink.lines


def test_lmtp(ehlod, tmp_path):
    path = tmp_path / "lmtp"
    with Sink(lmtp=True, path=path) as sink:
        daemon = start(ehlod, "", domains=[
            f'domain "cp.com" {{ deliver lmtp unix:{path}; }}'])
        send(daemon, harness.INSIDE, "guyt@cp.com")
        mail = sink.wait(1)[0]
        assert len(mail.rcpts) == 2
        daemon.wait_event("relayed", 2)
        assert any(line.startswith("LHLO ") for line in sink.lines)


def test_hold_and_reload(ehlod, sink):
    daemon = start(ehlod, route(sink, via="hold"))
    send(daemon, harness.OUTSIDE)
    assert "held by the route" in daemon.wait_event("waiting")[0]["reason"]
    daemon.extra = route(sink)
    daemon.write_config()
    daemon.reload()
    sink.wait(1)


def test_reload_while_much_waits(ehlod, sink):
    """What waits for its turn at a destination has it after a reload, too,
    and not a few a minute."""
    sink.script = lambda s, n: SILENCE if s == "mail" and n == 1 else None
    daemon = start(ehlod, route(sink, patience="3s", max_connections=1),
                   options={**QUICK, "shards": 1})
    with daemon.client() as client:
        client.ehlo()
        for _ in range(60):
            client.message(SENDER, harness.OUTSIDE, harness.crlf(MAIL))
    sink.wait_step("mail", 1)
    daemon.reload()
    sink.wait(60)


def test_discard(ehlod, sink):
    daemon = start(ehlod, route(sink, via="discard"))
    send(daemon, harness.OUTSIDE)
    daemon.wait_event("discarded")
    assert sink.sessions == 0


def test_by_sender(ehlod, sink):
    with Sink() as other:
        daemon = start(ehlod, route(other, **{"from": "acodedb.com"})
                       + route(sink))
        send(daemon, harness.OUTSIDE)
        other.wait(1)
        send(daemon, harness.OUTSIDE, sender=harness.STRANGER)
        sink.wait(1)


def test_waits_for_two_destinations(ehlod, sink):
    """Mail for two that has to wait at both of them is wanted by both at
    once, and goes to each of them once."""
    with Sink() as other:
        for one in sink, other:
            one.script = lambda step, n: (
                "421 4.3.2 down" if step == "connect" and n <= 3 else None)
        daemon = start(ehlod, route(sink, "one.example", max_connections=2)
                       + route(other, "two.example", max_connections=2),
                       options={**QUICK, "shards": "1"})
        for i in range(40):
            send(daemon, f"r{i}@one.example", f"r{i}@two.example")
        daemon.wait_event("relayed", 80)
        daemon.wait(lambda: not queue(daemon), "an empty queue")
        assert len(sink.mails) == 40 and len(other.mails) == 40


def test_disk_fails_behind_the_text(ehlod, sink, tmp_path):
    """What was handed on cannot be written down: it is not handed on again,
    but asked to be written until it is."""
    disk = FailingDisk(tmp_path / "disk")
    daemon = start(ehlod, route(sink), prefix=disk.prefix, options={
        "retry-first": "1s", "retry-max": "1s", "shards": "1"})

    def script(step, _):
        if step == "text":
            disk.control.write_text("x")        # every write
    sink.script = script
    send(daemon, harness.OUTSIDE)
    daemon.wait_event("settle-waits")
    send_is_refused(daemon)
    disk.mend()
    daemon.wait(lambda: not queue(daemon), "an empty queue")
    sink.script = lambda step, n: None
    send(daemon, "last@elsewhere.example")
    daemon.wait_event("relayed", to="last@elsewhere.example")
    assert len(sink.mails) == 2
    # nor is the end of the daemon waited for, when it never is
    sink.script = script
    send(daemon, harness.OUTSIDE)
    daemon.wait_event("settle-waits", 2)
    daemon.stop()
    disk.mend()


def test_stops_while_a_server_is_silent(ehlod, sink):
    sink.script = lambda s, n: SILENCE if s == "data" else None
    daemon = start(ehlod, route(sink, patience="1h"),
                   options={**QUICK, "shutdown-grace": "1s"})
    send(daemon, harness.OUTSIDE)
    sink.wait_step("data", 1)
    daemon.stop()
    sink.script = lambda s, n: None
    daemon.start()
    sink.wait(1)


def test_reply_is_remembered_for_the_queue(ehlod, sink):
    """A destination that does not answer is closed; others go on."""
    with Sink() as dead:
        dead.close()
        daemon = start(ehlod, route(dead, "dead.example") + route(sink))
        for i in range(6):
            send(daemon, f"r{i}@dead.example")
        daemon.wait_event("destination-closed")
        for i in range(6):
            send(daemon, f"r{i}@elsewhere.example")
        sink.wait(6)
        assert not [e for e in daemon.find("deferred")
                    if "elsewhere" in e["to"]]
