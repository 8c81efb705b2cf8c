# SPDX-License-Identifier: Apache-2.0
"""SMTP smuggling: look-alikes of CRLF.CRLF never make two messages of one,
wherever they stand and however the packets are cut (CVE-2023-51764 and its
many relatives). Seen to catch: a data reader that ends at LF.LF."""
import pytest

from harness import INSIDE, STRANGER, listener, whole

CR, LF, NUL = b"\r", b"\n", b"\0"
CRLF = CR + LF

# 48 ends that are none
LOOK_ALIKES = [
    LF + b"." + LF, LF + b"." + CRLF, CRLF + b"." + LF, CR + b"." + CR,
    CR + b"." + CRLF, CRLF + b"." + CR, CR + b"." + LF, LF + b"." + CR,
    LF + CR + b"." + CRLF, CRLF + b"." + LF + CR, LF + CR + b"." + LF + CR,
    LF + b"." + CR + CRLF, CR + CR + LF + b"." + CR + CR + LF,
    CRLF + b"." + CR + CRLF, CR + LF + CR + b"." + CRLF,
    LF + LF + b"." + LF + LF, CR + CR + b"." + CR + CR,
    CRLF + NUL + b"." + CRLF, CRLF + b"." + NUL + CRLF,
    CR + NUL + LF + b"." + CRLF, CRLF + b"." + CR + NUL + LF,
    NUL + b"." + NUL, LF + NUL + b"." + LF, CRLF + b". " + CRLF,
    CRLF + b".\t" + CRLF, CRLF + b" ." + CRLF, CRLF + b"\t." + CRLF,
    CRLF + b".\x0b" + CRLF, CRLF + b".\x0c" + CRLF,
    b"\x0b.\x0b", b"\x0c.\x0c", b"\x1e.\x1e", b"\x1c.\x1c",
    b"\x85.\x85", CRLF + b".\x85", b"\x85." + CRLF,
    "\u0085.\u0085".encode(), "\u2028.\u2028".encode(),
    "\u2029.\u2029".encode(), CRLF + "．".encode() + CRLF,
    CRLF + "。".encode() + CRLF, CRLF + b"\xae" + CRLF,
    b"\x8d\x8a\xae\x8d\x8a", b"\xc0\x8d\xc0\x8a.\xc0\x8d\xc0\x8a",
    CRLF + b"\xc0\xae" + CRLF, CRLF + b".." + CRLF,
    CRLF + b"\x08." + CRLF, LF + b".." + LF,
]
assert len(set(LOOK_ALIKES)) == 48
assert not [end for end in LOOK_ALIKES if CRLF + b"." + CRLF in end]

INNER = (b"MAIL FROM:<inner@x.example>\r\nRCPT TO:<" + INSIDE.encode()
         + b">\r\nDATA\r\nSubject: INNER\r\n\r\ninner text\r\n.\r\nQUIT\r\n")

PLACES = {
    "text": b"Subject: outer\r\n\r\nsome text%s",
    "first line": b"%s",
    "first line of the text": b"Subject: outer\r\n\r\n%s",
    "header": b"Subject: outer%s",
    "header's end": b"Subject: outer\r\nX-Field: a\r\n%s",
}


@pytest.fixture(scope="module")
def server(shared_ehlod):
    return shared_ehlod(listeners=[
        listener("clear", typist="no"), listener("typist", typist="yes")])


def outer(look_alike, place):
    return PLACES[place].replace(b"%s", look_alike) + INNER


def judge(replies, context):
    """One answer to the text, one to QUIT, or the end."""
    codes = [reply.code for reply in replies]
    assert codes and 354 not in codes, (codes, context)
    assert codes[0] == 250 or 400 <= codes[0] < 600, (codes, context)
    assert codes[1:] in ([], [221]), (codes, context)
    return codes[0] == 250


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", ["clear", "typist"])
def test_look_alikes_in_data(server, name, place):
    for look_alike in LOOK_ALIKES:
        for cut in ("whole", "at the look-alike", "octets"):
            with server.client(name) as c:
                c.ehlo()
                c.begin(STRANGER, INSIDE)
                assert c.cmd("DATA") == 354
                text = outer(look_alike, place)
                if cut == "octets" and place != "text":
                    continue
                if cut == "whole":
                    c.send(text)
                elif cut == "octets":
                    c.send_bytes(text)
                else:
                    at = text.index(INNER)
                    c.send(text[:at - 1])
                    c.send(text[at - 1:at + 1])
                    c.send(text[at + 1:])
                judge(c.rest(), (look_alike, cut))
    check_mailboxes(server, name + place)


