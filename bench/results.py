#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes bench/RESULTS.md from what bench/run.py measured:

    bench/run.py --json a.json …; bench/results.py a.json [MORE.json …]

The first file is compared with the aims; of the others only the rivals' rates
are shown, for those that the first has not got."""
import io
import json
import os
import statistics
import sys

import run

HERE = os.path.dirname(os.path.abspath(__file__))
C100 = "100 x 20, 4 KiB"

WORDS = """
**What the figures are not.** OpenSMTPD and aiosmtpd do not sync what they
acknowledge: their 250 is no promise; ours, Postfix's and Exim's is. Postfix
checks the password against Cyrus' sasldb, which costs nearly nothing; `ehlod`
checks yescrypt (17 ms on purpose) the first time and remembers the verdict for
a minute under a keyed hash, so both sides show what the TLS handshake costs,
with the same RSA 2048 key. Exim waits before its 221, so the generator does not
wait for it there. The rivals run as their packages configure them, with process
limits raised. Haraka is not in Debian 12 and was not measured.

**Octets written.** A new segment of 64 MiB is written once with zeroes before
its life begins, so that a durable append changes no metadata later; then it is
used again and again. While a queue only grows every segment is new, and every
octet is written twice. Where mail comes and goes the preparation is paid once.

**Memory** is what the whole process grew by, divided. With few sessions or
messages that is mostly what grows once: a thousand sessions fit into what was
there; texts kept for delivery (at most 16 MiB a shard) weigh on 100,000
messages, and are gone after a restart.
"""

PROFILE = """
## Where the time goes

`perf record` over the daemon with one shard, 100 connections × 20 messages,
4 KiB, no pipelining:

| where | share |
|---|---|
| kernel: TCP over loopback, epoll, waking threads, the disk's queue | 71 % |
| ehlod | 18 % |
| libc: memchr, memmove, malloc | 11 % |

