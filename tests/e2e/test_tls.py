# SPDX-License-Identifier: Apache-2.0
"""TLS: versions, the chain, SNI, reload, and the border between what was said
in the clear and what is said inside."""
import socket
import ssl
import struct
import threading

import pytest

from harness import (INSIDE, STRANGER, SECONDS, Client, crlf, listener, plain,
                     whole)

V = ssl.TLSVersion
OLD = "DEFAULT@SECLEVEL=0"


@pytest.fixture(scope="module")
def second(certs):
    """A certificate for another name."""
    return certs.leaf("smtp.other.example", "alias.other.example")


@pytest.fixture(scope="module")
def server(shared_ehlod, certs, second):
    return shared_ehlod(
        listeners=[
            listener("clear"),
            listener("secure", tls="implicit"),
            listener("old", tls_min="1.0"),
            listener("new", tls_min="1.3"),
            listener("none", tls="none"),
        ],
        tls=f"tls {{ certificate {certs.chain}; key {certs.key}; }}\n"
            f'tls "smtp.other.example" {{ certificate {second[0]};'
            f" key {second[1]}; }}")


def secured(server, name, **options):
    c = server.client(name)
    c.ehlo()
    c.starttls(server.context(**options))
    return c


# --- versions

@pytest.mark.parametrize("name,version,is_good", [
    ("clear", V.TLSv1, False), ("clear", V.TLSv1_1, False),
    ("clear", V.TLSv1_2, True), ("clear", V.TLSv1_3, True),
    ("old", V.TLSv1, True), ("old", V.TLSv1_1, True),
    ("old", V.TLSv1_3, True),
    ("new", V.TLSv1_2, False), ("new", V.TLSv1_3, True)])
def test_versions(server, name, version, is_good):
    ciphers = OLD if version < V.TLSv1_2 else None
    if not is_good:
        with pytest.raises(ssl.SSLError):
            secured(server, name, version=version, ciphers=ciphers)
        return
    with secured(server, name, version=version, ciphers=ciphers) as c:
        c.ehlo()
        assert c.socket.version().replace(".", "_") == {
            V.TLSv1: "TLSv1", V.TLSv1_1: "TLSv1_1", V.TLSv1_2: "TLSv1_2",
            V.TLSv1_3: "TLSv1_3"}[version]
        c.message(STRANGER, INSIDE, whole(f"by {name} {version}"))


@pytest.mark.parametrize("ciphers", [
    "aNULL:@SECLEVEL=0", "eNULL:@SECLEVEL=0", "kRSA:@SECLEVEL=0",
    "3DES:@SECLEVEL=0", "PSK:@SECLEVEL=0"])
def test_weak_ciphers_are_refused(server, ciphers):
    try:
        context = server.context(version=V.TLSv1_2, verify=False)
        context.set_ciphers(ciphers)
    except ssl.SSLError:
        return      # this OpenSSL has none of them at all
    with server.client() as c:
        c.ehlo()
        with pytest.raises((ssl.SSLError, ConnectionError)):
            c.starttls(context)


# --- certificates

def test_the_whole_chain_is_sent(server):
    """The client knows the root only."""
    with secured(server, "clear") as c:
        names = dict(c.socket.getpeercert()["subjectAltName"])
        assert names["DNS"] in ("mail.example.org", "localhost")


@pytest.mark.parametrize("asked,got", [
    ("smtp.other.example", "smtp.other.example"),
    ("SMTP.Other.Example", "smtp.other.example"),
    ("alias.other.example", "smtp.other.example"),
    ("mail.example.org", "mail.example.org"),
    ("unknown.example", "mail.example.org")])
@pytest.mark.parametrize("name", ["clear", "secure"])
def test_sni(server, name, asked, got):
    context = server.context()
    context.check_hostname = False
    if name == "secure":
        c = server.client(name, tls=context, name=asked)
    else:
        c = server.client(name)
        c.ehlo()
        c.starttls(context, asked)
    with c:
        subject = dict(c.socket.getpeercert()["subject"][0])
        assert subject["commonName"] == got


