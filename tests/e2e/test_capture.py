# SPDX-License-Identifier: Apache-2.0
"""Capture: mail for everybody is taken, kept, bounded, and goes nowhere."""
import os
import re
import smtplib
import socket
import subprocess

import pytest

from harness import EHLOD, SECONDS, OUTSIDE, field, listener, whole

CAPTURE = {"capture": "yes", "relay": "nobody"}


def block(daemon_folder, **options):
    rows = "".join(f" {key.replace('_', '-')} {value};"
                   for key, value in options.items())
    return f"capture {{ folder {daemon_folder}/captured;{rows} }}"


def captured(server, box):
    folder, got = server.folder / "captured" / box / "new", []
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            got.append(path.read_bytes())
        except FileNotFoundError:       # the oldest goes while we look
            pass
    return got


def start(ehlod, capture, **options):
    server = ehlod(start=False, listeners=[
        listener("clear", **{**CAPTURE, **options}),
        listener("normal", relay="nobody")])
    server.extra = block(server.folder, **capture)
    server.write_config()
    return server.start()


def test_for_everybody(ehlod):
    server = start(ehlod, {})
    with smtplib.SMTP("127.0.0.1", server.port(), timeout=SECONDS) as client:
        refused = client.sendmail(
            "anybody@sender.example",
            [OUTSIDE, "nobody@cp.com", "administrator@cp.com"],
            whole("captured"))
    assert refused == {}
    for box in (OUTSIDE, "nobody@cp.com", "administrator@cp.com"):
        raw, = server.wait(lambda box=box: captured(server, box), box)
        assert field(raw, "Subject") == "captured"
        assert field(raw, "Delivered-To") == box
    # nothing waits for the outside, and the mailbox of ours has nothing
    assert server.mails("administrator@cp.com") == []
    assert not [event for event in server.events
                if event.name == "deferred"]
    with server.client("normal") as client:
        client.ehlo()
        assert client.cmd("MAIL FROM:<a@sender.example>") == 250
        assert client.cmd(f"RCPT TO:<{OUTSIDE}>") == 550


def test_nothing_goes_outside(ehlod):
    """Neither by a route that takes everything nor by a domain's LMTP."""
    with socket.create_server(("127.0.0.1", 0)) as outside:
        outside.settimeout(0)
        port = outside.getsockname()[1]
        server = ehlod(start=False, listeners=[listener("clear", **CAPTURE)])
        server.domains = ['domain "cp.com" {'
                          f" deliver lmtp 127.0.0.1:{port}; }}"]
        server.extra = block(server.folder) + (
            f'\nroute "*" {{ via smarthost 127.0.0.1:{port}; tls none; }}')
        server.write_config()
        server.start()
        with server.client() as client:
            client.ehlo()
            client.begin("a@b.example", OUTSIDE, "nobody@cp.com")
            assert client.data(whole("stays")) == 250
        for box in (OUTSIDE, "nobody@cp.com"):
            server.wait(lambda box=box: captured(server, box), box)
        # both are kept: whoever would have called has had his time
        server.stop()
        with pytest.raises(BlockingIOError):
            outside.accept()


def test_a_mailbox_a_login(ehlod):
    server = start(ehlod, {"per": "login"})
    with server.client() as client:
        client.ehlo()
        assert client.auth("guyt", "not the password") == 535
        assert client.auth("guyt", "Pauline13") == 235
        client.message("some@body.example", OUTSIDE, whole("with a login"))
    with server.client() as client:
        client.ehlo()
        client.message("some@body.example", OUTSIDE, whole("without"))
    raw, = server.wait(lambda: captured(server, "guyt"), "guyt's")
    assert field(raw, "Subject") == "with a login"
    raw, = server.wait(lambda: captured(server, "nobody"), "nobody's")
    assert field(raw, "Subject") == "without"


def test_any_login(ehlod):
    server = start(ehlod, {"per": "login"}, capture_any_login="yes")
    with smtplib.SMTP("127.0.0.1", server.port(), timeout=SECONDS) as client:
        for mechanism in ("PLAIN", "LOGIN"):
            client.ehlo()
            client.user, client.password = "../Who@ever", "x"
            code, _ = client.auth(mechanism, getattr(
                client, "auth_" + mechanism.lower()))
            assert code == 235
            break
        client.sendmail("a@b.example", [OUTSIDE], whole("any"))
    raw, = server.wait(lambda: captured(server, "%2e.%2fwho@ever"), "a box")
    assert field(raw, "Subject") == "any"


def test_bounded_by_number(ehlod):
    server = start(ehlod, {"max_messages": "3"})
    with server.client() as client:
        client.ehlo()
        for n in range(5):
            client.message("a@b.example", OUTSIDE, whole(f"number {n}"))
            # one after the other: their order is that of their files
            server.wait(lambda n=n: any(
                f"number {n}".encode() in raw
                for raw in captured(server, OUTSIDE)), f"number {n}")

    def left():
        got = sorted(field(raw, "Subject")
                     for raw in captured(server, OUTSIDE))
        return got == ["number 2", "number 3", "number 4"]
    server.wait(left, "three of five")


@pytest.mark.parametrize("listener_rows,capture,error", [
    ({"capture": "yes"}, "", "where to? add capture { folder"),
    ({"capture_any_login": "yes"}, "capture { folder x; }",
     "only where mail is captured"),
])
def test_mistakes(ehlod, listener_rows, capture, error):
    server = ehlod(start=False, listeners=[listener(**listener_rows)],
                   extra=capture)
    got = subprocess.run([str(EHLOD), "--check", "-c", str(server.config)],
                         capture_output=True, text=True, timeout=SECONDS)
    assert got.returncode == 1 and error in got.stderr, got.stderr


def run_capture(folder, *args, **options):
    root = ["--allow-root"] if os.getuid() == 0 else []
    return subprocess.Popen(
        [str(EHLOD), f"--capture={folder}", *root, *args],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        **options)


def test_the_option_alone(tmp_path):
    """ehlod --capture makes its folder and works; what was changed there
    stays."""
    folder = tmp_path / "a" / "b"
    with run_capture(folder, "--check") as process:
        text = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 0 and "ehlod.conf is new" in text
    config = folder / "ehlod.conf"
    assert config.stat().st_mode & 0o777 == 0o600
    text = config.read_text()
    assert "address 127.0.0.1:2525;" in text
    config.write_text(text.replace(":2525", ":0"))
    process = run_capture(folder)
    try:
        for line in process.stderr:
            match = re.search(r" listening .*\bport=(\d+)", line)
            if match:
                port = int(match[1])
            if " ready " in line:
                break
        with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as client:
            client.login("anybody", "anything")
            client.sendmail("a@b.example", [OUTSIDE], whole("by the option"))
        for line in process.stderr:
            assert "S: 5" not in line
            if " delivered " in line:
                break
        raw, = [path.read_bytes() for path in
                (folder / "mail" / OUTSIDE / "new").iterdir()]
        assert field(raw, "Subject") == "by the option"
    finally:
        process.terminate()
        rest = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 0 and "Sanitizer" not in rest, rest
    assert ":0;" in config.read_text()


def test_not_with_a_configuration(tmp_path):
    with run_capture(tmp_path / "x", "--config", "y") as process:
        text = process.communicate(timeout=SECONDS)[1]
    assert process.returncode == 1 and "a configuration of its own" in text
    assert not (tmp_path / "x").exists()
