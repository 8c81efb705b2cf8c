# SPDX-License-Identifier: Apache-2.0
"""`ehlo user` as an administrator meets it: on a command line, from a script,
and at a terminal that is watched."""
import json
import os
import pty
import re
import select
import signal
import stat
import subprocess
import termios

import pytest

import harness

GOOD, FAILED, USAGE = 0, 1, 3
PASSWORD = "P@$$w0rd"


def ehlo(*args, stdin="", env=None, pass_fds=()):
    """Without a terminal, so that a prompt is a failure, not a hang."""
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("NO_COLOR",)}
    environment.update(env or {})
    return subprocess.run([str(harness.EHLO), *map(str, args)], text=True,
                          input=stdin, capture_output=True, env=environment,
                          timeout=harness.SECONDS, start_new_session=True,
                          pass_fds=pass_fds)


@pytest.fixture
def users(tmp_path):
    return tmp_path / "users"


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o600)
    return path


def add(users, secret, name, *options):
    got = ehlo("user", "add", name, "--users", users, "--password-file",
               secret, *options)
    assert got.returncode == GOOD, got.stderr
    return got


class Terminal:
    """A program at a terminal of its own: what is typed, what is seen."""

    def __init__(self, *args):
        self.seen = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execv(str(harness.EHLO), [str(harness.EHLO), *map(str, args)])

    def expect(self, text):
        while text not in self.seen:
            ready, _, _ = select.select([self.fd], [], [], harness.SECONDS)
            assert ready, f"no {text!r} in {self.seen!r}"
            try:
                got = os.read(self.fd, 4096)
            except OSError:     # the other end is closed
                got = b""
            assert got, f"no {text!r} in {self.seen!r}"
            self.seen += got.decode()

    def type(self, text):
        os.write(self.fd, text.encode())

    def has_echo(self):
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def end(self):
        """The exit code, or minus the signal; all that was seen."""
        while True:
            try:
                got = os.read(self.fd, 4096)
            except OSError:
                break
            if not got:
                break
            self.seen += got.decode()
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


# --- what is where

def test_version_and_help():
    assert ehlo("--version").stdout.startswith("ehlo ")
    for words in (["help"], ["--help"]):
        got = ehlo(*words)
        assert got.returncode == GOOD and "user" in got.stdout
    for words in (["help", "user"], ["user", "--help"],
                  ["user", "add", "--help"]):
        got = ehlo(*words)
        assert got.returncode == GOOD
        assert "--password-file" in got.stdout and got.stderr == ""


@pytest.mark.parametrize("words, says", [
    ([], "usage:"),
    (["user"], "usage:"),
    (["usr"], 'did you mean "user"?'),
    (["talk-to-me"], "see ehlo help"),
    (["help", "usr"], 'did you mean "user"?'),
    (["user", "ad"], 'did you mean "add"?'),
    (["user", "pasword"], 'did you mean "passwd"?'),
    (["user", "dance"], "see ehlo help user"),
    (["user", "add"], "wants a NAME"),
    (["user", "remove", "a", "b"], '"b" is one word too many'),
    (["user", "list", "a"], '"a" is one word too many'),
    (["user", "add", "x", "--user", "f"], "did you mean --users?"),
    (["user", "add", "x", "--users"], "--users wants a value"),
    (["user", "list", "--send-as", "a@b"], "--send-as: is not for this"),
    (["user", "remove", "x", "--password-file", "f"], "is not for this"),
    (["user", "list", "--users", "a", "--config", "b"], "twice"),
])
def test_not_understood(words, says):
    got = ehlo(*words)
    assert got.returncode == USAGE, got.stdout + got.stderr
    assert says in got.stderr
    assert got.stdout == ""


# --- accounts

