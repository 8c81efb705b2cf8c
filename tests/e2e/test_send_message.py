# SPDX-License-Identifier: Apache-2.0
"""The messages that `ehlo send` composes, read back by Python's email package:
fields, texts, attachments of every kind must be what was given."""
import email
import email.header
import email.policy
import random
import re

import pytest

from recorder import Recorder
from test_send import run, send

TEXTS = {
    "ascii": "Hello,\nworld.\n",
    "german": "Grüße aus Köln,\nÄpfel und Öl – schön.\n" * 5,
    "japanese": "日本語の文章です。\n" * 30,
    "emoji": "👩‍👩‍👧 ok\n",
    "dots": ".\n..\n.a\nFrom here\n>From there\n",
    "spaces": "trailing  \ntabs\t\t\n   leading\n",
    "long": "x" * 3000 + "\n" + "ä" * 2000 + "\n",
    "no end": "no line end",
    "empty": "",
    "equals": "a=b=3D?=\n=\n",
    "binary-like": "a\x01b\x7fc\n",
}
SUBJECTS = {
    "ascii": "Hello",
    "long": "A rather long subject " * 20 + "end",
    "german": "Grüße aus Köln, ein ziemlich langer Betreff mit Umlauten öäü",
    "japanese": "これは非常に長い件名なので折り返す必要があります" * 4,
    "mixed": "a 日本 b ü c " * 15 + "d",
    "one word": "x" * 2000,
    "spaces": "two  spaces   and ü  ü umlauts",
    "emoji": "👩‍👩‍👧" * 30,
}


def dump(*args, **options):
    """The message, by --dump-mail, its lines looked at."""
    raw = run("send", "--dump-mail", *args, is_mail=True, **options).stdout
    assert raw.endswith(b"\r\n")
    for line in raw.split(b"\r\n"):
        assert len(line) <= 998 and b"\r" not in line and b"\n" not in line
    return raw


def parse(raw):
    return email.message_from_bytes(raw.replace(b"\r\n", b"\n"),
                                    policy=email.policy.default)


def header_part(raw):
    return raw[:raw.index(b"\r\n\r\n")]


@pytest.mark.parametrize("kind", TEXTS)
def test_text(kind, tmp_path):
    text = TEXTS[kind]
    (tmp_path / "text").write_bytes(text.encode())
    raw = dump("--to", "a@b", "--body", f"@{tmp_path}/text")
    assert max(raw) < 128
    message = parse(raw)
    assert message.get_content_type() == "text/plain"
    got = message.get_payload(decode=True).decode().replace("\r\n", "\n")
    want = text if text.endswith("\n") or not text else text + "\n"
    assert got == want
    # the other encodings carry the same
    for transfer in ("base64", "quoted-printable"):
        other = parse(dump("--to", "a@b", "--transfer", transfer, "--body",
                           f"@{tmp_path}/text"))
        assert other["Content-Transfer-Encoding"] == transfer
        assert other.get_payload(decode=True).replace(
            b"\r\n", b"\n").decode() == want


@pytest.mark.parametrize("kind", SUBJECTS)
def test_subject(kind):
    raw = dump("--to", "a@b", "--subject", SUBJECTS[kind])
    assert max(raw) < 128
    assert parse(raw)["Subject"] == SUBJECTS[kind]
    if kind != "one word":
        assert max(map(len, header_part(raw).split(b"\r\n"))) <= 78
    utf8 = dump("--to", "a@b", "--subject", SUBJECTS[kind], "--smtputf8")
    if kind != "one word":
        assert re.sub("\r\n(?= )", "", utf8.decode()).count(
            f"Subject: {SUBJECTS[kind]}\r\n") == 1


def test_names_in_addresses():
    raw = dump("--from", "Jürgen Müller <j@z.example>", "--to",
               "\"Doe, Jane\" <jane@x.example>, J. R. R. T. <t@x.example>,"
               " 日本語の名前 <n@x.example>",
               "--cc", "plain@x.example")
    message = parse(raw)
    assert message["From"].addresses[0].display_name == "Jürgen Müller"
    assert [(a.display_name, a.addr_spec)
            for a in message["To"].addresses] == [
        ("Doe, Jane", "jane@x.example"), ("J. R. R. T.", "t@x.example"),
        ("日本語の名前", "n@x.example")]
    assert str(message["Cc"]) == "plain@x.example"
    assert max(raw) < 128
    # in several words: the package's newer parser puts spaces between them
    name = "日本語の名前がとても長い場合もあります、本当に"
    raw = dump("--to", f"{name} <n@x.example>")
    old = email.message_from_bytes(raw)["To"]
    assert str(email.header.make_header(email.header.decode_header(
        old))).replace(" ", "") == f"{name}<n@x.example>"