def client_hello(name):
    """A real ClientHello for any name, even one that is none."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # a name of the same length that is one
    mark = ".".join("m" * 50 for _ in range(6))[:len(name)]
    mark = mark[:-1] + "m"
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing,
                         server_hostname=mark).do_handshake()
    hello = outgoing.read()
    assert hello.count(mark.encode()) == 1
    return hello.replace(mark.encode(), name)


@pytest.mark.parametrize("name", [
    b"mail\x00.example.org", b"mail.example.org\\", b"\\" * 10,
    b"mail.example.org\x00", b"." * 200, b"x" * 250, b"\xff\xfe\xfd" * 5])
def test_odd_names_in_sni(server, name):
    """A name that ended in a backslash once was root (CVE-2019-15846)."""
    with server.client("secure", greet=False) as c:
        c.send(client_hello(name))
        c.half_close()
        while c._fill():
            pass
    with server.client("secure", tls=server.context()) as c:
        c.ehlo()


def test_reload_while_a_session_lives(ehlod, certs):
    before = certs.leaf("mail.example.org", file="before")
    after = certs.leaf("mail.example.org", file="after")
    daemon = ehlod(
        start=False, tls="tls { certificate cert.pem; key key.pem; }")

    def install(pair):
        for source, name in zip(pair, ("cert.pem", "key.pem")):
            target = daemon.folder / name
            target.write_bytes(source.read_bytes())
            target.chmod(0o600)

    def serial(client):
        return client.socket.getpeercert()["serialNumber"]

    install(before)
    daemon.start()
    with secured(daemon, "clear") as old:
        old.ehlo()
        old.begin(STRANGER, INSIDE)
        install(after)
        daemon.reload()
        with secured(daemon, "clear") as new:
            assert serial(new) != serial(old)
            new.ehlo()
        # the old session and its transaction know nothing of it
        assert old.data(whole("over a reload")) == 250
    daemon.wait_mails(INSIDE, containing="over a reload")
    # a key that does not fit: the good pair stays
    install((before[0], after[1]))
    assert daemon.reload("reload-failed")
    with secured(daemon, "clear") as c:
        c.ehlo()


# --- the border

INJECTED = [b"NOOP\r\n", b"EHLO injected.example\r\n", b"RSET\r\nNOOP\r\n",
            b"MAIL FROM:<injected@x.example>\r\n",
            b"AUTH PLAIN " + plain("guyt", "Pauline13").encode() + b"\r\n",
            b"MAIL FROM:<half", b"\r\n", b"\n", b"NOOP\r\n" * 1400]


@pytest.mark.parametrize("injected", INJECTED)
@pytest.mark.parametrize("cut", ["together", "one by one"])
def test_plaintext_behind_starttls_is_dropped(server, injected, cut):
    with server.client() as c:
        c.ehlo("before.example")
        if cut == "together":
            c.send(b"STARTTLS\r\n" + injected)
        else:
            c.send_bytes(b"STARTTLS\r\n" + injected[:40])
        reply = c.reply()
        if reply != 220:
            # refusing is as good
            assert 500 <= reply.code < 560
            return
        try:
            c.start_tls(server.context())
        except (ssl.SSLError, ConnectionError):
            return      # so is closing
        # whatever was injected has neither effect nor answer
        assert c.cmd("RCPT TO:<administrator@cp.com>") == 503
        reply = c.cmd("EHLO inside.example")
        assert reply == 250 and "inside" in reply.lines[0] + "inside"
        assert "STARTTLS" not in reply.keywords
        assert c.cmd("RCPT TO:<administrator@cp.com>") == 503
        c.cmd(f"MAIL FROM:<{STRANGER}>")
        assert c.cmd("RCPT TO:<bert@elsewhere.example>") == 550
        assert c.is_quiet()


def test_everything_is_forgotten_when_tls_comes_up(server):
    with server.client() as c:
        c.ehlo()
        assert c.auth("guyt", "Pauline13") == 235
        c.begin("guy@cp.com", INSIDE)
        c.cmd("RSET")
        reply = c.cmd("STARTTLS")
        if reply == 503:
            return      # not after a login: fine as well
        c.start_tls(server.context())
        c.ehlo()
        # the sender is not of the login that was: there is no login
        reply = c.cmd(f"MAIL FROM:<{STRANGER}>")
        assert reply == 250, reply
        assert c.cmd("RCPT TO:<bert@elsewhere.example>") == 550


def test_not_inside_a_transaction(server):
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        assert c.cmd("STARTTLS").code in (220, 503)
        if not c.cmd("NOOP").lines:
            return
    with server.client() as c:
        c.ehlo()


def test_not_twice_not_without_and_without_argument(server):
    with secured(server, "clear") as c:
        c.ehlo()
        assert 500 <= c.cmd("STARTTLS").code < 560
    with server.client("none") as c:
        assert "STARTTLS" not in c.ehlo().keywords
        assert 500 <= c.cmd("STARTTLS").code < 560
    with server.client("secure", tls=server.context()) as c:
        assert "STARTTLS" not in c.ehlo().keywords
        assert 500 <= c.cmd("STARTTLS").code < 560
    with server.client() as c:
        c.ehlo()
        assert c.cmd("STARTTLS now") == 501
        c.starttls(server.context())


def test_no_second_hello_is_needed_by_people(server):
    """s_client sends none; programs are expected to, and may."""
    with secured(server, "clear") as c:
        assert c.cmd("AUTH LOGIN") == 334


def test_garbage_instead_of_a_handshake(server):
    for garbage in (b"EHLO x\r\n", b"\x00" * 100, b"\x16\x03\x01\xff\xff",
                    b"\x80\x2e\x01\x00\x02", b"GET / HTTP/1.1\r\n\r\n"):
        with server.client() as c:
            c.ehlo()
            assert c.cmd("STARTTLS") == 220
            c.send(garbage)
            c.half_close()
            while c._fill():
                pass
            # nothing but TLS alerts may come
            assert b"250" not in c.buffer and b"500" not in c.buffer
        with server.client("secure", greet=False) as c:
            c.send(garbage)
            c.half_close()
            while c._fill():
                pass
            assert b"220" not in c.seen


def test_close_notify_never_leads_back_to_the_clear(server):
    """Inside BDAT, this once was a hole (CVE-2026-45185)."""
    for opening in (None, b"DATA\r\n", b"BDAT 100\r\n"):
        c = server.client()
        plain_socket = c.socket.dup()
        with c, plain_socket:
            plain_socket.settimeout(SECONDS)
            c.ehlo()
            c.starttls(server.context(version=V.TLSv1_2))
            c.ehlo()
            c.begin(STRANGER, INSIDE)
            if opening:
                c.send(opening)
                if opening.startswith(b"DATA"):
                    assert c.reply() == 354
                c.send(b"Subject: torn by TLS\r\n")
            try:
                c.socket.unwrap()
            except (ssl.SSLError, OSError):
                pass    # it need not answer our close_notify
            try:
                plain_socket.sendall(b"X\r\n.\r\nQUIT\r\nNOOP\r\n")
                while True:
                    data = plain_socket.recv(4096)
                    if not data:
                        break
                    assert not data[:3].isdigit(), data
            except OSError:
                pass    # closed: right
    with server.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("after the torn ones"))
    server.wait_mails(INSIDE, containing="after the torn ones")
    assert not any(b"torn by TLS" in raw for raw in server.all_mails())


@pytest.mark.parametrize("how", ["no close_notify", "reset"])
def test_a_cut_stream_delivers_nothing(server, how):
    subject = f"cut by {how}"
    with secured(server, "clear") as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        assert c.cmd("DATA") == 354
        c.send(crlf(whole(subject)))
        if how == "reset":
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                struct.pack("ii", 1, 0))
    with server.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole(f"after {how}"))
    server.wait_mails(INSIDE, containing=f"after {how}")
    assert not any(subject.encode() in raw for raw in server.all_mails())


@pytest.mark.parametrize("version", [V.TLSv1_2, V.TLSv1_3])
def test_a_ticket_carries_no_login(server, version):
    """What a session of one listener was allowed, another's is not."""
    context = server.context(version=version)
    raw = socket.create_connection(
        ("127.0.0.1", server.port("secure")), SECONDS)
    first = context.wrap_socket(raw, server_hostname="mail.example.org")
    with first:
        first.sendall(b"EHLO x\r\nAUTH PLAIN "
                      + plain("guyt", "Pauline13").encode() + b"\r\n")
        seen = b""
        while b"\r\n235" not in seen:
            data = first.recv(4096)
            assert data
            seen += data
        session = first.session
    for name in ("secure", "clear"):
        c = Client(server.port(name), greet=False)
        with c:
            if name == "clear":
                assert c.reply() == 220
                c.ehlo()
                assert c.cmd("STARTTLS") == 220
            c.socket = context.wrap_socket(
                c.socket, server_hostname="mail.example.org",
                session=session)
            if name == "secure":
                assert c.reply() == 220
            c.ehlo()
            c.cmd(f"MAIL FROM:<{STRANGER}>")
            assert c.cmd("RCPT TO:<bert@elsewhere.example>") == 550


def test_many_handshakes_at_once(server):
    problems = []

    def session(n):
        try:
            with secured(server, "clear") as c:
                c.ehlo()
                c.message(STRANGER, INSIDE, whole(f"handshake {n:03}"))
        except Exception as problem:
            problems.append(problem)

    threads = [threading.Thread(target=session, args=(n,)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not problems
    assert len(server.wait_mails(INSIDE, 40, containing="handshake")) == 40
    assert server.find("tls")
