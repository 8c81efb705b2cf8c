# SPDX-License-Identifier: Apache-2.0
"""`ehlo sendmail` and the drop folder: mail of this machine's programs, taken
with the daemon running, taken later when it was down, once, whatever dies
when; and a folder into which everybody may write."""
import os
import signal
import stat
import subprocess

import pytest

from control import ehlo_json
from harness import (EHLO, SECONDS, field, listener, take_apart)

MAILBOX = "administrator@cp.com"


def sendmail(daemon, *args, text="Subject: dropped\n\nA line.\n", code=0,
             program=None):
    args = ([str(EHLO), "sendmail"] if program is None else [str(program)]) \
        + ["-C", str(daemon.config), *args]
    got = subprocess.run(args, input=text.encode(), capture_output=True,
                         timeout=SECONDS)
    assert got.returncode == code, (got.returncode, got.stdout, got.stderr)
    return (got.stdout + got.stderr).decode()


def dropped(daemon, prefix="new-"):
    return sorted(path.name for path in (daemon.folder / "drop").iterdir()
                  if path.name.startswith(prefix))


@pytest.fixture(scope="module")
def daemon(shared_ehlod):
    return shared_ehlod(listeners=[listener()])


def take(daemon, subject, count=1):
    [*_, raw] = daemon.wait_mails(MAILBOX, count, f"Subject: {subject}")
    daemon.wait(lambda: not dropped(daemon) and
                not dropped(daemon, "taken-"), "an empty folder")
    return raw


def test_from_arguments(daemon):
    sendmail(daemon, "-i", "-f", "cron@sender.example", "-F", 'The "cron"',
             MAILBOX, text="Subject: arguments\n\n.\nbehind the dot\n")
    raw = take(daemon, "arguments")
    assert field(raw, "return-path") == "<cron@sender.example>"
    assert field(raw, "from") == '"The \\"cron\\"" <cron@sender.example>'
    assert field(raw, "message-id") and field(raw, "date")
    assert take_apart(raw)[1] == b".\nbehind the dot\n"
    event = daemon.wait_event("accepted")[-1]
    assert event["login"].startswith("unix:")


def test_a_dot_ends_it_without_i(daemon):
    sendmail(daemon, MAILBOX, text="Subject: dot\n\nbefore\n.\nbehind\n")
    assert take_apart(take(daemon, "dot"))[1] == b"before\n"


def test_recipients_of_the_header(daemon):
    sendmail(daemon, "-t", text=(
        "From: me <me@sender.example>\n"
        'To: "comma, quoted" (a, comment) <administrator@cp.com>,\n'
        "\tGroup: info@cp.com, test@cp.com;\n"
        "Cc: guyt@cp.com\n"
        "Bcc: iperborea@cp.com\n"
        "Subject: header\n\ntext\n"))
    for name in ("administrator", "info", "test", "guyt", "iperborea"):
        [raw] = daemon.wait_mails(f"{name}@cp.com", 1, "Subject: header")
        assert b"iperborea" not in b"".join(
            line for line in raw.split(b"\n\n")[0].split(b"\n")
            if not line.startswith((b"Delivered-To", b"Return-Path"))), raw
        assert b"Bcc" not in raw
        assert field(raw, "from") == "me <me@sender.example>"


def test_eight_bits_and_crlf(daemon):
    sendmail(daemon, MAILBOX,
             text="Subject: caf\u00e9\r\n\r\nnaïve\r\nline\r\n")
    raw = take(daemon, "caf\u00e9")
    assert take_apart(raw)[1].decode() == "naïve\nline\n"


def test_no_header_at_all(daemon):
    sendmail(daemon, "-f", "<>", MAILBOX, text="no header here at all\n")
    daemon.wait_mails(MAILBOX, 1, "no header here at all")
    raw = daemon.wait_mails(MAILBOX, 1, "no header here at all")[-1]
    assert field(raw, "return-path") == "<>"


def test_names_of_this_machine(daemon):
    """hostname is no domain of ours: the first domain takes them."""
    sendmail(daemon, "administrator", text="Subject: local name\n\nx\n")
    assert take(daemon, "local name")


def test_under_its_other_name(daemon, tmp_path):
    for name in ("sendmail", "ehlo-sendmail"):
        link = tmp_path / name
        link.symlink_to(EHLO)
        sendmail(daemon, "-oi", "-t", program=link, text=(
            f"To: {MAILBOX}\nSubject: as {name}\n\nx\n"))
        assert take(daemon, f"as {name}")


