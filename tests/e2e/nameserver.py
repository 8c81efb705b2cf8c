#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A name server for tests: answers as a resolver in front of the whole world
would, from a table, over UDP and TCP, and signs what it is told to
(RSA/SHA-256, NSEC). It can be wrong on purpose.

    zone example.test signed        or: bogus (the signatures are), plain
    example.test       MX    10 mx.example.test
    mx.example.test    A     127.0.0.2
    www.example.test   CNAME mx.example.test
    _25._tcp.mx.example.test  TLSA  3 1 1 ab12…
    example.test       TXT   v=spf1 mx -all
    dead.example.test  !     silent     or: servfail, refused, truncated, odd

A program, too: nameserver.py TABLE ANCHORS prints its port and serves until its
standard input ends; the keys of the signed zones go to the file ANCHORS."""
import base64
import contextlib
import hashlib
import ipaddress
import re
import socket
import struct
import subprocess
import sys
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15,
         "TXT": 16, "AAAA": 28, "DS": 43, "RRSIG": 46, "NSEC": 47,
         "DNSKEY": 48, "TLSA": 52}
TTL = 300
SLOW = 0.3              # seconds


def wire_name(name):
    out = b""
    for label in name.rstrip(".").split("."):
        if label:
            raw = label.encode("latin-1")
            out += bytes([len(raw)]) + raw
    return out + b"\0"


def wire_text(text):
    raw = text.encode()
    return b"".join(bytes([len(raw[i:i + 255])]) + raw[i:i + 255]
                    for i in range(0, len(raw) or 1, 255))


def wire_data(kind, value):
    """What stands in a record of that type; "\\# HEX" is taken as it is."""
    if value.startswith("\\#"):
        return bytes.fromhex(value[2:])
    if kind in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if kind in ("CNAME", "PTR", "NS"):
        return wire_name(value)
    if kind == "MX":
        preference, _, name = value.partition(" ")
        return struct.pack("!H", int(preference)) + wire_name(name)
    if kind == "TXT":
        return wire_text(value)
    if kind == "TLSA":
        usage, selector, matching, data = value.split()
        return bytes([int(usage), int(selector), int(matching)]) \
            + bytes.fromhex(data)
    raise ValueError(f"no such type here: {kind}")


def order(name):
    """The canonical order of names, RFC 4034 6.1."""
    return [label.encode() for label in reversed(name.split("."))]


class Key:
    """One RSA key that signs all zones."""

    def __init__(self):
        key = subprocess.run(["openssl", "genrsa", "1024"], check=True,
                             capture_output=True).stdout
        text = subprocess.run(
            ["openssl", "rsa", "-noout", "-text"], input=key, check=True,
            capture_output=True).stdout.decode()

        def number(name):
            digits = re.search(name + r":\n((?:    [0-9a-f:]+\n)+)", text)[1]
            return int(re.sub(r"[^0-9a-f]", "", digits), 16)
        self.n, self.d = number("modulus"), number("privateExponent")
        # flags 257 (a zone's key, an entry point), protocol 3, algorithm 8,
        # exponent 65537
        self.data = struct.pack("!HBB", 257, 3, 8) + b"\3\1\0\1" \
            + self.n.to_bytes(128, "big")
        total = sum(byte << (0 if i & 1 else 8)
                    for i, byte in enumerate(self.data))
        self.tag = (total + (total >> 16)) & 0xffff

    def sign(self, octets):
        info = bytes.fromhex("3031300d060960864801650304020105000420") \
            + hashlib.sha256(octets).digest()
        block = b"\0\1" + b"\xff" * (125 - len(info)) + b"\0" + info
        return pow(int.from_bytes(block, "big"), self.d,
                   self.n).to_bytes(128, "big")


class Table:
    """Zones and records, and the answers that follow from them."""

    def __init__(self, text):
        self.zones, self.rows, self.manners = {}, {}, {}
        self.key, self.signatures = None, {}
        for line in text.splitlines():
            line = line.partition(" ;")[0].strip()
            if line:
                self._add_line(line)

    def _add_line(self, line):
        name, kind, value = (line.split(None, 2) + [""])[:3]
        name = name.rstrip(".").lower()
        if name == "zone":
            name, kind = kind.rstrip(".").lower(), value
            self.zones[name] = kind or "plain"
            self.rows.setdefault((name, "SOA"), []).append(
                wire_name("ns." + name) + wire_name("hostmaster." + name)
                + struct.pack("!5I", 1, 3600, 600, 86400, 60))
            self.rows.setdefault((name, "NS"), []).append(
                wire_name("ns." + name))
            if self.zones[name] in ("signed", "bogus"):
                self.key = self.key or Key()
                self.rows[name, "DNSKEY"] = [self.key.data]
        elif kind.startswith("!"):
            self.manners[name, kind[1:]] = value
        else:
            self.add(name, kind, value)

    def manner(self, name, kind):
        return self.manners.get((name, kind)) or self.manners.get((name, ""))

    def add(self, name, kind, value):
        self.rows.setdefault((name, kind), []).append(wire_data(kind, value))
        self.signatures.clear()

    def anchors(self):
        return "".join(
            f"{zone}. IN DNSKEY 257 3 8 "
            f"{base64.b64encode(self.key.data[4:]).decode()}\n"
            for zone, kind in self.zones.items() if kind != "plain")

    def zone_of(self, name):
        labels = name.split(".")
        for i in range(len(labels) + 1):
            zone = ".".join(labels[i:])
            if zone in self.zones:
                return zone
        return None

    def is_signed(self, zone):
        return self.zones.get(zone) in ("signed", "bogus")

    def names(self, zone):
        """In canonical order, with those that only have names below them."""
        found = set()
        for name, _ in self.rows:
            while self.zone_of(name) == zone:
                found.add(name)
                if name == zone:
                    break
                name = name.partition(".")[2]
        return sorted(found, key=order)

    # records as they travel

    @staticmethod
    def record(name, kind, data, ttl=TTL):
        return wire_name(name) + struct.pack(
            "!HHIH", TYPES[kind], 1, ttl, len(data)) + data

    def signature(self, zone, name, kind, datas):
        key = (name, kind, tuple(datas))
        if key not in self.signatures:
            labels = len([x for x in name.split(".") if x and x != "*"])
            head = struct.pack("!HBBIIIH", TYPES[kind], 8, labels, TTL,
                               2000000000, 1500000000, self.key.tag) \
                + wire_name(zone)
            signed = self.key.sign(head + b"".join(
                self.record(name, kind, data) for data in sorted(datas)))
            if self.zones[zone] == "bogus" and kind != "DNSKEY":
                signed = signed[:-1] + bytes([signed[-1] ^ 1])
            self.signatures[key] = head + signed
        return self.signatures[key]

    def rrset(self, name, kind, datas):
        """[records …], with their signature if the zone has them."""
        out = [self.record(name, kind, data) for data in datas]
        zone = self.zone_of(name)
        if self.is_signed(zone):
            out.append(self.record(name, "RRSIG", self.signature(
                zone, name, kind, datas)))
        return out

    def nsec(self, zone, owner, following):
        kinds = sorted(TYPES[k] for n, k in self.rows if n == owner)
        bits = bytearray(32)
        for number in kinds + [TYPES["RRSIG"], TYPES["NSEC"]]:
            bits[number >> 3] |= 0x80 >> (number & 7)
        bits = bytes(bits).rstrip(b"\0")
        return self.rrset(owner, "NSEC", [
            wire_name(following) + bytes([0, len(bits)]) + bits])

    def denial(self, zone, name, is_there):
        """The proof that the name, or the type at it, is not there."""
        out = self.rrset(zone, "SOA", self.rows[zone, "SOA"])
        if not self.is_signed(zone):
            return out
        names = self.names(zone)
        above = name
        while above not in names:
            above = above.partition(".")[2]
        owners = {name} if is_there else {name, "*." + above}
        chosen = {max((n for n in names if order(n) <= order(wanted)),
                      key=order) for wanted in owners}
        for owner in sorted(chosen):
            following = names[(names.index(owner) + 1) % len(names)]
            out += self.nsec(zone, owner, following)
        return out

    def answer(self, name, kind):
        """(rcode, [answers], [authority])"""
        answers = []
        for _ in range(8):
            zone = self.zone_of(name)
            if zone is None:
                return 5, [], []
            if (name, kind) in self.rows:
                return 0, answers + self.rrset(
                    name, kind, self.rows[name, kind]), []
            if (name, "CNAME") not in self.rows or kind == "CNAME":
                break
            datas = self.rows[name, "CNAME"]
            answers += self.rrset(name, "CNAME", datas)
            name = read_name(datas[0], 0)[0]
        is_there = name in self.names(zone)
        return 0 if is_there else 3, answers, self.denial(
            zone, name, is_there)


def read_name(raw, at):
    labels = []
    while raw[at]:
        labels.append(raw[at + 1:at + 1 + raw[at]].decode("latin-1").lower())
        at += 1 + raw[at]
    return ".".join(labels), at + 1


def kind_of(record):
    return struct.unpack_from("!H", record, read_name(record, 0)[1])[0]


def tamper(manner, answers, authority):
    """What somebody on the way makes of (answers, authority)."""
    if manner == "forged" and answers:
        return [answers[0][:-1] + bytes([answers[0][-1] ^ 1])] \
            + answers[1:], authority
    if manner == "stripped":
        proofs = TYPES["RRSIG"], TYPES["NSEC"]
        return ([x for x in answers if kind_of(x) not in proofs],
                [x for x in authority if kind_of(x) not in proofs])
    if manner == "denied":
        return [], []
    return answers, authority


class NameServer:
    """Serves on 127.0.0.1, a port of the kernel's choice (`self.port`); or
    where it is told to, for programs that cannot be told (port 53): those
    believe their resolver, and so it judges for them."""

    def __init__(self, text, host="127.0.0.1", port=0):
        self.table = Table(text)
        self.judges = port != 0
        self.asked = []         # (name, type) in their order
        while True:             # the same port for both
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self.tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.udp.bind((host, port))
            self.port = self.udp.getsockname()[1]
            try:
                self.tcp.bind((host, self.port))
                break
            except OSError:
                self.udp.close()
                if port:
                    raise
        self.tcp.listen(64)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.threads = [threading.Thread(target=serve, daemon=True)
                        for serve in (self._serve_udp, self._serve_tcp)]
        for thread in self.threads:
            thread.start()

    def close(self):
        """The port is free again afterwards."""
        for one in self.udp, self.tcp:
            with contextlib.suppress(OSError):      # it wakes them even so
                one.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        self.udp.close()
        self.tcp.close()

    def write_anchors(self, path):
        with open(path, "w", encoding="ascii") as file:
            file.write(self.table.anchors() if self.table.key else "")
        return path

    def reply(self, query, room):
        """The bytes to send back, or None."""
        name, at = read_name(query, 12)
        number, = struct.unpack("!H", query[at:at + 2])
        kind = next((k for k, v in TYPES.items() if v == number), None)
        question = query[12:at + 4]
        self.asked.append((name, kind))
        manner = self.table.manner(name, kind)
        if manner == "silent":
            return None
        if manner in ("servfail", "refused"):
            code, answers, authority = 2 if manner == "servfail" else 5, [], []
        else:
            code, answers, authority = self.table.answer(name, kind)
            answers, authority = tamper(manner, answers, authority)
        if manner == "slow":
            time.sleep(SLOW)
        # it has judged (AD), unless they want to do that themselves (CD)
        zone = self.table.zones.get(self.table.zone_of(name))
        judges = self.judges and not query[3] & 0x10
        if judges and zone == "bogus":
            code, answers, authority = 2, [], []
        flags = 0x8180 | code | (0x20 if judges and zone == "signed" else 0)
        # the size of an answer that the client can take, and that it wants
        # DNSSEC, stand in its OPT record
        room = 1232 if room and query[10:12] != b"\0\0" else room
        body = b"".join(answers + authority)
        if room and (len(body) + len(question) + 23 > room
                     or manner == "truncated"):
            flags, answers, authority, body = flags | 0x200, [], [], b""
        if manner == "odd":
            body = body[:len(body) // 2]
        return query[:2] + struct.pack(
            "!5H", flags, 1, len(answers), len(authority), 1) + question \
            + body + b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000, 0)

    def _serve_udp(self):
        while True:
            try:
                query, peer = self.udp.recvfrom(4096)
            except OSError:
                return
            if not query:       # shut down
                return
            threading.Thread(target=self._answer, args=(query, peer),
                             daemon=True).start()

    def _answer(self, query, peer):
        answer = self.reply(query, 512)
        if answer is not None:
            with contextlib.suppress(OSError):      # closed meanwhile
                self.udp.sendto(answer, peer)

    def _serve_tcp(self):
        while True:
            try:
                connection, _ = self.tcp.accept()
            except OSError:
                return
            threading.Thread(target=self._serve_connection,
                             args=(connection,), daemon=True).start()

    def _serve_connection(self, connection):
        with connection, connection.makefile("rb") as file:
            while len(head := file.read(2)) == 2:
                answer = self.reply(file.read(struct.unpack("!H", head)[0]),
                                    None)
                if answer is not None:
                    connection.sendall(struct.pack("!H", len(answer))
                                       + answer)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        server = NameServer(file.read())
    server.write_anchors(sys.argv[2])
    print(server.port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
