# SPDX-License-Identifier: Apache-2.0
"""`make run`: what it prints works when it is typed, and Ctrl-C ends it."""
import os
import re
import shlex
import signal
import socket
import subprocess

import pytest

from harness import BUILD, ROOT, SECONDS, Typist, take_apart


class Run(Typist):
    """tools/run.sh on a terminal, with its files in a folder of the test."""

    def __init__(self, folder):
        self.folder = folder
        super().__init__(
            ["env", f"EHLO_RUN={folder}", f"EHLO_BUILD={BUILD}", "setpriv",
             "--pdeathsig", "KILL", str(ROOT / "tools" / "run.sh")],
            terminal=True)

    def wait_ready(self):
        self.expect(r" ready\b.*\n")
        return self.seen.decode(errors="replace").replace("\r\n", "\n")

    def stop(self):
        os.kill(self.process.pid, signal.SIGINT)
        assert self.process.wait(SECONDS) == 0


def ports(text):
    match = re.search(r"127\.0\.0\.1:(\d+) \(STARTTLS\)"
                      r" and 127\.0\.0\.1:(\d+)", text)
    return int(match[1]), int(match[2])


def wait_mail(run, containing):
    run.expect(r" delivered .*\n")
    mails = [path.read_bytes()
             for path in run.folder.glob("mail/example.org/demo/new/*")]
    return next(raw for raw in mails if containing in raw)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with Run(tmp_path_factory.mktemp("run") / "state") as run:
        run.text = run.wait_ready()
        yield run
        run.stop()


def test_what_is_printed_for_telnet_works(running):
    block = running.text.split("telnet 127.0.0.1 ")[1].split("openssl")[0]
    port, *lines = block.rstrip().splitlines()
    with Typist(["telnet", "127.0.0.1", port.strip()], terminal=True) as t:
        t.reply(220)
        lines = [line[6:] for line in lines]
        codes = iter([250, 334, 334, 235, 250, 250, 354])
        while True:
            line = lines.pop(0)
            t.type(line)
            code = next(codes)
            t.reply(code)
            if code == 354:
                break
        while lines[0] != ".":
            t.type(lines.pop(0))
        t.say((lines.pop(0), 250), (lines.pop(0), 221))
    raw = wait_mail(running, b"typed by hand")
    assert take_apart(raw)[1] == b"Hello.\n"


def test_what_is_printed_for_swaks_works(running):
    match = re.search(r"(swaks .*?\\\n.*)\n", running.text)
    got = subprocess.run(shlex.split(match[1].replace("\\\n", " ")),
                         capture_output=True, timeout=SECONDS)
    assert got.returncode == 0, got.stdout
    wait_mail(running, b"swaks")


def test_what_is_printed_for_ehlo_works(running):
    for word, expected in (("talk", b"220 "), ("send", b"250 2.0.0 Thank"),
                           ("status", b"ready 0")):
        match = re.search(rf"\n    (\S+ {word} (?:.*\\\n)?.*)\n",
                          running.text)
        got = subprocess.run(shlex.split(match[1].replace("\\\n", " ")),
                             stdin=subprocess.DEVNULL, capture_output=True,
                             cwd=ROOT, timeout=SECONDS)
        assert got.returncode == 0 and expected in got.stdout, got
    wait_mail(running, b"User-Agent: ehlo")


def test_what_is_printed_for_openssl_works(running):
    for line in re.findall(r"(openssl s_client .*)\n", running.text):
        with Typist(shlex.split(line)) as t:
            t.expect(r"^(220|250) .*\n")
            t.say(("ehlo me", 250), ("quit", 221))


def test_certificate_has_the_names(running):
    got = subprocess.run(
        ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in",
         str(running.folder / "cert.pem")], text=True, capture_output=True,
        timeout=SECONDS)
    for name in ("DNS:localhost", "IP Address:127.0.0.1",
                 "IP Address:0:0:0:0:0:0:0:1",
                 "DNS:" + socket.gethostname()):
        assert name in got.stdout


def test_a_taken_port_is_told_and_the_next_is_used(running, tmp_path):
    """The first one is running: a second finds its ports taken."""
    taken = ports(running.text)
    with Run(tmp_path / "state") as second:
        text = second.wait_ready()
        assert not set(ports(text)) & set(taken)
        if 2525 in taken:
            assert "Port 2525 is in use" in text
        config = (tmp_path / "state" / "ehlod.conf").read_text()
        assert all(f":{port}" in config for port in ports(text))
        second.stop()


def test_settings_are_kept(tmp_path):
    with Run(tmp_path / "state") as run:
        run.wait_ready()
        run.stop()
    config = tmp_path / "state" / "ehlod.conf"
    mine = config.read_text().replace("relay    authenticated;",
                                      "relay    nobody;")
    config.write_text(mine)
    before = {path.name: path.read_bytes()
              for path in (tmp_path / "state").iterdir() if path.is_file()}
    with Run(tmp_path / "state") as run:
        run.wait_ready()
        run.stop()
    for name in ("users", "cert.pem", "key.pem", "demo-password", "aliases"):
        assert (tmp_path / "state" / name).read_bytes() == before[name]
    assert "relay    nobody;" in config.read_text()
    for path in (tmp_path / "state").iterdir():
        if path.name == "drop":     # everybody may leave mail there
            assert path.stat().st_mode & 0o7777 == 0o3733
            continue
        assert path.stat().st_mode & 0o077 == 0, path
