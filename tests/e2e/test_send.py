# SPDX-License-Identifier: Apache-2.0
"""`ehlo send`: the dialogue it holds, against a server that remembers every
octet (recorder.py), against a hostile one, aiosmtpd and ehlod."""
import json
import os
import signal
import socket
import ssl
import struct
import subprocess
from pathlib import Path

import pytest

import harness
from harness import EHLO, SANITIZER, SECONDS
from recorder import Recorder
from terminal import Terminal

PASSWORD = "Pauline13"


def run(*args, code=0, env=None, stdin=None, pass_fds=(), is_mail=False):
    """The finished process; its exit code is looked at, and that no sanitizer
    found anything and no byte that a terminal obeys came out."""
    # a home of its own: no netrc and no options of whoever runs the tests
    environment = {"HOME": "/nonexistent", "LOGNAME": "tester",
                   "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8",
                   "ASAN_OPTIONS": "exitcode=99:detect_leaks=1",
                   "UBSAN_OPTIONS": "halt_on_error=1:exitcode=99",
                   **(env or {})}
    got = subprocess.run([str(EHLO), *map(str, args)], env=environment,
                         input=stdin, capture_output=True, timeout=SECONDS,
                         pass_fds=pass_fds,
                         stdin=subprocess.DEVNULL if stdin is None else None)
    text = (got.stdout + got.stderr).decode()
    assert not SANITIZER.search(text), text
    assert got.returncode == code, text
    assert is_mail or not set(got.stdout + got.stderr) & (
        set(range(9)) | {27, 127}), text
    got.out, got.err = got.stdout.decode(), got.stderr.decode()
    return got


def send(server, *args, to="a@x.example", **options):
    where = ("--server", server.server()) if server.port else ()
    to = ("--to", to) if to else ()
    return run("send", *where, *to, *args, **options)


# --- the dialogue

def test_a_message_arrives():
    with Recorder() as server:
        got = send(server, "--from", "me@z.example", "--hello", "me.example",
                   "--subject", "hello", "--body", "Line\\n.dot\\n..two")
        assert server.verbs() == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
        assert server.lines[0] == "EHLO me.example"
        text = server.texts[0]
        assert server.lines[1] == \
            f"MAIL FROM:<me@z.example> SIZE={len(text)}"
        assert text.endswith(b"\r\n\r\nLine\r\n.dot\r\n..two\r\n")
        assert b"\nSubject: hello\r\n" in text
    assert " -> EHLO me.example\n" in got.out
    assert "<-  250 2.0.0 taken\n" in got.out
    assert got.err == ""


def test_marks_and_hiding():
    with Recorder(RCPT="550 5.1.1 no \x1b[2Jsuch \u009bthing") as server:
        got = send(server, code=1)
        assert "<** 550 5.1.1 no \\x1b[2Jsuch" in got.out
        assert "RCPT TO:<a@x.example>: 550 5.1.1" in got.err
        assert server.verbs() == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
        # the empty text that ends a DATA nobody waits for
        assert server.texts == [b""]
    with Recorder() as server:
        quiet = send(server, "--quiet")
        assert quiet.out == "" and quiet.err == ""
        only = send(server, "-nsh", "-hr", "-hi")
        assert only.out.splitlines()[0].startswith("EHLO ")
        assert len(only.out.splitlines()) == 5
        assert send(server, "--silent").out == ""
    with Recorder(MAIL="451 4.3.0 later") as server:
        assert "<** 451 4.3.0 later" in send(server, "-S", code=1).out
        silent = send(server, "-S", "3", code=1)
        assert silent.out == "" and silent.err == ""


def test_pipelining_or_one_by_one():
    with Recorder() as server:
        out = send(server).out
        assert out.index("DATA") < out.index("250 2.1.0 ok")
        out = send(server, "--no-pipelining").out
        assert out.index("250 2.1.0 ok") < out.index("RCPT")


def test_recipients_and_names():
    with Recorder() as server:
        send(server, "--cc", "\"Doe, J.\" <c@x.example>",
             "--bcc", "d@x.example", "--from", "\"O'Neill, J.\" <j@z.example>",
             to="Jürgen <a@x.example>, b@x.example")
        assert server.said("MAIL")[0].startswith("MAIL FROM:<j@z.example>")
        assert [line[8:] for line in server.said("RCPT")] == [
            "<a@x.example>", "<b@x.example>", "<c@x.example>",
            "<d@x.example>"]
        assert b"d@x.example" not in server.texts[0]