def test_cron_and_php(daemon):
    sendmail(daemon, "-FCronDaemon", "-i", "-B8BITMIME", "-oem", MAILBOX,
             text="Subject: of cron\n\nx\n")
    sendmail(daemon, "-t", "-i", text=f"To: {MAILBOX}\r\n"
             "Subject: of php\r\n\r\nx\r\n")
    assert b'"CronDaemon"' in take(daemon, "of cron")
    assert take(daemon, "of php")


def test_smtp_on_its_input(daemon):
    said = sendmail(daemon, "-bs", text=(
        "EHLO me\nMAIL FROM:<a@sender.example>\n"
        f"RCPT TO:<{MAILBOX}>\nDATA\nSubject: bs\n\n..dot\n.\n"
        "MAIL FROM:<a@sender.example>\n"
        f"RCPT TO:<{MAILBOX}>\nDATA\nSubject: bs\n\nsecond\n.\nQUIT\n"))
    assert [line[:3] for line in said.splitlines()
            if line[3] == " "] == ["220", "250"] + ["250", "250", "354",
                                                    "250"] * 2 + ["221"]
    raws = daemon.wait_mails(MAILBOX, 2, "Subject: bs")
    assert sorted(take_apart(raw)[1] for raw in raws) == [b".dot\n",
                                                          b"second\n"]


@pytest.mark.parametrize("args, text, code", [
    ((), "Subject: x\n\nx\n", 64),
    (("-t",), "Subject: nobody\n\nx\n", 64),
    (("-bd",), "", 64),
    (("-N", "sometimes", MAILBOX), "x\n", 64),
    (("-V", "a b", MAILBOX), "x\n", 64),
    (("-Z", MAILBOX), "x\n", 64),
    (("-f",), "x\n", 64),
    (("a\x01b@cp.com",), "x\n", 65),
    (("--drop", "/nowhere/at/all", MAILBOX), "x\n", 73),
])
def test_mistakes_have_codes(daemon, args, text, code):
    before = dropped(daemon)
    assert sendmail(daemon, *args, text=text, code=code)
    assert dropped(daemon) == before


def test_bp_and_q(ehlod):
    daemon = ehlod()
    daemon.options["control"] = str(daemon.folder / "control")
    sendmail(daemon, "bert@elsewhere.example")
    daemon.wait(lambda: len(ehlo_json("queue", "list", daemon=daemon)) == 1,
                "the mail in the queue")
    assert "bert@elsewhere.example" in sendmail(daemon, "-bp")
    assert "1 message" in sendmail(daemon, "-q")


# --- down, and dying

def test_what_was_left_while_it_was_down(ehlod):
    daemon = ehlod()
    daemon.stop()
    for number in range(5):
        sendmail(daemon, MAILBOX, text=f"Subject: down {number}\n\nx\n")
    assert len(dropped(daemon)) == 5
    daemon.start()
    daemon.wait_mails(MAILBOX, 5, "Subject: down")
    daemon.wait(lambda: not dropped(daemon), "an empty folder")
    assert len(daemon.mails(MAILBOX)) == 5


def test_kill_at_any_moment_loses_and_doubles_nothing(ehlod):
    """Killed as soon as something was accepted, again and again, while more
    is dropped; in the end each mail is there, under one id, once."""
    daemon = ehlod(listeners=[listener()])
    total = 0
    for _ in range(4):
        for _ in range(4):
            sendmail(daemon, MAILBOX, text=f"Subject: kill {total:03}\n\nx\n")
            total += 1
        daemon.wait_event("accepted")
        daemon.kill()
        daemon.start()
    daemon.wait(lambda: not dropped(daemon) and
                not dropped(daemon, "taken-"), "an empty folder")
    daemon.wait_mails(MAILBOX, total, "Subject: kill")
    daemon.stop()       # all that would be delivered has been
    subjects = [field(raw, "subject") for raw in daemon.mails(MAILBOX)]
    assert sorted(subjects) == [f"kill {n:03}" for n in range(total)]


def test_killed_between_the_disk_and_the_folder(ehlod):
    """The two states that a crash leaves, made by hand: accepted, and not."""
    daemon = ehlod()
    sendmail(daemon, "bert@elsewhere.example")
    daemon.wait(lambda: len(ehlo_json("queue", "list", daemon=daemon)) == 1,
                "the mail in the queue")
    [item] = ehlo_json("queue", "list", daemon=daemon)
    daemon.stop()
    drop = daemon.folder / "drop"
    head = (f"ehlo-drop 1\nmail <a@sender.example>\nrcpt <{MAILBOX}>\n\n"
            "Subject: {}\n\nx\n")
    (drop / f"taken-{item['id']}").write_text(head.format("accepted"))
    # an id of the same store that was never accepted
    last = item["id"][:-1] + ("3" if item["id"][-1] != "3" else "4")
    (drop / f"taken-{last}").write_text(head.format("not accepted"))
    daemon.start()
    assert daemon.wait_mails(MAILBOX, 1, "Subject: not accepted")
    daemon.wait(lambda: set(os.listdir(drop)) <= {".alive"},
                "an empty folder")
    assert len(daemon.mails(MAILBOX)) == 1
    assert len(daemon.find("drop-recovered")) == 2