def test_look_alikes_in_a_chunk(server):
    """BDAT counts: what is inside is text, and nothing else."""
    for look_alike in LOOK_ALIKES:
        with server.client() as c:
            c.ehlo()
            c.begin(STRANGER, INSIDE)
            text = outer(look_alike, "text")
            c.send(b"BDAT %d LAST\r\n" % len(text) + text + b"QUIT\r\n")
            judge(c.rest(), look_alike)
    check_mailboxes(server, "chunk")


def check_mailboxes(server, mark):
    """A last honest message shows that all before it are delivered; none of
    the inner ones is a message of its own."""
    mark = "the last of " + mark
    with server.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole(mark))
    server.wait_mails(INSIDE, containing=mark)
    accepted = len(server.find("accepted"))
    server.wait(lambda: len(server.find("delivered")) >= accepted,
                "all delivered")
    for raw in server.all_mails():
        assert not raw.startswith(b"Return-Path: <inner@")
    assert not [e for e in server.find("accepted")
                if "inner" in e.get("from", "")]


@pytest.mark.parametrize("piece", [
    b"NOOP\nRSET\nNOOP\r\n", b"NOOP\rRSET\rNOOP\r\n", b"NOOP\0RSET\0\r\n",
    b"NOOP\x0bRSET\r\n", b"NOOP\x85RSET\r\n", b"NOOP\n\rRSET\r\n",
    b"NOOP\r\0\nRSET\r\n"])
def test_one_command_line_is_one_command(server, piece):
    with server.client() as c:
        c.ehlo()
        c.send(piece + b"QUIT\r\n")
        codes = [reply.code for reply in c.rest()]
        assert len(codes) <= 2 and codes[-1:] in ([221], [421], [500], []), \
            codes


@pytest.mark.parametrize("length", [
    510, 511, 512, 998, 999, 1000, 1001, 2045, 2046, 2047, 2048, 4093, 4094,
    4095, 4096, 8190, 8191, 8192, 16383, 16384, 32766, 32767, 32768, 65535,
    65536])
def test_long_lines_are_not_broken_before_a_dot(server, length):
    """The rest of a line that was broken would be an end by itself."""
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        assert c.cmd("DATA") == 354
        c.send(b"Subject: long line\r\n\r\n" + b"x" * length + b".\r\n"
               + b"x" * length + b"\r\n..\r\n" + INNER)
        is_taken = judge(c.rest(), length)
    if is_taken:
        check_mailboxes(server, f"long lines {length}")
        text = b"x" * length + b".\n" + b"x" * length + b"\n.\n"
        assert any(text in raw for raw in server.all_mails())


@pytest.mark.parametrize("end", [b"\r", b"\x0b", b"\x85", b"\0", b"\x0c",
                                 "\u2028".encode()])
def test_no_field_is_made_of_what_is_no_line(server, end):
    mark = b"one field " + end.hex().encode()
    with server.client() as c:
        c.ehlo()
        c.begin(STRANGER, INSIDE)
        assert c.cmd("DATA") == 354
        c.send(b"Subject: " + mark + b"\r\nX-A: a" + end
               + b"Injected: yes\r\n\r\ntext\r\n.\r\nQUIT\r\n")
        is_taken = judge(c.rest(), end)
    if is_taken:
        raw, = server.wait_mails(INSIDE, containing=mark)
        assert b"\nInjected" not in raw


def test_text_behind_a_refused_data_is_no_list_of_commands(server):
    """A client that does not wait for the 354 sends its text after a 503. The
    first line of it is no command: from there on nothing is obeyed."""
    with server.client() as c:
        c.ehlo()
        c.send(f"MAIL FROM:<{STRANGER}>\r\nRCPT TO:<nobody@cp.com>\r\n"
               "DATA\r\n".encode() + b"Subject: x\r\n\r\n" + INNER)
        codes = [reply.code for reply in c.rest()]
    assert codes[:2] == [250, 550] and codes[2] in (503, 554), codes
    assert all(code >= 400 or code == 221 for code in codes[3:]), codes
    assert not server.find("accepted", **{"from": "inner@x.example"})
