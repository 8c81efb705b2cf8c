# SPDX-License-Identifier: Apache-2.0
"""The control socket, and the waiting mail that is looked at and steered
through it: a real daemon with mail for an outside that it has no way to."""
import email
import json
import os
import stat
import subprocess
import threading

import pytest

from control import Control, control_of, ehlo, ehlo_json
from harness import (EHLO, SECONDS, Typist, listener, whole)

OPEN = dict(relay="networks", networks="127.0.0.0/8 ::1/128")


@pytest.fixture(scope="module")
def daemon(shared_ehlod):
    return shared_ehlod(listeners=[listener(**OPEN)])


def fill(daemon, count, sender="anna@sender.example",
         rcpts=("bert@elsewhere.example",), text="A line.\n"):
    """The ids of what was queued."""
    ids = []
    with daemon.client() as client:
        client.ehlo()
        for number in range(count):
            lines = [f"MAIL FROM:<{sender}>"] + [
                f"RCPT TO:<{rcpt}>" for rcpt in rcpts]
            client.send("".join(line + "\r\n" for line in lines))
            for line in lines:
                reply = client.reply()
                assert reply == 250, (line, reply)
            reply = client.data(whole(f"{sender} {number}", text))
            assert reply == 250, reply
            ids.append(reply.text.rsplit(" ", 1)[1])
    return ids


# as many recipients as are kept in memory, about 2 KiB
LONG = [f"r{n:02}.{'x' * 40}@elsewhere.example" for n in range(30)]


def ids_of(items):
    return sorted(item["id"] for item in items)


@pytest.fixture
def empty(daemon):
    """The daemon with nothing in its queue."""
    ehlo("queue", "remove", "--all", "--yes", daemon=daemon,
         code=0 if ehlo_json("queue", "list", daemon=daemon) else 1)
    return daemon


# --- looking

def test_list_tells_what_waits(empty):
    ids = fill(empty, 2, rcpts=("bert@elsewhere.example",
                                "carl@other.example"))
    items = ehlo_json("queue", "list", daemon=empty)
    assert ids_of(items) == sorted(ids)
    for item in items:
        assert item["sender"] == "anna@sender.example"
        assert item["rcpts"] == ["bert@elsewhere.example",
                                 "carl@other.example"]
        assert item["state"] == "waiting" and item["listener"] == "clear"
        assert item["size"] > 100 and item["login"] == ""
    text = ehlo("queue", "list", daemon=empty)
    assert all(one in text for one in ids) and "2 messages" in text


@pytest.mark.parametrize("filter_, count", [
    (("--sender", "anna@sender.example"), 3),
    (("--sender", "ANNA@*"), 3),
    (("--sender", "nobody@*"), 0),
    (("--rcpt", "bert@elsewhere.example"), 4),
    (("--rcpt", "b?rt@*"), 4),
    (("--domain", "other.example"), 1),
    (("--domain", "*.example"), 5),
    (("--listener", "clear"), 5),
    (("--listener", "nope"), 0),
    (("--login", "anna"), 0),
    (("--state", "held"), 0),
    (("--state", "waiting"), 5),
    (("--older", "1h"), 0),
    (("--younger", "1h"), 5),
    (("--larger", "4K"), 1),
    (("--smaller", "4K"), 4),
    (("--sender", ""), 1),
    (("--sender", "anna@*", "--larger", "4K"), 0),
])
def test_filters(filtered, filter_, count):
    items = ehlo_json("queue", "list", *filter_, daemon=filtered)
    assert len(items) == count, items


@pytest.fixture(scope="module")
def filtered(shared_ehlod):
    daemon = shared_ehlod(listeners=[listener(**OPEN)])
    fill(daemon, 3)
    fill(daemon, 1, sender="", text="x" * 70 + "\n")
    fill(daemon, 1, sender="zoe@sender.example",
         rcpts=("carl@other.example",), text=("y" * 70 + "\n") * 80)
    return daemon