def test_add_list_passwd_remove(users, secret):
    assert "added guyt" in add(users, secret, "guyt", "--send-as",
                               "guy@cp.com,*@lists.cp.com").stdout
    assert stat.S_IMODE(users.stat().st_mode) == 0o600
    add(users, secret, "user1@contoso.com", "--no-mailbox")
    text = users.read_text()
    assert PASSWORD not in text
    first, seed, second = text.splitlines()
    assert first.startswith("guyt:$y$")
    assert ":send-as=guy@cp.com,*@lists.cp.com scram=" in first
    assert ":mailbox=no scram=SCRAM-SHA-256$" in second
    assert seed.startswith("# made-up keys: ")

    got = ehlo("user", "list", "--users", users)
    assert got.returncode == GOOD
    assert [line.split() for line in got.stdout.splitlines()] == [
        ["guyt", "yescrypt", "scram-sha-256,scram-sha-1",
         "send-as=guy@cp.com,*@lists.cp.com"],
        ["user1@contoso.com", "yescrypt", "scram-sha-256,scram-sha-1",
         "mailbox=no"]]
    assert "$" not in got.stdout

    got = ehlo("user", "passwd", "GUYT", "--users", users,
               "--password-file", "-", stdin="another one\n")
    assert got.returncode == GOOD, got.stderr
    changed = users.read_text().splitlines()
    assert changed[1:] == [seed, second]
    old, new = (set(re.findall(r"[^\s:,$]{20,}", line))
                for line in (first, changed[0]))
    assert not {x for x in old & new if "@" not in x}
    assert len(new) == len(old)

    assert ehlo("user", "remove", "Guyt", "--users", users).returncode == GOOD
    assert users.read_text() == f"{seed}\n{second}\n"


def test_list_for_programs(users, secret):
    users.write_text("# nobody\n")
    assert json.loads(ehlo("user", "list", "--json", "--users",
                           users).stdout) == []
    add(users, secret, "guyt", "--send-as", "guy@cp.com,*@x.org")
    with users.open("a") as file:
        file.write("locked:!\noff:!:disabled=yes mailbox=no\nj\\ü:!\n")
    assert json.loads(ehlo("user", "list", "--json", "--users",
                           users).stdout) == [
        {"name": "guyt", "scheme": "yescrypt", "enabled": True,
         "mailbox": True, "send_as": ["guy@cp.com", "*@x.org"],
         "keys": ["scram-sha-256", "scram-sha-1"]},
        {"name": "locked", "scheme": "locked", "enabled": False,
         "mailbox": True, "send_as": [], "keys": []},
        {"name": "off", "scheme": "locked", "enabled": False,
         "mailbox": False, "send_as": [], "keys": []},
        {"name": "j\\ü", "scheme": "locked", "enabled": False,
         "mailbox": True, "send_as": [], "keys": []}]


def test_comments_and_order_stay(users, secret):
    users.write_text("# head\n\nb:!  \r\n   # middle\na : ! : mailbox=no\n"
                     "# tail")
    add(users, secret, "c")
    before = "# head\n\nb:!  \r\n   # middle\na : ! : mailbox=no\n# tail\n"
    text = users.read_bytes().decode()
    assert text.startswith(before) and text[len(before):].startswith("c:$y$")
    assert ehlo("user", "remove", "c", "--users", users).returncode == GOOD
    text = users.read_bytes().decode()
    assert text.startswith(before + "# made-up keys: ")
    assert text[len(before):].count("\n") == 1


def test_ntlm_is_switched_on_and_stays_until_it_is_switched_off(users,
                                                               secret):
    def has_nt():
        return " nt=" in users.read_text()

    def passwd(*options):
        got = ehlo("user", "passwd", "guyt", "--users", users,
                   "--password-file", "-", *options, stdin="another one\n")
        assert got.returncode == GOOD, got.stderr
    add(users, secret, "guyt")
    assert not has_nt()
    passwd("--ntlm")
    assert has_nt()
    before = users.read_text()
    passwd()
    assert has_nt() and users.read_text() != before
    passwd("--no-ntlm")
    assert not has_nt()
    passwd()
    assert not has_nt()


@pytest.mark.parametrize("name, options, says", [
    ("guyt", [], 'a user "guyt" already'),
    ("GuyT", [], 'a user "GuyT" already'),
    ("../guyt", [], "may not begin with"),
    ("a/b", [], "may not hold"),
    ("a b", [], "may not hold"),
    ("a\nb:!", [], "a\\nb"),
    ("", [], "the name is empty"),
    ("new", ["--send-as", "guy"], "neither an address nor *@domain"),
    ("new", ["--send-as", "a@b, c@d"], "separated by commas"),
    ("new", ["--send-as", "a@b disabled=no"], "separated by commas"),
    ("new", ["--send-as", "a@b\nx:!"], "control character"),
])
def test_refused(users, secret, name, options, says):
    add(users, secret, "guyt")
    before = users.read_bytes()
    got = ehlo("user", "add", "--users", users, "--password-file", secret,
               *options, "--", name)
    assert got.returncode == FAILED
    assert says in got.stderr
    assert users.read_bytes() == before


