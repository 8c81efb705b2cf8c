# SPDX-License-Identifier: Apache-2.0
"""A network of a test's own: nothing in it but the loopback device. There a
resolver cannot ask the world by mistake, and every port is free.

Needs the rights of root; without them: unshare -rn make e2e"""
import contextlib
import ctypes
import fcntl
import os
import socket
import struct

import pytest

CLONE_NEWNET = 0x40000000
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
SIOCSIFADDR = 0x8916
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number) + " (root is needed: "
                      "unshare -rn make e2e)")


@contextlib.contextmanager
def network():
    """For this thread, and for what it starts meanwhile."""
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    check(LIBC.unshare(CLONE_NEWNET))
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            request = struct.pack("16sH14x", b"lo", 0)
            name, flags = struct.unpack("16sH14x", fcntl.ioctl(
                any_socket, SIOCGIFFLAGS, request))
            fcntl.ioctl(any_socket, SIOCSIFFLAGS,
                        struct.pack("16sH14x", name, flags | IFF_UP))
        yield
    finally:
        check(LIBC.setns(before, CLONE_NEWNET))
        os.close(before)


def add_address(number, address):
    """One more of the loopback device, for servers that look for theirs in
    its list."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFADDR, struct.pack(
            "16sHH4s8x", f"lo:{number}".encode(), socket.AF_INET, 0,
            socket.inet_aton(address)))


@pytest.fixture(scope="module")
def own_network():
    with network():
        yield
