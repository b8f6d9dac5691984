"""The loopback server: it accepts from the start, and answers without waiting for anybody's ACK."""

from __future__ import annotations

import asyncio
import http.client
import socket
from typing import Any

import pytest

from serinus.base.errors import SerinusError
from serinus.local.machine.web import LoopbackServer
from support.steady import run_steady


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    )
    await send({"type": "http.response.body", "body": b"ok"})


def test_a_connection_is_accepted_before_the_server_has_its_first_turn() -> None:
    async def story() -> None:
        server = LoopbackServer(app)
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            server.start()
            connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = await asyncio.to_thread(connection.recv, 65536)
            assert answer.startswith(b"HTTP/1.1 200")
        await server.stop()

    run_steady(story())


def test_accepted_connections_send_at_once() -> None:
    """On asyncio's own loop, which turns Nagle's algorithm off only for sockets made for TCP."""
    seen: list[int] = []

    async def looking(scope: Any, receive: Any, send: Any) -> None:
        transport = send.__self__.transport
        sock = transport.get_extra_info("socket")
        seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await app(scope, receive, send)

    async def story() -> None:
        server = LoopbackServer(looking)
        server.start()

        def ask() -> None:
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
            for _ in range(2):
                connection.request("GET", "/")
                assert connection.getresponse().read() == b"ok"
            connection.close()

        await asyncio.to_thread(ask)
        await server.stop()

    run_steady(story())
    assert seen == [1, 1]


def test_a_port_that_is_taken_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SerinusError, match=rf"port {port} of this machine: .*; take another"):
            LoopbackServer(app, port)
