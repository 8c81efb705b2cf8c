# SPDX-License-Identifier: Apache-2.0
"""What a session, a shard and the server owe each other at the odd moments:
a peer that ends its stream while we hash or sync, time-outs after every kind
of wait, the end with work under way, reloads that move addresses."""
import signal
import socket
import threading
import time

import pytest

from harness import (INSIDE, STRANGER, Client, crlf, listener, plain, whole)


def mail(subject, last=b""):
    """A whole pipelined session from MAIL on."""
    return (f"MAIL FROM:<{STRANGER}>\r\nRCPT TO:<{INSIDE}>\r\n"
            "DATA\r\n").encode() + crlf(whole(subject)) + b".\r\n" + last


# --- peers that have no more to say

def test_end_of_input_during_a_commit(ehlod):
    """`… | nc -N`: who has said all still hears the answers."""
    server = ehlod()
    for n in range(20):
        with server.client() as c:
            c.ehlo()
            c.send(mail(f"half closed {n}", b"QUIT\r\n"))
            c.half_close()
            codes = [reply.code for reply in c.rest()]
            assert codes == [250, 250, 354, 250, 221], codes
    server.wait_mails(INSIDE, 20)


def test_end_of_input_during_a_login(ehlod):
    server = ehlod()
    with server.client() as c:
        c.ehlo()
        c.send("AUTH PLAIN " + plain("guyt", "Pauline13")
               + "\r\nNOOP\r\nQUIT\r\n")
        c.half_close()
        assert [reply.code for reply in c.rest()] == [235, 250, 221]


