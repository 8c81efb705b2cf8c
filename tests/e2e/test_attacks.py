# SPDX-License-Identifier: Apache-2.0
"""Thirty years of holes in mail servers, tried one by one by a client of our
own. After each the daemon must be alive and serve others; that it is clean
(sanitizers, log) is judged when it ends."""
import os
import re
import socket
import struct
import threading

import pytest

from harness import (INSIDE, STRANGER, Client, assert_delivered_as_sent,
                     listener, whole)


@pytest.fixture(scope="module")
def server(shared_ehlod):
    return shared_ehlod(is_measured=True, listeners=[
        listener("clear"),
        listener("strict", typist="no"),
        listener("small", max_message_size="100K", max_recipients="10",
                 max_errors="5"),
        listener("many", max_recipients="1000", max_errors="100000",
                 max_commands="1000000"),
    ])


@pytest.fixture(autouse=True)
def serves_others(server):
    yield
    assert server.is_alive(), server.tail()
    with server.client() as c:
        c.ehlo()
        assert c.cmd("QUIT") == 221


# --- other protocols on our port

TRANSACTION = (b"EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<"
               + INSIDE.encode() + b">\r\nDATA\r\nSubject: CROSS\r\n\r\nx\r\n"
               b".\r\nQUIT\r\n")


