# SPDX-License-Identifier: Apache-2.0
"""The ways by which mail leaves, steered while the daemon runs: `ehlo route`
pauses and resumes, `ehlo queue move` gives waiting mail another route."""
import pytest

import harness
from control import ehlo, ehlo_json
from sink import Sink
from test_relay import QUICK, send, start

SLOW = {"retry-first": "1h", "retry-max": "1h"}


@pytest.fixture
def sinks():
    with Sink() as one, Sink() as other:
        yield one, other


def route(name, sink):
    via = f"smarthost 127.0.0.1:{sink.port}" if sink else "hold"
    return f'route "{name}" {{\n    via {via};\n    patience 5s;\n}}\n'


def begin(ehlod, sinks, options=SLOW):
    return start(ehlod, route("standby.invalid", sinks[1])
                 + route("*", sinks[0]), options=options)


def busy(step, _):
    return "450 4.2.0 later" if step == "rcpt" else None


def queued(daemon):
    return ehlo_json("queue", "list", daemon=daemon)


def routes(daemon):
    return {item["name"]: item for item in
            ehlo_json("route", "list", daemon=daemon)
            if item["kind"] == "route"}


# --- pause

def test_paused_route_waits_over_a_restart(ehlod, sinks):
    daemon = begin(ehlod, sinks)
    got = ehlo("route", "pause", "*", "--yes", daemon=daemon)
    assert got == "paused: 0 recipients wait there\n"
    ehlo("route", "pause", "*", "--yes", daemon=daemon, code=1)  # it is
    send(daemon, "a@elsewhere.example", "b@other.example")
    daemon.wait(lambda: [i for i in queued(daemon)
                         if i["state"] == "waiting"], "it waits")
    [item] = queued(daemon)
    assert "an operator has paused the route *" in item["reason"]
    assert item["attempts"] == 0
    assert routes(daemon)["*"]["paused"] and \
        not routes(daemon)["standby.invalid"]["paused"]
    assert routes(daemon)["*"]["waiting"] == 2
    daemon.kill()
    daemon.start()
    daemon.wait(lambda: [i for i in queued(daemon) if i["reason"]],
                "it was looked at")
    assert not sinks[0].mails and "paused" in queued(daemon)[0]["reason"]
    assert ehlo("route", "resume", "*", "--dry-run", daemon=daemon) == \
        "2 recipients wait there\n"
    assert routes(daemon)["*"]["paused"]
    ehlo("route", "resume", "*", "--yes", daemon=daemon)
    sinks[0].wait(1)
    daemon.wait(lambda: queued(daemon) == [], "it is gone")
    daemon.kill()
    daemon.start()
    send(daemon, "a@elsewhere.example")
    sinks[0].wait(2)


def test_paused_domain_stops_nobody_else(ehlod, sinks):
    daemon = begin(ehlod, sinks)
    ehlo("route", "pause", "--domain", "Elsewhere.EXAMPLE", "--yes",
         daemon=daemon)
    send(daemon, "a@elsewhere.example", "b@other.example")
    mail = sinks[0].wait(1)[0]
    assert [r for r, _ in mail.rcpts] == ["b@other.example"]
    daemon.wait(lambda: queued(daemon)[0]["rcpts"] ==
                ["a@elsewhere.example"], "one is settled")
    assert "paused domain" in ehlo("route", "list", daemon=daemon)
    got = ehlo("route", "resume", "--domain", "elsewhere.example", "--yes",
               daemon=daemon)
    assert got == "resumed: 1 recipient waits there\n"
    sinks[0].wait(2)


def test_what_is_refused(ehlod, sinks):
    daemon = begin(ehlod, sinks)
    for args, code, words in [
            (("pause", "nope"), 1, "no route of that name"),
            (("pause", "--domain", "a..b"), 1, "no domain"),
            (("pause", "*"), 1, "say --yes"),
            (("pause",), 3, "wants a ROUTE"),
            (("pause", "*", "--domain", "a.example"), 3, "wants a ROUTE"),
            (("puase", "*"), 3, "did you mean")]:
        assert words in ehlo("route", *args, daemon=daemon, code=code)
    assert not routes(daemon)["*"]["paused"]


def test_destinations_tell_what_is_wrong(ehlod, sinks):
    sinks[0].close()
    daemon = begin(ehlod, sinks)
    for n in range(4):
        send(daemon, f"r{n}@elsewhere.example")
    daemon.wait_event("deferred", 4)

    def closed():
        return [i for i in ehlo_json("route", "list", daemon=daemon)
                if i["kind"] == "destination" and i["why"]]
    one = daemon.wait(closed, "a destination with a reason")[0]
    assert one["name"] == "127.0.0.1" and one["route"] == "*"
    assert "refused" in one["why"]
    assert one["why"] in ehlo("route", "list", daemon=daemon)


