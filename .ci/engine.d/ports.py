"""Ports of loopback for the servers of a run, handed out one after the other from a range that the caller gives."""

import socket
from itertools import cycle

BUS_OFFSET = 10_000
"""A cluster node also listens this far above its port."""


class Ports:
    """A range of ports. Free ones only, each used again as late as can be."""

    def __init__(self, first: int, count: int):
        self._next = cycle(range(first, first + count))
        self._count = count

    def take(self) -> int:
        """A port on which, and on whose bus port, nobody listens now."""
        for _ in range(self._count):
            port = next(self._next)
            if is_free(port) and is_free(port + BUS_OFFSET):
                return port
        raise RuntimeError("no port of the range is free")


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
