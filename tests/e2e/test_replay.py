# SPDX-License-Identifier: Apache-2.0
"""`ehlo replay`: transcripts of every kind against a daemon."""
import json
import os
import socket
import subprocess
import threading

import pytest

import harness
from dlg_runner import Dialogue
from harness import DOMAINS, ROOT, listener

GOOD, FAILED, UNREACHED, USAGE = 0, 1, 2, 3
DIALOGUES = [dialogue for dialogue in
             (Dialogue(path)
              for path in sorted((ROOT / "tests/dlg").glob("*.dlg")))
             if dialogue.is_for_tcp()]
ARTICLES = [dialogue for dialogue in DIALOGUES
            if dialogue.path.stem.endswith("-article")]
# the others differ only in what the server is like: test_dlg.py plays them
SOME = ARTICLES + [dialogue for dialogue in DIALOGUES if dialogue.path.stem in (
    "02-ehlo-alone", "31-s-client-lines", "40-nc-lines",
    "44-auth-initial-response", "60-pipelining", "61-bdat", "62-lmtp",
    "68-too-many-errors", "a01-lf-dot-lf", "a07-control-bytes", "a08-nul",
    "a09-starttls-injection")]
# what an author prints of 14-exchange2007-article, with his misprints
ARTICLE = """\
How I test a relay
Type what follows. The server answers with a banner like this one:
220 SMTPServer.testdomain.local Microsoft ESMTP MAIL Service ready at Sat, \
8 Jan 20
11 6:03:15 \N{EN DASH}0600
Then say hello, and remember that 250-AUTH NTLM LOGIN has to be in the list.
EHLO
250 SMTPServer.testdomain.local Hello [192.168.127.10]
and so on... and on
250 XRDST
Login
AUTH LOGIN
334 VXNlcm5hbWU6
This is base64. With all its lines it looks like this:
AUTH LOGIN
334 VXNlcm5hbWU6
YWRtaW5pc3RyYXRvcg==
334 UGFzc3dvcmQ6
UGaF1bGluZTEz
235 2.7.0 Authentication successful
which stands for
AUTH LOGIN
334 Username:
administrator
334 Password:
password
235 2.7.0 Authentication successful

mail from:<administrator@testdomain.local>
You should get: 250 2.1.0 Sender OK
rcpt to:<administrator@testdomain.local>
250 2.1.5 Recipient OK
data
354 Start mail input; end with <CRLF>.<CRLF>
This is a test
250 things I would like to say
.
250 2.6.0 <4b512560-e494-47f2-9917-7bd91e455544@SMTPServer.testdomain.local> \
Queued
mail for delivery
If you get 501 5.5.4 Unrecognized parameter, type it again.
quit
Connection closed by foreign host.
"""
CORRECTIONS = """\
# a list for a test
why: thirteen characters are no base64
line: UGaF1bGluZTEz
is: C: cGFzc3dvcmQ=

why: a sentence that is longer than it looks
line: and so on*
is: ...
"""


def ehlo(*args, stdin="", env=None):
    return subprocess.run([str(harness.EHLO), *map(str, args)], text=True,
                          input=stdin, capture_output=True,
                          env=dict(os.environ, **(env or {})),
                          timeout=4 * harness.SECONDS, start_new_session=True)


def replay(file, server, name, *options, **more):
    return ehlo("replay", file, f"127.0.0.1:{server.port(name)}", *options,
                **more)


@pytest.fixture(scope="module")
def server(shared_ehlod):
    daemon = shared_ehlod(
        start=False, listeners=[each.listener() for each in SOME])
    daemon.domains = [
        f'domain "{name}" {{ deliver maildir {daemon.folder}/mail/%d/%u;'
        ' catch-all test@myrocode.com; }' for name in DOMAINS]
    daemon.write_config()
    return daemon.start()


@pytest.fixture
def article(tmp_path):
    path = tmp_path / "article.txt"
    path.write_text(ARTICLE)
    return path


@pytest.fixture
def fixes(tmp_path):
    path = tmp_path / "corrections"
    path.write_text(CORRECTIONS)
    return path


# --- dialogues

