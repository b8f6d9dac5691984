"""Free loopback ports, outside the range from which systems take ports for connections.

A port from the usual ephemeral range could be taken by any outgoing connection between its choice
and the moment at which a process listens on it.
"""

from __future__ import annotations

import random
import socket

from serinus.base.errors import SerinusError

FIRST, LAST = 20000, 32000


class NoFreePort(SerinusError):
    """Every port of the range is taken, or the one that was asked for."""


class Ports:
    """Gives ports away and takes them back; what it gave is not given twice."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._given: set[int] = set()

    def take(self) -> int:
        """A port on which nothing listens now. Raises NoFreePort."""
        start = self._chance.randrange(FIRST, LAST)
        span = LAST - FIRST
        for offset in range(span):
            port = FIRST + (start - FIRST + offset) % span
            if port not in self._given and is_free(port):
                self._given.add(port)
                return port
        raise NoFreePort(f"no free port on 127.0.0.1 between {FIRST} and {LAST}")

    def give_back(self, port: int) -> None:
        """The port is used no more."""
        self._given.discard(port)


def is_free(port: int) -> bool:
    """Whether nothing listens on the loopback port."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # connections of a former owner that wait out their end do not keep a listener away
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def require_free(port: int) -> None:
    """Raises NoFreePort if something listens on the port; 0, which means any, is free."""
    if port and not is_free(port):
        raise NoFreePort(f"port {port} of 127.0.0.1 is taken; choose another one, or 0 for any")
