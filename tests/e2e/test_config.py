# SPDX-License-Identifier: Apache-2.0
"""Mistakes of operators are told so that a tired one understands: with file
and line, all of them, and with the nearest known word."""
import re
import subprocess

import pytest

from harness import EHLOD, ROOT, SECONDS, listener


@pytest.fixture
def config(ehlod):
    """A good configuration, on disk, of a daemon that is not started."""
    return ehlod(start=False)


def check(path):
    got = subprocess.run([str(EHLOD), "--check", "--config", str(path)],
                         text=True, capture_output=True, timeout=SECONDS)
    assert got.returncode in (0, 1), got.stderr
    return got


def test_a_good_one_passes(config):
    got = check(config.config)
    assert got.returncode == 0, got.stderr
    assert "error" not in got.stderr


# (what is replaced, by what, what must be told)
MISTAKES = [
    ("hostname mail.example.org;", "hostnam mail.example.org;",
     "hostname"),
    ("starttls", "startls", "starttls"),
    ("typist yes;", "typst yes;", "typist"),
    ("typist yes;", "typist maybe;", "yes"),
    ("max-message-size 25M;", "max-mesage-size 25M;", "max-message-size"),
    ("max-message-size 25M;", "max-message-size 25X;", "25X"),
    ("max-message-size 25M;", "max-message-size -1;", "-1"),
    ("relay authenticated;", "relay autenticated;", "authenticated"),
    ("auth plain login;", "auth plane login;", "plain"),
    ("127.0.0.1:0", "127.0.0.1", "127.0.0.1"),
    ("127.0.0.1:0", "127.0.0.1:99999", "99999"),
    ("127.0.0.1:0", "300.0.0.1:25", "300.0.0.1:25"),
    ("shards 2;", "shards two;", "two"),
    ("log stderr;", "log stdout;", "stderr"),
    ("deliver maildir", "deliver mailder", "maildir"),
    ("listener \"clear\"", "listner \"clear\"", "listener"),
    ("typist yes;", "typist yes", None),
    ("typist yes;", "typist yes; typist no;", "typist"),
    ("hostname mail.example.org;", "hostname \"mail.example.org;", None),
    ("hostname mail.example.org;", "hostname;", "hostname"),
    ("hostname mail.example.org;", "hostname a b;", "hostname"),
    ("domain \"cp.com\"", "domain \"cp..com\"", "cp..com"),
    ("domain \"cp.com\"", "domain \"contoso.com\"", "contoso.com"),
    ("tls starttls;", "tls starttls; persona exchange2008;",
     "exchange2007"),
]


@pytest.mark.parametrize("old,new,told", MISTAKES)
def test_a_mistake_is_told_with_its_line(config, old, new, told):
    text = config.config.read_text()
    assert old in text
    at = text[:text.index(old)].count("\n") + 1
    config.config.write_text(text.replace(old, new, 1))
    got = check(config.config)
    assert got.returncode == 1
    places = [int(line) for line in re.findall(
        r"ehlod\.conf:(\d+)(?::\d+)?: error:", got.stderr)]
    assert places, got.stderr
    if new and told != "contoso.com":
        # a missing end is seen at the next word at the latest
        last = text.count("\n") + 1 if '"' in new and told is None else at + 1
        assert any(at <= line <= last for line in places), got.stderr
    if told:
        assert told in got.stderr


def test_all_mistakes_are_told_at_once(config):
    text = config.config.read_text()
    config.config.write_text(
        text.replace("typist yes;", "typst yes;")
        .replace("shards 2;", "shards two;"))
    got = check(config.config)
    assert "typist" in got.stderr and "two" in got.stderr
    assert len(re.findall(r"error:", got.stderr)) >= 2


def test_the_line_and_a_mark_below_are_shown(config):
    text = config.config.read_text()
    config.config.write_text(text.replace("typist yes;", "typst yes;"))
    lines = check(config.config).stderr.splitlines()
    shown = [n for n, line in enumerate(lines) if "typst yes;" in line]
    assert any("^" in line for n in shown for line in lines[n + 1:n + 2]), \
        lines


@pytest.mark.parametrize("change,told", [
    ("missing certificate", "nowhere.pem"), ("missing users", "nobody"),
    ("broken users", "users:"), ("key of another", "key"),
    ("open key", "key"), ("missing aliases", "noaliases")])
def test_files_that_it_names_are_looked_at(config, certs, change, told):
    text = config.config.read_text()
    folder = config.folder
    if change == "missing certificate":
        text = text.replace(str(certs.chain), str(folder / "nowhere.pem"))
    elif change == "missing users":
        text = text.replace(f"{folder}/users", f"{folder}/nobody")
    elif change == "broken users":
        with open(folder / "users", "a") as users:
            users.write("no hash here\n")
    elif change == "key of another":
        _, key = certs.leaf("another.example")
        text = text.replace(str(certs.key), str(key))
    elif change == "open key":
        key = folder / "open.key"
        key.write_bytes(certs.key.read_bytes())
        key.chmod(0o644)
        text = text.replace(str(certs.key), str(key))
    else:
        text = text.replace(f"{folder}/aliases", f"{folder}/noaliases")
    config.config.write_text(text)
    got = check(config.config)
    assert got.returncode == 1, got.stderr
    assert told in got.stderr


@pytest.mark.parametrize("text", [
    b"", b"\0", b"{" * 10000, b"listener \"x\" {" * 2000, b"\xff\xfe",
    b"hostname " + b"x" * 1000000, b"}" * 100, b";" * 100, b"\"",
    b"# only a comment", b"listener { }", b"domain \"\" { }"],
    ids=range(12))
def test_what_is_no_configuration(config, text):
    """None of these is one, and none is a crash."""
    config.config.write_bytes(text)
    got = check(config.config)
    assert got.returncode == 1
    assert "ehlod.conf" in got.stderr
    assert len(got.stderr) < 200000


def test_a_start_tells_the_same(ehlod):
    daemon = ehlod(start=False, listeners=[listener(typist="maybe")])
    daemon.spawn().wait_exit(1)
    assert re.search(r"ehlod\.conf:\d+:\d+: error:", daemon.text())


def test_the_manual_page_is_what_the_table_says():
    got = subprocess.run([str(EHLOD), "--manual"], text=True,
                         capture_output=True, timeout=SECONDS)
    assert got.returncode == 0
    page = (ROOT / "man" / "ehlod.conf.5").read_text()
    assert page == got.stdout, \
        "renew it: build/ehlod --manual >man/ehlod.conf.5"