def test_defaults():
    message = parse(dump("--to", "a@b", "--from", "me@z.example"))
    assert message["From"] == "me@z.example" and message["To"] == "a@b"
    assert re.fullmatch(r"<[0-9a-f]{32}@z\.example>", message["Message-ID"])
    assert message["Date"].datetime.tzinfo is not None
    assert message["Subject"].startswith("test ")
    assert message.get_content() == "This is a test mailing\n"
    sender = parse(dump("--to", "a@b"))["From"]
    assert sender.startswith("tester@")
    nobody = parse(dump("--bcc", "a@b"))
    assert nobody["To"] == "undisclosed-recipients:;" and not nobody["Bcc"]
    first, second = (parse(dump("--to", "a@b"))["Message-ID"]
                     for _ in range(2))
    assert first != second


def test_own_fields():
    raw = dump("--to", "a@b", "--header", "Subject: mine ü", "--h-X-One",
               "1", "--header-X-Two: ".strip(), "2", "--add-header",
               "X-Three: 3\\nX-Four: 4\\n  and more", "--h-To", "x@y",
               "--add-header", "X-Three: again")
    message = parse(raw)
    assert message["Subject"] == "mine ü" and message["To"] == "x@y"
    assert message["X-One"] == "1" and message["X-Two"] == "2"
    assert message.get_all("X-Three") == ["3", "again"]
    assert message["X-Four"].split() == ["4", "and", "more"]
    # nothing typed can end the header
    sly = parse(dump("--to", "a@b", "--subject",
                     "x\r\nBcc: victim@x\r\n\r\nbody"))
    assert sly["Bcc"] is None and "victim" in sly["Subject"]
    # types of the typist's own
    html = parse(dump("--to", "a@b", "--body", "<b>x</b>", "--header",
                      "Content-Type: text/html; charset=utf-8"))
    assert html.get_content_type() == "text/html"
    assert len(html.get_all("Content-Type")) == 1


NAMES = ["plain.txt", "with space.pdf", "quo\"te\\.png", "Übersicht.pdf",
         "日本語のファイル名.png", "x" * 150 + ".bin", "ä" * 60 + ".bin",
         "semi;colon=.txt"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_files(name, tmp_path):
    (tmp_path / "f").write_bytes(b"content")
    raw = dump("--to", "a@b", "--attach-name", name, "--attach",
               tmp_path / "f")
    assert max(raw) < 128
    part = list(parse(raw).iter_attachments())[0]
    assert part.get_filename() == name
    assert part.get_payload(decode=True) == b"content"


def test_attachments(tmp_path):
    chance = random.Random(4711)
    blobs = {"a.png": bytes(range(256)) * 50, "b.txt": b"text\nwith LF\n",
             "c.bin": b"", "d": b"\r\n.\r\n\x00",
             "e.eml": b"Subject: inner\n\nbody\n",
             "f.pdf": chance.randbytes(10001)}
    args = []
    for name, content in blobs.items():
        (tmp_path / name).write_bytes(content)
        args += ["--attach", f"@{tmp_path}/{name}"]
    message = parse(dump("--to", "a@b", "--body", "see attachments", *args))
    assert message.get_content_type() == "multipart/mixed"
    assert message.get_body().get_content() == "see attachments\n"
    parts = {part.get_filename(): part
             for part in message.iter_attachments()}
    assert list(parts) == list(blobs)
    assert [part.get_content_type() for part in parts.values()] == [
        "image/png", "text/plain", "application/octet-stream",
        "application/octet-stream", "message/rfc822", "application/pdf"]
    assert parts["e.eml"].get_content()["Subject"] == "inner"
    for name in ("a.png", "b.txt", "c.bin", "d", "f.pdf"):
        assert parts[name].get_payload(decode=True) == blobs[name]


def test_types_and_standard_input(tmp_path):
    message = parse(dump("--to", "a@b", "--attach-type", "text/x-eicar",
                         "--attach", "-", "--attach-name", "again",
                         "--attach", "-", stdin=b"stdin\xff\n"))
    parts = list(message.iter_attachments())
    assert [part.get_content_type() for part in parts] == ["text/x-eicar"] * 2
    assert [part.get_filename() for part in parts] == [None, "again"]
    assert all(part.get_payload(decode=True) == b"stdin\xff\n"
               for part in parts)


def test_forms_of_the_text(tmp_path):
    (tmp_path / "i.png").write_bytes(b"image")
    message = parse(dump("--to", "a@b", "--html", "<p>Grüße</p>", "--body",
                         "Grüße", "--attach-type", "text/markdown",
                         "--attach-body", "*Grüße*", "--inline",
                         tmp_path / "i.png"))
    assert message.get_content_type() == "multipart/mixed"
    forms = next(message.iter_parts())
    assert forms.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in forms.iter_parts()] == [
        "text/plain", "text/html", "text/markdown"]
    # both in base64, where the line ends are the canonical ones
    assert message.get_body(("plain",)).get_content() == "Grüße\r\n"
    assert message.get_body(("html",)).get_content() == "<p>Grüße</p>\n"
    image = list(message.iter_parts())[1]
    assert image["Content-ID"] == "<i.png>"
    assert image.get_content_disposition() == "inline"
    only = parse(dump("--to", "a@b", "--html", "<p>x</p>"))
    assert only.get_content_type() == "text/html"