def test_gone_during_a_commit(ehlod):
    """A reset at any moment: what was committed is delivered, what was not is
    not, and nothing is left of the session."""
    server = ehlod()
    for n in range(40):
        c = server.client()
        c.ehlo()
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            b"\1\0\0\0\0\0\0\0")
        text = mail(f"reset {n}")
        c.send(text[:len(text) - n // 2] if n % 2 else text)
        c.close()
    server.wait_event("session-end", 40)
    server.wait_mails(INSIDE, len(server.find("accepted")))
    assert len(server.all_mails()) == len(server.find("accepted"))


# --- time-outs: none is forgotten after a wait, none comes too early

@pytest.mark.parametrize("password", ["Pauline13", "not the password"])
def test_time_out_after_a_login(ehlod, password):
    server = ehlod(listeners=[listener(timeout="1s")])
    with server.client() as c:
        c.ehlo()
        assert c.auth("guyt", password) in (235, 535)
        assert [reply.code for reply in c.rest()] == [421]


def test_time_out_after_a_message(ehlod):
    server = ehlod(listeners=[listener(timeout="1s")])
    with server.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("then silence"))
        assert [reply.code for reply in c.rest()] == [421]


@pytest.mark.parametrize("how", ["implicit", "starttls"])
def test_time_out_in_tls(ehlod, how):
    """The handshake's own deadline ends with it."""
    server = ehlod(listeners=[listener(tls=how, timeout="1s")])
    if how == "implicit":
        c = server.client(tls=server.context())
    else:
        c = server.client()
        c.ehlo()
        c.starttls(server.context())
    with c:
        assert [reply.code for reply in c.rest()] == [421]


def test_time_out_of_one_who_hears_nothing(ehlod):
    """Answers that fill every buffer, and a peer that reads none of them:
    it has no more time than others."""
    server = ehlod(listeners=[listener(
        lmtp="yes", timeout="1s", data_timeout="1s", max_recipients="2500")])
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.connect(("127.0.0.1", server.port()))
    deaf.sendall(b"LHLO x\r\nMAIL FROM:<a@x.example>\r\n"
                 + b"".join(b"RCPT TO:<test+%d@cp.com>\r\n" % n
                            for n in range(100)))
    deaf.sendall(b"DATA\r\n")
    with pytest.raises(StopIteration):
        seen = b""
        while True:
            seen += deaf.recv(4096)
            if b"354" in seen:
                raise StopIteration
    deaf.sendall(b"Subject: many answers\r\n\r\n.\r\n" + b"NOOP\r\n" * 30000)
    server.wait_event("accepted")
    server.wait_event("session-end")
    deaf.close()


def test_any_command_counts(ehlod):
    """Commands the engine answers by itself are no silence."""
    server = ehlod(listeners=[listener(timeout="2s")])
    with server.client() as c:
        c.ehlo()
        began = time.monotonic()
        while time.monotonic() - began < 4:
            for command in ("NOOP", "RSET", "HELP", "WHAT"):
                assert c.cmd(command).code in (214, 250, 500)
            threading.Event().wait(0.5)     # the pace is what is tested
        assert c.cmd("NOOP") == 250


def test_half_commands_do_not_count(ehlod):
    """An octet now and then keeps no session."""
    server = ehlod(listeners=[listener(timeout="1s")])
    with server.client() as c:
        c.ehlo()
        while c.send(b"N") and not server.find("timeout"):
            threading.Event().wait(0.1)     # the pace is what is tested
        server.wait_event("timeout")


def test_text_too_large_is_no_silence(ehlod):
    """Text that will be refused is read to its end, and then refused."""
    server = ehlod(listeners=[listener(
        max_message_size="1K", timeout="2s", data_timeout="2s")])
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        assert c.cmd("DATA") == 354
        c.send(b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n")
        began = time.monotonic()
        while time.monotonic() - began < 4:
            c.send((b"x" * 70 + b"\r\n") * 20)
            threading.Event().wait(0.3)     # the pace is what is tested
        assert c.cmd(".") == 552
        c.begin(STRANGER, INSIDE)


# --- the end

def test_the_end_waits_for_no_login(ehlod):
    """Hashes under way for peers that have gone: the end comes after them,
    not after the grace."""
    server = ehlod(options={"shutdown-grace": "10m"})
    for _ in range(40):
        with server.client() as c:
            c.send("EHLO x\r\nAUTH PLAIN "
                   + plain("guyt", "not the password") + "\r\n")
    server.stop()


def test_the_end_tells_those_in_the_text(ehlod):
    """Who has not come to the end in time is told so (RFC 5321 3.8)."""
    server = ehlod(options={"shutdown-grace": "1s"})
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        assert c.cmd("DATA") == 354
        c.send(b"Subject: never ends\r\n")
        server.process.send_signal(signal.SIGTERM)
        assert [reply.code for reply in c.rest()] == [421]
    server.wait_exit(0)


def test_second_signal_ends_at_once(ehlod):
    server = ehlod(options={"shutdown-grace": "10m"})
    with server.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("acknowledged"))
        c.begin(STRANGER, INSIDE)
        assert c.cmd("DATA") == 354
        server.process.send_signal(signal.SIGTERM)
        server.wait_event("stopping")
        server.stop(code=1)
    server.start()
    server.wait_mails(INSIDE, containing="acknowledged")


# --- how many

def test_max_sessions_is_for_all_addresses(ehlod):
    server = ehlod(listeners=[listener(
        address="127.0.0.1:0 127.0.0.2:0", max_sessions="3")])
    one, two = [(int(event["port"]), event["address"])
                for event in server.wait_event("listening", 2)]
    held = [Client(*one), Client(*two), Client(*one)]
    with Client(*two, greet=False) as c:
        assert c.reply() == 421
    held.pop().close()
    server.wait_event("session-end", 2)
    held.append(Client(*two))
    for c in held:
        c.close()


def test_refused_sessions_take_no_place(ehlod):
    """Those that are told 421 and stay on the line."""
    server = ehlod(listeners=[listener(max_sessions="2")])
    held = [server.client(), server.client()]
    refused = [server.client(greet=False) for _ in range(5)]
    for c in refused:
        assert c.reply() == 421
    held.pop().close()
    server.wait_event("session-end", why="peer closed")
    with server.client() as c:
        c.ehlo()
    for c in held + refused:
        c.close()


# --- addresses

def test_two_free_ports_of_one_listener(ehlod):
    """Each is a port of its own, and somebody answers at both."""
    server = ehlod(listeners=[listener(address="127.0.0.1:0 127.0.0.1:0")])
    ports = {int(event["port"])
             for event in server.wait_event("listening", 2)}
    assert len(ports) == 2
    for _ in range(2):
        for port in ports:
            for _ in range(8):
                with Client(port) as c:
                    c.ehlo()
        server.reload()
        assert {int(event["port"])
                for event in server.find("listening")} == ports


def test_reload_from_one_address_to_all(ehlod):
    """127.0.0.1 and 0.0.0.0 collide only with somebody else's."""
    server = ehlod()
    port = server.port()
    for address in ("0.0.0.0", "127.0.0.1"):
        server.listeners = [listener(address=f"{address}:{port}")]
        server.write_config()
        server.reload()
        with Client(port) as c:
            c.ehlo()
    assert not server.find("cannot-listen")


def test_reload_that_moves_an_address(ehlod):
    """To another listener, and back; sessions of the old one go on."""
    server = ehlod(listeners=[listener("one")])
    port = server.port("one")
    with server.client("one") as old:
        for name, count in (("two", 1), ("one", 2)):
            server.listeners = [listener(name, address=f"127.0.0.1:{port}")]
            server.write_config()
            server.reload()
            with Client(port) as c:
                c.ehlo()
            server.wait_event("session", count, listener=name)
            old.ehlo()


def test_reload_that_fails_half_way(ehlod):
    """One new address is free, the other is not: nothing has changed, not
    even how much is logged, and no descriptor is left."""
    server = ehlod()
    before = server.sockets()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        server.listeners.append(listener(
            "more", address=f"127.0.0.1:0 127.0.0.1:{taken}"))
        server.options["log-level"] = "error"
        server.write_config()
        for _ in range(3):
            server.reload("reload-failed")
    assert server.sockets() == before
    assert not server.find("listening", listener="more")
    with server.client() as c:
        c.ehlo()
    server.wait_event("session-end")


def test_taken_port_is_told_first(ehlod):
    """Before the spool is opened, which may take a while."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        daemon = ehlod(start=False, listeners=[listener(
            address=f"127.0.0.1:{other.getsockname()[1]}")])
        daemon.spawn().wait_exit(1)
    assert not list(daemon.folder.glob("spool/shard*"))
