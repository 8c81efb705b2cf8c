# SPDX-License-Identifier: Apache-2.0
"""Who may send what to whom: the four cells of inside and outside, logged in
or not; senders, unknown users, aliases, plus addresses, catch-all."""
import itertools

import pytest

from harness import (INSIDE, OUTSIDE, STRANGER, field, listener, whole)

ALIASES = """
postmaster: administrator
sales@cp.com: test, guyt
chain1: chain2
chain2: chain3
chain3: administrator
team: info@acodedb.com, user2@contoso.com
"""


@pytest.fixture(scope="module")
def server(shared_ehlod):
    daemon = shared_ehlod(
        start=False, aliases=ALIASES,
        options={"recipient-delimiter": "+"},
        listeners=[
            listener("clear", sender_must_match_login="yes"),
            listener("must", auth_required="yes"),
            listener("nobody", relay="nobody"),
            listener("network", relay="networks", networks="127.0.0.0/8"),
            listener("free", sender_must_match_login="no"),
        ])
    daemon.domains.append(
        'domain "all.example" { deliver maildir '
        f'{daemon.folder}/mail/%d/%u; catch-all test@cp.com; }}')
    daemon.write_config()
    return daemon.start()


def hello(server, name="clear", login=None):
    c = server.client(name)
    c.ehlo()
    if login:
        assert c.auth(*login) == 235
    return c


GUYT = ("guyt", "Pauline13")


@pytest.mark.parametrize("recipient,login,code", [
    (INSIDE, None, 250), (INSIDE, GUYT, 250),
    (OUTSIDE, None, 550), (OUTSIDE, GUYT, 250)])
def test_four_cells(server, recipient, login, code):
    with hello(server, "clear", login) as c:
        sender = "guy@cp.com" if login else STRANGER
        assert c.cmd(f"MAIL FROM:<{sender}>") == 250
        reply = c.cmd(f"RCPT TO:<{recipient}>")
        assert reply == code, reply
        if code == 550:
            assert reply.text.startswith("550 5.7.")
            # nothing can follow
            assert c.cmd("DATA").code in (503, 554)


def test_mail_to_the_outside_is_kept(server):
    """There is no way out yet: it is taken, durable, and waits."""
    with hello(server, "clear", GUYT) as c:
        c.message("guy@cp.com", OUTSIDE, whole("to the outside"))
    assert server.wait_event("accepted")[-1]["from"]


@pytest.mark.parametrize("name,login,code", [
    ("nobody", GUYT, 550), ("nobody", None, 550),
    ("network", None, 250), ("network", GUYT, 250)])
def test_relay_by_listener(server, name, login, code):
    with hello(server, name, login) as c:
        sender = "guy@cp.com" if login else STRANGER
        assert c.cmd(f"MAIL FROM:<{sender}>") == 250
        assert c.cmd(f"RCPT TO:<{OUTSIDE}>") == code


@pytest.mark.parametrize("recipient", [INSIDE, OUTSIDE])
def test_login_is_required(server, recipient):
    with hello(server, "must") as c:
        reply = c.cmd(f"MAIL FROM:<{STRANGER}>")
        assert reply == 530 and "5.7.0" in reply.text, reply
        assert c.auth(*GUYT) == 235
        c.begin("guy@cp.com", recipient)


# --- sending as

@pytest.mark.parametrize("login,sender,code", [
    (GUYT, "guy@cp.com", 250),              # send-as
    (GUYT, "GUY@CP.COM", 250),
    (GUYT, "guyt@cp.com", 250),             # the bare name at ours
    (GUYT, "guyt@example.org", 250),
    (GUYT, "", 250),                        # a bounce is nobody's
    (GUYT, "administrator@cp.com", 550),
    (GUYT, "guyt@elsewhere.example", 550),
    (GUYT, "guy@cp.com.elsewhere.example", 550),
    (("user1@contoso.com", "P@$$w0rd"), "user1@contoso.com", 250),
    (("user1@contoso.com", "P@$$w0rd"), "user1@cp.com", 550),
    (("USER1@Contoso.com", "P@$$w0rd"), "user1@contoso.com", 250),
    (("iperborea", "iperb01!"), "miro@miro.com", 250),
])
def test_send_as(server, login, sender, code):
    with hello(server, "clear", login) as c:
        reply = c.cmd(f"MAIL FROM:<{sender}>")
        assert reply == code, reply
        if code == 550:
            assert "5.7.1" in reply.text
            assert c.cmd("MAIL FROM:<>") == 250     # the session goes on


def test_send_as_anybody_where_that_is_allowed(server):
    with hello(server, "free", GUYT) as c:
        c.begin("somebody@elsewhere.example", INSIDE)


# --- recipients

@pytest.mark.parametrize("address", [
    "nobody@cp.com", "guy@cp.com", "user1@cp.com", "guyt@@cp.com",
    "administrator@sub.cp.com", "administrator@cp.com.example",
    "administrator%cp.com@cp.com", "@a.example:administrator@cp.com.x"])
def test_unknown_recipients(server, address):
    with hello(server) as c:
        assert c.cmd(f"MAIL FROM:<{STRANGER}>") == 250
        reply = c.cmd(f"RCPT TO:<{address}>")
        assert reply.code in (501, 550, 553), reply


@pytest.mark.parametrize("address", [
    "administrator@cp.com", "Administrator@CP.COM", "user1@contoso.com",
    "info@acodedb.com", "test@myrocode.com", '"administrator"@cp.com',
    "@relay.example:administrator@cp.com"])
def test_known_recipients(server, address):
    with hello(server) as c:
        assert c.cmd(f"MAIL FROM:<{STRANGER}>") == 250
        reply = c.cmd(f"RCPT TO:<{address}>")
        assert reply == 250, reply


