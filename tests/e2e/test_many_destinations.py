# SPDX-License-Identifier: Apache-2.0
"""Many destinations over few connections: those that live do not wait for those
that never answer. The daemon may have 256 descriptors here, and so 64
connections to others. In a network of its own: names are in a file, and nothing
can ask the world.

Seen to fail when idle connections are not ended for others, and when
destinations that never answered may take every connection."""
import contextlib
import socket

import pytest

import harness
from netns import own_network  # noqa: F401  (a fixture)
from sink import Sink

pytestmark = pytest.mark.usefixtures("own_network")

FEW = ["prlimit", "--nofile=256:256"]


@contextlib.contextmanager
def silence(port):
    """An address that answers no SYN: its line of callers is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.9.0.1", port))
        listener.listen(0)
        for _ in range(4):
            s = stack.enter_context(socket.socket())
            s.setblocking(False)
            s.connect_ex(("127.9.0.1", port))
        yield


def start(ehlod, tmp_path, sink, living, dead):
    hosts = tmp_path / "hosts"
    hosts.write_text(
        "".join(f"127.0.0.1 l{i}.example\n" for i in range(living)) +
        "".join(f"127.9.0.1 d{i}.example\n" for i in range(dead)))
    return ehlod(
        prefix=FEW, options={"shards": "1", "hosts-file": str(hosts),
                             "resolver": "127.0.0.1@1",
                             "trust-anchor": "none", "mta-sts": "no"},
        extra=f'route "*" {{ via mx; port {sink.port}; }}\n',
        listeners=[harness.listener(relay="networks",
                                    networks="127.0.0.0/8")])


def send(daemon, rcpts):
    with daemon.client() as client:
        client.ehlo()
        for rcpt in rcpts:
            assert client.cmd("MAIL FROM:<a@acodedb.com>") == 250
            assert client.cmd(f"RCPT TO:<{rcpt}>") == 250
            assert client.data("Subject: x\n\nx\n") == 250
        client.cmd("QUIT")


def test_idle_connections_make_room(ehlod, tmp_path):
    with Sink() as sink, silence(sink.port):
        daemon = start(ehlod, tmp_path, sink, living=300, dead=40)
        send(daemon, [f"x@d{i}.example" for i in range(40)])
        send(daemon, [f"x@l{i}.example" for i in range(300)])
        sink.wait(300)
        assert len({m.rcpts[0][0] for m in sink.mails}) == 300
        assert not daemon.find("deferred")
        assert sink.open_most <= 64


def test_dead_hosts_leave_room_for_known_ones(ehlod, tmp_path):
    with Sink() as sink, silence(sink.port):
        daemon = start(ehlod, tmp_path, sink, living=1, dead=100)
        send(daemon, ["x@l0.example"])
        sink.wait(1)
        send(daemon, [f"x@d{i}.example" for i in range(100)])
        send(daemon, ["x@l0.example"] * 50)
        sink.wait(51)
        assert not daemon.find("deferred")