def test_limit_and_count(filtered):
    assert len(ehlo_json("queue", "list", "--limit", "2",
                         daemon=filtered)) == 2
    got = ehlo("queue", "hold", "--sender", "anna@*", "--dry-run",
               daemon=filtered)
    assert got == "it would be 3 messages\n"
    assert ehlo_json("queue", "list", "--state", "held",
                     daemon=filtered) == []


def test_show_is_whole(empty):
    [one] = fill(empty, 1)
    [item] = ehlo_json("queue", "show", one, daemon=empty)
    assert item["id"] == one and item["client"] == "127.0.0.1"
    assert item["recipients"] == [
        {"settled": False, "address": "bert@elsewhere.example"}]
    assert "Subject: anna@sender.example 0" in item["header"]
    text = ehlo("queue", "show", one, daemon=empty)
    assert "<bert@elsewhere.example>" in text and "Subject:" in text
    assert "no message of that id" in ehlo(
        "queue", "show", "2222222222222", daemon=empty, code=1)


def test_what_a_stranger_wrote_paints_on_no_terminal(empty):
    with empty.client() as client:
        client.ehlo()
        client.begin("anna@sender.example", "bert@elsewhere.example")
        assert client.data("Subject: \x1b[31mred\x07\n\ntext\n") == 250
    [item] = ehlo_json("queue", "list", daemon=empty)
    text = ehlo("queue", "show", item["id"], daemon=empty)
    assert "red" in text and "\x1b" not in text and "\x07" not in text


def test_after_a_restart_everything_is_still_told(ehlod):
    daemon = ehlod(listeners=[listener(**OPEN)])
    ids = fill(daemon, 20, rcpts=[f"r{n}@elsewhere.example"
                                  for n in range(200)])
    daemon.kill()
    daemon.start()
    items = ehlo_json("queue", "list", "--rcpt", "r199@*", daemon=daemon)
    assert ids_of(items) == sorted(ids)
    assert all(item["rcpts_n"] == 200 for item in items)
    assert ehlo_json("queue", "list", "--rcpt", "r200@*",
                     daemon=daemon) == []


# --- steering

def test_hold_and_release(empty):
    one, other = fill(empty, 2)
    assert ehlo("queue", "hold", one, daemon=empty) == "held 1 message\n"
    states = {item["id"]: item["state"]
              for item in ehlo_json("queue", "list", daemon=empty)}
    assert states == {one: "held", other: "waiting"}
    # held already
    assert "held 0" in ehlo("queue", "hold", one, daemon=empty, code=1)
    # what is held is not retried
    assert "0 messages" in ehlo("queue", "retry", one, daemon=empty, code=1)
    assert ehlo("queue", "release", one,
                daemon=empty) == "released 1 message\n"
    empty.wait(lambda: {item["state"] for item in ehlo_json(
        "queue", "list", daemon=empty)} == {"waiting"}, "both waiting")


def test_held_mail_is_not_delivered_until_released(ehlod):
    """A mailbox that cannot be written yet; held meanwhile, then mended."""
    daemon = ehlod(listeners=[listener(**OPEN)],
                   options={"retry-first": "1s", "retry-max": "1s"})
    wall = daemon.mailbox("administrator@cp.com")
    wall.parent.mkdir(parents=True)
    wall.write_text("in the way")
    with daemon.client() as client:
        client.ehlo()
        client.message("anna@sender.example", "administrator@cp.com",
                       whole("held"))
    one = daemon.wait_event("deferred")[0]["id"]
    ehlo("queue", "hold", one, daemon=daemon)
    wall.unlink()
    with daemon.client() as client:     # one that is not held overtakes it
        client.ehlo()
        client.message("anna@sender.example", "administrator@cp.com",
                       whole("free"))
    daemon.wait_mails("administrator@cp.com", 1, b"Subject: free")
    [item] = ehlo_json("queue", "list", daemon=daemon)
    assert item["id"] == one and item["state"] == "held"
    assert "mailbox of" in item["reason"]
    ehlo("queue", "release", one, daemon=daemon)
    daemon.wait_mails("administrator@cp.com", 1, b"Subject: held")
    assert len(daemon.mails("administrator@cp.com")) == 2