@pytest.mark.parametrize("head", [
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n", b"PUT /a HTTP/1.1\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\n\r\n", b"CONNECT x:25 HTTP/1.1\r\n\r\n",
    b"HEAD / HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
@pytest.mark.parametrize("name", ["clear", "strict"])
def test_browsers_send_no_mail(server, name, head):
    with server.client(name) as c:
        c.send(head + TRANSACTION)
        codes = [reply.code for reply in c.rest()]
    assert codes and all(code >= 400 or code == 221 for code in codes), codes
    assert not any(b"CROSS" in raw for raw in server.all_mails())


@pytest.mark.parametrize("head", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x0d\x0a" * 250,
    b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10",
    b"PROXY TCP4 192.0.2.1 127.0.0.1 1000 25\r\n",
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + b"\x7f\0\0\1\x7f\0\0\1\0\1\0\1",
    b"SSH-2.0-OpenSSH_9.2\r\n", b"USER anna\r\n", b"* OK IMAP\r\n",
    b"\x00\x00\x00\x2f\xfeSMB", b"\x05\x01\x00", b"*1\r\n$4\r\nPING\r\n"])
def test_other_protocols_are_not_obeyed(server, head):
    with server.client() as c:
        c.send(head)
        c.half_close()
        codes = [reply.code for reply in c.rest()]
        assert all(code >= 400 or code == 221 for code in codes), codes


# --- lines and octets

@pytest.mark.parametrize("line", [
    b"MAIL FROM:<a@b.example>\0 SIZE=5", b"MAIL FROM:<a\0@b.example>",
    b"EHLO a\0b", b"NOOP\0", b"\0", b"RCPT TO:<administrator\0@cp.com>",
    b"MAIL FROM:<a@b.example\0>", b"\xff\xfe\xfd", b"EHLO \xff\xff",
    b"MAIL FROM:<\xc3\x28@x.example>", b"MAIL\xa0FROM:<a@b.example>"])
def test_octets_that_cannot_be(server, line):
    with server.client() as c:
        if not line.startswith(b"EHLO"):
            c.ehlo()
        if line.startswith(b"RCPT"):
            c.cmd(f"MAIL FROM:<{STRANGER}>")
        reply = c.cmd(line)
        assert 500 <= reply.code < 560, reply


@pytest.mark.parametrize("prefix", [
    b"", b"EHLO ", b"MAIL FROM:<", b"MAIL FROM:<a@b.example> SIZE=",
    b"RCPT TO:<", b"VRFY ", b"AUTH ", b"AUTH PLAIN ", b"BDAT ", b"NOOP ",
    b"HELP ", b"STARTTLS ", b"QUIT"])
@pytest.mark.parametrize("length", [4000, 12000, 100000])
def test_long_lines_get_one_answer(server, prefix, length):
    with server.client("many") as c:
        if prefix != b"EHLO ":
            c.ehlo()
        c.send(prefix + b"x" * length + b"\r\n")
        reply = c.reply()
        assert reply.code in (250, 252) and prefix in (b"NOOP ", b"VRFY ") \
            or reply.code in (214, 421) or 500 <= reply.code < 560, reply
        if reply != 421:
            # what is behind it is read as it was meant
            assert c.cmd("NOOP") == 250


@pytest.mark.parametrize("size", [1 << 20, 16 << 20])
def test_a_line_without_end_takes_no_memory(server, size):
    before = server.rss_kib()
    with server.client("many") as c:
        c.ehlo()
        for _ in range(size >> 16):
            if not c.send(b"x" * 65536):
                break
        c.send(b"\r\nQUIT\r\n")
        codes = [reply.code for reply in c.rest()]
    assert codes in ([500, 221], [500], [421], [500, 421], []), codes
    assert server.rss_kib() - before < 8192


@pytest.mark.parametrize("line", [
    b"x" * 1000000, b"X-Long: " + b"y" * 1000000,
    b"".join(b"X-%d: y\r\n" % n for n in range(20000))[:-2],
    b"To: " + b",\r\n ".join(b"a%d@b.example" % n for n in range(20000)),
    b"Subject: " + b"(" * 50000, b"From: " + b"\\" * 50000 + b'"' * 50000,
    b"Received: by x; Sat, 21 Nov 2026 00:00:00 +0000\r\n" * 50
    + b"Subject: after fifty hops",
    b"Content-Type: multipart/mixed; boundary=" + b"b" * 60000])
def test_heavy_headers(server, line):
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        assert c.cmd("DATA") == 354
        c.send(line + b"\r\nX-Mark: heavy\r\n\r\ntext\r\n.\r\n")
        reply = c.reply()
        assert reply == 250 or 500 <= reply.code < 560, reply


def test_mail_that_goes_round(server):
    """150 Received fields are a loop (5.4.6)."""
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        assert c.cmd("DATA") == 354
        c.send(b"Received: from a by b; Sat, 21 Nov 2026 00:00:00 +0000\r\n"
               * 150 + b"Subject: loop\r\n\r\nx\r\n.\r\n")
        reply = c.reply()
        assert reply == 554 and "5.4.6" in reply.text, reply
        assert c.is_quiet()


# --- counting

def test_hundred_thousand_recipients(server):
    """Each is answered; no more than the limit are taken."""
    before, codes = server.rss_kib(), {}
    with server.client("many") as c:
        c.ehlo()
        c.cmd(f"MAIL FROM:<{STRANGER}>")
        for start in range(0, 100000, 500):
            c.send(b"".join(b"RCPT TO:<administrator@cp.com>\r\n"
                            for n in range(start, start + 500)))
            for _ in range(500):
                code = c.reply().code
                codes[code] = codes.get(code, 0) + 1
                if code in (0, 421):
                    break
            else:
                continue
            break
    assert codes.get(250, 0) <= 1000 and set(codes) <= {250, 452, 421, 0}, \
        codes
    assert codes.get(452, 0) > 0 or 421 in codes, codes
    assert server.rss_kib() - before < 65536


def test_recipients_leave_room_for_the_rest(ehlod):
    """Where a mail may have any number of recipients they may use up its
    memory: who brought it is known all the same."""
    server = ehlod(listeners=[listener(max_recipients=100000)])
    orcpt = "rfc822;" + "x" * 490
    line = f"RCPT TO:<{INSIDE}> ORCPT={orcpt}\r\n".encode()
    with server.client() as c:
        c.ehlo()
        assert c.cmd(f"MAIL FROM:<{STRANGER}>") == 250
        sending = threading.Thread(target=c.send, args=(line * 9000,))
        sending.start()
        codes = [c.reply().code for _ in range(9000)]
        sending.join()
        assert codes[0] == 250 and codes[-1] == 452
        assert c.data(whole("room for the rest")) == 250
    raw, = server.wait_mails(INSIDE)
    assert b"[127.0.0.1]" in raw.split(b"\n\n")[0]


def test_too_many_recipients(server):
    with server.client("small") as c:
        c.ehlo()
        c.cmd(f"MAIL FROM:<{STRANGER}>")
        codes = [c.cmd(f"RCPT TO:<{INSIDE}>").code for _ in range(12)]
        assert codes == [250] * 10 + [452] * 2
        # those that were taken get it
        assert c.data(whole("for ten of twelve")) == 250
    server.wait_mails(INSIDE, containing="for ten of twelve")


@pytest.mark.parametrize("line", ["FOO", "RCPT TO:<x@cp.com>", "DATA",
                                  "MAIL FROM:<", "BDAT x", "AUTH", ""])
def test_too_many_errors_end_the_session(server, line):
    with server.client("small") as c:
        c.ehlo()
        codes = []
        for _ in range(50):
            reply = c.cmd(line)
            codes.append(reply.code)
            if reply.code in (0, 421):
                break
        assert codes[-1] == 421 and len(codes) <= 8, codes
        assert not c.reply().lines


def test_thousands_of_errors_in_one_go(server):
    with server.client() as c:
        c.send(b"FOO\r\n" * 10000)
        codes = [reply.code for reply in c.rest()]
    assert codes and codes[-1] == 421 and len(codes) < 1000
    assert all(500 <= code < 560 for code in codes[:-1])


def test_thousands_of_commands_that_move_no_mail(server):
    for line in (b"NOOP\r\n", b"RSET\r\n", b"VRFY x\r\n", b"HELP\r\n",
                 b"EHLO x\r\n"):
        with server.client() as c:
            c.ehlo()
            count = 0
            for _ in range(100):
                if not c.send(line * 1000):
                    break
                for _ in range(1000):
                    reply = c.reply()
                    count += 1
                    if reply.code in (0, 421):
                        break
                else:
                    continue
                break
            assert reply.code in (0, 421), (line, count)


# --- BDAT

@pytest.mark.parametrize("size", [
    "-1", "+5", "0x5", "5 LAST 7", "LAST", "", "5LAST", "1e3", " ", "5 LST",
    "18446744073709551616", "18446744073709551621", "9223372036854775808",
    "9" * 30, "0" * 60 + "5 x", "٥"])
def test_chunk_sizes_that_are_none(server, size):
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        reply = c.cmd(f"BDAT {size}")
        assert reply.code in (500, 501, 552, 555), reply
    assert server.is_alive()


@pytest.mark.parametrize("size", ["4294967296", "2147483648", "26214401",
                                  "9223372036854775807"])
def test_chunks_that_are_too_large_are_refused_at_once(server, size):
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        reply = c.cmd(f"BDAT {size} LAST")
        assert reply.code in (501, 552), reply


def test_chunk_without_a_transaction_is_skipped(server):
    """Its octets are no commands (CVE-2017-16943 and others)."""
    evil = b"MAIL FROM:<evil@x.example>\r\n"
    with server.client() as c:
        c.ehlo()
        c.send(b"BDAT %d LAST\r\n" % len(evil) + evil)
        assert c.reply().code in (503, 554)
        assert c.cmd("RCPT TO:<administrator@cp.com>") == 503
        assert c.is_quiet()
        # after a refused recipient
        c.cmd(f"MAIL FROM:<{STRANGER}>")
        c.cmd("RCPT TO:<nobody@cp.com>")
        c.send(b"BDAT %d\r\n" % len(evil) + evil)
        assert c.reply().code in (503, 554)
        assert c.is_quiet()


def test_chunks_in_odd_orders(server):
    with server.client() as c:
        c.ehlo()
        # a dot is an octet
        c.begin(STRANGER, INSIDE)
        c.send(b"BDAT 1\r\n.")
        assert c.reply() == 250
        # not both ways
        assert c.cmd("DATA") == 503
        c.cmd("RSET")
        # RSET and MAIL between chunks
        c.begin(STRANGER, INSIDE)
        c.send(b"BDAT 9\r\nSubject: ")
        assert c.reply() == 250
        assert c.cmd(f"MAIL FROM:<{STRANGER}>") == 503
        assert c.cmd("RSET") == 250
        c.send(b"BDAT 3 LAST\r\nabc")
        assert c.reply().code in (503, 554)
        # an empty last one
        c.begin(STRANGER, INSIDE)
        c.send(b"BDAT 20\r\nSubject: last 0\r\n\r\nx")
        assert c.reply() == 250
        assert c.cmd("BDAT 0 LAST") == 250
        assert c.is_quiet()
    server.wait_mails(INSIDE, containing="last 0")


def test_a_thousand_chunks_of_one_octet(server):
    sent = whole("octets", "x" * 700 + "\n").replace("\n", "\r\n").encode()
    with server.client("many") as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        c.send(b"".join(b"BDAT 1\r\n" + bytes([octet]) for octet in sent)
               + b"BDAT 0 LAST\r\nQUIT\r\n")
        codes = [reply.code for reply in c.rest()]
    assert codes == [250] * (len(sent) + 1) + [221]
    raw, = server.wait_mails(INSIDE, containing="Subject: octets")
    assert_delivered_as_sent(raw, sent)


def test_closing_inside_a_chunk_delivers_nothing(server):
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        c.send(b"BDAT 20\r\nSubject: torn 1\r\n\r\nxx")
        assert c.reply() == 250
        c.send(b"BDAT 1000 LAST\r\nhalf of it")
    with server.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("after torn 1"))
    server.wait_mails(INSIDE, containing="after torn 1")
    assert not any(re.search(rb"^Subject: torn 1", raw, re.M)
                   for raw in server.all_mails())