def test_one_of_two_is_refused():
    with Recorder(RCPT=["250 ok", "550 5.1.1 unknown"]) as server:
        got = send(server, "--json", to="a@x.example,b@x.example", code=1)
        assert len(server.texts) == 1
    result = json.loads(got.out)
    assert result["sent"] == 1 and result["recipients_refused"] == 1
    assert result["failed"] == "RCPT"


def test_json():
    with Recorder(DATA="554 5.6.0 no\tway") as server:
        got = send(server, "--json", "--from", "me@z.example", code=1)
        result = json.loads(got.out)
        assert result["exit"] == 1 and result["result"] == "failed"
        assert result["server"]["port"] == server.port
        assert result["envelope"] == {"from": "me@z.example",
                                      "to": ["a@x.example"]}
    steps = result["steps"]
    assert steps[0]["step"] == "greeting"
    assert [step.get("said", "").split(" ")[0] for step in steps[1:]] == [
        "EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
    assert [step["answers"][0]["code"] for step in steps] == [
        220, 250, 250, 250, 554, 221]
    assert steps[4]["answers"][0]["text"] == ["5.6.0 no\tway"]
    assert all(answer["ms"] >= 0 for step in steps
               for answer in step["answers"])
    assert "EHLO" not in got.err


def test_text_that_is_no_utf8_in_json():
    with Recorder(MAIL=b"550 5.1.0 \xff\xfe\xc3\xa4\r\n") as server:
        result = json.loads(send(server, "--json", code=1).out)
    assert result["steps"][2]["answers"][0]["text"] == [
        "5.1.0 \ufffd\ufffd\xe4"]


# --- extensions

def test_parameters():
    with Recorder() as server:
        send(server, "--from", "m@z.example", "--ret", "HDRS", "--envid",
             "a b+c", "--notify", "SUCCESS,DELAY", "--orcpt", "auto",
             "--requiretls", "--deliver-by", "120;R", "--hold-for", "600",
             "--priority", "3", "--mail-auth", "x@y", "--mail-param", "A=B",
             "--rcpt-param", "C=D", "--size", "77")
        assert server.said("MAIL")[0] == (
            "MAIL FROM:<m@z.example> SIZE=77 RET=HDRS ENVID=a+20b+2Bc"
            " REQUIRETLS BY=120;R HOLDFOR=600 MT-PRIORITY=3 AUTH=x@y A=B")
        assert server.said("RCPT")[0] == (
            "RCPT TO:<a@x.example> NOTIFY=SUCCESS,DELAY"
            " ORCPT=rfc822;a@x.example C=D")
        send(server, "--no-size", "--orcpt", "x+y@z", "--from", "<>")
        assert server.said("MAIL")[1] == "MAIL FROM:<>"
        assert server.said("RCPT")[1].endswith("ORCPT=rfc822;x+2By@z")


def test_smtputf8_and_idn():
    with Recorder() as server:
        send(server, to="bücher@Bücher.example")
        assert "SMTPUTF8" in server.said("MAIL")[0]
        assert server.said("RCPT")[0] == "RCPT TO:<bücher@Bücher.example>"
        assert "To: bücher@Bücher.example".encode() in server.texts[0]
        # only the domain: that can be said in ASCII
        send(server, to="anna@bücher.example",
             *("--header", "To: anna@xn--bcher-kva.example"))
        assert server.said("RCPT")[1] == \
            "RCPT TO:<anna@xn--bcher-kva.example>"
        assert "SMTPUTF8" not in server.said("MAIL")[1]
    with Recorder(caps=("PIPELINING",)) as server:
        assert "does not offer SMTPUTF8" in send(server, "--smtputf8").out


def test_body_kinds(tmp_path):
    eight = tmp_path / "eight.eml"
    eight.write_bytes("Subject: ä\n\nÄ\n".encode())
    with Recorder() as server:
        send(server, "--data", eight)
        assert server.said("MAIL")[0].endswith("BODY=8BITMIME")
        assert server.texts[0] == "Subject: ä\r\n\r\nÄ\r\n".encode()
        send(server, "--8bitmime", "--body", "Ä")
        assert "BODY=8BITMIME" in server.said("MAIL")[1]
        assert "\r\nÄ\r\n".encode() in server.texts[1]
        send(server, "--body", "Ä")
        assert "BODY" not in server.said("MAIL")[2]
        assert max(server.texts[2]) < 128
    with Recorder(caps=()) as server:
        out = send(server, "--data", eight).out
        assert "does not offer 8BITMIME" in out
        assert "BODY" not in server.said("MAIL")[0]


def test_bdat_and_binary(tmp_path):
    blob = tmp_path / "blob.bin"
    blob.write_bytes(bytes(range(256)) * 20)
    with Recorder() as server:
        send(server, "--bdat", "1000", "--binarymime", "--attach", blob)
        assert "BODY=BINARYMIME" in server.said("MAIL")[0]
        sizes = [len(chunk) for chunk in server.chunks]
        assert set(sizes[:-1]) == {1000} and 0 < sizes[-1] <= 1000
        assert server.said("BDAT")[-1].endswith(" LAST")
        assert not any(line.endswith("LAST")
                       for line in server.said("BDAT")[:-1])
        assert blob.read_bytes() in server.texts[0]
        assert f"SIZE={sum(sizes)}" in server.said("MAIL")[0]
    # as it is, with line ends that no DATA could carry
    raw = tmp_path / "raw.eml"
    raw.write_bytes(b"A: b\n\nbare\rcr\n.\n\x00end")
    with Recorder() as server:
        send(server, "--bdat", "--data", raw)
        assert server.chunks == [raw.read_bytes()]
    with Recorder(CHUNK="552 5.3.4 too big") as server:
        send(server, "--bdat", "10", code=1)


def test_lmtp_over_a_local_socket(tmp_path):
    path = tmp_path / "lmtp"
    with Recorder(lmtp=True, unix=path,
                  TEXT=["250 2.0.0 a", "452 4.2.2 b is full"]) as server:
        got = send(server, "--unix", path, "--lmtp", "--json",
                   to="a@x.example,b@x.example", code=1)
        assert server.verbs()[0] == "LHLO"
    result = json.loads(got.out)
    text = [step for step in result["steps"] if step.get("step") == "text"]
    assert [answer["code"] for answer in text[0]["answers"]] == [250, 452]
    assert result["sent"] == 1


def test_protocols():
    with Recorder() as server:
        send(server, "--protocol", "SMTP")
        assert server.verbs()[0] == "HELO"
        assert "SIZE" not in server.said("MAIL")[0]
    with Recorder(EHLO="502 5.5.1 what", HELO="250 old") as server:
        send(server)
        assert server.verbs()[:2] == ["EHLO", "HELO"]


def test_proxy_headers():
    with Recorder(proxy=1) as server:
        send(server, "--proxy-source", "192.0.2.7", "--proxy-source-port",
             "4711", "--proxy-dest", "192.0.2.1", "--proxy-dest-port", "25")
        send(server, "--proxy", "UNKNOWN odd")
        assert server.heads == [
            b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n",
            b"PROXY UNKNOWN odd\r\n"]
    with Recorder(proxy=2) as server:
        send(server, "--proxy-version", "2", "--proxy-source", "2001:db8::7",
             "--proxy-source-port", "4711", "--proxy-dest", "2001:db8::1",
             "--proxy-dest-port", "25")
        assert server.heads[0] == (
            b"\r\n\r\n\0\r\nQUIT\n\x21\x21\x00\x24" +
            socket.inet_pton(socket.AF_INET6, "2001:db8::7") +
            socket.inet_pton(socket.AF_INET6, "2001:db8::1") +
            struct.pack(">HH", 4711, 25))
        assert server.verbs()[-1] == "QUIT"


def test_xclient():
    caps = ("XCLIENT NAME ADDR HELO", "PIPELINING")
    with Recorder(caps=caps) as server:
        send(server, "--xclient-helo", "a b", "--xclient-delim",
             "--xclient-name", "n.example", "--xclient-addr", "192.0.2.1")
        assert server.lines[1:3] == [
            "XCLIENT HELO=a+20b", "XCLIENT NAME=n.example ADDR=192.0.2.1"]
        assert server.verbs()[:5] == ["EHLO", "XCLIENT", "XCLIENT", "EHLO",
                                      "MAIL"]
        got = send(server, "--xclient-port", "25", code=1)
        assert "does not take PORT" in got.err
        send(server, "--xclient", "PORT=[X]", "--xclient-no-verify")
        assert "XCLIENT PORT=[X]" in server.lines
    with Recorder() as server:
        send(server, "--xclient-name", "n", code=1)
        send(server, "--xclient-name", "n", "--xclient-optional")


# --- where it stops

STOPS = [("CONNECT", []), ("BANNER", []), ("FIRST-EHLO", ["EHLO"]),
         ("EHLO", ["EHLO"]), ("HELO", ["EHLO"]), ("STARTTLS", ["EHLO"]),
         ("AUTH", ["EHLO"]), ("MAIL", ["EHLO", "MAIL"]),
         ("from", ["EHLO", "MAIL"]), ("RCPT", ["EHLO", "MAIL", "RCPT"]),
         ("TO", ["EHLO", "MAIL", "RCPT"])]


@pytest.mark.parametrize("step, verbs", STOPS)
def test_quit_after(step, verbs):
    with Recorder() as server:
        send(server, "--quit-after", step)
        assert server.verbs() == verbs + ["QUIT"]
        # before RCPT nobody need be named
        if "RCPT" not in verbs:
            send(server, "-q", step, to=None)


@pytest.mark.parametrize("step, verbs", STOPS + [
    ("DATA", ["EHLO", "MAIL", "RCPT", "DATA"]),
    ("DOT", ["EHLO", "MAIL", "RCPT", "DATA"])])
def test_drop_after(step, verbs):
    with Recorder() as server:
        send(server, "--drop-after", step)
        assert server.wait_end() == ["eof"]
        assert server.verbs() == verbs
        assert len(server.texts) == (step == "DOT")


@pytest.mark.parametrize("step, verbs", [
    ("CONNECT", []), ("FIRST-EHLO", ["EHLO"]), ("MAIL", ["EHLO", "MAIL"]),
    ("RCPT", ["EHLO", "MAIL", "RCPT"]),
    ("DATA", ["EHLO", "MAIL", "RCPT", "DATA"]),
    ("DOT", ["EHLO", "MAIL", "RCPT", "DATA"])])
def test_drop_after_send(step, verbs):
    """The answer to the last one never comes: it is not waited for."""
    silent = {"CONNECT": "GREETING", "FIRST-EHLO": "EHLO", "DOT": "TEXT"}
    with Recorder(**{silent.get(step, step): None}) as server:
        send(server, "--drop-after-send", step, "--no-pipelining")
        server.wait_end()
        assert server.verbs() == verbs
        assert len(server.texts) == (step == "DOT")


def test_stops_inside_tls(certs):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs.chain, certs.key)
    for step, verbs in (("FIRST-EHLO", ["EHLO"]),
                        ("STARTTLS", ["EHLO", "STARTTLS"]),
                        ("EHLO", ["EHLO", "STARTTLS", "EHLO"])):
        with Recorder(context=context) as server:
            send(server, "--tls", "-q", step)
            assert server.verbs() == verbs + ["QUIT"]
    with Recorder(context=context, implicit=True) as server:
        out = send(server, "-tlsc").out
        assert " ~> EHLO" in out and "<~  220 " in out
    with Recorder() as server:
        got = send(server, "--tls", code=1)
        assert "does not offer it" in got.err
        send(server, "--tls-optional")


