# SPDX-License-Identifier: Apache-2.0
"""A terminal for programs that need one: a pseudo-terminal of the kernel, and
a model of the screen behind it (the part of VT100 that terminfo's xterm uses).

A test types, and waits until the screen shows something; never for time. What
the model does not know, or what would reach further than the screen (titles,
clipboards), is kept in `odd`."""
import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import threading
import time

from harness import SANITIZER, SECONDS

CSI = re.compile(r"\x1b\[([?>=]?)([0-9;]*)([@-~])")
# known, and without effect on what stands where
QUIET = re.compile(r"\x1b[=>]|\x1b\([B0]|\x1b\[[?][0-9;]*[hl]|\x0f|\x0e|\x07")


class Screen:
    def __init__(self, rows=24, columns=80):
        self.rows, self.columns = rows, columns
        self.lines = [[" "] * columns for _ in range(rows)]
        self.scrolled = []              # what has left at the top
        self.row = self.column = 0
        self.is_wrapping = False        # the next character begins a row
        self.pending = ""
        self.odd = []
        self.colours = set()

    def __str__(self):
        return "\n".join(self.all_lines())

    def all_lines(self):
        rows = self.scrolled + ["".join(line).rstrip() for line in self.lines]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def current(self):
        """The row of the cursor."""
        return "".join(self.lines[self.row]).rstrip()

    def feed(self, text):
        self.pending += text
        while self.pending:
            used = self._take(self.pending)
            if not used:
                return
            self.pending = self.pending[used:]

    def _take(self, text):
        """How many characters were understood; 0: more are needed."""
        quiet = QUIET.match(text)
        if quiet:
            return quiet.end()
        if text[0] != "\x1b":
            self._put(text[0])
            return 1
        match = CSI.match(text)
        if match:
            self._control(match[2], match[3])
            return match.end()
        if len(text) < 3 or re.fullmatch(r"\x1b\[[?>=]?[0-9;]*", text):
            return 0
        self.odd.append(text[:20])
        return 1

    def _put(self, c):
        if c == "\r":
            self.column, self.is_wrapping = 0, False
        elif c == "\n":
            self._line_feed()
        elif c == "\b":
            self.column, self.is_wrapping = max(0, self.column - 1), False
        elif c == "\t":
            self.column = min(self.columns - 1, self.column // 8 * 8 + 8)
        elif ord(c) < 32 or 127 <= ord(c) < 160:
            self.odd.append(c)
        else:
            if self.is_wrapping:
                self.column, self.is_wrapping = 0, False
                self._line_feed()
            self.lines[self.row][self.column] = c
            self.is_wrapping = self.column == self.columns - 1
            self.column = min(self.column + 1, self.columns - 1)

    def _line_feed(self):
        self.is_wrapping = False
        if self.row < self.rows - 1:
            self.row += 1
            return
        self.scrolled.append("".join(self.lines.pop(0)).rstrip())
        self.lines.append([" "] * self.columns)

    def _control(self, text, final):
        numbers = [int(n or 0) for n in text.split(";")]
        n = max(numbers[0], 1)
        line, at = self.lines[self.row], self.column
        self.is_wrapping = False
        if final == "m":
            self.colours.update(numbers)
        elif final == "A":
            self.row = max(0, self.row - n)
        elif final == "B":
            self.row = min(self.rows - 1, self.row + n)
        elif final == "C":
            self.column = min(self.columns - 1, self.column + n)
        elif final == "D":
            self.column = max(0, self.column - n)
        elif final == "G":
            self.column = min(self.columns, n) - 1
        elif final in "Hf":
            column = numbers[1] if len(numbers) > 1 else 1
            self.row = min(self.rows, n) - 1
            self.column = min(self.columns, max(column, 1)) - 1
        elif final == "J" and numbers[0] in (0, 2):
            self._clear(numbers[0] == 2)
        elif final == "K" and numbers[0] == 0:
            line[at:] = [" "] * (self.columns - at)
        elif final == "P":
            line[at:] = (line[at + n:] + [" "] * n)[:self.columns - at]
        elif final == "@":
            line[at:] = ([" "] * n + line[at:])[:self.columns - at]
        else:
            self.odd.append(f"CSI {text}{final}")

    def resize(self, rows, columns):
        """Rows are cut or filled up; nothing is wrapped anew."""
        self.lines = [(line + [" "] * columns)[:columns]
                      for line in self.lines][-rows:]
        self.lines += [[" "] * columns for _ in range(rows - len(self.lines))]
        self.rows, self.columns = rows, columns
        self.row, self.column = min(self.row, rows - 1), \
            min(self.column, columns - 1)

    def _clear(self, is_all):
        if not is_all:
            self.lines[self.row][self.column:] = \
                [" "] * (self.columns - self.column)
        for i in range(0 if is_all else self.row + 1, self.rows):
            self.lines[i] = [" "] * self.columns


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, args, env=None, rows=24, columns=80):
        self.screen = Screen(rows, columns)
        self.changed = threading.Condition()
        self.is_over = False
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(slave)
        environment = dict(os.environ, TERM="xterm", LC_ALL="C.UTF-8")
        environment.pop("NO_COLOR", None)
        environment.update(env or {})
        self.process = subprocess.Popen(
            args, stdin=slave, stdout=slave, stderr=slave, env=environment,
            preexec_fn=lambda: (os.setsid(), fcntl.ioctl(
                0, termios.TIOCSCTTY, 0)))
        self.slave = slave
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(SECONDS)
        if self.slave is not None:
            os.close(self.slave)
        self.reader.join(SECONDS)
        os.close(self.master)

    def _read(self):
        decoder = b""
        while True:
            try:
                data = os.read(self.master, 65536)
            except OSError:         # the other end has gone
                data = b""
            decoder += data
            text = decoder.decode(errors="ignore") if not data else None
            if text is None:
                # a character may be cut by the end of the read
                for keep in range(4):
                    try:
                        cut = len(decoder) - keep
                        text = decoder[:cut].decode()
                        decoder = decoder[cut:]
                        break
                    except UnicodeDecodeError:
                        continue
                else:
                    text, decoder = decoder.decode("latin-1"), b""
            with self.changed:
                self.screen.feed(text)
                self.is_over = not data
                self.changed.notify_all()
            if not data:
                return

    def text(self):
        with self.changed:
            return str(self.screen)

    def type(self, keys):
        os.write(self.master, keys.encode())

    def wait(self, found, what):
        deadline = time.monotonic() + SECONDS
        with self.changed:
            while True:
                got = found()
                if got:
                    return got
                left = deadline - time.monotonic()
                if left <= 0 or self.is_over:
                    raise AssertionError(
                        f"{'ended' if self.is_over else 'waited'} without "
                        f"{what}; the screen:\n{self.screen}\n---")
                self.changed.wait(left)

    def expect(self, pattern, count=1):
        """Waits until that many rows match."""
        regex = re.compile(pattern)

        def found():
            rows = [regex.search(line) for line in self.screen.all_lines()]
            rows = [row for row in rows if row]
            return rows if len(rows) >= count else None
        return self.wait(found, f"{count} x {pattern!r}")[-1]

    def line(self, text):
        """Waits until the row of the cursor is just that."""
        self.wait(lambda: self.screen.current() == text.rstrip(),
                  f"the line {text!r}")

    def say(self, text, pattern, prompt):
        """Types a line, waits for the answer and the next prompt."""
        self.type(text + "\r")
        self.expect(pattern)
        self.line(prompt)

    def wait_end(self, code=0):
        """The program has ended and left the terminal as it was."""
        got = self.process.wait(SECONDS)
        after = termios.tcgetattr(self.slave)
        os.close(self.slave)
        self.slave = None
        self.reader.join(SECONDS)
        assert got == code, f"exit code {got}:\n{self.screen}"
        assert after == self.before, "the terminal is not as it was"
        self.check()

    def check(self):
        """What holds for every session."""
        assert not self.screen.odd, f"odd on the terminal: {self.screen.odd}"
        assert not SANITIZER.search(str(self.screen)), str(self.screen)

    def wait_asleep(self):
        """The program waits for something, instead of looking for ever."""
        deadline = time.monotonic() + SECONDS
        while True:
            stat = open(f"/proc/{self.process.pid}/stat").read()
            if stat.rpartition(")")[2].split()[0] == "S":
                return
            assert time.monotonic() < deadline, "it never sleeps"

    def resize(self, rows, columns):
        """The kernel tells the program by SIGWINCH."""
        with self.changed:
            self.screen.resize(rows, columns)
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def signal(self, number=signal.SIGINT):
        self.process.send_signal(number)
