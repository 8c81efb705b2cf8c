# SPDX-License-Identifier: Apache-2.0
"""Stands between a client and a server, and cuts the connection after so many
octets: the first one at each of its addresses; those that come after it pass
whole. It listens at all addresses of a network of its own (netns.py), so that
each cut has an address that mail can be sent to: `x@[127.1.100.123]`."""
import select
import socket
import struct
import threading

RESET = struct.pack("ii", 1, 0)         # SO_LINGER


class Cut:
    """`direction` "up": what the client says; "down": what it hears."""

    def __init__(self, direction, octets, is_reset=False):
        self.direction, self.octets = direction, octets
        self.is_reset = is_reset

    def __repr__(self):
        return (f"{self.direction} {self.octets}"
                + (" by a reset" if self.is_reset else ""))


class Cutter:
    def __init__(self, server_port):
        self.server_port = server_port
        self.cuts = {}                  # address: Cut, or None once done
        self.sessions = {}              # address: how many
        self.seen = {}                  # address: octets {"up": …, "down": …}
        self.lock = threading.Lock()
        self.socket = socket.create_server(("", 0), backlog=1024)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def add(self, cut):
        """The address at which that will happen; all are equally long."""
        n = len(self.cuts)
        address = f"127.1.{100 + n // 150}.{100 + n % 150}"
        self.cuts[address] = cut
        return address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # a thread in accept() is woken by this, not by close()
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,),
                             daemon=True).start()

    def _serve(self, client):
        address = client.getsockname()[0]
        with self.lock:
            n = self.sessions[address] = self.sessions.get(address, 0) + 1
        cut = self.cuts.get(address) if n == 1 else None
        server = socket.create_connection(("127.0.0.1", self.server_port))
        with client, server:
            try:
                self._pass(client, server, cut,
                           self.seen.setdefault(address, {}))
            except OSError:
                pass

    def _pass(self, client, server, cut, seen):
        to = {client.fileno(): (client, server, "up"),
              server.fileno(): (server, client, "down")}
        ready = select.poll()
        for number in to:
            ready.register(number, select.POLLIN)
        left = {"up": None, "down": None}
        if cut is not None:
            left[cut.direction] = cut.octets
        seen.update(up=0, down=0)
        while 0 not in left.values():
            for number, _ in ready.poll():
                source, other, way = to[number]
                data = source.recv(left[way] or 65536)
                if not data:
                    return
                other.sendall(data)
                seen[way] += len(data)
                if left[way] is not None:
                    left[way] -= len(data)
                    if left[way] == 0:
                        break
        if cut.is_reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