def test_nobody_of_that_name(users, secret):
    add(users, secret, "guyt")
    for words in (["passwd", "guy", "--password-file", secret],
                  ["remove", "guy"]):
        got = ehlo("user", *words, "--users", users)
        assert got.returncode == FAILED
        assert 'there is no user "guy"' in got.stderr
    got = ehlo("user", "list", "--users", users.parent / "none")
    assert got.returncode == FAILED
    assert "No such file or directory" in got.stderr


def test_a_file_with_a_mistake(users, secret):
    users.write_text("a:!\nb:Pauline13\n")
    for words in (["list"], ["add", "c", "--password-file", secret],
                  ["passwd", "a", "--password-file", secret],
                  ["remove", "a"]):
        got = ehlo("user", *words, "--users", users)
        assert got.returncode == FAILED
        assert f"{users}:2: " in got.stderr
        assert "Pauline13" not in got.stdout + got.stderr
    assert users.read_text() == "a:!\nb:Pauline13\n"


def test_locked_and_disabled_are_told(users, secret):
    users.write_text("a:!\nb:!:disabled=yes\n")
    got = ehlo("user", "passwd", "a", "--users", users, "--password-file",
               secret)
    assert "can log in again" in got.stderr
    got = ehlo("user", "passwd", "b", "--users", users, "--password-file",
               secret)
    assert "stays disabled" in got.stderr


def test_no_disk_space_for_the_list(users, secret):
    add(users, secret, "guyt")
    with open("/dev/full", "w") as full:
        got = subprocess.run([harness.EHLO, "user", "list", "--users",
                              users], stdout=full, stderr=subprocess.PIPE,
                             text=True, timeout=harness.SECONDS)
    assert got.returncode == FAILED
    assert "cannot write" in got.stderr


# --- where the accounts are

def test_the_configuration_names_the_file(tmp_path, secret):
    config = tmp_path / "ehlod.conf"
    config.write_text(f"hostname mail.example.org;\n"
                      f"spool {tmp_path}/spool;\n"
                      "users { file accounts; }\n"
                      'listener "a" { address 127.0.0.1:2525; }\n')
    got = ehlo("user", "add", "guyt", "--config", config, "--password-file",
               secret)
    assert got.returncode == GOOD, got.stderr
    assert (tmp_path / "accounts").read_text().startswith("guyt:$y$")


def test_no_configuration_and_no_file(tmp_path, secret):
    got = ehlo("user", "add", "guyt", "--config", tmp_path / "none",
               "--password-file", secret)
    assert got.returncode == FAILED
    assert "--users FILE" in got.stderr


# --- passwords

def test_never_an_argument(users):
    for words in (["--password", PASSWORD], [f"--password={PASSWORD}"]):
        got = ehlo("user", "add", "guyt", "--users", users, *words)
        assert got.returncode == USAGE
        assert "can read the arguments" in got.stderr
        assert PASSWORD not in got.stdout + got.stderr
    assert not users.exists()


def test_from_a_descriptor(users):
    read, write = os.pipe()
    os.write(write, PASSWORD.encode())
    os.close(write)
    got = ehlo("user", "add", "guyt", "--users", users, "--password-fd",
               read, pass_fds=(read,))
    os.close(read)
    assert got.returncode == GOOD, got.stderr
    for fd in ("x", "-1", "987", ""):
        got = ehlo("user", "add", "b", "--users", users, "--password-fd", fd)
        assert got.returncode == FAILED


def test_no_terminal(users):
    got = ehlo("user", "add", "guyt", "--users", users)
    assert got.returncode == FAILED
    assert "--password-file" in got.stderr
    assert not users.exists()