def test_dialogues(server):
    """Seen to catch: replies compared up to their first line only
    (ehlo-match-first-line)."""
    wrong = []
    for dialogue in SOME:
        got = replay(dialogue.path, server, dialogue.path.stem)
        if got.returncode != GOOD:
            wrong.append(f"{dialogue.path.name}: {got.stdout}{got.stderr}")
    assert not wrong, "\n".join(wrong)
    assert len(ARTICLES) == 5 and len(SOME) > 12


def test_a_difference_is_shown(server, tmp_path):
    text = ARTICLES[0].path.read_text().replace("guy@cp.com....Sender OK",
                                                "Sender OK")
    file = tmp_path / "changed.dlg"
    file.write_text(text)
    name = ARTICLES[0].path.stem
    got = replay(file, server, name)
    assert got.returncode == FAILED
    assert "250 2.1.0 Sender OK" in got.stdout
    assert "250 2.1.0 guy@cp.com....Sender OK" in got.stdout
    assert "1 not" in got.stdout.splitlines()[-1]
    assert replay(file, server, name, "--codes").returncode == GOOD
    report = json.loads(replay(file, server, name, "--json").stdout)
    assert report["compared"] == report["same"] + 1 and report["complete"]
    bad, = [x for x in report["exchanges"] if x["verdict"] != "same"]
    assert bad["said"] == ["mail from: guy@cp.com"]
    assert bad["got"] == ["250 2.1.0 guy@cp.com....Sender OK"]
    stopped = json.loads(replay(file, server, name, "--json",
                                "--stop").stdout)
    assert stopped["exchanges"][-1]["verdict"] == "differs"


def test_hanging_up_is_seen(server, tmp_path):
    """A server that stays where it should hang up, and the other way."""
    name = ARTICLES[0].path.stem
    file = tmp_path / "stays.dlg"
    file.write_text("S: 220 *\nX\n")
    got = replay(file, server, name, "--timeout", "1s")
    assert got.returncode == FAILED
    file.write_text("S: 220 *\nC: quit\nS: 221 *\nC: noop\nS: 250 *\n")
    got = replay(file, server, name)
    assert got.returncode == FAILED and "over" in got.stdout


# --- articles

def test_list_of_an_article(article):
    got = ehlo("replay", article, "--list", "--json")
    assert got.returncode == GOOD, got.stderr
    items = json.loads(got.stdout)["items"]
    kinds = [item["kind"] for item in items]
    assert kinds.count("session") == 3
    assert kinds.count("text") == 3     # the line that looks like a reply, too
    said = [x["text"] for x in items if x["kind"] == "client"]
    assert said[0] == "EHLO" and said[-1] == "quit"
    assert "administrator" in said and len(said) == 12
    heard = [x["text"] for x in items if x["kind"] == "server"]
    assert heard[0].endswith("Sat, 8 Jan 2011 6:03:15 \N{EN DASH}0600")
    assert "250 2.1.0 Sender OK" in heard
    assert heard[-1].endswith("Queued mail for delivery")
    # what is told in sentences was not asked for
    assert not any("501" in text for text in heard)


def test_article(server, article, fixes):
    """Seen to catch: a tolerance that takes any word for another
    (ehlo-match-any-word)."""
    name = "14-exchange2007-article"
    got = replay(article, server, name)
    assert got.returncode == FAILED     # the misprint
    assert "UGaF1bGluZTEz" in got.stdout
    got = replay(article, server, name, "--corrections", fixes)
    assert got.returncode == GOOD, got.stdout + got.stderr
    # another server does not pass for this one
    assert replay(article, server, "42-postfix-old-article",
                  "--corrections", fixes).returncode == FAILED
    assert server.mails("administrator@testdomain.local")


def test_corrections_that_are_wrong(server, article, tmp_path):
    file = tmp_path / "corrections"
    file.write_text("line: x\n")
    got = ehlo("replay", article, "--list", "--corrections", file)
    assert got.returncode == USAGE and f"{file}:1: " in got.stderr
    file.write_text("why: a reason\nline: nobody says this\nis: -\n")
    got = ehlo("replay", article, "--list", "--corrections", file)
    assert got.returncode == GOOD and "no line is like" in got.stderr


