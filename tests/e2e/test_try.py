# SPDX-License-Identifier: Apache-2.0
"""`ehlod try`: what would happen to an envelope, and which line decides. What
it says is compared with what a running daemon says."""
import os
import re
import subprocess

import pytest

from harness import EHLOD, SECONDS, listener


def run_try(daemon, *args, code=0):
    got = subprocess.run(
        [str(EHLOD), "try", "--config", str(daemon.config), *args],
        text=True, capture_output=True, timeout=SECONDS)
    assert got.returncode == code, (args, got.stdout, got.stderr)
    return got.stdout


def lines_named(daemon, text):
    """The lines of the configuration that it names, as they stand there."""
    config = daemon.config.read_text().splitlines()
    return [config[int(number) - 1].strip() for number in re.findall(
        re.escape(str(daemon.config)) + r":(\d+):", text)]


@pytest.fixture(scope="module")
def daemon(shared_ehlod):
    return shared_ehlod(listeners=[
        listener(), listener("closed", auth_required="yes"),
        listener("secret", tls_required="yes"),
        listener("inside", relay="networks", networks="192.0.2.0/24 "
                 "127.0.0.0/8"),
    ], extra='route "*" { via hold; }')


def said(daemon, listener_name, sender, recipient, login=None):
    """The codes of MAIL and RCPT of the running daemon."""
    with daemon.client(listener_name) as client:
        client.ehlo()
        if login:
            assert client.auth(*login) == 235
        return [str(client.cmd(f"MAIL FROM:<{sender}>").lines[-1]),
                str(client.cmd(f"RCPT TO:<{recipient}>").lines[-1])]


@pytest.mark.parametrize("name, sender, recipient, login", [
    ("clear", "anna@sender.example", "administrator@cp.com", None),
    ("clear", "", "administrator@cp.com", None),
    ("clear", "anna@sender.example", "nobody@cp.com", None),
    ("clear", "anna@sender.example", "bert@elsewhere.example", None),
    ("clear", "anna@sender.example", "postmaster@cp.com", None),
    ("clear", "guy@cp.com", "bert@elsewhere.example",
     ("guyt", "Pauline13")),
    ("inside", "anna@sender.example", "bert@elsewhere.example", None),
])
def test_it_says_what_the_daemon_says(daemon, name, sender, recipient, login):
    wanted = said(daemon, name, sender, recipient, login)
    args = ["--listener", name, "--from", sender, "--rcpt", recipient]
    if login:
        args += ["--login", login[0]]
    is_good = all(line[0] == "2" for line in wanted)
    text = run_try(daemon, *args, code=0 if is_good else 1)
    replies = re.findall(r"^  (\d\d\d .*)$", text, re.M)
    assert replies == wanted, text


def test_it_names_the_lines(daemon):
    text = run_try(daemon, "--from", "anna@sender.example", "--rcpt",
                   "administrator@cp.com")
    assert "goes to the mailbox of administrator" in text
    assert lines_named(daemon, text)[0] == 'listener "clear" {'
    assert any(line.startswith('domain "cp.com"')
               for line in lines_named(daemon, text))
    text = run_try(daemon, "--from", "anna@sender.example", "--rcpt",
                   "bert@elsewhere.example", code=1)
    assert "relay authenticated;" in lines_named(daemon, text)
    text = run_try(daemon, "--listener", "inside", "--ip", "192.0.2.9",
                   "--from", "a@sender.example", "--rcpt",
                   "bert@elsewhere.example")
    named = lines_named(daemon, text)
    assert "relay networks;" in named
    assert 'route "*" { via hold; }' in named
    run_try(daemon, "--listener", "inside", "--ip", "198.51.100.1",
            "--from", "a@sender.example", "--rcpt",
            "bert@elsewhere.example", code=1)


@pytest.mark.parametrize("args, code, line", [
    (("--listener", "closed"), "530", "auth-required yes;"),
    (("--listener", "secret"), "530", "tls-required yes;"),
    (("--size", "99999999"), "552", "max-message-size 25M;"),
    (("--login", "guyt", "--from", "other@cp.com"), "550", None),
])
def test_what_comes_before(daemon, args, code, line):
    args = list(args)
    if "--from" not in args:
        args += ["--from", "guy@cp.com"]
    text = run_try(daemon, *args, "--rcpt", "administrator@cp.com", code=1)
    assert re.search(rf"^  {code} ", text, re.M) or \
        re.search(r"^  5\d\d ", text, re.M), text
    if line:
        assert line in lines_named(daemon, text)


def test_several_recipients_and_tls(daemon):
    text = run_try(daemon, "--listener", "secret", "--tls", "--from", "",
                   "--rcpt", "administrator@cp.com", "--rcpt", "x y",
                   "--rcpt", "nobody@cp.com", code=1)
    assert text.count("RCPT TO:") == 3 and "no address" in text


@pytest.mark.parametrize("args", [
    (), ("--from", "a@b.example"), ("--rcpt", "a@b.example"),
    ("--from", "a@b.example", "--rcpt", "c@d.example", "--ip", "nowhere"),
    ("--from", "a@b.example", "--rcpt", "c@d.example", "--size", "big"),
    ("--from", "a@b.example", "--rcpt", "c@d.example", "--listener", "x"),
    ("--from", "a@b.example", "--rcpt", "c@d.example", "stray"),
    ("--color",),
])
def test_mistakes(daemon, args):
    run_try(daemon, *args, code=3)


def test_nothing_is_touched(daemon):
    before = daemon.text()
    run_try(daemon, "--from", "a@b.example", "--rcpt",
            "administrator@cp.com")
    assert daemon.text() == before
    assert os.path.exists(daemon.folder / "control")