def test_postmaster_alone(server):
    """RFC 5321 4.5.1: without a domain, in any case."""
    with hello(server) as c:
        assert c.cmd(f"MAIL FROM:<{STRANGER}>") == 250
        assert c.cmd("RCPT TO:<Postmaster>") == 250
        assert c.data(whole("for the postmaster")) == 250
    server.wait_event("delivered")


@pytest.mark.parametrize("address,boxes", [
    ("postmaster@cp.com", ["administrator@cp.com"]),
    ("sales@cp.com", ["test@cp.com", "guyt@cp.com"]),
    ("Sales@Cp.Com", ["test@cp.com", "guyt@cp.com"]),
    ("chain1@cp.com", ["administrator@cp.com"]),
    ("team@cp.com", ["info@acodedb.com", "user2@contoso.com"]),
    ("guyt+news@cp.com", ["guyt@cp.com"]),
    ("guyt+a+b@cp.com", ["guyt@cp.com"]),
    ("anything@all.example", ["test@cp.com"]),
    ("guyt@all.example", ["guyt@all.example"]),
])
def test_where_mail_goes(server, address, boxes):
    subject = f"where {address} goes"
    with hello(server) as c:
        c.message(STRANGER, address, whole(subject))
    for box in boxes:
        raw, = server.wait_mails(box, containing=subject)
        assert field(raw, "Return-Path") == f"<{STRANGER}>"
    assert sum(subject.encode() in raw for raw in server.all_mails()) \
        == len(boxes)


def test_an_alias_of_one_domain_is_not_one_of_another(server):
    with hello(server) as c:
        c.cmd(f"MAIL FROM:<{STRANGER}>")
        assert c.cmd("RCPT TO:<sales@contoso.com>") == 550


def test_the_same_mailbox_twice_gets_one_copy(server):
    with hello(server) as c:
        c.begin(STRANGER, "guyt@cp.com", "guyt@cp.com", "guyt+x@cp.com",
                "sales@cp.com")
        assert c.data(whole("one copy each")) == 250
    server.wait_mails("test@cp.com", containing="one copy each")
    mails = server.wait_mails("guyt@cp.com", containing="one copy each")
    # a tag is part of the address: at most the tagged one is a second copy
    assert len(mails) <= 2


@pytest.mark.parametrize("aliases", [
    "a: b\nb: a\n", "a: b\nb: c\nc: d, a\n",
    "".join(f"deep{n}: deep{n + 1}\n" for n in range(30))])
def test_alias_circles_are_told_at_start(ehlod, aliases):
    daemon = ehlod(start=False, aliases=aliases).spawn()
    daemon.wait_exit(1)
    assert "aliases:" in daemon.text()


def test_alias_circle_at_reload_keeps_the_old(ehlod):
    daemon = ehlod(aliases="sales: administrator\n")
    (daemon.folder / "aliases").write_text("sales: sales2\nsales2: sales\n")
    daemon.reload("reload-failed")
    with hello(daemon) as c:
        c.message(STRANGER, "sales@cp.com", whole("still"))
    daemon.wait_mails(INSIDE, containing="still")
    (daemon.folder / "aliases").write_text("sales: test\n")
    daemon.reload()
    with hello(daemon) as c:
        c.message(STRANGER, "sales@cp.com", whole("changed"))
    daemon.wait_mails("test@cp.com", containing="changed")


# --- the spellings of open relays

RELAYS = [
    "bert%elsewhere.example@cp.com", "bert%elsewhere.example",
    '"bert@elsewhere.example"', '"bert@elsewhere.example"@cp.com',
    '"bert%elsewhere.example"', "bert@elsewhere.example@cp.com",
    '"bert@elsewhere.example"@[127.0.0.1]', "bert@elsewhere.example@",
    "@cp.com:bert@elsewhere.example",
    "@[127.0.0.1]:bert@elsewhere.example", "elsewhere.example!bert",
    "elsewhere.example!bert@cp.com", "elsewhere.example!bert@[127.0.0.1]",
    "bert@elsewhere.example.", "bert@[127.0.0.1]",
    "administrator@cp.com,bert@elsewhere.example",
    "administrator@cp.com> <bert@elsewhere.example",
    "bert@cp.com@elsewhere.example", "bert@xcp.com", "bert@localhost",
]


@pytest.mark.parametrize("sender,address", itertools.product(
    ["", STRANGER, "administrator@cp.com", "root@localhost"], RELAYS))
def test_no_open_relay(server, sender, address):
    with hello(server) as c:
        if c.cmd(f"MAIL FROM:<{sender}>") != 250:
            return      # this sender is not taken at all
        reply = c.cmd(f"RCPT TO:<{address}>")
        assert 500 <= reply.code < 560, (address, reply)


@pytest.mark.parametrize("line", [
    "VRFY administrator", "VRFY nobody", "EXPN sales", "EXPN nobody",
    "VRFY " + "x" * 1000])
def test_nobody_is_told_who_exists(server, line):
    with hello(server) as c:
        reply = c.cmd(line)
        assert reply.code in (252, 500, 501, 502, 550), reply
        assert reply.text == c.cmd(line.replace("nobody", "other")).text \
            .replace("other", "nobody")


@pytest.mark.parametrize("line", [
    "DEBUG", "WIZ", "TURN", "XEXCH50 1 2", "XCLIENT NAME=x", "XFORWARD A=b",
    "ETRN cp.com", "ATRN", "SEND FROM:<a@b>", "SOML FROM:<a@b>",
    "SAML FROM:<a@b>", "X-EXPS GSSAPI", "XADR", "XSHELL"])
def test_dangerous_verbs_are_not_there(server, line):
    with hello(server) as c:
        assert 500 <= c.cmd(line).code < 560