# --- SIZE

@pytest.mark.parametrize("size,codes", [
    ("5", {250}), ("0", {250}), ("26214400", {250}), ("26214401", {552}),
    ("99999999999", {552}), ("18446744073709551615", {552, 501}),
    ("18446744073709551616", {552, 501}),
    ("18446744073709551621", {552, 501}), ("9" * 20, {552, 501}),
    ("9" * 25, {552, 501}), ("-1", {501}), ("+1", {501}), ("0x10", {501}),
    ("", {501}), ("1 SIZE=2", {501})])
def test_declared_sizes(server, size, codes):
    with server.client() as c:
        c.ehlo()
        reply = c.cmd(f"MAIL FROM:<{STRANGER}> SIZE={size}")
        assert reply.code in codes, reply
        assert c.cmd("RSET") == 250


def test_a_size_that_is_a_lie(server):
    """Told 5, sent 200,000 to a limit of 100 K: refused, not delivered."""
    with server.client("small") as c:
        c.ehlo()
        assert c.cmd(f"MAIL FROM:<{STRANGER}> SIZE=5") == 250
        assert c.cmd(f"RCPT TO:<{INSIDE}>") == 250
        reply = c.data("Subject: lie\n\n" + ("x" * 70 + "\n") * 3000)
        assert reply == 552, reply
        # the text was swallowed, the session goes on
        c.message(STRANGER, INSIDE, whole("after the lie"))
        # the same in chunks
        c.begin(STRANGER, INSIDE)
        c.send(b"BDAT 60000\r\n" + b"y" * 60000)
        assert c.reply() == 250
        c.send(b"BDAT 60000 LAST\r\n" + b"y" * 60000)
        assert c.reply() == 552
        assert c.is_quiet()
    server.wait_mails(INSIDE, containing="after the lie")
    assert not any(b"Subject: lie" in raw for raw in server.all_mails())


