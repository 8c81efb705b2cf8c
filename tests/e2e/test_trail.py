# SPDX-License-Identifier: Apache-2.0
"""The trail: the story of a mail, told from the database, with the daemon
running or not; dialogues in memory and live; and no secret in any of it."""
import json
import signal
import socket
import sqlite3
import subprocess
import threading

import pytest

from control import control_of, ehlo
from harness import EHLO, SECONDS, SECRETS, b64, listener, plain, whole

OPEN = dict(relay="networks", networks="127.0.0.0/8 ::1/128")


def trail_block(daemon_folder, **options):
    rows = "".join(f" {key.replace('_', '-')} {value};"
                   for key, value in options.items())
    return f"trail {{ file {daemon_folder}/trail.db;{rows} }}"


@pytest.fixture
def traced(ehlod):
    def make(**options):
        daemon = ehlod(start=False, listeners=[
            listener(), listener("open", **OPEN)])
        daemon.extra = trail_block(daemon.folder, **options)
        daemon.write_config()
        return daemon.start()
    return make


def trail(daemon, word, *args, code=0, as_json=True):
    args = ("trail", word, "--config", daemon.config, *args)
    if as_json:
        return [json.loads(line) for line in
                ehlo(*args, "--json", code=code).splitlines()]
    return ehlo(*args, code=code)


def kinds(events):
    return [event["event"] for event in events]


def send_with_login(daemon, subject="story"):
    """Login inside TLS, one mail to a mailbox; the ids of both."""
    with daemon.client() as client:
        client.ehlo()
        client.starttls(daemon.context())
        client.ehlo()
        assert client.auth("guyt", "Pauline13") == 235
        client.begin("guy@cp.com", "administrator@cp.com")
        reply = client.data(whole(subject))
        assert reply == 250
        assert client.cmd("QUIT") == 221
    message = reply.text.rsplit(" ", 1)[1]
    daemon.wait_event("delivered", id=message)
    return message, daemon.wait_event("accepted",
                                      message=message)[0]["id"]


STORY = ["connect", "tls", "login", "accepted", "delivered", "end"]


def test_the_story_of_a_mail(traced):
    daemon = traced()
    message, session = send_with_login(daemon)
    daemon.wait_event("session-end", id=session)
    events = trail(daemon, message)
    assert sorted(kinds(events)) == sorted(STORY), events
    assert kinds(events)[:4] == STORY[:4]
    by_kind = {event["event"]: event for event in events}
    assert by_kind["connect"]["peer"] == "127.0.0.1"
    assert by_kind["tls"]["facts"].startswith("TLSv1.3")
    assert by_kind["login"]["name"] == "guyt"
    assert by_kind["login"]["facts"] == "PLAIN"
    assert by_kind["accepted"]["from"] == "guy@cp.com"
    assert by_kind["accepted"]["to"] == "administrator@cp.com"
    assert by_kind["accepted"]["session"] == session
    assert by_kind["delivered"]["peer"] == "administrator"
    text = trail(daemon, message, as_json=False)
    for part in ("127.0.0.1 connected at listener clear", "TLS came up",
                 "logged in as guyt (PLAIN)", "accepted from <guy@cp.com>",
                 "delivered for administrator@cp.com to the mailbox of "
                 "administrator", "S: 220 ", "C: EHLO client.example"):
        assert part in text, text


def test_every_way_to_ask(traced):
    daemon = traced()
    message, session = send_with_login(daemon)
    [accepted] = [e for e in trail(daemon, message)
                  if e["event"] == "accepted"]
    for word in (message, message.lower(), session, "guyt", "GuyT",
                 "guy@cp.com", "Guy@CP.com", "administrator@cp.com",
                 "@cp.com", accepted["words"], "127.0.0.1"):
        events = trail(daemon, word)
        assert message in {e.get("message") for e in events}, word
    for word in ("nobody@cp.com", "%", "_uyt", "guy", "@p.com", "'", '"',
                 "2222222222222", "192.0.2.1"):
        assert "nothing is known" in trail(daemon, word, code=1,
                                           as_json=False)


def test_it_is_read_when_the_daemon_is_down(traced):
    daemon = traced()
    message, _ = send_with_login(daemon)
    daemon.stop()
    assert sorted(kinds(trail(daemon, message))) == sorted(STORY)
    daemon.start()
    other, _ = send_with_login(daemon, "second")
    daemon.kill()       # what was asked for was written before
    events = trail(daemon, "guyt")
    assert message in {e.get("message") for e in events}


def test_what_was_flushed_survives_a_kill(traced):
    daemon = traced()
    message, _ = send_with_login(daemon)
    assert trail(daemon, message)       # asks for it: now it is written
    daemon.kill()
    assert sorted(kinds(trail(daemon, message)))[0] == "accepted"