def test_random_messages(tmp_path):
    """What no list of cases has: many kinds at once."""
    chance = random.Random(20261121)
    letters = "abc  .=?_\"<>@,;:\\äöß日本語👍\t"

    def words(n):
        return "".join(chance.choice(letters) for _ in range(n))

    for round_ in range(12):
        subject = re.sub(r"\s+", " ", words(chance.randrange(200))).strip()
        subject = subject.replace("=?", "")
        text = "\n".join(words(chance.randrange(120))
                         for _ in range(chance.randrange(20))) + "\n"
        blob = chance.randbytes(chance.randrange(500))
        (tmp_path / "t").write_bytes(text.encode())
        (tmp_path / "b").write_bytes(blob)
        raw = dump("--to", "a@b", "--subject", subject, "--body",
                   f"@{tmp_path}/t", "--attach", tmp_path / "b")
        message = parse(raw)
        assert message["Subject"] == subject, round_
        body = message.get_body().get_payload(decode=True).decode()
        assert body.replace("\r\n", "\n") == text
        assert list(message.iter_attachments())[0].get_payload(
            decode=True) == blob


# --- a message as it is

def test_data_as_it_is(tmp_path):
    path = tmp_path / "mail.eml"
    path.write_bytes(b"From x\nSubject: %DATE% \n\n.dot\nlast")
    want = b"From x\r\nSubject: %DATE% \r\n\r\n.dot\r\nlast\r\n"
    for args, options in ((("--data", path), {}),
                          (("--data", f"@{path}"), {}),
                          (("-d", "-"), {"stdin": path.read_bytes()}),
                          (("-d", "From x\\nSubject: %DATE% \\n\\n.dot\\nlast"),
                           {})):
        with Recorder() as server:
            send(server, *args, **options)
            assert server.texts == [want]
    run("send", "--to", "a@b", "--data", tmp_path / "none", code=3)


def test_data_with_tokens_and_fields(tmp_path):
    path = tmp_path / "mail.eml"
    path.write_text("Date: %DATE%\nTo: %TO_ADDRESS%\nFrom: %FROM_ADDRESS%\n"
                    "Subject: old\n  folded\nMessage-Id: <%MESSAGEID%>\n"
                    "%NEW_HEADERS%X-Last: 1\n\n%BODY%\n100%\n")
    args = ("--from", "f@z.example", "--to", "a@b,c@d", "--data", path,
            "--header", "Subject: neü", "--add-header", "X-New: 1",
            "--header", "X-More: m", "--body", "the text")
    message = parse(dump(*args, "--expand"))
    assert message["To"] == "a@b, c@d" and message["From"] == "f@z.example"
    assert message["Subject"] == "neü" and message["X-New"] == "1"
    assert message["X-More"] == "m" and message["X-Last"] == "1"
    assert message.get_payload() == "the text\n100%\n"
    plain = dump(*args).decode()
    assert "To: %TO_ADDRESS%" in plain and "%BODY%" in plain
    assert parse(plain.encode())["Subject"] == "neü"


def test_dump():
    got = run("send", "--to", "a@b", "--from", "c@d", "--server", "h:26",
              "--dump").out
    assert re.search(r"server +h port 26", got)
    assert re.search(r"recipient +<a@b>", got)
    assert "PLAIN" in run("send", "--support").out
    help_ = run("send", "--help").out
    assert "--quit-after" in help_ and "--proxy" in help_
    assert run("help", "send").out == help_
