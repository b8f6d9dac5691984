"""Ports for servers that take a number: of a range from which nobody else takes any.

Not the ephemeral one, where any outgoing connection may have the port before the server does, nor
that of the product's clusters. Each process of a test run has a beginning of its own.
"""

from __future__ import annotations

import os
import socket
from itertools import count

FIRST, LAST = 12000, 20000
_numbers = count(os.getpid() * 37)


def free_port() -> int:
    """A port of 127.0.0.1 on which nothing listens; another one at each call."""
    while True:
        port = FIRST + next(_numbers) % (LAST - FIRST)
        with socket.socket() as door:
            door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                door.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