# --- addresses

@pytest.mark.parametrize("line", [
    "MAIL FROM:<;for i in 0 1 2;do read Z;done;sh;exit 0;#@x>",
    "MAIL FROM:<;sleep 66;>", "MAIL FROM:<|sh@x.example>",
    "MAIL FROM:<`id`@x.example>", "MAIL FROM:<$(id)@x.example>",
    "MAIL FROM:<%s%n%s@x.example>", "MAIL FROM:<a@b.example\\>",
    'MAIL FROM:<"a\\"@b.example>', 'MAIL FROM:<"\\', "MAIL FROM:<a@[>",
    "MAIL FROM:<a@[IPv6:::::::::1]>", "MAIL FROM:<a@[999.1.1.1]>",
    "MAIL FROM:<" + "(" * 1000 + "@x>", "MAIL FROM:<" + "@a," * 300 + "b@c>",
    "MAIL FROM:<" + "a" * 65 + "@x.example>",
    "MAIL FROM:<a@" + "x" * 64 + ".example>",
    "MAIL FROM:<a@" + "x." * 127 + "example>", "MAIL FROM:<>x", "MAIL FROM:",
    "MAIL FROM:<a@b.example> AUTH=a+0Db", "MAIL FROM:<a@b.example> FOO=bar",
    "MAIL FROM:<a@b.example> ENVID=a+0D+0Ab",
    "MAIL FROM:<a@b.example> BODY=9BIT", "MAIL FROM:<a@b.example> RET=X",
    "MAIL FROM:<a@b.example> BODY=8BITMIME BODY=8BITMIME"])
def test_senders_that_are_none(server, line):
    """Whatever is taken is text and nothing else: no shell is near."""
    with server.client() as c:
        c.ehlo()
        reply = c.cmd(line)
        assert reply == 250 or 500 <= reply.code < 560, reply
        if reply == 250:
            c.cmd(f"RCPT TO:<{INSIDE}>")
            assert c.data(whole("odd sender")) == 250
        assert not children(server)


def children(server):
    path = f"/proc/{server.process.pid}/task"
    return "".join(open(f"{path}/{task}/children").read()
                   for task in os.listdir(path)
                   if os.path.exists(f"{path}/{task}/children"))


@pytest.mark.parametrize("address", [
    "${run{/bin/sh}}@cp.com", "../../../tmp/x@cp.com", "..@cp.com",
    ".@cp.com", "/etc/passwd@cp.com", "a/b@cp.com", "|sh@cp.com",
    "administrator/../test@cp.com", '"../administrator"@cp.com',
    '"a b"@cp.com', ":include:/etc/passwd@cp.com", "administrator@../..",
    "administrator@cp.com/..", "administrator@[cp.com]", "%n%n%n@cp.com",
    "administrator+../../x@cp.com"])
