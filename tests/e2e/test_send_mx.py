# SPDX-License-Identifier: Apache-2.0
"""`ehlo send --mx`: the server is the one that the domain names. In a network
of its own: nothing here can ask the world."""
import json

import pytest

from nameserver import NameServer
from netns import own_network  # noqa: F401  (a fixture)
from recorder import Recorder
from test_send import run

pytestmark = pytest.mark.usefixtures("own_network")

ZONES = """
zone x.test plain
two.x.test     MX  20 here.x.test
two.x.test     MX  10 closed.x.test
two.x.test     MX  5 nowhere.x.test
here.x.test    A   127.0.0.1
closed.x.test  A   127.0.0.9
null.x.test    MX  0 .
lost.x.test    MX  10 nowhere.x.test
broken.x.test  !   servfail
xn--bcher-kva.x.test MX 10 here.x.test
"""


@pytest.fixture(scope="module")
def names(own_network):  # noqa: F811
    server = NameServer(ZONES)
    yield server
    server.close()


def mx(names, server, *args, code=0):
    return run("send", "--resolver", f"127.0.0.1@{names.port}", "--port",
               server.port, "--json", *args, code=code)


def test_best_first_and_the_next_one(names):
    with Recorder() as server:
        got = json.loads(mx(names, server, "--mx", "--to",
                            "a@other.test,b@two.x.test").out)
        assert got["server"]["peer"] == "127.0.0.1"
        assert len(server.texts) == 1
        mx(names, server, "--copy-routing", "bücher.x.test", "--to",
           "a@elsewhere.test")
        mx(names, server, "--mx", "--to", "a@here.x.test")
        assert len(server.texts) == 3
        plan = run("send", "--resolver", f"127.0.0.1@{names.port}", "--mx",
                   "--to", "a@two.x.test", "--dump").out
        assert plan.index("closed.x.test [127.0.0.9]") < plan.index(
            "here.x.test [127.0.0.1]")


def test_roads_that_end(names):
    with Recorder() as server:
        for domain, words in (("null.x.test", "null MX"),
                              ("lost.x.test", "address"),
                              ("none.x.test", "no domain"),
                              ("broken.x.test", "cannot be found"),
                              ("two..dots", "no domain to ask")):
            got = mx(names, server, "--mx", "--to", f"a@{domain}", code=2)
            assert words in got.err, got.err
        assert server.sessions == 0
    run("send", "--mx", "--server", "a", "--to", "a@b", code=3)