def test_certificates(certs, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certs.chain, certs.key)
    with Recorder(context=context) as server:
        send(server, "--tls", "--verify", "--ca-file", certs.root)
        got = send(server, "--tls", "--verify", "--ca-file", certs.root,
                   "--tls-sni", "other.example", code=1)
        assert "certificate" in got.err and "name" in got.err
        send(server, "--tls", "--verify", code=1)
        out = tmp_path / "peer.pem"
        send(server, "--tls", "--tls-get-peer-cert", out, "-q", "TLS")
        assert out.read_text().splitlines() == \
            certs.chain.read_text().splitlines()[:len(
                out.read_text().splitlines())]
        result = json.loads(send(server, "--json", "--tls-max", "1.2").out)
        assert result["tls"]["protocol"] == "TLSv1.2"
        assert result["tls"]["trusted"] is False


# --- hostile and broken servers

@pytest.mark.parametrize("replies, code", [
    ({"GREETING": "554 5.7.1 go away"}, 1),
    ({"GREETING": "close"}, 1),
    ({"GREETING": b"SSH-2.0-OpenSSH\r\n"}, 1),
    ({"GREETING": b"220-" + b"x" * 100000 + b"\r\n"}, 1),
    ({"GREETING": b"220-endless\r\n" * 40000}, 1),
    ({"MAIL": b"250-a\r\n" * 1001 + b"250 b\r\n"}, 1),
    ({"MAIL": b"250 \x00\x1b]0;x\x07\r\n"}, 0),
    ({"MAIL": "close"}, 1),
    ({"DATA": "close"}, 1),
    ({"TEXT": "close"}, 1),
    ({"RCPT": b"\xff\xff\xff\xff\r\n"}, 1),
    ({"EHLO": "421 4.3.2 shutting down"}, 1),
    ({"EHLO": b"250-x\r\n250-AUTH \x1b[2J\r\n250 AUTH " + b"A" * 3000 +
      b"\r\n"}, 0),
    ({"QUIT": "close"}, 0),
    ({"TEXT": "999 odd"}, 1),
])
def test_hostile(replies, code):
    with Recorder(**replies) as server:
        got = send(server, code=code)
        assert len(got.out) < 20_000_000
        assert (got.err != "") == (code != 0)


