# SPDX-License-Identifier: Apache-2.0
"""`ehlo explain` and `ehlo b64` as a person in trouble uses them."""
import base64
import json
import os
import subprocess

import pytest

import harness
from harness import listener
from test_ehlo_user import Terminal

GOOD, FAILED, USAGE = 0, 1, 3


def ehlo(*args, stdin="", env=None, text=True, pass_fds=()):
    return subprocess.run([str(harness.EHLO), *map(str, args)], text=text,
                          input=stdin, capture_output=True,
                          env=dict(os.environ, **(env or {})),
                          pass_fds=pass_fds,
                          timeout=harness.SECONDS, start_new_session=True)


def explain(*args, stdin="", code=GOOD):
    got = ehlo("explain", "--json", *args, stdin=stdin)
    assert got.returncode == code, got.stdout + got.stderr
    return json.loads(got.stdout)


def names(report):
    return [reply["name"] for reply in report["replies"]]


# --- explain

@pytest.mark.parametrize("words, name, fault", [
    (["535"], "wrong-login", "sender"),
    (["5.7.57"], "anonymous-refused", "sender"),
    (["550", "5.7.1", "Unable", "to", "relay"], "relay-denied", "sender"),
    (["450 4.2.0 Greylisted"], "greylisted", "policy"),
    (["Relay access denied"], "relay-denied", "sender"),
])
def test_a_reply(words, name, fault):
    report = explain(*words)
    assert names(report) == [name]
    assert report["cause"]["fault"] == fault
    assert report["cause"]["meaning"] and report["cause"]["advice"]
    shown = ehlo("explain", *words).stdout
    assert "means" in shown and "see      RFC" in shown
    assert "\x1b" not in shown      # no terminal, no colours


def test_the_stage_matters():
    assert names(explain("501")) == ["bad-argument"]
    assert names(explain("501", "--stage", "ehlo")) == ["bad-hello"]
    assert ehlo("explain", "501", "--stage", "lunch").returncode == USAGE
    # without one, all that it may answer
    assert "an answer to RCPT" in ehlo("explain", "503").stdout


def test_nothing_to_explain(tmp_path):
    assert explain("hello", "world", code=FAILED)["cause"] is None
    assert explain(stdin="", code=FAILED)["replies"] == []
    assert ehlo("explain", tmp_path).returncode == USAGE    # a folder
    assert ehlo("explain", "--what").returncode == USAGE


SESSION = """\
220 mail.example.org Microsoft ESMTP MAIL Service ready
ehlo client.example
250-mail.example.org Hello [192.0.2.1]
250-SIZE
250-STARTTLS
250-AUTH NTLM
250 8BITMIME
auth ntlm
334 NTLM supported
ZmFuZ3l1bmZlbmdcQXNkMTIz
535 5.7.3 Authentication unsuccessful
mail from:<a@example.org>
530 5.7.1 Client was not authenticated
rcpt to:<b@example.net>
503 5.5.2 Need mail command
"""


def test_a_session(tmp_path):
    """What follows from the cause is not the cause. Seen to catch: logins not
    looked at (ehlo-paste-stage)."""
    file = tmp_path / "session"
    file.write_text(SESSION)
    report = explain(file)
    assert [x["name"] for x in report["replies"] if not x["good"]] == \
        ["wrong-login", "anonymous-refused", "mail-first"]
    assert report["cause"]["line"] == 11
    assert report["replies"][-1]["stage"] == "RCPT"
    assert "NTLM message" in report["logins"][0]["remark"]
    assert "maybe-after-tls" in [x["name"] for x in report["remarks"]]
    shown = ehlo("explain", file).stdout
    assert "no NTLM message" in shown.split("Most probably")[1]
    assert "Asd123" not in shown


def test_what_servers_say_is_quoted():
    report = explain(stdin="550 \x1b[31mred\x07 \x9b2J")
    shown = json.dumps(report, ensure_ascii=False)
    assert "\x1b" not in shown and "\x9b" not in shown
    got = ehlo("explain", stdin=b"550 \x1b[31m\x9b2J\xc2\x9b", text=False)
    assert got.returncode == GOOD
    assert b"\x1b" not in got.stdout and b"\x9b" not in got.stdout