Within ehlod no function has more than 2 %: CRC32C (1.5), dots and line ends
(1.2), the index of the store (0.8), flaws of the text (0.7), quoting for the
log (0.7). For a message without pipelining there are 4.2 recv, 4.2 send, and,
of a batch that carries six to seven messages, one write to the disk, two
futex calls and one wake-up of the loop. What a null server does not do, and
we do, is that batch, the log and the headers; on two cores shared with the
generator that is the distance to the sink.
"""


def ratios(rows, section, case, other):
    out = []
    for mine in rows:
        if (mine["section"], mine["case"], mine["peer"]) != \
                (section, case, "ehlod"):
            continue
        out += [mine["rate"] / o["rate"] for o in rows if o["rate"]
                and (o["section"], o["case"], o["peer"], o["rep"]) ==
                (section, case, other, mine["rep"])]
    return spread(out, 1 if other == "postfix" else 2)


def spread(values, digits):
    if not values:
        return "not measured"
    return (f"{statistics.median(values):.{digits}f} "
            f"({min(values):.{digits}f}–{max(values):.{digits}f})")


def of(rows, section, case, key, peer="ehlod"):
    return [r[key] for r in rows if r["section"] == section
            and r["case"] == case and r["peer"] == peer and key in r]


def one(values, form="{}"):
    return form.format(values[0]) if values else "–"


def living(rows):
    """How fast the living are beside dead ones, of what they are alone."""
    alone = of(rows, "destinations", "10000 domains, all alive", "rate")
    beside = of(rows, "destinations", "10000 domains, one in ten dead", "rate")
    return spread([b / a for a, b in zip(alone, beside) if a], 2)


def aims(rows):
    counts = [(n, f"{n} sessions") for n in (1000, 10000, 18000)]
    queues = [r for r in rows if r["section"] == "queue"]
    return [
        ("100 connections × 20 messages, 4 KiB", "≥ 10 × Postfix",
         ratios(rows, "accept", C100, "postfix")),
        ("the same, beside the null sink", "≥ 0.6",
         ratios(rows, "accept", C100, "sink")),
        ("the same with pipelining", "≥ 12 × Postfix",
         ratios(rows, "accept", C100 + ", pipelining", "postfix")),
        ("1 connection, 1 message a connection", "≥ 4 × Postfix",
         ratios(rows, "accept", "1 x 1, 4 KiB", "postfix")),
        ("the same, beside the null sink", "",
         ratios(rows, "accept", "1 x 1, 4 KiB", "sink")),
        ("accept to Maildir until all is delivered, 20 × 20",
         "≥ 8 × Postfix",
         ratios(rows, "maildir", "20 x 20, until delivered", "postfix")),
        ("accept and relay to a null next hop, 20 × 20", "≥ 10 × Postfix",
         ratios(rows, "relay", "20 x 20, until handed on", "postfix")),
        ("10,000 destinations, one in ten dead: the living, of their speed "
         "without dead ones", "≥ 0.9", living(rows)),
        ("STARTTLS + AUTH LOGIN sessions", "≥ 2 × Postfix",
         ratios(rows, "tls-auth", "STARTTLS + AUTH LOGIN, 20 x 1",
                "postfix")),
        ("idle session in clear, memory of the process", "≤ 1 KiB",
         " / ".join(one(of(rows, "idle", case, "kib")) + f" at {n:,}"
                    for n, case in counts)),
        ("idle session in TLS", "≤ 18 KiB",
         " / ".join(one(of(rows, "idle", case + ", TLS", "kib"))
                    + f" at {n:,}" for n, case in counts)),
        ("queued message in memory, octets", "≤ 300",
         " / ".join(f"{r['bytes']} with {r['case']} "
                    f"({r['bytes_after_restart']} after a restart)"
                    for r in queues)),
        ("first 220 after start", "≤ 5 s",
         " / ".join(f"{r['first_220_s']} s with {r['case']}"
                    for r in queues)),
        ("`ehlo queue list` with a filter, first and second time", "≤ 2 s",
         " / ".join(f"{r['list_s'][0]} and {r['list_s'][1]} s with "
                    f"{r['case']}" for r in queues if "list_s" in r)),
        ("daemon CPU a 4 KiB message, 100 connections", "≤ 40 µs",
         spread(of(rows, "accept", C100, "server_cpu_us"), 1)),
        ("octets written for an octet of text, 100 at once", "≤ 1.2",
         spread(of(rows, "limits", "raw writer, 100 at once, 4 KiB, settle",
                   "amplification", "store"), 2)
         + " when segments are used again; "
         + spread(of(rows, "accept", C100, "amplification"), 2)
         + " while the queue only grows (below)"),
    ]


def main():
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 3
    first, *more = [json.load(open(path)) for path in sys.argv[1:]]
    rows = first["rows"]
    raw = [statistics.median(of(rows, "limits", f"raw writer, {k} at once, "
                                "4 KiB, settle", "rate", "store"))
           for k in (100, 1)]
    out = io.StringIO()
    print(f"""# Results

Made by `make bench` and `bench/results.py`, {first['date']}:
{first['reps']} repetitions, everything interleaved.
Machine: {first['machine']}, ext4.
Server and load generator share the cores and talk over loopback. Only a 250
after the end of data counts. Medians (and the least and the most); ratios are
taken inside one repetition, because the machine's speed drifts between them.

## Aims

| what | aim | measured |
|---|---|---|""", file=out)
    for row in aims(rows):
        print("| " + " | ".join(row) + " |", file=out)
    print(f"""
The raw writer (the spool without SMTP) makes {raw[0]:,.0f} messages a second
durable with 100 at once, {raw[1]:,.0f} with one: the dialogue, not the disk,
is the limit.
{WORDS}
## Everything
""", file=out)
    run.table(rows, out)
    for other in more:
        print(f"\nThe other rivals, {other['reps']} repetition"
              f"{'' if other['reps'] == 1 else 's'} of their own, "
              "ratios to the ehlod of that run:\n", file=out)
        run.table(other["rows"], out)
    print("""
CPU µs: user and system time of the daemon alone, per message. written / text:
what the kernel counts as written by the daemon for each octet of text, while
the queue only grows.""", file=out)
    out.write(PROFILE)
    with open(f"{HERE}/RESULTS.md", "w", encoding="utf-8") as f:
        f.write(out.getvalue())
    return 0


if __name__ == "__main__":
    sys.exit(main())
