# SPDX-License-Identifier: Apache-2.0
"""When somebody takes all they can get: the others are served meanwhile, and
everything is given back."""
import os
import socket
import threading
import time

import pytest

from harness import (EHLOD, INSIDE, SECONDS, STRANGER, Client, crlf, listener,
                     whole)


def serve_one(server, mark, name="clear"):
    """Somebody else gets a whole message through."""
    with server.client(name) as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole(mark))
        assert c.cmd("QUIT") == 221
    server.wait_mails(INSIDE, containing=mark)


OPENINGS = {
    "silent": b"",
    "half a command": b"EHL",
    "half a line after hello": b"EHLO x\r\nMAIL FROM:<",
    "in the text": b"EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<"
                   + INSIDE.encode() + b">\r\nDATA\r\nSubject: slow",
    "in a login": b"EHLO x\r\nAUTH LOGIN\r\n",
    "in a handshake": b"EHLO x\r\nSTARTTLS\r\n",
}


@pytest.mark.parametrize("what", OPENINGS)
def test_slow_ones_do_not_stop_others(ehlod, what):
    server = ehlod()
    slow = [Client(server.port(), greet=False) for _ in range(300)]
    for c in slow:
        c.send(OPENINGS[what])
    server.wait_event("session", 300)
    serve_one(server, "meanwhile")
    # an octet more from each changes nothing
    for c in slow:
        c.send(b"x")
    serve_one(server, "and again")
    for c in slow:
        c.close()
    server.wait_event("session-end", 302)


def test_stalled_handshakes_do_not_stop_others(ehlod):
    server = ehlod(listeners=[listener(), listener("secure", tls="implicit")])
    slow = [Client(server.port("secure"), greet=False) for _ in range(200)]
    for c in slow:
        c.send(b"\x16\x03\x01\x02\x00\x01")
    serve_one(server, "meanwhile")
    with server.client("secure", tls=server.context()) as c:
        c.ehlo()
    for c in slow:
        c.close()


def test_unread_answers_do_not_stop_others(ehlod):
    """A client that asks and never listens: its memory has an end."""
    server = ehlod(is_measured=True, listeners=[
        listener(max_commands="1000000", max_errors="100000")])
    before = server.rss_kib()
    deaf = Client(server.port())
    deaf.socket.settimeout(0.2)
    sent = 0
    try:
        while sent < 64 << 20:
            sent += deaf.socket.send(b"HELP\r\nEHLO x\r\n" * 4096)
    except (socket.timeout, OSError):
        pass        # it is no longer read from, or thrown out
    serve_one(server, "meanwhile")
    assert server.rss_kib() - before < 16384
    deaf.close()


@pytest.mark.parametrize("what", ["silent", "half a command", "in the text"])
def test_time_outs(ehlod, what):
    """Told 421, and the place is free for others."""
    server = ehlod(listeners=[listener(
        timeout="1s", data_timeout="1s", max_sessions_per_address="20")])
    slow = [Client(server.port()) for _ in range(20)]
    for c in slow:
        c.send(OPENINGS[what])
    for c in slow:
        replies = c.rest()      # the end comes by itself
        assert replies and replies[-1] == 421, replies
    server.wait_event("session-end", 20)
    serve_one(server, "afterwards")
    assert not any(b"slow" in raw for raw in server.all_mails())


def test_slow_but_steady_is_not_a_time_out(ehlod):
    """Text that comes, however slowly, is waited for: the time-out counts
    from what came last."""
    server = ehlod(listeners=[listener(timeout="2s", data_timeout="2s")])
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        assert c.cmd("DATA") == 354
        began = time.monotonic()
        pieces = 0
        text = crlf(whole("steady")) + b".\r\n"
        while time.monotonic() - began < 3:
            c.send(text[pieces:pieces + 1])
            pieces += 1
            threading.Event().wait(0.1)     # the pace is what is tested
        c.send(text[pieces:])
        assert c.reply() == 250
    server.wait_mails(INSIDE, containing="steady")


def test_sessions_by_address_are_limited(ehlod):
    server = ehlod(listeners=[listener(max_sessions_per_address="10"),
                              listener("other")])
    held = [Client(server.port()) for _ in range(10)]
    with Client(server.port(), greet=False) as c:
        assert c.reply() == 421
        assert not c.reply().lines
    serve_one(server, "elsewhere", "other")
    held[0].close()
    # the refused one, the one elsewhere, and this
    server.wait_event("session-end", 3)
    serve_one(server, "in the free place")
    for c in held:
        c.close()