def test_hangs_and_nobody_there():
    with Recorder(MAIL=None) as server:
        got = send(server, "--timeout", "300ms", code=1)
        assert "no answer" in got.err or "time" in got.err
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    got = run("send", "--server", f"127.0.0.1:{closed.getsockname()[1]}",
              "--to", "a@b", "--json", code=2)
    assert json.loads(got.out)["result"] == "unreached"
    closed.close()
    run("send", "--unix", "/nonexistent/socket", "--to", "a@b", code=2)


def test_goes_on_when_stubborn():
    with Recorder(MAIL="550 no", RCPT="550 no", DATA="503 no") as server:
        send(server, "--stubborn", "--no-pipelining", code=1)
        assert server.verbs() == ["EHLO", "MAIL", "RCPT", "DATA", "QUIT"]
    with Recorder(MAIL="550 no") as server:
        send(server, "--no-pipelining", code=1)
        assert server.verbs() == ["EHLO", "MAIL", "QUIT"]


# --- again and again

def test_repeat():
    with Recorder() as server:
        got = send(server, "--repeat", "3", "--json")
        assert server.sessions == 1 and len(server.texts) == 3
        assert json.loads(got.out)["sent"] == 3
        ids = {line for text in server.texts for line in text.split(b"\r\n")
               if line.startswith(b"Message-ID:")}
        assert len(ids) == 3
    with Recorder() as server:
        send(server, "--repeat", "3", "--reconnect")
        assert server.sessions == 3 and len(server.texts) == 3
    with Recorder(RCPT=["550 no", "250 ok"]) as server:
        send(server, "--repeat", "2", code=1)
        assert "RSET" in server.verbs() and len(server.texts) == 2