# --- move

def test_moved_mail_goes_the_other_way(ehlod, sinks):
    sinks[0].script = busy
    daemon = begin(ehlod, sinks)
    send(daemon, "a@elsewhere.example", "b@other.example")
    send(daemon, "c@other.example")
    daemon.wait_event("deferred", 3)
    daemon.wait(lambda: all(i["attempts"] == 1 for i in queued(daemon)),
                "both have failed once")
    assert ehlo("queue", "move", "--domain", "elsewhere.example", "--via",
                "standby.invalid", "--dry-run", daemon=daemon) == \
        "it would be 1 message\n"
    got = ehlo("queue", "move", "--domain", "elsewhere.example", "--via",
               "standby.invalid", "--yes", daemon=daemon)
    assert got == "moved 1 message\n"
    mail = sinks[1].wait(1)[0]
    assert [r for r, _ in mail.rcpts] == ["a@elsewhere.example"]
    daemon.wait_event("relayed", to="a@elsewhere.example")
    daemon.wait(lambda: all(i["rcpts"] != ["a@elsewhere.example"]
                            and len(i["rcpts"]) == 1
                            for i in queued(daemon)), "one is settled")


def test_a_move_outlives_a_restart(ehlod, sinks):
    sinks[0].script = sinks[1].script = busy
    daemon = begin(ehlod, sinks)
    for n in range(20):
        send(daemon, f"r{n}@elsewhere.example")
    daemon.wait(lambda: all(i["attempts"] == 1 for i in queued(daemon)),
                "all have failed once")
    ehlo("queue", "hold", "--all", "--yes", daemon=daemon)
    ids = [i["id"] for i in queued(daemon)]
    got = ehlo("queue", "move", *ids[:12], "--via", "standby.invalid",
               daemon=daemon)
    assert got == "moved 12 messages\n"
    assert {i["state"] for i in queued(daemon)} == {"held"}
    daemon.kill()
    daemon.start()
    assert sorted(i["id"] for i in queued(daemon)) == sorted(ids)
    moved = {i["id"] for i in queued(daemon)
             if i.get("route") == "standby.invalid"}
    assert moved == set(ids[:12])
    assert "moved to the route standby.invalid" in ehlo(
        "queue", "show", ids[0], daemon=daemon)
    assert routes(daemon)["standby.invalid"]["waiting"] == 12
    sinks[0].script = sinks[1].script = lambda step, n: None
    ehlo("queue", "move", ids[0], "--back", daemon=daemon)
    ehlo("queue", "release", "--all", "--yes", daemon=daemon)
    assert len(sinks[1].wait(11)) == 11 and len(sinks[0].wait(9)) == 9
    daemon.wait(lambda: queued(daemon) == [], "all are gone")
    assert len(sinks[0].mails) == 9 and len(sinks[1].mails) == 11


def test_what_cannot_be_moved(ehlod, sinks):
    daemon = begin(ehlod, sinks)
    for args, code, words in [
            (("--all", "--via", "nope", "--yes"), 1, "no route of that name"),
            (("--all", "--yes"), 3, "wants --via ROUTE"),
            (("--all", "--via", "*", "--back"), 3, "wants --via ROUTE"),
            (("--via", "*"), 3, "wants an ID")]:
        assert words in ehlo("queue", "move", *args, daemon=daemon,
                             code=code)
    assert "belong to ehlo queue move" in ehlo(
        "queue", "retry", "--all", "--via", "*", daemon=daemon, code=3)


def test_its_route_is_not_configured_any_more(ehlod, sinks):
    sinks[0].script = busy
    daemon = begin(ehlod, sinks, options={**QUICK, "retry-max": "1s"})
    send(daemon, "a@elsewhere.example")
    daemon.wait_event("deferred")
    ehlo("route", "pause", "standby.invalid", "--yes", daemon=daemon)
    ehlo("queue", "move", "--all", "--via", "standby.invalid", "--yes",
         daemon=daemon)
    daemon.wait(lambda: "paused" in queued(daemon)[0]["reason"], "paused")
    daemon.extra = route("*", sinks[0])
    daemon.write_config()
    daemon.reload()
    daemon.wait(lambda: "not configured any more" in
                queued(daemon)[0]["reason"], "it says why")
    sinks[0].script = lambda step, n: None
    ehlo("queue", "move", "--all", "--back", "--yes", daemon=daemon)
    sinks[0].wait(1)