def test_held_stays_held_after_kill(ehlod):
    daemon = ehlod(listeners=[listener(**OPEN)])
    one, _ = fill(daemon, 2)
    ehlo("queue", "hold", one, daemon=daemon)
    # the answer says that it is decided; this, that it is written
    fill(daemon, 2)
    daemon.kill()
    daemon.start()
    held = ehlo_json("queue", "list", "--state", "held", daemon=daemon)
    assert ids_of(held) == [one]


def test_remove_is_for_good(ehlod):
    daemon = ehlod(listeners=[listener(**OPEN)])
    one, other = fill(daemon, 2)
    ehlo("queue", "remove", one, "--yes", daemon=daemon)
    assert ids_of(ehlo_json("queue", "list", daemon=daemon)) == [other]
    daemon.stop()
    daemon.start()
    assert ids_of(ehlo_json("queue", "list", daemon=daemon)) == [other]


def test_bounce_goes_back_to_the_sender(ehlod):
    """With a notice that names those who did not get it."""
    daemon = ehlod(listeners=[listener(**OPEN)])
    [one] = fill(daemon, 1, sender="administrator@cp.com",
                 rcpts=("bert@elsewhere.example", "carl@other.example"))
    [kept] = fill(daemon, 1)
    assert "to be sent back: 1 message" in ehlo(
        "queue", "bounce", one, "--yes", daemon=daemon)
    [raw] = daemon.wait_mails("administrator@cp.com", 1)
    notice = email.message_from_bytes(raw)
    assert notice.get_content_type() == "multipart/report"
    [status] = [part for part in notice.walk()
                if part.get_content_type() == "message/delivery-status"]
    recipients = [block["Final-Recipient"] for block in
                  status.get_payload() if block["Final-Recipient"]]
    assert len(recipients) == 2 and b"operator" in raw
    daemon.wait(lambda: ids_of(ehlo_json("queue", "list", daemon=daemon))
                == [kept], "the mail gone")


def test_bulk_wants_a_word(empty):
    fill(empty, 5)
    args = ("queue", "remove", "--sender", "anna@*")
    assert "would remove 5 messages: say --yes" in ehlo(
        *args, daemon=empty, code=1)
    assert "wants an ID, a filter or --all" in ehlo(
        "queue", "remove", daemon=empty, code=3)
    assert len(ehlo_json("queue", "list", daemon=empty)) == 5
    assert ehlo(*args, "--yes", daemon=empty) == "removed 5 messages\n"


@pytest.mark.parametrize("answer, left", [("n", 3), ("y", 0)])
def test_bulk_asks_on_a_terminal(empty, answer, left):
    fill(empty, 3)
    with Typist([str(EHLO), "queue", "remove", "--all", "--control",
                 str(empty.folder / "control")], terminal=True) as person:
        person.expect(r"remove 3 messages\? \[y/N\] ")
        person.type(answer)
        person.wait_end()
    assert len(ehlo_json("queue", "list", daemon=empty)) == left


def test_what_comes_while_asked_is_left_alone(empty):
    fill(empty, 2)
    with Typist([str(EHLO), "queue", "remove", "--all", "--control",
                 str(empty.folder / "control")], terminal=True) as person:
        person.expect(r"remove 2 messages\? \[y/N\] ")
        late = fill(empty, 1, sender="late@sender.example")
        person.type("y")
        person.wait_end()
    assert ids_of(ehlo_json("queue", "list", daemon=empty)) == late


