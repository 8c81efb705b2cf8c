# SPDX-License-Identifier: Apache-2.0
"""Reports on TLS (RFC 8460): what was noted on a day goes, once the day is
over, to who asks for it in the name system, and is read by Python."""
import datetime
import email
import email.policy
import gzip
import json
import subprocess

import pytest

import harness
from netns import own_network  # noqa: F401  (a fixture)
from policy_server import policy
from test_relay import send
from test_sts import DOMAIN, MX, World, files, world  # noqa: F401

pytestmark = pytest.mark.usefixtures("own_network")

RECORD = ("_smtp._tls.elsewhere.example TXT v=TLSRPTv1; "
          "rua=https://x.example/,mailto:tls@elsewhere.example,"
          "mailto:second%2Bone@elsewhere.example\n")
FROM = "postmaster@example.org"


def day(ago=0):
    """Days are those of UTC."""
    return str(datetime.datetime.now(datetime.timezone.utc).date()
               - datetime.timedelta(days=ago))


DAY = day(ago=2)


def note_failure(world, record=RECORD, **options):
    """One mail that an enforced policy stops; then two days pass."""
    sink = world.sink(world.files.wrong)
    world.web(policy("b.elsewhere.example", MX))
    daemon = world.start(record, **options)
    send(daemon, harness.OUTSIDE)
    daemon.wait_event("deferred")
    daemon.stop()
    folder = daemon.folder / "spool" / "tls-reports"
    today, = folder.iterdir()
    path = today.rename(folder / f"{DAY}.json")
    return sink, daemon, path


def restart(daemon, **options):
    daemon.options.update(options)
    daemon.write_config()
    daemon.start()


def test_report(world):
    sink, daemon, path = note_failure(world)
    restart(daemon, **{"tls-report-from": FROM})
    # the certificate is as wrong as before: the report comes all the same
    mail = sink.wait(1)[0]
    assert mail.session.is_tls
    assert mail.sender == FROM
    assert [rcpt for rcpt, _ in mail.rcpts] == [
        "tls@elsewhere.example", "second+one@elsewhere.example"]
    assert all("NOTIFY=NEVER" in params for _, params in mail.rcpts)
    daemon.wait_event("tls-report", domain=DOMAIN)
    daemon.stop()
    # struck out; what became of the report itself is not noted
    assert not path.exists()
    assert {p.name for p in path.parent.iterdir()} <= {f"{day()}.json"}

    message = email.message_from_bytes(mail.text,
                                       policy=email.policy.default)
    assert not message.defects
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "tlsrpt"
    assert message["TLS-Report-Domain"] == DOMAIN
    assert message["TLS-Report-Submitter"] == "mail.example.org"
    assert message["TLS-Required"] == "No"
    assert message["Subject"].startswith(f"Report Domain: {DOMAIN} Submitter: "
                                         "mail.example.org Report-ID: <")
    text, part = message.iter_parts()
    assert not part.defects
    assert DOMAIN in text.get_content() and DAY in text.get_content()
    assert part.get_content_type() == "application/tlsrpt+gzip"
    begin = int(datetime.datetime.fromisoformat(
        DAY + "T00:00:00+00:00").timestamp())
    assert part.get_filename() == (f"mail.example.org!{DOMAIN}!{begin}!"
                                   f"{begin + 86399}.json.gz")
    report = json.loads(gzip.decompress(part.get_content()))
    assert set(report) == {"organization-name", "date-range", "contact-info",
                           "report-id", "policies"}
    assert report["contact-info"] == FROM
    assert report["date-range"] == {"start-datetime": DAY + "T00:00:00Z",
                                    "end-datetime": DAY + "T23:59:59Z"}
    one, = report["policies"]
    assert one["policy"] == {
        "policy-type": "sts", "policy-domain": DOMAIN,
        "policy-string": ["version: STSv1", "mode: enforce",
                          "mx: b.elsewhere.example", f"mx: {MX}",
                          "max_age: 86400"],
        "mx-host": ["b.elsewhere.example", MX]}
    failed = one["summary"].pop("total-failure-session-count")
    assert failed >= 1
    assert one["summary"] == {"total-successful-session-count": 0}
    detail, = one["failure-details"]
    assert "not for a.elsewhere.example" in detail.pop("failure-reason-code")
    assert detail == {"result-type": "certificate-host-mismatch",
                      "sending-mta-ip": "127.0.0.1",
                      "receiving-mx-hostname": MX,
                      "receiving-ip": "127.0.0.2",
                      "failed-session-count": failed}


def test_shown_to_the_operator(world):
    world.sink(world.files.wrong)
    world.web(policy("b.elsewhere.example", MX, mode="testing"))
    daemon = world.start()
    send(daemon, harness.OUTSIDE)
    daemon.wait_event("relayed")
    control = f"{daemon.folder}/control"
    got = subprocess.run(
        [harness.EHLO, "status", "--tls", "--control", control],
        capture_output=True, text=True, timeout=harness.SECONDS, check=True)
    head, detail = got.stdout.splitlines()
    assert head == f"{day()}  {DOMAIN} (sts): 0 good, 1 failed"
    assert detail.split()[:4] == ["1", "certificate-host-mismatch", MX,
                                  "[127.0.0.2]:"]
    got = subprocess.run(
        [harness.EHLO, "status", "--tls", "--json", "--control", control],
        capture_output=True, text=True, timeout=harness.SECONDS, check=True)
    item = json.loads(got.stdout)
    assert item["domain"] == DOMAIN
    assert item["report"]["policy"]["policy-type"] == "sts"


@pytest.mark.parametrize("record", [
    "", "_smtp._tls.elsewhere.example TXT v=TLSRPTv1; rua=https://x/\n",
    RECORD + RECORD.replace("tls@", "other@")], ids=["none", "web", "two"])
def test_nobody_wants_it(world, record):
    sink, daemon, path = note_failure(world, record)
    restart(daemon, **{"tls-report-from": FROM, "log-level": "debug"})
    daemon.wait_event("no-tls-report", domain=DOMAIN, day=DAY)
    daemon.stop()
    assert not path.exists() and not sink.mails


def test_off_by_default_and_later_if_dns_fails(world):
    sink, daemon, path = note_failure(
        world, "_smtp._tls.elsewhere.example ! servfail\n")
    restart(daemon)
    daemon.wait_event("deferred")
    daemon.stop()
    assert path.exists()
    restart(daemon, **{"tls-report-from": FROM, "log-level": "debug"})
    daemon.wait_event("no-tls-report")
    daemon.stop()
    assert path.exists() and not sink.mails


def test_counts_are_added_over_restarts(world):
    sink = world.sink(world.files.mx)
    world.web(policy(MX))
    daemon = world.start()
    for count in (1, 2):
        send(daemon, harness.OUTSIDE)
        sink.wait(count)
        daemon.wait_event("relayed")
        daemon.stop()
        one, = world.book()
        assert one["summary"] == {"total-successful-session-count": count,
                                  "total-failure-session-count": 0}
        daemon.start()
