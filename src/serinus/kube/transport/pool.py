"""Connections to one server: made anew when our certificate or the server's authority changes.

A request that is under way ends on the connection that it began on. Knows no Kubernetes.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from serinus.kube.tls import Tls

if TYPE_CHECKING:
    import aiohttp

READ_BUFFER_BYTES = 256 * 1024
_IDLE_CONNECTION_SECONDS = 60.0
# A dead peer (pulled cable, lost node) is noticed after about 30 + 3 x 10 seconds.
_KEEPALIVE_OPTIONS = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


@dataclass(slots=True)
class _Held:
    session: aiohttp.ClientSession
    context: ssl.SSLContext | None
    users: int = 0


class Pool:
    """Sessions with the contexts of `tls`; None means the system's trusted authorities."""

    def __init__(self, tls: Tls | None) -> None:
        self._tls = tls
        self._now: _Held | None = None
        self._old: list[_Held] = []

    @asynccontextmanager
    async def session(self) -> AsyncIterator[aiohttp.ClientSession]:
        """A session for one request, until the answer is read."""
        held = self._current()
        held.users += 1
        try:
            yield held.session
        finally:
            held.users -= 1
            await self._tidy()

    async def close(self) -> None:
        """Closes every connection, used or not."""
        held, self._old = [*self._old, *([self._now] if self._now else [])], []
        self._now = None
        for one in held:
            await one.session.close()

    def _current(self) -> _Held:
        context = self._tls.context() if self._tls else None
        if self._now is not None and self._now.context is not context:
            self._old.append(self._now)
            self._now = None
        if self._now is None:
            self._now = _Held(_session(context), context)
        return self._now

    async def _tidy(self) -> None:
        idle = [one for one in self._old if not one.users]
        self._old = [one for one in self._old if one.users]
        for one in idle:
            await one.session.close()


def _session(context: ssl.SSLContext | None) -> aiohttp.ClientSession:
    import aiohttp

    connector = aiohttp.TCPConnector(
        limit=0,
        ssl=context or True,
        keepalive_timeout=_IDLE_CONNECTION_SECONDS,
        socket_factory=_socket,
    )
    return aiohttp.ClientSession(
        connector=connector,
        read_bufsize=READ_BUFFER_BYTES,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity"},
    )


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol = address[0], address[1], address[2]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE_OPTIONS:
        if hasattr(socket, name):  # not every system has them
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