def test_refusals_say_why(traced):
    daemon = traced()
    with daemon.client() as client:
        client.ehlo()
        assert client.auth("guyt", "not the password") == 535
        assert client.cmd("MAIL FROM:<anna@sender.example>") == 250
        assert client.cmd("RCPT TO:<nobody@cp.com>") == 550
        assert client.cmd("RCPT TO:<bert@elsewhere.example>") == 550
    events = trail(daemon, "nobody@cp.com")
    assert [e["words"] for e in events if e["event"] == "refused"
            and e.get("name") == "nobody@cp.com"][0].startswith("550 ")
    [failed] = [e for e in trail(daemon, "guyt")
                if e["event"] == "login-failed"]
    assert failed["words"] and failed["peer"] == "127.0.0.1"


def test_no_secret_is_in_the_database_or_in_a_dialogue(traced):
    """The file itself is searched, and all that can be asked for."""
    daemon = traced()
    send_with_login(daemon)
    sessions = []
    with daemon.client() as client:     # every way to tell a password
        client.ehlo()
        client.auth("guyt", "Pauline13")
        client.cmd("QUIT")
    with daemon.client() as client:
        client.ehlo()
        assert client.cmd("AUTH LOGIN") == 334
        client.cmd(b64("guyt"))
        assert client.cmd(b64("Pauline13")) == 235
        client.cmd("QUIT")
    with daemon.client() as client:     # mistyped, and as a command
        client.ehlo()
        client.cmd("AUTH PLAIN")
        client.cmd(plain("guyt", "not the password"))
        client.cmd("AUHT PLAIN " + plain("guyt", "Pauline13"))
        client.cmd(b64("Pauline13"))
        client.cmd("Pauline13")
        client.cmd("QUIT")
    for event in daemon.wait_event("session-end", 4):
        sessions.append(event["id"])
    told = []
    with control_of(daemon) as control:
        control.ask(what="trail.flush")
        for session in sessions:
            items, _ = control.ask(what="transcript", session=session)
            assert items, session
            told.append(json.dumps(items))
    daemon.stop()
    raw = b"".join(path.read_bytes()
                   for path in daemon.folder.glob("trail.db*"))
    assert b"guyt" in raw       # the search is able to find something
    for secret in SECRETS + (plain("guyt", "Pauline13"),
                             plain("guyt", "not the password")):
        for form in (secret, b64(secret)):
            assert form.encode() not in raw, form
            assert not any(form in text for text in told), form


def test_the_database_is_the_daemons_alone(traced):
    daemon = traced()
    mode = (daemon.folder / "trail.db").stat().st_mode
    assert mode & 0o007 == 0


def test_a_database_that_is_none_is_told_at_the_start(ehlod):
    daemon = ehlod(start=False)
    (daemon.folder / "trail.db").write_text("this is a letter\n" * 100)
    daemon.extra = trail_block(daemon.folder)
    daemon.write_config()
    daemon.spawn()
    daemon.wait_exit(1)
    assert "trail.db" in daemon.text() and "cannot-start" in daemon.text()
    assert (daemon.folder / "trail.db").read_text().startswith("this is")


def test_a_newer_database_is_left_alone(ehlod):
    daemon = ehlod(start=False)
    with sqlite3.connect(daemon.folder / "trail.db") as db:
        db.execute("PRAGMA user_version = 99")
    daemon.extra = trail_block(daemon.folder)
    daemon.write_config()
    daemon.spawn()
    daemon.wait_exit(1)
    assert "newer release" in daemon.text()


