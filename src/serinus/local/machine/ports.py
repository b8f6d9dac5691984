"""Free loopback ports, outside the range from which systems take ports for connections.

A port from the usual ephemeral range could be taken by any outgoing connection between its choice
and the moment at which a process listens on it. And so that two clusters of one machine never
choose the same port in that moment, each takes whole blocks: the first port of a block is bound,
and never given away, as long as its owner lives.
"""

from __future__ import annotations

import random
import socket

from serinus.base.errors import SerinusError

FIRST, LAST = 20000, 32000
BLOCK = 200


class NoFreePort(SerinusError):
    """Every port of the range is taken, or the one that was asked for."""


class Ports:
    """Gives ports away in turn and takes them back; what it gave nobody else here gives.

    A port that came back is given again as late as possible: somebody may still send to it.
    """

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._given: set[int] = set()
        self._guards: dict[int, socket.socket] = {}
        self._turn = 0

    def take(self) -> int:
        """A port on which nothing listens now. Raises NoFreePort."""
        while True:
            own = [port for block in self._guards for port in range(block + 1, block + BLOCK)]
            for port in own[self._turn :] + own[: self._turn]:
                if port not in self._given and is_free(port):
                    self._given.add(port)
                    self._turn = own.index(port) + 1
                    return port
            self._claim()
            self._turn = len(own)

    def give_back(self, port: int) -> None:
        """The port is used no more."""
        self._given.discard(port)

    def close(self) -> None:
        """Leave all ports to others."""
        for guard in self._guards.values():
            guard.close()
        self._guards.clear()
        self._given.clear()

    def _claim(self) -> None:
        blocks = range(FIRST, LAST, BLOCK)
        start = self._chance.randrange(len(blocks))
        for block in (*blocks[start:], *blocks[:start]):
            if block not in self._guards and (guard := _bound(block)) is not None:
                self._guards[block] = guard
                return
        said = f"no free port on 127.0.0.1 between {FIRST} and {LAST}"
        raise NoFreePort(f"{said}; other local clusters of this machine have the rest: end some")


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


def _bound(port: int) -> socket.socket | None:
    """A socket that keeps every other one away from the port, or None if another one does."""
    guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        guard.bind(("127.0.0.1", port))
    except OSError:
        guard.close()
        return None
    return guard