# --- who and from where

def test_source_address_and_port():
    with Recorder() as server, socket.socket() as probe:
        probe.bind(("127.0.0.3", 0))
        port = probe.getsockname()[1]
        probe.close()
        send(server, "--source", "127.0.0.3", "--source-port", port)
        assert server.peers == [("127.0.0.3", port)]


def test_names_and_words():
    with Recorder() as server:
        port = server.port
        for words in (("--server", "127.0.0.1", "--port", port),
                      ("-s", "127.0.0.1", "-p", port),
                      (f"127.0.0.1:{port}",), (f"127.0.0.1/{port}",),
                      ("-s", f"[127.0.0.1]:{port}")):
            run("send", *words, "-q", "CONNECT")
        assert server.sessions == 5
    for words in (("--server", "a", "b", "--to", "x@y"), ("--to", "x@y",
                  "--port", "none"), ("--server", "127.0.0.1"),
                  ("--to", "x@y", "--quit-after", "LUNCH"),
                  ("--to", "x@y", "--header", "no colon"),
                  ("--to", "x@y", "--unheard-of"),
                  ("--to", "x@y", "--tls", "--no-tls"),
                  ("--to", "x@y", "-4", "-6"),
                  ("--to", "x@y", "--attach", "/nonexistent"),
                  ("--to", "x@y", "--auth", "NONSENSE"),
                  ("--to", "x@y", "--prdr")):
        assert run("send", *words, code=3).err != ""


