# SPDX-License-Identifier: Apache-2.0
"""A mail server that is wrong on purpose: honest in all but what it was told
to do otherwise. For what looks at servers.

    with FaultyServer(context=…, relays=True) as server: … server.port

Faults:
    relays          takes any recipient
    is_submission   (no fault) wants TLS and a login before MAIL
    clear_auth      offers and accepts AUTH before TLS
    lf_commands     LF ends a command
    lf_ends         LF . LF ends the text, too
    obeys_clear     what was sent behind STARTTLS is obeyed inside of TLS
    no_starttls     does not know it
    only_helo       knows no EHLO
    any_password    lets everybody in
    tells_users     refuses an unknown user in other words
    tells_vrfy      VRFY says who exists
    no_null         refuses MAIL FROM:<>
    yes_man         accepts commands that do not exist
    catch_all       takes any name at its domain
    hangs_at=VERB   does not answer any more ("GREETING", "MAIL", …)
    says={VERB: B}  these bytes instead of the answer
    forever={VERB: B}   these bytes, again and again, until nobody reads
"""
import base64
import socket
import ssl
import threading

SECONDS = 20


class FaultyServer:
    def __init__(self, context=None, address="127.0.0.1", port=0,
                 name="mail.example.org", domain="example.org", users=None,
                 implicit=False, says=None, forever=None, hangs_at=None,
                 **faults):
        self.context, self.name, self.domain = context, name, domain
        self.users = users or {}
        self.implicit, self.hangs_at = implicit, hangs_at
        self.says, self.forever = says or {}, forever or {}
        self.faults = faults
        self.delivered, self.commands, self.open = [], [], []
        self.logins = []        # whose right password was told
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def __getattr__(self, fault):       # of those that were not named
        if fault.startswith("_"):
            raise AttributeError(fault)
        return self.__dict__["faults"].get(fault, False)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        # wakes accept(), which would keep the port
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for connection in self.open:
            try:
                connection.close()
            except OSError:
                pass

    def _accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,),
                             daemon=True).start()

    def _serve(self, connection):
        try:
            connection.settimeout(SECONDS)
            if self.implicit:
                connection = self.context.wrap_socket(connection,
                                                      server_side=True)
            self.open.append(connection)
            Dialogue(self, connection).run()
        except (OSError, ssl.SSLError, EOFError, ValueError):
            pass
        finally:
            connection.close()