def test_a_locked_database_costs_events_not_mail(traced):
    daemon = traced()
    send_with_login(daemon)
    db = sqlite3.connect(daemon.folder / "trail.db", isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    message, _ = send_with_login(daemon, "while locked")
    assert daemon.wait_event("trail-failed")
    db.execute("ROLLBACK")
    db.close()
    after, _ = send_with_login(daemon, "after")
    assert "accepted" in kinds(trail(daemon, after))
    events = trail(daemon, "guyt")
    assert message not in {e.get("message") for e in events
                           if e["event"] == "accepted"}


def test_without_a_trail_it_is_told(ehlod):
    daemon = ehlod()
    send_with_login(daemon)
    assert "no trail is kept" in trail(daemon, "guyt", code=1, as_json=False)


def test_what_an_operator_did_is_in_the_story(traced):
    daemon = traced()
    with daemon.client("open") as client:
        client.ehlo()
        client.begin("anna@sender.example", "bert@elsewhere.example")
        message = client.data(whole("x")).text.rsplit(" ", 1)[1]
    ehlo("queue", "hold", message, daemon=daemon)
    [event] = [e for e in trail(daemon, message)
               if e["event"] == "operator"]
    assert event["facts"] == "hold"


def test_hostile_words_are_shown_harmlessly(traced):
    daemon = traced()
    with daemon.client("open") as client:
        client.ehlo()
        client.begin("anna@sender.example", "bert@elsewhere.example")
        assert client.data("Message-ID: <\x1b]0;owned\x07\xff@x>\n\nx\n"
                           .encode("latin-1")) == 250
    text = trail(daemon, "anna@sender.example", as_json=False)
    assert "owned" in text and "\x1b" not in text and "\x07" not in text


# --- live

class Watcher:
    """ehlo trace; the lines of one peer as they come."""

    def __init__(self, daemon, peer):
        self.process = subprocess.Popen(
            [str(EHLO), "trace", "--peer", peer, "--json", "--control",
             str(daemon.folder / "control")], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert "watching" in self.process.stderr.readline()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(SECONDS)
        self.process.stdout.close()
        self.process.stderr.close()

    def until(self, text):
        lines = []
        timer = threading.Timer(SECONDS, self.process.kill)
        timer.start()
        for raw in self.process.stdout:
            lines.append(json.loads(raw))
            if text in lines[-1]["text"]:
                break
        timer.cancel()
        assert lines and text in lines[-1]["text"], lines
        return lines


@pytest.mark.parametrize("peer", ["127.0.0.1", "client.example", "example"])
def test_trace_follows_a_peer(traced, peer):
    daemon = traced(transcripts="0")
    with Watcher(daemon, peer) as watcher:
        with daemon.client() as client:
            client.ehlo("mx1.client.example")
            client.auth("guyt", "Pauline13")
            client.cmd("QUIT")
        lines = watcher.until("221 ")
    said = [line["text"] for line in lines if not line["ours"]]
    assert "AUTH PLAIN •••" in said and "QUIT" in said
    assert all(line["peer"] == "127.0.0.1" for line in lines)
    for secret in SECRETS:
        assert secret not in json.dumps(lines)
        assert b64(secret) not in json.dumps(lines)


def test_trace_shows_nobody_else(traced):
    daemon = traced()
    with Watcher(daemon, "other.example") as watcher:
        with daemon.client() as client:
            client.ehlo("client.example")
            client.cmd("QUIT")
        with daemon.client() as client:
            client.ehlo("mx.other.example")
            client.cmd("QUIT")
        lines = watcher.until("221 ")
    assert {line["name"] for line in lines} == {"mx.other.example"}


def test_traces_come_and_go(traced):
    daemon = traced()
    for _ in range(20):
        with control_of(daemon) as control:
            control.send(b'{"do": "trace", "peer": "127.0.0.1"}\n')
            with daemon.client() as client:
                client.ehlo()
    with Watcher(daemon, "127.0.0.1") as watcher:
        with daemon.client() as client:
            client.ehlo()
            client.cmd("QUIT")
        watcher.until("221 ")
        daemon.stop()
        assert watcher.process.wait(SECONDS) == 2


# --- the whole way, to another server

class Reluctant:
    """A server that takes the third time: what each RCPT is answered."""

    ANSWERS = ["451 4.7.1 Greylisted, come back later",
               "452 4.2.2 Mailbox full just now", "250 2.1.5 OK"]

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answers = list(self.ANSWERS)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb") as stream:
                self._session(stream)

    def _session(self, stream):
        def say(line):
            stream.write(line.encode() + b"\r\n")
            stream.flush()
        say("220 mx.elsewhere.example ready")
        for raw in stream:
            verb = raw[:4].upper()
            if verb == b"EHLO":
                say("250 mx.elsewhere.example")
            elif verb == b"RCPT":
                say(self.answers.pop(0))
            elif verb == b"DATA" and self.answers:
                say("503 5.5.1 no recipient")
            elif verb == b"DATA":
                say("354 go on")
                while stream.readline() not in (b".\r\n", b""):
                    pass
                say("250 2.0.0 Taken as 4711")
            elif verb == b"QUIT":
                say("221 bye")
                return
            else:
                say("250 2.0.0 OK")


def test_two_failures_and_then_it_goes(ehlod):
    """Login, TLS, two temporary failures in the other side's words, and the
    delivery, as one story."""
    server = Reluctant()
    daemon = ehlod(start=False, options={"retry-first": "1s",
                                         "retry-max": "1s"})
    daemon.extra = trail_block(daemon.folder) + (
        f'\nroute "*" {{ via smarthost 127.0.0.1:{server.port}; '
        "tls none; }")
    daemon.write_config()
    daemon.start()
    with daemon.client() as client:
        client.ehlo()
        client.starttls(daemon.context())
        client.ehlo()
        assert client.auth("guyt", "Pauline13") == 235
        client.begin("guy@cp.com", "bert@elsewhere.example")
        message = client.data(whole("far")).text.rsplit(" ", 1)[1]
        client.cmd("QUIT")
    daemon.wait_event("relayed")
    server.listener.close()
    events = trail(daemon, "bert@elsewhere.example")
    assert {e.get("message") for e in events} <= {None, message}
    names = [name for name in kinds(events) if name != "end"]
    assert names == ["connect", "tls", "login", "accepted", "later", "later",
                     "relayed"], events
    later = [e for e in events if e["event"] == "later"]
    assert "Greylisted" in later[0]["words"]
    assert "Mailbox full" in later[1]["words"]
    assert f"127.0.0.1]:{server.port}" in later[0]["peer"] or \
        str(server.port) in later[0]["peer"]
    [done] = [e for e in events if e["event"] == "relayed"]
    assert "Taken as 4711" in done["words"]
    text = trail(daemon, message, as_json=False)
    assert text.count("not yet taken") == 2 and "taken for bert" in text
