# SPDX-License-Identifier: Apache-2.0
"""`ehlo send` and `ehlo load` against Postfix."""
import json
import os

import pytest

from foreign import need_root
from postfix import Postfix
from test_send import run


@pytest.fixture(scope="module")
def postfix(certs):
    need_root()
    server = Postfix(certs)
    yield server
    server.stop()


def test_what_it_takes(postfix, certs, tmp_path):
    image = tmp_path / "ü.png"
    image.write_bytes(os.urandom(5000))
    where = ("--server", f"127.0.0.1:{postfix.port}", "--from",
             "me@z.example")
    run("send", *where, "--to", "a@x.example", "--tls", "--verify",
        "--ca-file", certs.root, "--subject", "Grüße", "--body", ".Äpfel\\n.",
        "--attach", image, "--ret", "HDRS", "--envid", "a b", "--notify",
        "NEVER", "--orcpt", "auto")
    run("send", *where, "--to", "ü@x.example", "--subject", "zwei ü",
        "--bdat", "100", "--xclient-addr", "192.0.2.7", "--xclient-name",
        "client.example")
    run("send", "--server", f"127.0.0.1:{postfix.proxy}", "--to",
        "a@x.example", "--from", "me@z.example", "--proxy-source",
        "192.0.2.9", "--proxy-source-port", "99", "--proxy-dest",
        "127.0.0.1", "--proxy-dest-port", "25")
    first, second, third = postfix.mails(3)
    assert first["Subject"] == "Grüße"
    assert first.get_body().get_content() == ".Äpfel\n.\n"
    assert list(first.iter_attachments())[0].get_content() == \
        image.read_bytes()
    assert "with ESMTPS" in first["Received"]
    assert first["X-Original-To"] == "a@x.example"
    assert second["Subject"] == "zwei ü"
    assert "client.example [192.0.2.7]" in second["Received"]
    assert second["Delivered-To"] == "ü@x.example"
    assert "[192.0.2.9]" in third["Received"]


def test_what_it_refuses(postfix):
    where = ("--server", f"127.0.0.1:{postfix.port}", "--from", "m@z.example")
    got = run("send", *where, "--to", "a@x.example", "--size", "99999999",
              code=1)
    assert "MAIL FROM" in got.err and "552" in got.err
    got = run("send", *where, "--to", "a@x.example", "--notify", "LUNCH",
              "--json", code=1)
    assert json.loads(got.out)["failed"] == "RCPT"


def test_load(postfix):
    got = json.loads(run(
        "load", f"127.0.0.1:{postfix.port}", "--no-tls", "--count", "20",
        "-c", "4", "--per-connection", "3", "--to", "u%d@x.example",
        "--from", "load@z.example", "--json").out)
    assert got["sent"] == 20 and got["errors"] == 0
    postfix.wait("delivered to maildir", 20)


def test_who_may_relay_finds_an_open_relay(postfix, certs):
    """It trusts 127.0.0.0/8, and that is where we ask from."""
    got = json.loads(run(
        "relay", f"127.0.0.1:{postfix.port}", "--no-dns", "--json",
        "--ca-file", certs.root, "--inside", "x.example", code=1).out)
    bad = [finding for finding in got["findings"]
           if finding["severity"] == "bad"]
    assert [finding["id"] for finding in bad] == ["relay-open"], bad