def test_the_lists_of_the_five_articles():
    """They are well-formed, and each correction has a reason."""
    files = sorted((ROOT / "tests/articles").glob("*.fix"))
    assert len(files) == 5
    for file in files:
        got = ehlo("replay", "-", "--list", "--corrections", file,
                   stdin="220 ready\n")
        assert got.returncode == GOOD, got.stderr
        assert file.read_text().count("why:") == \
            got.stderr.count("no line is like")


# --- other logins, other names

def test_own_login(server, tmp_path):
    """The names in a transcript are somebody else's."""
    secret = tmp_path / "password"
    secret.write_text("another secret\n")
    secret.chmod(0o600)
    file = tmp_path / "login.txt"
    file.write_text("220 x ESMTP Postfix\nehlo a.example\n250-x\n250 ...\n"
                    "auth login\n334 VXNlcm5hbWU6\nYm9i\n334 UGFzc3dvcmQ6\n"
                    "Ym9i\n235 Authentication successful\nquit\n221 Bye\n")
    name = "42-postfix-old-article"
    assert replay(file, server, name, "--codes").returncode == FAILED
    got = replay(file, server, name, "--codes", "--user",
                 "user2@contoso.com", "--password-file", secret, "--verbose")
    assert got.returncode == GOOD, got.stdout + got.stderr
    assert "another secret" not in got.stdout
    assert harness.b64("another secret") not in got.stdout


def test_in_tls(ehlod, tmp_path):
    """A transcript in clear, against a server that wants TLS."""
    daemon = ehlod(listeners=[
        listener(tls_required="yes"),
        listener("tls", tls="implicit"), listener("plain", tls="none")])
    file = tmp_path / "clear.txt"
    file.write_text("220 a.example ESMTP Ehlo\nehlo a.example\n250-a.example "
                    "Hello [192.0.2.1]\n...\n250 HELP\n"
                    "mail from:<a@sender.example>\n"
                    "250 2.1.0 Sender a@sender.example OK\n")
    for name, option, code in (
            ("clear", "--timeout=5s", FAILED), ("clear", "--tls", GOOD),
            ("tls", "--tls-on-connect", GOOD), ("plain", "--tls", UNREACHED)):
        got = replay(file, daemon, name, option)
        assert got.returncode == code, got.stdout + got.stderr


def test_map(server, tmp_path):
    file = tmp_path / "map.txt"
    file.write_text("220 mail.old.example ESMTP Postfix\nehlo a.example\n"
                    "250-mail.old.example\n...\n250 8BITMIME\n"
                    "mail from:<a@old.example>\n250 Okay\n")
    name = "42-postfix-old-article"
    assert replay(file, server, name).returncode == FAILED
    assert replay(file, server, name, "--map", "Okay=Ok", "--map",
                  "old.example=contoso.com").returncode == GOOD
    assert replay(file, server, name, "--map", "Okay").returncode == USAGE


# --- recorded sessions

RECORDED = """\
# ehlo transcript 1
! host 127.0.0.1:{port}
S: 220 mail.example.org ESMTP Ehlo
C: EHLO client.example
S: 250-mail.example.org Hello [127.0.0.1]
S: 250-SIZE 26214400
S: 250-PIPELINING
S: 250-8BITMIME
S: 250-SMTPUTF8
S: 250-ENHANCEDSTATUSCODES
S: 250-DSN
S: 250-CHUNKING
S: 250-BINARYMIME
S: 250-STARTTLS
S: 250-AUTH PLAIN LOGIN
S: 250 HELP
C: STARTTLS
S: 220 2.0.0 Ready to start TLS
T
C: EHLO client.example
S+ 250
C* AUTH PLAIN
S: 235 2.7.0 Authentication successful
C| NOOP\\r\\n
S: 250 2.0.0 OK
C: QUIT
S: 221 2.0.0 Goodbye
X
"""


