# SPDX-License-Identifier: Apache-2.0
"""The connection to another server ends at every possible point: behind each
octet that we say and each that we hear, in peace or by a reset. The mail
arrives, whole; it is not returned; and twice only where nobody could know that
it had arrived."""
import pytest

from cutter import Cut, Cutter
from netns import own_network
from sink import Sink
from test_relay import MAIL, start

__all__ = ["own_network"]
pytestmark = pytest.mark.usefixtures("own_network")


def post(daemon, addresses):
    with daemon.client() as client:
        client.ehlo()
        for address in addresses:
            client.message("anna@sender.example", f"bert@[{address}]", MAIL)


def copies(sink):
    found = {}
    for mail in sink.mails:
        assert mail.text.endswith(b"\r\n\r\n.dot\r\nHello, world.\r\n")
        for address, _ in mail.rcpts:
            address = address.partition("[")[2].rstrip("]")
            found[address] = found.get(address, 0) + 1
    return found


def run(ehlod, cutter, sink, cuts, **options):
    """{address: Cut}, when all has arrived; every mail was whole."""
    rows = "".join(f" {key} {value};" for key, value in options.items())
    daemon = start(
        ehlod, f'route "*" {{ via mx; port {cutter.port};{rows} }}',
        options={"retry-first": "1s", "retry-max": "1s"})
    addresses = {cutter.add(cut): cut for cut in cuts}
    post(daemon, addresses)
    daemon.wait_event("relayed", len(addresses))
    assert copies(sink).keys() >= addresses.keys()
    for event in ("failed", "expired", "notice"):
        assert not daemon.find(event)
    return daemon, addresses


def measure(ehlod, sink):
    """How much is said and heard until the mail is taken, and where the
    reply to its text begins."""
    with Cutter(sink.port) as cutter:
        daemon, addresses = run(ehlod, cutter, sink, [None])
        seen = dict(cutter.seen[list(addresses)[0]])
        daemon.stop()
    sink.mails.clear()
    return seen["up"], seen["down"], seen["down"] - len("250 2.0.0 kept\r\n")


def test_at_every_octet(ehlod):
    with Sink(caps=["PIPELINING"]) as sink:
        up, down, reply = measure(ehlod, sink)
        # every other one ends by a reset
        cuts = [Cut("up", n, n % 2 == 0) for n in range(1, up + 1)] \
            + [Cut("down", n, n % 2 == 0) for n in range(down + 1)]
        with Cutter(sink.port) as cutter:
            daemon, addresses = run(ehlod, cutter, sink, cuts)
            twice = {address for address, n in copies(sink).items() if n > 1}
            # it had arrived, and the word for it had not
            unknown = {address for address, cut in addresses.items()
                       if (cut.direction == "up" and cut.octets == up)
                       or (cut.direction == "down"
                           and reply < cut.octets < down)}
            assert twice == unknown, (
                [addresses[x] for x in twice ^ unknown])
            # all that ended in the text may have arrived, for all it knows
            assert len(daemon.find("possible-duplicate")) >= len(twice)
            assert max(cutter.sessions.values()) == 2


def test_inside_tls(ehlod, certs):
    """What of it is heard varies by some octets: points all over it."""
    with Sink(tls=certs.server_context()) as sink:
        cuts = [Cut(way, n) for way, most in (("up", 1500), ("down", 3500))
                for n in range(1, most, 59)]
        with Cutter(sink.port) as cutter:
            run(ehlod, cutter, sink, cuts, tls="must")
            assert all(mail.session.is_tls for mail in sink.mails)