def test_two_administrators_at_once(empty):
    """Each message is removed once, and counted once."""
    fill(empty, 200)
    counts = []

    def remove():
        with control_of(empty) as control:
            _, last = control.ask(what="queue.remove")
            counts.append(last["count"])

    threads = [threading.Thread(target=remove) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert sum(counts) == 200
    assert ehlo_json("queue", "list", daemon=empty) == []


# --- the socket

NONSENSE = [
    b"hello\n", b"[]\n", b"{}\n", b'{"do": 5}\n', b'{"do": "nothing"}\n',
    b'{"do": "status", "do": "status"}\n', b'{"do": "status"\n',
    b'{"do": "queue.list", "id": "one"}\n',
    b'{"do": "queue.list", "id": []}\n',
    b'{"do": "queue.list", "id": ["x"]}\n',
    b'{"do": "queue.list", "limit": -1}\n',
    b'{"do": "queue.list", "limit": 1e400}\n',
    b'{"do": "queue.list", "color": "red"}\n',
    b'{"do": "queue.list", "sender": "a\\u0000b"}\n',
    b'{"do": "queue.list", "sender": "\\u001b[31m"}\n',
    b'{"do": "queue.list", "state": "drunk"}\n',
    b'{"do": "queue.move", "route": "nope"}\n',
    b'{"do": "queue.move", "dry_run": true}\n',
    b'{"do": "route.pause"}\n',
    b'{"do": "route.pause", "route": "*", "domain": "a.example"}\n',
    b'{"do": "route.resume", "route": "' + b"x" * 500 + b'"}\n',
    b'{"do": "route.list", "route": "*"}\n',
    b'{"do": "queue.show"}\n', b'{"do": "queue.show", "id": "x"}\n',
    b'{"do": "trace", "peer": ""}\n', b'{"do": "transcript", '
    b'"session": "../../etc/passwd"}\n', b"\xff\xfe\n", b"\0\0\0\n",
    b"[" * 5000 + b"\n", b'{"do": "' + b"a" * 60000 + b'"}\n',
]


@pytest.mark.parametrize("line", NONSENSE, ids=range(len(NONSENSE)))
def test_nonsense_is_answered_in_words(daemon, line):
    with control_of(daemon) as control:
        assert control.send(line)
        answer = control.line()
        assert answer["ok"] is False and answer["error"], answer
        assert not any(ord(c) < 32 for c in answer["error"])
        # and the next request on the same connection is served
        assert control.ask(what="status")[1]["ok"] is True


def test_an_endless_line_ends_the_conversation(daemon):
    with control_of(daemon) as control:
        while control.send(b"x" * 65536):
            pass
    with control_of(daemon) as control:
        assert control.ask(what="status")[1]["ok"] is True
    daemon.wait_event("control-refused")


def test_too_many_clients_are_told(daemon):
    clients = [control_of(daemon) for _ in range(64)]
    for client in clients:
        client.ask(what="status")
    with control_of(daemon) as control:
        assert "too many" in control.line()["error"]
    for client in clients:
        client.socket.close()

    def is_free():
        with control_of(daemon) as control:
            return (control.ask(what="status")[1] or {}).get("ok")
    daemon.wait(is_free, "room for a client")


def test_clients_that_go_in_the_middle(daemon):
    fill(daemon, 100)
    for _ in range(50):
        with control_of(daemon) as control:
            control.send(b'{"do": "queue.list"}\n{"do": "status"}\n')
    with control_of(daemon) as control:
        control.send(b'{"do": "queue.list"}\n' * 20)
        for _ in range(20):
            while "item" in (line := control.line()):
                pass
            assert line["ok"] is True
    ehlo("queue", "remove", "--all", "--yes", daemon=daemon)


def test_a_client_that_does_not_read_costs_only_itself(empty):
    fill(empty, 300, rcpts=LONG)
    with control_of(empty) as lazy:
        lazy.send(b'{"do": "queue.list"}\n' * 8)
        with control_of(empty) as control:
            assert control.ask(what="status")[1]["ok"] is True
        with empty.client() as client:
            client.ehlo()
        seen = 0
        for _ in range(8):
            while "item" in (line := lazy.line()):
                seen += 1
            assert line["ok"] is True and line["count"] == 300
        assert seen == 8 * 300
    ehlo("queue", "remove", "--all", "--yes", daemon=empty)


def test_who_may_connect(ehlod):
    daemon = ehlod()
    path = daemon.folder / "control"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    daemon.stop()
    assert not path.exists()
    group = "daemon"
    if os.getuid() == 0:
        daemon.options["control-group"] = group
        daemon.write_config()
        daemon.start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        # a user of no such group is refused, with a remedy
        daemon.folder.chmod(0o755)
        got = subprocess.run(
            ["setpriv", "--reuid", "65534", "--regid", "65534",
             "--clear-groups", str(EHLO), "status", "--control", path],
            text=True, capture_output=True, timeout=SECONDS)
        # the folders above are pytest's, 0700: either way it is not for him
        assert got.returncode == 2, got.stdout + got.stderr


def test_changes_are_logged_with_who_asked(empty):
    [one] = fill(empty, 1)
    ehlo("queue", "hold", one, daemon=empty)
    event = empty.wait_event("control", request="queue.hold")[-1]
    assert event["uid"] == str(os.getuid())


def test_a_dead_socket_is_replaced_and_a_living_one_is_not(ehlod):
    daemon = ehlod()
    daemon.kill()
    assert (daemon.folder / "control").is_socket()
    daemon.start()
    assert ehlo_json("status", daemon=daemon)[0]["ok"] is True
    other = ehlod(options={"control": str(daemon.folder / "control")})
    assert other.wait_event("no-control")
    assert ehlo_json("status", daemon=daemon)[0]["pid"] == daemon.process.pid


def test_no_daemon_is_told(tmp_path):
    text = ehlo("queue", "list", "--control", tmp_path / "control", code=2)
    assert "no ehlod is running there" in text


def test_status(empty):
    fill(empty, 3)
    [got] = ehlo_json("status", daemon=empty)
    assert got["pid"] == empty.process.pid
    assert got["queue"]["waiting"] == 3 and got["queue"]["held"] == 0
    assert got["queue"]["domains"][0] == {"domain": "elsewhere.example",
                                          "rcpts": 3}
    assert sum(shard["accepted"] for shard in got["shards"]) >= 3
    text = ehlo("status", daemon=empty)
    assert "elsewhere.example" in text and "waiting 3" in text


def test_status_live(empty):
    with Typist([str(EHLO), "status", "--live", "--every", "1", "--control",
                 str(empty.folder / "control")], terminal=True) as person:
        person.expect("sessions now")
        person.expect("sessions now")       # the second look has rates
        person.expect("/s")
        os.write(person.input, b"q")
        person.changed.acquire()
        person.changed.wait_for(lambda: person.is_over, SECONDS)
        person.changed.release()
        assert person.process.wait(SECONDS) == 0


def test_stopping_in_the_middle_of_a_list(ehlod):
    daemon = ehlod(listeners=[listener(**OPEN)])
    fill(daemon, 200, rcpts=LONG)
    with control_of(daemon) as control:
        control.send(b'{"do": "queue.list"}\n' * 20)
        assert "item" in control.line()
        daemon.stop()           # it does not wait for who does not read
        *whole, _ = control.rest().split(b"\n")
        assert whole and all({"item", "ok"} & set(json.loads(line))
                             for line in whole)


def test_json_items_are_lines(filtered):
    with control_of(filtered) as control:
        assert isinstance(control, Control)
        items, last = control.ask(what="queue.list", limit=3)
        assert len(items) == 3 and last["cut"] is True
        json.dumps(items)