@pytest.mark.parametrize("password, says", [
    (b"", "the password is empty"),
    (b"\n", "the password is empty"),
    (b"x" * 1025, "longer than 1024"),
    (b"x" * 100000, "longer than 1024"),
    (b"p\xe4ssword\n", "not UTF-8"),
    (b"pass\0word\n", "line end or NUL"),
    (b"pass\rword\n", "line end or NUL"),
])
def test_bad_passwords(users, tmp_path, password, says):
    path = tmp_path / "bad"
    path.write_bytes(password)
    path.chmod(0o600)
    got = ehlo("user", "add", "guyt", "--users", users, "--password-file",
               path)
    assert got.returncode == FAILED and says in got.stderr
    assert not users.exists()
    users.write_text("guyt:!\n")
    got = ehlo("user", "passwd", "guyt", "--users", users, "--password-file",
               path)
    assert got.returncode == FAILED and says in got.stderr
    assert users.read_text() == "guyt:!\n"


def test_warnings(users, secret):
    secret.write_text("short\n")
    assert "below 8 characters" in add(users, secret, "a").stderr
    secret.write_text("eight888\n")
    assert "below 8" not in add(users, secret, "b").stderr
    secret.chmod(0o644)
    assert "read by everybody" in add(users, secret, "c").stderr


# --- at a terminal

def test_typed_twice_and_not_seen(users):
    terminal = Terminal("user", "add", "guyt", "--users", users)
    terminal.expect("New password for guyt: ")
    assert not terminal.has_echo()
    terminal.type(PASSWORD + "x\x7f\n")         # a slip, taken back
    terminal.expect("Once more: ")
    assert not terminal.has_echo()
    terminal.type(PASSWORD + "\n")
    terminal.expect("added guyt")
    assert terminal.has_echo()
    assert terminal.end() == GOOD
    assert PASSWORD not in terminal.seen
    assert users.read_text().startswith("guyt:$y$")


def test_two_that_differ(users):
    terminal = Terminal("user", "add", "guyt", "--users", users)
    terminal.expect("New password for guyt: ")
    terminal.type("one of them\n")
    terminal.expect("Once more: ")
    terminal.type("the other one\n")
    assert terminal.end() == FAILED
    assert "not the same" in terminal.seen
    assert not users.exists()


@pytest.mark.parametrize("key, code", [
    ("\x03", -signal.SIGINT), ("\x1c", -signal.SIGQUIT), ("\x04", FAILED)])
def test_cancelled(users, key, code):
    """Ctrl-C, Ctrl-\\ and Ctrl-D: the terminal has its echo again."""
    terminal = Terminal("user", "add", "guyt", "--users", users)
    terminal.expect("New password for guyt: ")
    terminal.type(("half of" if key != "\x04" else "") + key)
    terminal.expect("\n")
    assert terminal.has_echo()
    assert terminal.end() == code
    assert not users.exists()


def test_stopped_and_continued(users):
    """Ctrl-Z: nobody is left to stop us, so we are asked again at once."""
    terminal = Terminal("user", "add", "guyt", "--users", users)
    terminal.expect("New password for guyt: ")
    terminal.type("half of\x1a")
    terminal.expect("New password for guyt: \r\nNew password for guyt: ")
    assert not terminal.has_echo()
    terminal.type(PASSWORD + "\n")
    terminal.expect("Once more: ")
    terminal.type(PASSWORD + "\n")
    assert terminal.end() == GOOD
    assert terminal.seen.count("added guyt") == 1


def test_asked_before_it_is_typed_in_vain(users):
    users.write_text("guyt:!\n")
    for words in (["add", "guyt"], ["passwd", "guy"], ["add", "a b"]):
        terminal = Terminal("user", *words, "--users", users)
        assert terminal.end() == FAILED
        assert "assword for" not in terminal.seen


def test_colours_only_where_wanted(users):
    users.write_text("guyt:!\n")
    for variable, expected in (("", True), ("1", False)):
        os.environ["NO_COLOR"] = variable
        os.environ["TERM"] = "xterm"
        try:
            terminal = Terminal("user", "list", "--users", users)
            assert terminal.end() == GOOD
        finally:
            del os.environ["NO_COLOR"]
        assert ("\x1b[" in terminal.seen) == expected
    assert "\x1b[" not in ehlo("user", "list", "--users", users,
                               env={"TERM": "xterm"}).stdout
