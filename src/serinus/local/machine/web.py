"""Serves ASGI applications on the loopback, inside our own event loop. Knows no application."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import Any

import uvicorn

from serinus.base.errors import SerinusError

STOP_SECONDS = 1
KEEP_ALIVE_SECONDS = 300


class _Quiet(uvicorn.Server):
    """Leaves the process's signals to whoever composed the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


class LoopbackServer:
    """One application on 127.0.0.1; `port` 0 takes a free one."""

    def __init__(self, app: Callable[..., Awaitable[None]], port: int = 0) -> None:
        config = uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._socket = _listening(port)
        self._server = _Quiet(config)
        self._task: asyncio.Task[Any] | None = None
        self.port: int = self._socket.getsockname()[1]

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin to serve; connections are accepted from the start on."""
        self._task = asyncio.create_task(self._server.serve(sockets=[self._socket]))

    async def stop(self) -> None:
        """Stop listening, give what is under way STOP_SECONDS of the wall, end."""
        self._server.should_exit = True
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        self._socket.close()


def _listening(port: int) -> socket.socket:
    """A socket that accepts from now on; raises SerinusError if the port is not to be had.

    With IPPROTO_TCP spelled out: else asyncio (not uvloop) leaves Nagle's algorithm on, and every
    answer but the first of a kept connection waits more than 40 ms for the client's ACK.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise SerinusError(
            f"port {port} of this machine: {error.strerror}; take another"
        ) from error
    listener.listen(socket.SOMAXCONN)
    return listener
