"""The loop in whose time a machine's hiccups do not count."""

from __future__ import annotations

import asyncio
import socket
import time

import pytest

from support.steady import run_steady

HICCUP_SECONDS = 0.5


def hiccup() -> None:
    """The whole process stands still."""
    time.sleep(HICCUP_SECONDS)


async def answered() -> bytes:
    """An exchange with a server of this loop."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"hello\n")
    hiccup()
    said = await reader.read()
    writer.close()
    server.close()
    return said


def test_a_time_out_does_not_run_while_the_process_does_not() -> None:
    async def story() -> bytes:
        async with asyncio.timeout(HICCUP_SECONDS / 2):
            return await answered()

    assert run_steady(story()) == b"hello\n"
    with pytest.raises(TimeoutError):
        asyncio.run(story())


def test_what_has_arrived_is_seen_to_before_a_timer() -> None:
    """The process was stopped while it waited, for longer than it would have waited."""

    async def story() -> bytes:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            loop = asyncio.get_running_loop()
            hearing = asyncio.create_task(loop.sock_recv(theirs, 10))
            select = loop._selector.select  # type: ignore[attr-defined]

            def stopped(timeout: float | None = None) -> object:
                if timeout and timeout > 0.1:
                    ours.send(b"x")
                    hiccup()
                return select(timeout)

            loop._selector.select = stopped  # type: ignore[attr-defined]
            async with asyncio.timeout(HICCUP_SECONDS / 2):
                return await hearing

    assert run_steady(story()) == b"x"


def test_time_passes_for_who_waits() -> None:
    async def story() -> float:
        began = asyncio.get_running_loop().time()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time() - began

    began = time.monotonic()
    assert run_steady(story()) >= 0.2
    assert time.monotonic() - began >= 0.2