def test_lists():
    """"LOGIN only after STARTTLS", by comparing both lists."""
    report = explain(stdin="250-a Hello\n250-STARTTLS\n250 AUTH NTLM\n\n"
                     "250-a Hello\n250-AUTH NTLM LOGIN\n250 SIZE 1\n")
    assert "login-after-tls" in [x["name"] for x in report["remarks"]]


def test_swaks_against_our_server(ehlod):
    """The output of a real program, about a real refusal."""
    daemon = ehlod(listeners=[listener(relay="authenticated")])
    got = subprocess.run(
        ["swaks", "--server", "127.0.0.1", "--port", str(daemon.port()),
         "--from", "a@sender.example", "--to", harness.OUTSIDE],
        capture_output=True, text=True, timeout=harness.SECONDS)
    report = explain(stdin=got.stdout + got.stderr)
    assert report["cause"]["name"] == "relay-denied"
    assert report["cause"]["stage"] == "RCPT"
    assert explain("--all", stdin=got.stdout)["replies"][0]["stage"] == \
        "greeting"


# --- b64

def test_decode():
    got = ehlo("b64", "334 VXNlcm5hbWU6")
    assert got.returncode == GOOD and "user name" in got.stdout
    got = ehlo("b64", "-d", "-", stdin="AGd1eXQAUGF1bGluZTEz\r\n")
    assert "guyt" in got.stdout and "Pauline13" in got.stdout
    assert ehlo("b64", "--raw", stdin="AGd1eXQA\n",
                text=True).stdout == "\0guyt\0"
    report = json.loads(ehlo("b64", "--json", "UGF1bGluZTEzCg==").stdout)
    assert report["sound"] and "line end" in report["warnings"][0]


def test_where_it_breaks():
    """The password of the article. Seen to catch: its length not looked at
    (sasl-look-thirteen)."""
    got = ehlo("b64", "UGaF1bGluZTEz")
    assert got.returncode == FAILED
    assert "character 3 of 13" in got.stdout and "Pauline13" in got.stdout
    report = json.loads(ehlo("b64", "--json", "UGaF1bGluZTEz").stdout)
    assert report["at"] == 2 and report["guesses"] == ["UGF1bGluZTEz"]
    assert ehlo("b64", stdin="A" * 100001).returncode == USAGE


def test_encode():
    """One piece, no line end; a line end that was read is left out."""
    got = ehlo("b64", "-e", stdin="Pauline13\n")
    assert (got.returncode, got.stdout) == (GOOD, "UGF1bGluZTEz")
    assert ehlo("b64", "-e", "--exact", stdin="guyt\n").stdout == "Z3V5dAo="
    long = "x" * 1000
    assert ehlo("b64", "-e", stdin=long).stdout == \
        base64.b64encode(long.encode()).decode()
    got = ehlo("b64", "-e", "guyt")
    assert got.stdout == "Z3V5dA==" and "history" in got.stderr


def test_logins(tmp_path):
    secret = tmp_path / "password"
    secret.write_text("P@$$w0rd\n")
    secret.chmod(0o600)
    got = ehlo("b64", "--plain", "user1@contoso.com", "--password-file",
               secret)
    assert got.stdout == harness.plain("user1@contoso.com", "P@$$w0rd")
    got = ehlo("b64", "--plain", "guyt", "--as", "boss", "--password-env",
               "PW", env={"PW": "Pauline13"})
    assert base64.b64decode(got.stdout) == b"boss\0guyt\0Pauline13"
    got = ehlo("b64", "--login", "administrator", "--password-env", "PW",
               env={"PW": "password"})
    assert got.stdout == "YWRtaW5pc3RyYXRvcg==\ncGFzc3dvcmQ=\n"
    for wrong in (["--plain", "a", "secret"], ["--plain", "a", "-e"],
                  ["-e", "-d"], ["--password", "x"], ["--as", "b"]):
        assert ehlo("b64", *wrong).returncode == USAGE


def test_a_password_that_is_typed():
    terminal = Terminal("b64", "--plain", "guyt")
    terminal.expect("Password: ")
    assert not terminal.has_echo()
    terminal.type("Pauline13\r")
    terminal.expect(harness.plain("guyt", "Pauline13"))
    assert terminal.end() == GOOD
    assert "Pauline13" not in terminal.seen
