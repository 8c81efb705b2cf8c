# SPDX-License-Identifier: Apache-2.0
"""What operators do to it: start, stop, reload, kill, start again."""
import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from harness import (EHLOD, INSIDE, ROOT, SECONDS, STRANGER, Client, crlf,
                     listener, whole)

sys.path.insert(0, str(ROOT / "tools"))


# --- the command line

def run(*args, **options):
    return subprocess.run([str(EHLOD), *map(str, args)], text=True,
                          capture_output=True, timeout=SECONDS, **options)


def test_version_and_help():
    got = run("--version")
    assert got.returncode == 0 and re.search(r"\d+\.\d+\.\d+", got.stdout)
    got = run("--help")
    assert got.returncode == 0
    for option in ("--config", "--check", "--defaults", "--foreground",
                   "--show-dialogue", "--allow-root", "--version"):
        assert option in got.stdout


@pytest.mark.parametrize("args", [["--foo"], ["--config"], ["extra"],
                                  ["--chekc"]])
def test_wrong_usage(args):
    got = run(*args)
    assert got.returncode not in (0, 99) and got.stderr


def test_defaults_can_be_read_back(tmp_path):
    got = run("--defaults")
    assert got.returncode == 0 and "max-message-size" in got.stdout
    for line in got.stdout.splitlines():
        assert len(line) < 200
    config = tmp_path / "defaults.conf"
    config.write_text(got.stdout)
    again = run("--check", "--config", config)
    # files that it names may be missing; its form is right
    for line in again.stderr.splitlines():
        assert "unknown" not in line and "expected" not in line, again.stderr


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
def test_refuses_root(ehlod):
    daemon = ehlod(start=False)
    got = run("--config", daemon.config, "--foreground")
    assert got.returncode == 1
    assert "root" in got.stderr and "--allow-root" in got.stderr


def test_missing_configuration(tmp_path):
    got = run("--config", tmp_path / "no.conf", "--foreground",
              "--allow-root")
    assert got.returncode == 1
    assert "no.conf" in got.stderr and "No such file" in got.stderr


# --- start

def test_port_in_use(ehlod):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        daemon = ehlod(start=False, listeners=[
            listener(address=f"127.0.0.1:{port}")]).spawn()
        daemon.wait_exit(1)
    assert f"127.0.0.1:{port}" in daemon.text()
    assert "in use" in daemon.text()


def test_one_daemon_a_spool(ehlod, tmp_path):
    first = ehlod(options={"spool": str(tmp_path / "spool")})
    second = ehlod(start=False,
                   options={"spool": str(tmp_path / "spool")}).spawn()
    second.wait_exit(1)
    assert str(tmp_path / "spool") in second.text()
    assert re.search(r"in use|another|locked", second.text())
    # the first has noticed nothing
    with first.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("still here"))
    first.wait_mails(INSIDE)


def test_spool_that_cannot_be(ehlod):
    daemon = ehlod(start=False, options={"spool": "/proc/self/nowhere"})
    daemon.spawn().wait_exit(1)
    assert "/proc/self/nowhere" in daemon.text()


def test_several_addresses_and_both_families(ehlod):
    daemon = ehlod(listeners=[
        listener(address="127.0.0.1:0 127.0.0.2:0 [::1]:0")])
    events = daemon.wait_event("listening", 3)
    for event in events:
        with Client(int(event["port"]), event["address"].strip("[]")) as c:
            c.ehlo()
            c.message(STRANGER, INSIDE, whole("by " + event["address"]))
    assert len(daemon.wait_mails(INSIDE, 3)) == 3
    assert any("IPv6:::1" in raw.decode() for raw in daemon.mails(INSIDE))


def test_state_is_private(ehlod):
    daemon = ehlod()
    with daemon.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("private"))
    daemon.wait_mails(INSIDE)
    for top in (daemon.folder / "spool", daemon.mailbox(INSIDE)):
        for path in [top, *top.rglob("*")]:
            assert path.stat().st_mode & 0o077 == 0, path


# --- stop

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_graceful_end(ehlod, number):
    """Who is idle is told 421, who is sending comes to the end."""
    daemon = ehlod()
    idle, busy = daemon.client(), daemon.client()
    idle.ehlo()
    busy.ehlo()
    busy.begin(STRANGER, INSIDE)
    assert busy.cmd("DATA") == 354
    text = crlf(whole("over the end"))
    busy.send(text[:50])
    port = daemon.port()
    daemon.process.send_signal(number)
    replies = idle.rest()
    assert [reply.code for reply in replies] == [421]
    busy.send(text[50:] + b".\r\n")
    assert busy.reply() == 250
    replies = busy.rest()
    assert [reply.code for reply in replies] in ([], [421])
    daemon.wait_exit(0)
    assert daemon.find("stopped")
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), SECONDS)
    # what was acknowledged is there, now or after the next start
    daemon.start()
    daemon.wait_mails(INSIDE, containing="over the end")
    assert len(daemon.mails(INSIDE)) == 1


def test_the_end_does_not_wait_for_ever(ehlod):
    daemon = ehlod(options={"shutdown-grace": "1s"})
    busy = daemon.client()
    busy.ehlo()
    busy.begin(STRANGER, INSIDE)
    assert busy.cmd("DATA") == 354
    busy.send(b"Subject: never ends\r\n")
    daemon.stop()
    assert daemon.find("stopped")
    daemon.start()
    assert not daemon.all_mails()


# --- reload