def test_sendmail_killed_leaves_nothing_half(ehlod):
    daemon = ehlod()
    process = subprocess.Popen(
        [str(EHLO), "sendmail", "-C", str(daemon.config), MAILBOX],
        stdin=subprocess.PIPE)
    process.stdin.write(b"Subject: half\n\nx\n")
    process.stdin.flush()
    process.send_signal(signal.SIGKILL)
    process.wait(SECONDS)
    process.stdin.close()
    sendmail(daemon, MAILBOX, text="Subject: whole\n\nx\n")
    take(daemon, "whole")
    assert len(daemon.mails(MAILBOX)) == 1


# --- what the daemon refuses

@pytest.mark.parametrize("rcpts, code, words", [
    (("nobody@cp.com",), 67, "was not sent: <nobody@cp.com>: 550 5.1.1"),
    (("nobody@cp.com", MAILBOX), 67, "not sent to all: <nobody@cp.com>"),
    ((MAILBOX,), 0, ""),
])
def test_what_is_refused_is_told_at_once(daemon, rcpts, code, words):
    subject = f"refused {len(rcpts)} {code}"
    said = sendmail(daemon, *rcpts, text=f"Subject: {subject}\n\nx\n",
                    code=code)
    assert words in said
    if MAILBOX in rcpts:
        take(daemon, subject)
    assert not dropped(daemon) and not dropped(daemon, "ask-")
    kept = [(daemon.folder / "drop" / name).read_text()
            for name in dropped(daemon, "refused-")]
    # the others are told; of what went partly a copy stays for the operator
    assert any(subject in text for text in kept) == (len(rcpts) == 2)


def test_a_bad_message_is_told_at_once(daemon):
    text = "From: a@cp.com\nFrom: b@cp.com\nSubject: two\n\nx\n"
    said = sendmail(daemon, MAILBOX, text=text, code=65)
    assert "was not sent: 5" in said and not dropped(daemon)


def test_smtp_on_its_input_is_refused(daemon):
    said = sendmail(daemon, "-bs", text=(
        "EHLO me\nMAIL FROM:<a@sender.example>\n"
        "RCPT TO:<nobody@cp.com>\nDATA\nSubject: bs\n\nx\n.\nQUIT\n"))
    assert "554 5.6.0 Not taken: <nobody@cp.com>: 550 5.1.1" in said


def test_a_pipe_that_is_none_is_not_written_to(daemon, tmp_path):
    """Somebody else's file where the answer is to go."""
    drop, target = daemon.folder / "drop", tmp_path / "target"
    target.write_text("untouched")
    (drop / "ask-linked").symlink_to(target)
    os.link(target, drop / "ask-hard")
    for name in ("linked", "hard"):
        put(daemon, name, HEAD.replace("administrator", "nobody").encode()
            + b"x\n")
        daemon.wait(lambda: f"refused-{name}" in dropped(
            daemon, "refused-"), "the file set aside")
        (drop / f"ask-{name}").unlink()
    assert target.read_text() == "untouched"


# --- a folder that everybody may write into

HEAD = f"ehlo-drop 1\nmail <a@b.example>\nrcpt <{MAILBOX}>\n\n"
BAD_FILES = {
    "empty": b"", "letter": b"Dear daemon,\n", "head-only": HEAD[:20].encode(),
    "no-rcpt": b"ehlo-drop 1\nmail <a@b.example>\n\nx\n",
    "no-mail": b"ehlo-drop 1\nrcpt <a@b.example>\n\nx\n",
    "bad-path": b"ehlo-drop 1\nmail a@b.example\nrcpt <c@d.example>\n\nx\n",
    "bad-param": HEAD.replace("<a@b.example>", "<a@b.example> FOO=1")
                     .encode(),
    "nul": HEAD.replace("a@b", "a\0@b").encode(),
    "escape": HEAD.replace("a@b", "a\x1b[31m@b").encode(),
    "twice": HEAD.replace("rcpt", "mail").encode(),
    "newer": HEAD.replace("ehlo-drop 1", "ehlo-drop 2").encode(),
    "cut": b"ehlo-drop 1\nmail <a@b.example>\nrcpt <c@d.exa",
    "unknown-user": HEAD.replace("administrator", "nobody").encode() + b"x\n",
    "many": b"ehlo-drop 1\nmail <a@b.example>\n"
            + b"rcpt <c@d.example>\n" * 1001 + b"\nx\n",
}