def test_options_from_a_file(tmp_path):
    home = tmp_path / "home"
    (home / ".config" / "ehlo").mkdir(parents=True)
    with Recorder() as server:
        (home / ".config" / "ehlo" / "send").write_text(
            f"# always\n--server {server.server()}\nfrom f@z.example\n"
            "h-X-Test a \"b\" c\n-no-pipelining\n")
        run("send", "--to", "a@b.example", env={"HOME": str(home)})
        assert server.said("MAIL")[0].startswith("MAIL FROM:<f@z.example>")
        assert b'\r\nX-Test: a "b" c\r\n' in server.texts[0]
        run("send", "--to", "a@b", "--from", "g@z", env={"HOME": str(home)})
        assert server.said("MAIL")[1].startswith("MAIL FROM:<g@z>")
        other = tmp_path / "other"
        other.write_text(f"server {server.server()}\nto o@x.example\n")
        run("send", "--config", other, env={"HOME": str(home)})
        assert server.said("RCPT")[2] == "RCPT TO:<o@x.example>"
    run("send", "--config", tmp_path / "none", "--to", "a@b", code=3)


def test_a_program_instead_of_a_server(tmp_path):
    script = tmp_path / "server.sh"
    script.write_text(
        "printf '220 pipe\\r\\n'\n"
        "while read -r line; do case $line in\n"
        "QUIT*) printf '221 bye\\r\\n'; exit ;;\n"
        "*) echo \"$line\" >>\"$1\"; printf '250 ok\\r\\n' ;; esac; done\n")
    seen = tmp_path / "seen"
    run("send", "--pipe", f"sh {script} {seen}", "--to", "a@b.example",
        "-q", "RCPT")
    assert "RCPT TO:<a@b.example>" in seen.read_text()
    assert not list(Path("/tmp").glob(f"ehlo-pipe-*/{os.getpid()}"))


# --- logins

def listing(process):
    """What everybody on the machine can see of it."""
    folder = Path(f"/proc/{process.pid}")
    return (folder / "cmdline").read_bytes(), (folder / "environ").read_bytes()