def test_recipients_name_no_file(server, address):
    before = {path for path in server.folder.rglob("*")
              if "spool" not in path.parts and "mail" not in path.parts}
    with server.client() as c:
        c.ehlo()
        c.cmd(f"MAIL FROM:<{STRANGER}>")
        reply = c.cmd(f"RCPT TO:<{address}>")
        if reply == 250:
            assert c.data(whole("odd recipient")) == 250
        else:
            assert 500 <= reply.code < 560, reply
    after = {path for path in server.folder.rglob("*")
             if "spool" not in path.parts and "mail" not in path.parts}
    assert after == before
    for path in server.folder.glob("mail/*/*"):
        assert path.name in ("administrator", "test", "guyt")


def test_records_keep_what_would_break_a_line(server):
    """ENVID and ORCPT may decode to line ends; nothing may be cut there."""
    with server.client() as c:
        c.ehlo()
        reply = c.cmd(f"MAIL FROM:<{STRANGER}> ENVID=a+0Ab RET=HDRS")
        if reply != 250:
            assert 500 <= reply.code < 560
            c.cmd(f"MAIL FROM:<{STRANGER}>")
        reply = c.cmd(f"RCPT TO:<{INSIDE}> "
                      "ORCPT=rfc822;x+0Ay@cp.com NOTIFY=NEVER")
        if reply != 250:
            assert 500 <= reply.code < 560
            assert c.cmd(f"RCPT TO:<{INSIDE}>") == 250
        assert c.data(whole("odd parameters")) == 250
    raw, = server.wait_mails(INSIDE, containing="odd parameters")
    assert_delivered_as_sent(raw, whole("odd parameters"))


# --- orders that are none

@pytest.mark.parametrize("lines,codes", [
    (["MAIL FROM:<a@x.example>"], {250, 503}),      # without EHLO
    (["RCPT TO:<administrator@cp.com>"], {503}),
    (["DATA"], {503}), (["BDAT 0 LAST"], {503}),
    (["EHLO x", "RCPT TO:<administrator@cp.com>"], {503}),
    (["EHLO x", "DATA"], {503}),
    (["EHLO x", "MAIL FROM:<a@x.example>", "DATA"], {503, 554}),
    (["EHLO x", "MAIL FROM:<a@x.example>", "MAIL FROM:<b@x.example>"], {503}),
    (["EHLO x", "MAIL FROM:<a@x.example>", "RSET",
      "RCPT TO:<administrator@cp.com>"], {503}),
    (["EHLO x", "MAIL FROM:<a@x.example>", "EHLO y",
      "RCPT TO:<administrator@cp.com>"], {503}),
    (["EHLO x", "MAIL FROM:<a@x.example>",
      "RCPT TO:<administrator@cp.com>", "HELO y", "DATA"], {503}),
    (["EHLO x", "DATA now"], {501, 503}), (["EHLO x", "RSET now"], {501, 250}),
    (["EHLO x", "QUIT now"], {501, 221})])
def test_orders(server, lines, codes):
    with server.client() as c:
        for line in lines[:-1]:
            assert c.cmd(line) == 250
        assert c.cmd(lines[-1]).code in codes


@pytest.mark.parametrize("how", ["close", "reset", "half"])
@pytest.mark.parametrize("part", [
    b"", b"EH", b"EHLO x\r\nMAIL FROM:<a@x.example>\r\n",
    b"EHLO x\r\nMAIL FROM:<a@x.example>\r\nRCPT TO:<administrator@cp.com>\r\n"
    b"DATA\r\n", b"EHLO x\r\nMAIL FROM:<a@x.example>\r\n"
    b"RCPT TO:<administrator@cp.com>\r\nDATA\r\nSubject: HALF\r\n\r\nx\r\n",
    b"EHLO x\r\nMAIL FROM:<a@x.example>\r\n"
    b"RCPT TO:<administrator@cp.com>\r\nDATA\r\nSubject: HALF\r\n\r\nx\r\n."])
def test_ending_anywhere(server, how, part):
    sessions = len(server.find("session-end"))
    # a connection reset before it is accepted is no session
    c = Client(server.port(), greet=how == "reset")
    c.send(part)
    if how == "half":
        c.half_close()
        assert all(reply.code < 500 for reply in c.rest())
    elif how == "reset":
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
    c.close()
    if how != "reset":      # then it may have gone before it was accepted
        server.wait_event("session-end", sessions + 1)
    assert not any(b"HALF" in raw for raw in server.all_mails())