def test_reload_says_what_it_cannot_change(ehlod, tmp_path):
    server = ehlod(options={"resolver": "127.0.0.1@1"})
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.1 somewhere.example\n")
    server.options.update({"resolver": "127.0.0.1@1 127.0.0.1@2",
                           "hosts-file": str(hosts), "shards": "1"})
    server.write_config()
    server.reload()
    said = {e["option"] for e in server.find("needs-restart")}
    assert said == {"resolver", "hosts-file", "shards"}


def test_reload_changes_what_it_should(ehlod):
    daemon = ehlod()
    with daemon.client() as old:
        size = old.ehlo().keywords["SIZE"]
        daemon.listeners = [listener(max_message_size="1M")]
        daemon.write_config()
        daemon.reload()
        # the session keeps what it began with
        assert old.ehlo().keywords["SIZE"] == size == str(25 << 20)
    with daemon.client() as c:
        assert c.ehlo().keywords["SIZE"] == str(1 << 20)


@pytest.mark.parametrize("text", [
    "hostname;\n", "listener \"x\" {\n", "hostnam mail.example.org;\n", "\0",
    "tls { certificate /nonexistent; key /nonexistent; }\n"])
def test_reload_with_a_mistake_keeps_the_old(ehlod, text):
    daemon = ehlod()
    good = daemon.config.read_text()
    daemon.config.write_text(good + text)
    event = daemon.reload("reload-failed")
    assert "ehlod.conf:" in daemon.text()
    assert event.level in ("warning", "error")
    with daemon.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("the old one works"))
    daemon.wait_mails(INSIDE)
    daemon.config.write_text(good)
    daemon.reload()
    with daemon.client() as c:
        c.ehlo()


def test_many_reloads_under_load(ehlod):
    daemon = ehlod()
    with daemon.client() as c:
        c.ehlo()
        for n in range(10):
            c.begin(STRANGER, INSIDE)
            daemon.process.send_signal(signal.SIGHUP)
            assert c.data(whole(f"reload {n}")) == 250
    daemon.wait_event("reloaded")
    daemon.wait_mails(INSIDE, 10)


# --- what was accepted is delivered

def test_mail_waits_for_a_mailbox_that_fails(ehlod):
    """A file stands where the folder should be: kept, tried again, and
    delivered once it is gone. Other mailboxes are not delayed."""
    daemon = ehlod(options={"retry-first": "1s", "retry-max": "1s"})
    daemon.mailbox(INSIDE).parent.mkdir(parents=True)
    daemon.mailbox(INSIDE).write_text("in the way")
    with daemon.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("first"))
        c.message(STRANGER, "test@cp.com", whole("second"))
    daemon.wait_mails("test@cp.com")
    daemon.mailbox(INSIDE).unlink()
    daemon.wait_mails(INSIDE)
    assert len(daemon.mails(INSIDE)) == 1


def test_a_restart_delivers_what_waited(ehlod):
    daemon = ehlod(options={"retry-first": "1h", "retry-max": "1h"})
    daemon.mailbox(INSIDE).parent.mkdir(parents=True)
    daemon.mailbox(INSIDE).write_text("in the way")
    with daemon.client() as c:
        c.ehlo()
        c.message(STRANGER, INSIDE, whole("kept"))
    daemon.stop()
    daemon.mailbox(INSIDE).unlink()
    daemon.options.update({"retry-first": "1s", "retry-max": "1s"})
    daemon.write_config()
    daemon.start()
    assert daemon.find("delivered") or daemon.wait_event("ready")
    daemon.stop()


@pytest.mark.parametrize("shards", [(1, 4), (4, 1)])
def test_another_number_of_shards_finds_all_mail(ehlod, shards):
    """Every spool folder still has an owner."""
    daemon = ehlod(start=False, options={
        "shards": str(shards[0]), "retry-first": "1s", "retry-max": "1s"})
    daemon.mailbox(INSIDE).parent.mkdir(parents=True)
    daemon.mailbox(INSIDE).write_text("in the way")
    daemon.start()
    for n in range(12):
        with daemon.client() as c:
            c.ehlo()
            c.message(STRANGER, INSIDE, whole(f"by some shard {n}"))
    daemon.stop()
    daemon.mailbox(INSIDE).unlink()
    daemon.options["shards"] = str(shards[1])
    daemon.write_config()
    daemon.start()
    assert len(daemon.wait_mails(INSIDE, 12)) == 12


def test_kill_9_under_load(ehlod, tmp_path, certs, users):
    """Nothing that was acknowledged is lost, and nothing is torn."""
    from kill_loop import kill_loop
    count, _ = kill_loop(tmp_path / "kill", certs, users, cycles=8)
    assert count > 100


def test_kill_9_during_relay(tmp_path, certs, users):
    """The same of mail for others: it reaches them, whole, and what comes
    twice was not settled when the daemon died that had sent it."""
    from kill_loop import kill_loop
    count, words = kill_loop(tmp_path / "kill", certs, users, cycles=3,
                             is_relay=True)
    assert count > 20 and "none of these settled" in words


@pytest.mark.parametrize("disk", ["full", "failing"])
def test_kill_9_on_a_bad_disk(tmp_path, certs, users, disk):
    """The same while the disk is full, or fails; then it is good again."""
    from kill_loop import kill_loop
    if disk == "full" and os.getuid() != 0:
        pytest.skip("needs the right to mount")
    count, _ = kill_loop(tmp_path / "kill", certs, users, cycles=4, disk=disk)
    assert count > 20