def test_password_never_visible(tmp_path):
    """In no argument, and in the environment no longer than needed."""
    with Recorder(caps=("AUTH PLAIN LOGIN",), MAIL=None) as server:
        process = subprocess.Popen(
            [str(EHLO), "send", "--server", server.server(), "--to",
             "a@x.example", "--user", "guyt", "--auth", "PLAIN",
             "--password-env", "SECRET"],
            env={**os.environ, "SECRET": PASSWORD, "HOME": "/nonexistent"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            shown = b""
            while b"MAIL FROM" not in shown:
                shown += process.stdout.readline()
            for text in listing(process):
                assert PASSWORD.encode() not in text
        finally:
            process.kill()
            process.communicate()
        assert harness.plain("guyt", PASSWORD) in server.said("AUTH")[0]
        assert PASSWORD.encode() not in shown
        assert harness.plain("guyt", PASSWORD).encode() not in shown
        assert "AUTH PLAIN •••".encode() in shown


@pytest.mark.parametrize("way", ["file", "stdin", "fd", "env", "netrc",
                                 "netrc-user", "home", "home-config"])
def test_ways_of_a_password(way, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\nnot this\n")
    secret.chmod(0o600)
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine elsewhere.example login x password y\n"
                     f"machine 127.0.0.1 login other password z\n"
                     f"machine 127.0.0.1 login guyt password {PASSWORD}\n"
                     if way != "netrc-user" else
                     f"default login guyt password {PASSWORD}\n")
    netrc.chmod(0o600)
    read, write = os.pipe()
    os.write(write, PASSWORD.encode() + b"\n")
    os.close(write)
    (tmp_path / ".config" / "ehlo").mkdir(parents=True)
    home = tmp_path / (".config/ehlo/netrc" if way == "home-config"
                       else ".netrc")
    if way.startswith("home"):
        home.write_text(netrc.read_text())
        home.chmod(0o600)
    args = {"file": ("--password-file", secret),
            "stdin": ("--password-file", "-"),
            "fd": ("--password-fd", read), "env": ("--password-env", "PW"),
            "netrc": ("--netrc", netrc), "netrc-user": ("--netrc", netrc),
            "home": (), "home-config": ()}[way]
    user = () if way == "netrc-user" else ("--user", "guyt")
    with Recorder(caps=("AUTH PLAIN",)) as server:
        send(server, "--auth", "PLAIN", *user, *args, pass_fds=(read,),
             stdin=PASSWORD.encode() if way == "stdin" else None,
             env={"PW": PASSWORD, "HOME": str(tmp_path)})
        assert server.said("AUTH") == [
            "AUTH PLAIN " + harness.plain("guyt", PASSWORD)]
    os.close(read)


def test_netrc_that_others_can_read(tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text(f"default login guyt password {PASSWORD}\n")
    netrc.chmod(0o644)
    with Recorder(caps=("AUTH PLAIN",)) as server:
        got = send(server, "--auth", "PLAIN", "--netrc", netrc, code=3)
        assert "chmod 600" in got.err
        assert server.sessions == 0


def test_refused_and_optional_logins(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    login = ("--user", "guyt", "--password-file", secret)
    for word in ("--auth-password", "-ap", "--password"):
        assert "everybody" in run("send", "--to", "a@b", word, "x",
                                  code=3).err
    with Recorder(caps=("AUTH PLAIN",), AUTH="535 5.7.8 wrong") as server:
        got = send(server, "--auth", "PLAIN", *login, code=1)
        assert "AUTH: 535 5.7.8 wrong" in got.err
        assert server.verbs()[-1] == "QUIT" and not server.said("MAIL")
        send(server, "--auth-optional", "PLAIN", *login)
        send(server, "-aos", "PLAIN", *login, code=1)
    with Recorder(caps=("PIPELINING",)) as server:
        send(server, "--auth", *login, code=1)
        send(server, "--auth", "PLAIN,LOGIN", *login, code=1)
        send(server, "-aos", "PLAIN,LOGIN", *login)
        assert not server.said("AUTH")
    # in clear the password is shown to nobody who was not named
    with Recorder(caps=("AUTH PLAIN LOGIN",)) as server:
        send(server, *login, code=1)
        assert not server.said("AUTH")


def test_mechanisms_in_order(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)

    def judge(line):
        return "504 5.5.4 no" if "LOGIN" in line else "235 2.7.0 in"

    with Recorder(caps=("AUTH LOGIN X-PLAIN PLAIN",), AUTH=judge) as server:
        send(server, "--auth", "LOGIN,PLAIN", "--user", "guyt",
             "--password-file", secret, "--no-initial-response", code=1,
             *("--json",))
        assert [line.split()[1] for line in server.said("AUTH")] == [
            "LOGIN", "PLAIN"]
        send(server, "--auth-map", "X-PLAIN=PLAIN", "--user", "guyt",
             "--password-file", secret)
        assert server.said("AUTH")[-1].startswith("AUTH X-PLAIN ")


# --- real servers

def test_against_ehlod(ehlod, tmp_path, certs):
    daemon = ehlod()
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    image = tmp_path / "Bild ä.png"
    image.write_bytes(os.urandom(3000))
    run("send", "--server", f"127.0.0.1:{daemon.port()}", "--to",
        harness.INSIDE, "--from", "guy@cp.com", "--user", "guyt",
        "--password-file", secret, "--subject", "Grüße", "--body", "Äpfel",
        "--attach", image, "--verify", "--ca-file", certs.root)
    import email
    import email.policy
    raw = daemon.wait_mails(harness.INSIDE)[0]
    message = email.message_from_bytes(raw, policy=email.policy.default)
    assert message["Subject"] == "Grüße"
    assert message.get_body().get_content() == "Äpfel\n"
    parts = list(message.iter_attachments())
    assert [part.get_filename() for part in parts] == ["Bild ä.png"]
    assert parts[0].get_content() == image.read_bytes()
    for mech in ("PLAIN", "LOGIN"):
        out = run("send", "--server", f"127.0.0.1:{daemon.port()}", "--to",
                  harness.INSIDE, "--from", "guy@cp.com", "--user", "guyt",
                  "--password-file", secret, "--auth", mech,
                  "-q", "RCPT").out
        assert f"AUTH {mech}" in out and PASSWORD not in out


def test_against_aiosmtpd(tmp_path):
    code = ("import sys, asyncio\n"
            "from aiosmtpd.controller import Controller\n"
            "class H:\n"
            "    async def handle_DATA(self, s, sess, e):\n"
            "        sys.stdout.write('%r\\n' % ((e.mail_from, e.rcpt_tos,"
            " e.mail_options, e.content),)); sys.stdout.flush()\n"
            "        return '250 2.0.0 taken'\n"
            "c = Controller(H(), hostname='127.0.0.1', port=0,"
            " enable_SMTPUTF8=True)\n"
            "c.ready_timeout = 20\n"
            "import socket\n"
            "s = socket.socket(); s.bind(('127.0.0.1', 0))\n"
            "c.port = s.getsockname()[1]; s.close()\n"
            "c.start()\n"
            "print(c.port, flush=True)\n"
            "sys.stdin.read(); c.stop()\n")
    server = subprocess.Popen(["/usr/bin/python3", "-c", code],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    try:
        port = int(server.stdout.readline())
        run("send", "--server", f"127.0.0.1:{port}", "--from",
            "mé@z.example", "--to", "ü@x.example", "--body", ".Grüße\\n.",
            "--repeat", "2")
        for _ in range(2):
            sender, rcpts, options, content = eval(server.stdout.readline())
            assert sender == "mé@z.example" and rcpts == ["ü@x.example"]
            assert "SMTPUTF8" in options
            assert content.endswith("\r\n\r\n.Grüße\r\n.\r\n".encode())
    finally:
        server.communicate("")


def test_interrupted(tmp_path):
    """Ctrl-C in the middle ends it, without a word on the terminal."""
    with Recorder(MAIL=None) as server:
        process = subprocess.Popen(
            [str(EHLO), "send", "--server", server.server(), "--to", "a@b"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        while b"MAIL" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=SECONDS)
        assert process.returncode == -signal.SIGINT and error == b""
        server.wait_end()


def test_the_terminal_is_asked():
    """Without any other way; what is typed is not shown."""
    with Recorder(caps=("AUTH PLAIN",)) as server, Terminal(
            [str(EHLO), "send", "--config=", "--server", server.server(),
             "--to", "a@x.example", "--user", "guyt", "--auth", "PLAIN"],
            env={"HOME": "/nonexistent"}) as terminal:
        terminal.expect("Password for guyt at 127.0.0.1:")
        terminal.type(PASSWORD + "\r")
        terminal.wait_end()
        assert PASSWORD not in str(terminal.screen)
        assert server.said("AUTH") == [
            "AUTH PLAIN " + harness.plain("guyt", PASSWORD)]


def test_one_password_of_two_spellings(ehlod, tmp_path):
    """SCRAM knows it by either (RFC 4013): typed in one piece or two."""
    secret = tmp_path / "secret"
    secret.write_text("G\u00e9heim\n")
    secret.chmod(0o600)
    daemon = ehlod(start=False, listeners=[
        harness.listener(auth="scram-sha-256")])
    got = subprocess.run(
        [str(EHLO), "user", "passwd", "--users", daemon.folder / "users",
         "--password-file", secret, "guyt"], capture_output=True,
        timeout=SECONDS, check=False)
    assert got.returncode == 0, got.stderr
    daemon.start()
    for spelling in ("G\u00e9heim", "Ge\u0301heim"):
        secret.write_text(spelling + "\n")
        out = run("send", "--server", f"127.0.0.1:{daemon.port()}", "--user",
                  "guyt", "--password-file", secret, "-q", "AUTH").out
        assert "AUTH SCRAM-SHA-256" in out and "235" in out
