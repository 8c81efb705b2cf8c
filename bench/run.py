#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""make bench: measures ehlod beside its rivals, interleaved, several times, and
prints medians with ratios taken inside one repetition (a machine's speed drifts
between repetitions). Writes a table and a JSON file.

Exit status: 0 measured, 1 ehlod itself could not be measured, 3 usage."""
import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import peers

HERE = os.path.dirname(os.path.abspath(__file__))

# name: (connections, messages a connection, messages, size, more options)
ACCEPT = {
    "1 x 1, 4 KiB": (1, 1, 400, 4096, []),
    "1 x 20, 4 KiB": (1, 20, 600, 4096, []),
    "10 x 20, 4 KiB": (10, 20, 3000, 4096, []),
    "100 x 1, 4 KiB": (100, 1, 4000, 4096, []),
    "100 x 20, 4 KiB": (100, 20, 6000, 4096, []),
    "100 x 20, 4 KiB, pipelining": (100, 20, 6000, 4096, ["--pipelining"]),
    "500 x 1, 4 KiB": (500, 1, 4000, 4096, []),
    "500 x 20, 4 KiB": (500, 20, 10000, 4096, []),
    "100 x 20, 64 KiB": (100, 20, 2000, 65536, []),
    "10 x 10, 1 MiB": (10, 10, 200, 1 << 20, []),
}
# The fast ones need more messages for a run of some length.
LONGER = {"ehlod": 5, "sink": 5}


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def load(work, peer, connections, each, total, size, more, rcpt, **kw):
    command = [f"{work}/bin/loadgen", "--port", str(peer.port),
               "--connections", str(connections), "--per-connection",
               str(each), "--messages", str(total), "--size", str(size),
               "--rcpt", rcpt, "--users", str(peers.USERS), "--pending",
               str(peer.pending), "--timeout", "60", "--json", *more]
    if not peer.quits:
        command.append("--no-quit")
    result = subprocess.run(command, capture_output=True, text=True, **kw)
    try:
        return json.loads(result.stdout)
    except ValueError:
        return {"rate": 0, "errors": -1, "error": result.stderr[-200:]}


def accept(work, peer, rows, rep, cases):
    peer.fresh_mail()
    peer.start("accept")
    rcpt = f"user%d@{peers.OUTSIDE if peer.name == 'ehlod' else peers.DOMAIN}"
    try:
        load(work, peer, 10, 5, 200, 4096, [], rcpt)    # warm
        for name, (c, m, n, size, more) in cases.items():
            n *= LONGER.get(peer.name, 1)
            if "--pipelining" in more and not peer.pipelines:
                continue    # it does not offer it
            pid = peer.process.pid
            cpu, io = peers.cpu_seconds(pid), peers.written_bytes(pid)
            got = load(work, peer, c, m, n, size, more, rcpt)
            if got.get("acknowledged"):
                done = got["acknowledged"]
                got["server_cpu_us"] = round(
                    (peers.cpu_seconds(pid) - cpu) / done * 1e6, 1)
                got["amplification"] = round(
                    (peers.written_bytes(pid) - io) / (done * size), 3)
            rows.append({"section": "accept", "case": name,
                         "peer": peer.name, "rep": rep, **got})
            say(f"  {peer.name:10} {name:30} {got['rate']:>9.0f}/s "
                f"errors {got['errors']} {got.get('error', '')}")
        if peer.has_tls:
            got = load(work, peer, 20, 1, 400, 4096,
                       ["--starttls", "--login", peers.LOGIN,
                        "--password-file", f"{work}/password"], rcpt)
            rows.append({"section": "tls-auth", "case":
                         "STARTTLS + AUTH LOGIN, 20 x 1", "peer": peer.name,
                         "rep": rep, **got})
            say(f"  {peer.name:10} {'STARTTLS + AUTH LOGIN':30} "
                f"{got['rate']:>9.0f}/s errors {got['errors']}")
    finally:
        peer.stop()


def maildir(work, peer, rows, rep):
    if not peer.has_maildir:
        return
    total = 2000
    peer.fresh_mail()
    peer.start("maildir")
    try:
        begin = time.monotonic()
        got = load(work, peer, 20, 20, total, 4096, [],
                   f"user%d@{peers.DOMAIN}")
        while peer.delivered() < got.get("acknowledged", 0) and \
                time.monotonic() - begin < 60:
            time.sleep(0.01)
        seconds, n = time.monotonic() - begin, peer.delivered()
        rows.append({"section": "maildir", "case": "20 x 20, until delivered",
                     "peer": peer.name, "rep": rep, "rate": n / seconds,
                     "delivered": n, "errors": got["errors"]})
        say(f"  {peer.name:10} {'accept to Maildir':30} "
            f"{n / seconds:>9.0f}/s delivered {n}")
    finally:
        peer.stop()


def relayed(work, peer, sink, options, total, rcpt, until):
    """Loads `total` messages, and waits until `until` of them have reached the
    next hop. Returns messages a second of those, and how many did."""
    begin = time.monotonic()
    got = load(work, peer, 20, 20, total, 4096, options, rcpt)
    while sink.count() < until and time.monotonic() - begin < 120 and \
            peer.process.poll() is None:
        time.sleep(0.005)
    n = sink.count()
    return min(n, until) / (time.monotonic() - begin), n, got["errors"]


def relay(work, peer, rows, rep):
    """Accepted, and handed on to a next hop that takes everything."""
    if not peer.relays:
        return
    sink, total = peers.Sink(work), 2000 * (5 if peer.name == "ehlod" else 1)
    sink.start("next hop")
    peer.next_hop = sink.port
    try:
        peer.start("relay")
        rate, n, errors = relayed(work, peer, sink, [], total,
                                  f"user%d@{peers.OUTSIDE}", total)
        rows.append({"section": "relay", "case": "20 x 20, until handed on",
                     "peer": peer.name, "rep": rep, "rate": rate,
                     "delivered": n, "errors": errors})
        say(f"  {peer.name:10} {'accept and relay':30} {rate:>9.0f}/s "
            f"handed on {n}")
    finally:
        peer.stop()
        sink.stop()


def destinations(work, peer, rows, rep):
    """10,000 domains, two messages each: all alive; then with one in ten whose
    host never answers. The living must not feel it."""
    n, each = 10000, 2
    for dead in (False, True):
        sink = peers.Sink(work)
        sink.start("next hop")
        peer.next_hop = sink.port
        with open(f"{peer.home}/hosts", "w") as f:
            for i in range(n):
                lost = dead and i % 10 == 9
                f.write(f"{'10.9' if lost else '127.9'}.{i // 250}."
                        f"{i % 250 + 1} d{i}.example\n")
        until = each * n * (9 if dead else 10) // 10
        try:
            peer.start("destinations")
            rate, got, errors = relayed(
                work, peer, sink, ["--users", str(n)], each * n,
                "x@d%d.example", until)
            rows.append({"section": "destinations", "case":
                         f"{n} domains" + (", one in ten dead" if dead else
                                           ", all alive"),
                         "peer": peer.name, "rep": rep, "rate": rate,
                         "delivered": got, "errors": errors})
            say(f"  {peer.name:10} {rows[-1]['case']:30} {rate:>9.0f}/s "
                f"handed on {got}")
        finally:
            peer.stop()
            sink.stop()


def idle(work, peer, rows, counts):
    """In a network namespace of its own: ports of loopback are not enough for
    tens of thousands on a busy machine."""
    for tls in (False, True) if peer.has_tls else (False,):
        for n in counts:
            peer.start("accept")
            try:
                before = peers.pss_kb(peer.process.pid)
                command = [f"{work}/bin/loadgen", "--port", str(peer.port),
                           "--connections", str(n), "--idle", "--timeout",
                           "120", "--pending", str(peer.pending)]
                if tls:
                    command.append("--starttls")
                client = subprocess.Popen(command, stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, text=True)
                line = client.stdout.readline().strip()
                after = peers.pss_kb(peer.process.pid)
                client.stdin.close()
                client.wait()
                held = int(line.split("n=")[1].split()[0]) if "n=" in line \
                    else 0
                rows.append({
                    "section": "idle", "case": f"{n} sessions"
                    + (", TLS" if tls else ""), "peer": peer.name, "rep": 1,
                    "held": held, "rate": 0, "errors": n - held,
                    "kib": round((after - before) / max(held, 1), 2)})
                say(f"  {peer.name:10} {n:>6} idle{' TLS' if tls else ''}: "
                    f"{rows[-1]['kib']} KiB each, held {held}")
            finally:
                peer.stop()


def list_queue(peer):
    """Seconds that a filter of `ehlo queue list` takes that fits nothing, and
    so looks at all of it; twice: the first time the daemon may have to look
    at what it has not yet read."""
    took = []
    for _ in range(2):
        begin = time.monotonic()
        subprocess.run([f"{peer.build}/ehlo", "queue", "list", "--control",
                        f"{peer.home}/control", "--rcpt",
                        f"nobody@{peers.OUTSIDE}"],
                       check=True, capture_output=True)
        took.append(round(time.monotonic() - begin, 2))
    return took


def queue(work, peer, rows, counts):
    for n in counts:
        peer.fresh_mail()
        peer.keep_spool = False
        peer.start("accept")
        try:
            before = peers.pss_kb(peer.process.pid)
            got = load(work, peer, 100, 1000, n, 1024, ["--pipelining",
                       "--timeout", "600"], f"user%d@{peers.OUTSIDE}")
            loaded = peers.pss_kb(peer.process.pid)
            peer.stop()
            peer.keep_spool = True
            with open("/proc/sys/vm/drop_caches", "w") as f:
                f.write("3\n")
            begin = time.monotonic()
            peer.start("accept")
            first = time.monotonic() - begin
            again = peers.pss_kb(peer.process.pid)
            took = list_queue(peer)
            rows.append({
                "section": "queue", "case": f"{n} queued", "peer": peer.name,
                "rep": 1, "rate": got["rate"], "errors": got["errors"],
                "bytes": round((loaded - before) * 1024 / n),
                "bytes_after_restart": round((again - before) * 1024 / n),
                "first_220_s": round(first, 2), "list_s": took})
            say(f"  {peer.name:10} {n} queued: {rows[-1]['bytes']} B each, "
                f"restart {first:.2f} s, list {took} s")
        finally:
            peer.stop()
            peer.keep_spool = False


def limits(work, build, rows, rep):
    """What the disk gives to a program that only writes: the store without
    SMTP. `settle`: each message goes as soon as it is durable, so segments are
    used again and again; `keep`: all stays, so new ones are made all the
    time."""
    for mode in ("settle", "keep"):
        for k in (1, 100):
            folder = f"{work}/limit-{mode}"
            got = {}
            for seconds in ("1", "3"):      # the first warms it
                out = subprocess.run(
                    [f"{build}/bench/storebench", folder, str(k), "4096",
                     seconds, mode, "--json"], capture_output=True, text=True,
                    check=True)
                got = json.loads(out.stdout)
            rows.append({"section": "limits", "case":
                         f"raw writer, {k} at once, 4 KiB, {mode}",
                         "peer": "store", "rep": rep,
                         "errors": got["failed"], **got})
            say(f"  {'store':10} {rows[-1]['case']:30} "
                f"{got['rate']:>9.0f}/s written/text {got['amplification']}")
        shutil.rmtree(f"{work}/limit-{mode}", ignore_errors=True)


def median(values):
    return statistics.median(values) if values else 0


def table(rows, out):
    cases = []
    for r in rows:
        if r["section"] in ("accept", "tls-auth", "maildir", "relay",
                            "destinations") and \
                (r["section"], r["case"]) not in cases:
            cases.append((r["section"], r["case"]))
    names = [n for n in peers.PEERS if any(r["peer"] == n for r in rows)]
    print("| case | " + " | ".join(f"{n}, msg/s" for n in names)
          + " | x Postfix | of the sink | CPU µs | written / text |", file=out)
    print("|---" * (len(names) + 5) + "|", file=out)
    for section, case in cases:
        mine = [r for r in rows if (r["section"], r["case"]) ==
                (section, case)]
        cells = []
        for n in names:
            rates = [r["rate"] for r in mine if r["peer"] == n]
            bad = any(r["errors"] for r in mine if r["peer"] == n)
            cells.append((f"{median(rates):,.0f}" + (" (errors)" if bad
                          else "")) if rates else "–")

        def ratio(other):
            values = []
            for r in mine:
                if r["peer"] != "ehlod":
                    continue
                for o in mine:
                    if o["peer"] == other and o["rep"] == r["rep"] and \
                            o["rate"]:
                        values.append(r["rate"] / o["rate"])
            return f"{median(values):.2f}" if values else "–"
        own = [r for r in mine if r["peer"] == "ehlod"]
        cpu = [r["server_cpu_us"] for r in own if "server_cpu_us" in r]
        amp = [r["amplification"] for r in own if "amplification" in r]
        print(f"| {section}: {case} | " + " | ".join(cells)
              + f" | {ratio('postfix')} | {ratio('sink')} | "
              + (f"{median(cpu):.1f}" if cpu else "–") + " | "
              + (f"{median(amp):.2f}" if amp else "–") + " |", file=out)
    print(file=out)
    limit = {}
    for r in rows:
        if r["section"] == "limits":
            limit.setdefault(r["case"], []).append(r)
    for case, all_of_it in limit.items():
        print(f"- {case}: {median([r['rate'] for r in all_of_it]):,.0f} "
              "msg/s, written / text "
              f"{median([r['amplification'] for r in all_of_it]):.2f}",
              file=out)
    for r in rows:
        if r["section"] == "idle":
            print(f"- {r['peer']}: {r['case']}: {r['kib']} KiB of the process "
                  f"each ({r['held']} held)", file=out)
        if r["section"] == "queue":
            print(f"- {r['peer']}: {r['case']}: {r['bytes']} bytes each in "
                  f"memory, {r['bytes_after_restart']} after a restart, first "
                  f"220 after {r['first_220_s']} s", file=out)


def machine():
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), platform.machine())
    memory = int(open("/proc/meminfo").readline().split()[1]) // 1048576
    return (f"{os.cpu_count()} cores ({cpu}), {memory} GiB, Linux "
            f"{platform.release()}")


def prepare(work):
    for d in ("bin", "tls", "deb"):
        os.makedirs(f"{work}/{d}", exist_ok=True)
    os.chmod(work, 0o755)
    for name, libs in (("loadgen", ["-lssl", "-lcrypto"]),
                       ("sink", ["-lpthread"])):
        peers.run("gcc", "-O2", "-std=c11", "-D_GNU_SOURCE", "-o",
                  f"{work}/bin/{name}", f"{HERE}/{name}.c", *libs)
    with open(f"{work}/password", "w") as f:
        f.write(peers.PASSWORD + "\n")
    if not os.path.exists(f"{work}/tls/cert.pem"):
        peers.run("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                  "-keyout", f"{work}/tls/key.pem", "-out",
                  f"{work}/tls/cert.pem", "-days", "30", "-subj",
                  "/CN=mail.example.org")
        os.chmod(f"{work}/tls/key.pem", 0o600)


def isolate():
    """Into a network namespace of our own with loopback up, if we may."""
    if os.environ.get("EHLO_BENCH_NS") or os.geteuid() != 0:
        return
    os.environ["EHLO_BENCH_NS"] = "1"
    # what is sent to 10.9 vanishes: hosts that never answer
    os.execvp("unshare", ["unshare", "-n", "bash", "-c",
                          "ip link set lo up; ip addr add 10.8.0.1 dev lo; "
                          "ip route add 10.9.0.0/16 dev lo src 10.8.0.1; "
                          "sysctl -qw "
                          "net.ipv4.ip_local_port_range='1024 65000'; "
                          "exec \"$@\"", "x", sys.executable,
                          os.path.abspath(__file__), *sys.argv[1:]])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default="build")
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--peers", default=",".join(peers.PEERS))
    parser.add_argument("--sections",
                        default="limits,accept,maildir,relay,"
                        "destinations,idle,queue")
    parser.add_argument("--cases", default="", help="only accept cases that "
                        "contain this text")
    parser.add_argument("--work", help="a folder on the disk to measure")
    parser.add_argument("--json", default="bench-results.json")
    parser.add_argument("--queue", default="100000,1000000")
    args = parser.parse_args()
    work = args.work or tempfile.mkdtemp(prefix="ehlo-bench-", dir=".")
    work = os.path.abspath(work)
    prepare(work)
    if os.geteuid() == 0 and not os.environ.get("EHLO_BENCH_NS"):
        for name in args.peers.split(","):      # packages want the network
            try:
                peers.PEERS[name](work).install()
            except peers.NotHere:
                pass
        sys.argv += ["--work", work]
        if not args.work:
            os.environ["EHLO_BENCH_OURS"] = work
        isolate()
    peers.Ehlod.build = os.path.abspath(args.build)
    # so that what was started is stopped in any case
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    chosen, absent = [], {}
    for name in args.peers.split(","):
        peer = peers.PEERS[name](work)
        try:
            peer.install()
            chosen.append(peer)
        except peers.NotHere as why:
            absent[name] = str(why)
            say(f"{name}: not measured: {why}")
    rows = []
    cases = {k: v for k, v in ACCEPT.items() if args.cases in k}
    sections = args.sections.split(",")
    for rep in range(1, args.reps + 1):
        if "limits" in sections:
            say(f"repetition {rep} of {args.reps}: limits")
            limits(work, peers.Ehlod.build, rows, rep)
        if "destinations" in sections and os.environ.get("EHLO_BENCH_NS"):
            say(f"repetition {rep} of {args.reps}: destinations")
            for peer in chosen:
                if peer.name == "ehlod":
                    destinations(work, peer, rows, rep)
        for section in ("accept", "maildir", "relay"):
            if section not in sections:
                continue
            say(f"repetition {rep} of {args.reps}: {section}")
            for peer in list(chosen):
                try:
                    if section == "accept":
                        accept(work, peer, rows, rep, cases)
                    elif section == "relay":
                        relay(work, peer, rows, rep)
                    else:
                        maildir(work, peer, rows, rep)
                except peers.NotHere as why:
                    absent[peer.name] = str(why)
                    chosen.remove(peer)
                    say(f"{peer.name}: not measured: {why}")
    for peer in chosen:
        if "idle" in sections and peer.name == "ehlod":
            idle(work, peer, rows, (1000, 10000, 18000)
                 if os.environ.get("EHLO_BENCH_NS") else (1000,))
        if "queue" in sections and peer.name == "ehlod":
            queue(work, peer, rows,
                  [int(n) for n in args.queue.split(",") if n])
    print(f"Machine: {machine()}. {time.strftime('%Y-%m-%d')}. Medians of "
          f"{args.reps}; ratios inside one repetition.\n")
    table(rows, sys.stdout)
    for name, why in absent.items():
        print(f"- {name} was not measured: {why.splitlines()[0][:200]}")
    with open(args.json, "w") as f:
        json.dump({"machine": machine(), "date": time.strftime("%F"),
                   "reps": args.reps, "absent": absent, "rows": rows}, f,
                  indent=1)
    if not args.work or os.environ.get("EHLO_BENCH_OURS") == work:
        shutil.rmtree(work, ignore_errors=True)
    return 0 if any(p.name == "ehlod" for p in chosen) else 1


if __name__ == "__main__":
    sys.exit(main())