def put(daemon, name, content):
    """As a program would: under another name first."""
    drop = daemon.folder / "drop"
    (drop / f"tmp-{name}").write_bytes(content)
    (drop / f"tmp-{name}").rename(drop / f"new-{name}")


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_set_aside_and_told(daemon, name):
    put(daemon, name, BAD_FILES[name])
    daemon.wait(lambda: f"refused-{name}" in dropped(daemon, "refused-"),
                "the file set aside")
    event = daemon.wait_event("drop-refused", file=f"new-{name}")[-1]
    assert event["why"]
    kept = (daemon.folder / "drop" / f"refused-{name}").read_bytes()
    assert kept == BAD_FILES[name]      # nothing is lost


def test_no_link_is_followed(daemon, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(HEAD + "Subject: linked\n\nnot for mail\n")
    drop = daemon.folder / "drop"
    (drop / "tmp-link").symlink_to(secret)
    (drop / "tmp-link").rename(drop / "new-link")
    os.link(secret, drop / "tmp-hard")
    (drop / "tmp-hard").rename(drop / "new-hard")
    os.mkfifo(drop / "tmp-fifo")
    (drop / "tmp-fifo").rename(drop / "new-fifo")
    for name in ("link", "hard", "fifo"):
        daemon.wait(lambda: f"refused-{name}" in dropped(
            daemon, "refused-"), f"{name} set aside")
    sendmail(daemon, MAILBOX, text="Subject: after links\n\nx\n")
    take(daemon, "after links")
    assert not [raw for raw in daemon.all_mails() if b"linked" in raw]


def test_some_recipients_are_good(daemon):
    put(daemon, "partly", (
        f"ehlo-drop 1\nmail <a@b.example>\nrcpt <nobody@cp.com>\n"
        f"rcpt <{MAILBOX}>\n\nSubject: partly\n\nx\n").encode())
    take(daemon, "partly")
    daemon.wait(lambda: "refused-partly" in dropped(daemon, "refused-"),
                "the file set aside")


def test_the_folder_and_its_files(ehlod):
    daemon = ehlod()
    drop = daemon.folder / "drop"
    assert stat.S_IMODE(drop.stat().st_mode) == 0o3733
    daemon.stop()
    sendmail(daemon, MAILBOX)
    [name] = dropped(daemon)
    assert stat.S_IMODE((drop / name).stat().st_mode) == 0o640


@pytest.mark.skipif(os.getuid() != 0, reason="gives files away: root's")
def test_a_user_may_drop_and_not_look(ehlod):
    daemon = ehlod()
    drop = daemon.folder / "drop"
    for folder in [drop, *drop.parents]:
        if str(folder).startswith("/tmp/") and folder != drop:
            folder.chmod(folder.stat().st_mode | 0o111)
    as_user = ["setpriv", "--reuid", "65534", "--regid", "65534",
               "--clear-groups"]
    got = subprocess.run(
        [*as_user, str(EHLO), "sendmail", "--drop", str(drop), "-C",
         "/nonexistent", MAILBOX], input=b"Subject: of nobody\n\nx\n",
        capture_output=True, timeout=SECONDS)
    assert got.returncode == 0, got.stderr
    take(daemon, "of nobody")
    assert daemon.wait_event("accepted")[-1]["login"] in (
        "unix:nobody", "unix:65534")
    got = subprocess.run(
        [*as_user, str(EHLO), "sendmail", "--drop", str(drop), "-C",
         "/nonexistent", "nobody@cp.com"], input=b"Subject: refused\n\nx\n",
        capture_output=True, timeout=SECONDS)
    assert got.returncode == 67 and b"550 5.1.1" in got.stderr, got.stderr
    got = subprocess.run([*as_user, "ls", str(drop)], capture_output=True,
                         timeout=SECONDS)
    assert got.returncode != 0


def test_somebody_elses_folder_is_not_used(ehlod, tmp_path):
    if os.getuid() != 0:
        daemon = ehlod(options={"drop-folder": "/tmp"})
    else:
        other = tmp_path / "other"
        other.mkdir()
        os.chown(other, 65534, 65534)
        daemon = ehlod(options={"drop-folder": str(other)})
    assert daemon.wait_event("no-drop-folder")