def test_descriptors_run_out(ehlod):
    """64 of them: what is open goes on, and accepting resumes by itself."""
    server = ehlod(prefix=["prlimit", "--nofile=64:64"])
    first = server.client()
    first.ehlo()
    held = []
    for _ in range(120):
        c = Client(server.port(), greet=False)
        c.send(b"EHLO x\r\n")
        held.append(c)
    # the one that was in is served
    first.begin(STRANGER, INSIDE)
    assert first.cmd("NOOP") == 250
    # waiting for descriptors costs nothing: a loop that spins takes 100
    # ticks a second
    cpu = cpu_ticks(server)
    threading.Event().wait(1)
    assert cpu_ticks(server) - cpu < 50
    assert first.cmd("NOOP") == 250
    for c in held:
        c.close()
    assert first.data(whole("through the drought")) == 250
    first.close()
    server.wait_mails(INSIDE, containing="through the drought")
    for n in range(5):
        serve_one(server, f"after the drought {n}")
    assert server.is_alive()


def cpu_ticks(server):
    with open(f"/proc/{server.process.pid}/stat") as stat:
        fields = stat.read().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_storm_leaks_nothing(ehlod):
    """Thousands of connections, ended in three ways."""
    server = ehlod()
    serve_one(server, "before")
    before = server.sockets()
    for n in range(3000):
        c = Client(server.port(), greet=False)
        if n % 3 == 1:
            c.send(b"EHLO x\r\nMAIL FROM:<a@x.example>\r\n")
        if n % 3 == 2:
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                b"\1\0\0\0\0\0\0\0")
        c.close()
        if n % 500 == 499:
            serve_one(server, f"in the storm {n}")
    server.wait(lambda: server.sockets() <= before, "sockets given back")
    assert len(server.descriptors()) < 40, server.descriptors()


def test_two_thousand_idle_sessions(ehlod):
    """All of them greeted, somebody else served, little memory for each."""
    server = ehlod(is_measured=True)
    serve_one(server, "before")
    before = server.rss_kib()
    idle = [Client(server.port()) for _ in range(2000)]
    for c in idle:
        c.ehlo()
    each = (server.rss_kib() - before) / len(idle)
    serve_one(server, "beside them")
    print(f"{each:.1f} KiB a session")
    # red zones and quarantine of the sanitizer weigh more than the session
    is_sanitized = b"__asan_init" in EHLOD.read_bytes()
    assert each < (64 if is_sanitized else 8)
    for c in idle:
        c.close()
    server.wait_event("session-end", 2002)
    serve_one(server, "after them")


def test_large_messages_at_once(ehlod):
    """20 of 5 MB through little memory: text is not kept in it."""
    server = ehlod(is_measured=True)
    before = server.rss_kib()
    text = whole("large", ("x" * 70 + "\n") * 73000)
    problems = []

    def send():
        try:
            with server.client() as c:
                c.ehlo()
                c.message(STRANGER, INSIDE, text)
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=send) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not problems
    mails = server.wait_mails(INSIDE, 20)
    assert all(raw.endswith(text.encode()) for raw in mails)
    assert server.rss_kib() - before < 80 * 1024


def test_a_full_disk_is_told_and_nothing_is_half(ehlod, tmp_path):
    """Needs a small file system of its own, so root and mount."""
    if os.getuid() != 0:
        pytest.skip("needs the right to mount")
    spool = tmp_path / "spool"
    spool.mkdir()
    if os.system(f"mount -t tmpfs -o size=200m none {spool} 2>/dev/null"):
        pytest.skip("may not mount here")
    try:
        fill_up(ehlod, spool)
    finally:
        os.system(f"umount -l {spool}")


def fill_up(ehlod, spool):
    server = ehlod(start=False, options={"spool": str(spool / "s")})
    server.start()
    serve_one(server, "before")
    free = os.statvfs(spool)
    with open(spool / "ballast", "wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0,
                           max(4096, (free.f_bavail - 16) * free.f_frsize))
    codes = set()
    with server.client() as c:
        c.ehlo()
        for _ in range(60):
            reply = c.cmd(f"MAIL FROM:<{STRANGER}>")
            if reply == 250:
                reply = c.cmd(f"RCPT TO:<{INSIDE}>")
            if reply == 250:
                reply = c.data(whole("full", ("x" * 70 + "\n") * 30000))
            codes.add(reply.code)
            if reply.code in (451, 452):
                break
            c.cmd("RSET")
    assert codes & {451, 452} and codes <= {250, 451, 452}, codes
    os.unlink(spool / "ballast")
    deadline = time.monotonic() + SECONDS
    while True:
        with server.client() as c:
            c.ehlo()
            if c.cmd(f"MAIL FROM:<{STRANGER}>") == 250 \
                    and c.cmd(f"RCPT TO:<{INSIDE}>") == 250 \
                    and c.data(whole("room again")) == 250:
                break
        assert time.monotonic() < deadline, "room, but still refused"
    server.wait_mails(INSIDE, containing="room again")
    for raw in server.all_mails():
        assert raw.endswith(b"\n")