class Dialogue:
    def __init__(self, server, connection):
        self.server, self.connection = server, connection
        self.buffer = b""
        self.is_tls = server.implicit
        self.user = None
        self.reset()

    def reset(self):
        self.sender, self.rcpts = None, []

    # bytes

    def line(self):
        end = b"\n" if self.server.lf_commands else b"\r\n"
        while end not in self.buffer:
            more = self.connection.recv(65536)
            if not more:
                raise EOFError
            self.buffer += more
        line, _, self.buffer = self.buffer.partition(end)
        return line.rstrip(b"\r")

    def say(self, verb, text):
        server = self.server
        if server.hangs_at == verb:
            while self.connection.recv(4096):   # listens, and is silent
                pass
            raise EOFError
        if verb in server.forever:
            while True:
                self.connection.sendall(server.forever[verb])
        if verb in server.says:
            self.connection.sendall(server.says[verb])
        else:
            self.connection.sendall(text.encode() + b"\r\n")

    # commands

    def run(self):
        self.say("GREETING", f"220 {self.server.name} ESMTP")
        while True:
            line = self.line().decode("latin-1")
            self.server.commands.append(line)
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            handler = getattr(self, "do_" + verb.lower(), None)
            if handler is None or (verb == "EHLO" and self.server.only_helo):
                self.say(verb, "250 fine" if self.server.yes_man
                         else "500 5.5.2 What?")
            elif handler(verb, rest):
                return

    def hello(self):
        lines = [self.server.name, "PIPELINING", "SIZE 30000000", "8BITMIME",
                 "ENHANCEDSTATUSCODES", "SMTPUTF8"]
        if not self.is_tls and self.server.context \
                and not self.server.no_starttls:
            lines.append("STARTTLS")
        if self.server.users and (self.is_tls or self.server.clear_auth):
            lines.append("AUTH PLAIN LOGIN")
        return "\r\n".join(f"250{'-' if line is not lines[-1] else ' '}{line}"
                           for line in lines)

    def do_ehlo(self, verb, _):
        self.reset()
        self.say(verb, self.hello())

    def do_helo(self, verb, _):
        self.reset()
        self.say(verb, f"250 {self.server.name}")

    def do_starttls(self, verb, _):
        if self.is_tls or not self.server.context:
            return self.say(verb, "503 5.5.1 Not now")
        self.say(verb, "220 2.0.0 Go")
        if not self.server.obeys_clear:
            self.buffer = b""
        self.connection = self.server.context.wrap_socket(
            self.connection, server_side=True)
        self.server.open.append(self.connection)
        self.is_tls, self.user = True, None
        self.reset()

    def do_auth(self, verb, rest):
        server = self.server
        if not server.users or not (self.is_tls or server.clear_auth):
            return self.say(verb, "538 5.7.11 TLS first")
        mechanism, _, initial = rest.partition(" ")
        if mechanism.upper() == "PLAIN":
            if not initial:
                self.say("334", "334 ")
                initial = self.line().decode()
            if initial == "*":
                return self.say(verb, "501 5.7.0 As you like")
            _, user, password = base64.b64decode(initial).decode().split("\0")
        else:
            answers = []
            for prompt in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6"):
                self.say("334", "334 " + prompt)
                answer = self.line().decode()
                if answer == "*":
                    return self.say(verb, "501 5.7.0 As you like")
                answers.append(base64.b64decode(answer).decode())
            user, password = answers
        if server.users.get(user) == password:
            server.logins.append(user)
        if server.any_password or server.users.get(user) == password:
            self.user = user
            return self.say(verb, "235 2.7.0 Welcome")
        if server.tells_users and user not in server.users:
            return self.say(verb, "535 5.7.8 There is no such user")
        return self.say(verb, "535 5.7.8 No")

    def do_mail(self, verb, rest):
        if self.server.is_submission and not (self.is_tls and self.user):
            return self.say(verb, "530 5.7.0 TLS and a login first")
        if self.server.no_null and "<>" in rest:
            return self.say(verb, "550 5.7.1 Who are you?")
        self.sender = rest
        self.say(verb, "250 2.1.0 Ok")

    def is_inside(self, address):
        local, _, domain = address.rpartition("@")
        return domain.lower() == self.server.domain and (
            self.server.catch_all or local.lower() in (
                "postmaster", "anna", *self.server.users))

    def do_rcpt(self, verb, rest):
        address = rest[rest.find("<") + 1:rest.rfind(">")]
        if self.sender is None:
            return self.say(verb, "503 5.5.1 MAIL first")
        if self.is_inside(address) or self.user or self.server.relays:
            self.rcpts.append(address)
            return self.say(verb, "250 2.1.5 Ok")
        if address.endswith("@" + self.server.domain):
            return self.say(verb, "550 5.1.1 No such user")
        return self.say(verb, "550 5.7.1 No relaying")

    def do_data(self, verb, _):
        if not self.rcpts:
            return self.say(verb, "503 5.5.1 RCPT first")
        self.say(verb, "354 Go on")
        ends = [b"\r\n.\r\n"] + (
            [b"\n.\n", b"\n.\r\n"] if self.server.lf_ends else [])
        text = b""
        while True:
            found = [(text.index(end), end) for end in ends if end in text]
            if found:
                at, end = min(found)
                self.buffer = text[at + len(end):]
                break
            more = self.buffer or self.connection.recv(65536)
            self.buffer = b""
            if not more:
                raise EOFError
            text += more
        self.server.delivered.append((self.sender, self.rcpts, text[:at]))
        self.reset()
        self.say("END", "250 2.0.0 Queued")

    def do_rset(self, verb, _):
        self.reset()
        self.say(verb, "250 2.0.0 Ok")

    def do_noop(self, verb, _):
        self.say(verb, "250 2.0.0 Ok")

    def do_vrfy(self, verb, rest):
        if not self.server.tells_vrfy:
            return self.say(verb, "252 2.0.0 Try it")
        known = rest in ("postmaster", f"postmaster@{self.server.domain}")
        self.say(verb, "250 2.1.5 Yes" if known else "550 5.1.1 No")

    def do_quit(self, verb, _):
        self.say(verb, "221 2.0.0 Bye")
        return True
