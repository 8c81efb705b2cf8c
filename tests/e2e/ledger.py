#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A mail server that keeps a book: one line for each recipient of each message
that came whole to its end, written down before the message is acknowledged.

    ledger.py FILE          prints its port, serves until its input ends

    HELLO NAME RECIPIENT whole|torn

HELLO is what the client called itself, NAME and the judgement come from the
field X-Sum: NAME SUM, the SHA-256 of the text. Between the book and the
acknowledgement passes a moment of chance, so that whoever dies then has sent
what he does not know to have been taken."""
import asyncio
import hashlib
import os
import random
import re
import sys

SUM = re.compile(rb"X-Sum: (\S+) (\S+)\r\n(?:[^\r\n]+\r\n)*\r\n(.*)", re.S)


class Session:
    def __init__(self, book, reader, writer):
        self.book, self.reader, self.writer = book, reader, writer
        self.hello, self.rcpts = b"nobody", []

    def say(self, line):
        self.writer.write(line + b"\r\n")

    def enter(self, text):
        match = SUM.search(text)
        name, total, body = match.groups() if match else (b"?", b"", text)
        body = body.replace(b"\r\n", b"\n")
        is_whole = hashlib.sha256(body).hexdigest().encode() == total
        verdict = b"whole" if is_whole else b"torn"
        os.write(self.book, b"".join(
            b" ".join((self.hello, name, rcpt, verdict)) + b"\n"
            for rcpt in self.rcpts))

    async def data(self):
        self.say(b"354 go on")
        lines = []
        while (line := await self.reader.readline()) != b".\r\n":
            if not line.endswith(b"\r\n"):
                raise EOFError
            lines.append(line[1:] if line.startswith(b".") else line)
        self.enter(b"".join(lines))
        await asyncio.sleep(random.choice((0, 0, 0, 0.003)))
        self.say(b"250 2.0.0 in the book")

    async def run(self):
        self.say(b"220 ledger.example ESMTP")
        while line := (await self.reader.readline()).rstrip(b"\r\n"):
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.hello = line[5:]
                self.say(b"250-ledger.example")
                self.say(b"250-PIPELINING")
                self.say(b"250 8BITMIME")
            elif verb == b"DATA":
                await self.data()
            elif verb == b"QUIT":
                self.say(b"221 bye")
                return
            else:
                if verb == b"MAIL":
                    self.rcpts = []
                if verb == b"RCPT":
                    self.rcpts.append(line.partition(b"<")[2]
                                      .partition(b">")[0])
                self.say(b"250 ok")


async def serve(path):
    book = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def on_client(reader, writer):
        try:
            await Session(book, reader, writer).run()
            await writer.drain()
        except (OSError, EOFError):
            pass            # its client was killed
        finally:
            writer.close()
    server = await asyncio.start_server(on_client, "127.0.0.1", 0,
                                        limit=1 << 20)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1]))