def test_recorded(ehlod, tmp_path):
    """It knows where it was; the login that is hidden in it is asked for."""
    daemon = ehlod()
    file = tmp_path / "session"
    file.write_text(RECORDED.format(port=daemon.port()))
    got = ehlo("replay", file)
    assert got.returncode == USAGE and "--user" in got.stderr, got.stderr
    got = ehlo("replay", file, "--user", "guyt", "--password-env", "SECRET",
               env={"SECRET": "Pauline13"})
    lines = got.stdout
    assert "Pauline13" not in lines
    # all but the list, which differs from listener to listener
    report = json.loads(ehlo("replay", file, "--json", "--user", "guyt",
                             "--password-env", "SECRET",
                             env={"SECRET": "Pauline13"}).stdout)
    bad = [x for x in report["exchanges"] if x["verdict"] != "same"]
    assert [x["said"] for x in bad] in ([], [["EHLO client.example"]])
    assert report["same"] >= 6 and report["complete"]


def test_what_talk_records(ehlod, tmp_path):
    """`talk --record`, then the same again by replay: TLS, a login, a
    message with a dot and bytes beyond ASCII."""
    daemon = ehlod()
    file = tmp_path / "session"
    secret = {"SECRET": "Pauline13"}
    got = ehlo("talk", f"127.0.0.1:{daemon.port()}", "--record", file,
               "--user", "guyt", "--password-env", "SECRET", "--no-verify",
               stdin="ehlo client.example\nstarttls\nauth\n"
               "mail from:<guy@cp.com>\nrcpt to:<administrator@cp.com>\n"
               "data\nSubject: x\n\n.dot\n\N{LATIN SMALL LETTER E WITH ACUTE}\n"
               ".\nnonsense\nquit\n", env=secret)
    text = file.read_text()
    assert "221 " in text, got.stdout + got.stderr
    assert "Pauline13" not in text and "AGd1" not in text
    assert "C* AUTH PLAIN\n" in text and "\nT\n" in text
    got = ehlo("replay", file, "--user", "guyt", "--password-env", "SECRET",
               env=secret)
    assert got.returncode == GOOD, text + got.stdout + got.stderr
    assert len(daemon.wait_mails("administrator@cp.com", 2)) == 2


@pytest.mark.parametrize("before,in_tls", [
    (["ehlo client.example"], False),
    (["ehlo client.example", "starttls"], True)])
def test_recorded_from_the_middle(ehlod, tmp_path, before, in_tls):
    """/record in a session that has begun: replay comes to the same point."""
    daemon = ehlod()
    file = tmp_path / "session"
    lines = before + [f"/record {file}", "mail from:<a@sender.example>",
                      "rset", "/record", "quit"]
    got = ehlo("talk", f"127.0.0.1:{daemon.port()}", "--no-verify",
               stdin="\n".join(lines) + "\n")
    assert got.returncode == GOOD, got.stdout + got.stderr
    assert ("! joined tls\n" in file.read_text()) == in_tls
    got = ehlo("replay", file)
    assert got.returncode == GOOD, file.read_text() + got.stdout + got.stderr
    assert "2 answers compared, 2 as written" in got.stdout


def test_bad_files(tmp_path):
    file = tmp_path / "bad"
    file.write_text("# ehlo transcript 1\nS: 220 x\nC| \\q\n")
    got = ehlo("replay", file, "--list")
    assert got.returncode == USAGE and f"{file}:3: " in got.stderr
    got = ehlo("replay", tmp_path / "none", "--list")
    assert got.returncode == USAGE
    file.write_text("nothing of a session\n")
    assert ehlo("replay", file).returncode == USAGE     # which server?


def test_unreached(article):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    got = ehlo("replay", article, f"127.0.0.1:{port}")
    assert got.returncode == UNREACHED


def test_hostile_server(article):
    """It paints nothing on the terminal and fills no memory."""
    def serve(listening):
        for _ in range(2):
            peer, _ = listening.accept()
            with peer:
                try:
                    peer.sendall(b"220 \x1b[31m\x9b2J\x00 " + b"A" * 60000 +
                                 b"\r\n" + b"250-x\r\n" * 40000)
                    while peer.recv(4096):
                        pass
                except OSError:
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        for option in ("--verbose", "--json"):
            got = ehlo("replay", article,
                       f"127.0.0.1:{listening.getsockname()[1]}", option,
                       "--timeout", "2s")
            assert got.returncode in (FAILED, UNREACHED)
            assert "\x1b" not in got.stdout + got.stderr
            assert "\x9b" not in got.stdout + got.stderr
        thread.join(harness.SECONDS)
