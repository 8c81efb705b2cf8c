# SPDX-License-Identifier: Apache-2.0
"""What others need is gone for a while: DNS, or a destination for most of a
day, which the daemon's clock makes in seconds (turned_clock.c). Mail waits, is
not returned, flows again, and does not fall upon who has just come back."""
import os
import subprocess
from pathlib import Path

import pytest

import harness
from control import control_of
from nameserver import NameServer
from netns import own_network
from sink import Sink
from test_bounce import ALIASES, HOME
from test_relay import MAIL, QUICK, route, send, start

__all__ = ["own_network"]
pytestmark = pytest.mark.usefixtures("own_network")

TABLE = "zone example plain\n" + "".join(
    f"zone {name}.example plain\n{name}.example MX 10 mx.{name}.example\n"
    f"mx.{name}.example A 127.0.0.2\n" for name in ("one", "two", "three"))


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    path = tmp_path_factory.mktemp("shim") / "turned_clock.so"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", "-O1", "-o", path,
         Path(__file__).with_name("turned_clock.c")], check=True)
    return path


class Clock:
    """Of one daemon; `prefix` is put in front of its command."""

    def __init__(self, shim, path):
        self.path = path
        path.touch()
        # a sanitizer wants to be first in line; here it is second
        self.prefix = ("env", f"LD_PRELOAD={shim}",
                       f"EHLO_TURNED_CLOCK={path}",
                       "ASAN_OPTIONS=exitcode=99:verify_asan_link_order=0")

    def turn(self, daemon, hours):
        os.truncate(self.path, self.path.stat().st_size + hours * 3600)
        with daemon.client():       # it looks up from its sleep
            pass


def attempts(daemon):
    """At each message that waits."""
    with control_of(daemon) as control:
        return [item["attempts"] for item in control.ask(what="queue.list")[0]]


def no_notice(daemon):
    for event in ("failed", "expired", "notice"):
        assert not daemon.find(event), daemon.find(event)


def test_dns_is_gone(ehlod):
    """No answers about MX, and none about the host of a known MX."""
    names = NameServer(TABLE, "127.0.0.1", 53)
    with Sink(host="127.0.0.2", port=25) as sink:
        daemon = start(ehlod, 'route "*" { via mx; }', options={
            **QUICK, "resolver": "127.0.0.1", "trust-anchor": "none"})
        send(daemon, "bert@one.example")
        sink.wait(1)
        names.table.manners["two.example", ""] = "servfail"
        names.table.manners["mx.three.example", ""] = "servfail"
        for name in "two", "three", "two":
            send(daemon, f"bert@{name}.example")
        daemon.wait_event("deferred", 3)
        no_notice(daemon)
        names.table.manners.clear()
        sink.wait(4)
        daemon.wait_event("relayed", 4)
        no_notice(daemon)
    names.close()


def test_destination_is_down_for_a_day(ehlod, shim, tmp_path):
    """It is asked seldom; when it is back it gets two connections, and one
    more for each mail that it has taken."""
    count, most, turns = 150, 6, 4
    clock = Clock(shim, tmp_path / "clock")
    with Sink() as sink:
        sink.script = lambda step, n: (
            "421 4.3.2 down" if step == "connect" else None)
        daemon = start(
            ehlod, route(sink, max_connections=most), prefix=clock.prefix,
            options={"shards": "1", "retry-first": "5m", "retry-max": "4h",
                     "warn-after": "0ms"})
        with daemon.client() as client:
            client.ehlo()
            for i in range(count):
                client.message("anna@sender.example",
                               f"r{i}@elsewhere.example", MAIL)
        for i in range(turns):
            # written down, too: else the clock is turned before that
            daemon.wait(lambda tried=i + 1: attempts(daemon) ==
                        [tried] * count, "each was tried")
            clock.turn(daemon, 5)
        # three tries each time, for all of them together
        assert sink.sessions <= 3 * (turns + 1), sink.sessions
        no_notice(daemon)
        seen = []

        def script(step, _):
            if step == "connect":
                seen.append((sink.open_now, len(sink.mails)))
        daemon.wait(lambda: attempts(daemon) == [turns + 1] * count,
                    "each was tried")
        sink.script = script
        clock.turn(daemon, 5)
        assert len(sink.wait(count)) == count
        daemon.wait_event("relayed", count)
        assert len({m.rcpts[0][0] for m in sink.mails}) == count
        assert max(now for now, _ in seen) <= most, seen
        assert all(now <= 2 + taken for now, taken in seen), seen
        no_notice(daemon)


def test_clock_jumps_over_the_end(ehlod, shim, tmp_path):
    """Six days later it is too old: it goes back, tried once more or not."""
    clock = Clock(shim, tmp_path / "clock")
    with Sink() as sink:
        sink.script = lambda step, n: (
            "421 4.3.2 down" if step == "connect" else None)
        daemon = start(ehlod, route(sink), prefix=clock.prefix, aliases=ALIASES,
                       options={"shards": "1", "warn-after": "0ms"})
        send(daemon, harness.OUTSIDE)
        daemon.wait(lambda: attempts(daemon) == [1], "it was tried")
        clock.turn(daemon, 6 * 24)
        assert daemon.wait_event("expired")[0]["to"] == harness.OUTSIDE
        assert len(daemon.wait_mails(HOME)) == 1
