"""Servers that break what they owe, over real sockets: resets, silence, dribbles, floods."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from kube.informer_world import ConfigMap
from kube.test_http_transport import within_deadline
from serinus.base.clock import Clock
from serinus.control.writing.doubts import is_doubtful
from serinus.kube import client as client_module
from serinus.kube import watch as watch_module
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.errors import NoAnswer, Unavailable, UnreadableAnswer
from serinus.kube.informer import Informer
from serinus.kube.resource import CONFIGMAPS
from serinus.kube.transport import HttpTransport, Request, http

EMPTY = {"metadata": {"resourceVersion": "10"}, "items": []}
QUICK = Limits(deadline_seconds=20, try_seconds=0.5, tries=4)


class Exchange:
    """One request, and the ways to answer it badly."""

    def __init__(self, head: str, writer: asyncio.StreamWriter) -> None:
        self.method, self.target = head.split(" ", 2)[:2]
        self._writer = writer

    @property
    def watches(self) -> bool:
        return "watch=true" in self.target

    def whole(self, answer: Any, status: int = 200, *headers: str) -> None:
        body = json.dumps(answer).encode()
        lines = [f"HTTP/1.1 {status} X", f"content-length: {len(body)}", *headers, "", ""]
        self._writer.write("\r\n".join(lines).encode() + body)

    def begin(self, length: int | None = None) -> None:
        """The head of an answer that is sent bit by bit."""
        how = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
        self._writer.write(f"HTTP/1.1 200 X\r\n{how}\r\n\r\n".encode())

    async def chunk(self, data: bytes) -> None:
        self._writer.write(b"%x\r\n%s\r\n" % (len(data), data))
        await self._writer.drain()

    def event(self, version: int, name: str = "a") -> bytes:
        made = {"metadata": {"name": name, "namespace": "shop", "resourceVersion": str(version)}}
        return json.dumps({"type": "ADDED", "object": made}).encode() + b"\n"

    async def silence(self) -> None:
        await asyncio.Event().wait()

    def reset(self) -> None:
        """As a process that was killed or a firewall that forgets: RST, not FIN."""
        link: socket.socket = self._writer.get_extra_info("socket")
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Behaviour = Callable[[Exchange, int], Awaitable[None]]


@asynccontextmanager
async def rude(
    behave: Behaviour, limits: Limits = QUICK
) -> AsyncIterator[tuple[Client, list[str]]]:
    """A client of a server that does as `behave(exchange, number)` says, and what it was asked."""
    asked: list[str] = []
    running: set[asyncio.Task[Any]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                exchange = Exchange(head.decode(), writer)
                length = [int(line[16:]) for line in head.decode().lower().split("\r\n")
                          if line.startswith("content-length:")]  # fmt: skip
                await reader.readexactly(sum(length))
                asked.append(f"{exchange.method} {exchange.target}")
                await behave(exchange, len(asked))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    client = Client(HttpTransport(url), Clock(), limits=limits)
    try:
        yield client, asked
    finally:
        await client.close()
        server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _reset_in_body(exchange: Exchange, number: int) -> None:
    if number > 2:
        exchange.whole(EMPTY)
        return
    exchange.begin(length=1000)
    await asyncio.sleep(0)
    exchange.reset()


async def _reset_at_once(exchange: Exchange, number: int) -> None:
    exchange.whole(EMPTY) if number > 2 else exchange.reset()


async def _leader_changed(exchange: Exchange, number: int) -> None:
    message = "etcdserver: leader changed"
    status = {"kind": "Status", "code": 500, "message": message}
    exchange.whole(EMPTY) if number > 2 else exchange.whole(status, 500)


async def _silent(exchange: Exchange, number: int) -> None:
    exchange.whole(EMPTY) if number > 2 else await exchange.silence()


async def _dribbling(exchange: Exchange, number: int) -> None:
    if number > 2:
        exchange.whole(EMPTY)
        return
    exchange.begin()
    while True:
        await exchange.chunk(b" ")
        await asyncio.sleep(0.05)


async def _not_json(exchange: Exchange, number: int) -> None:
    exchange.whole("not a list")


TROUBLES = [_reset_in_body, _reset_at_once, _leader_changed, _silent, _dribbling]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: one.__name__)
def test_a_read_is_tried_again(trouble: Behaviour) -> None:
    async def story() -> None:
        async with rude(trouble) as (client, asked):
            assert (await client.list(CONFIGMAPS)).resource_version == "10"
            assert len(asked) == 3

    within_deadline(story)


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("verb", ["patch", "create"])
def test_a_write_of_unknown_fate_is_told_as_doubtful_and_not_repeated(
    trouble: Behaviour, verb: str
) -> None:
    async def story() -> None:
        async with rude(trouble) as (client, asked):
            made = {"metadata": {"name": "a"}}
            write = (
                client.patch(CONFIGMAPS, "a", {}, "shop")
                if verb == "patch"
                else client.create(CONFIGMAPS, made, "shop")
            )
            with pytest.raises(Unavailable) as caught:
                await write
            assert is_doubtful(caught.value)
            assert len(asked) == 1

    within_deadline(story)


def test_what_is_no_list_is_said_so() -> None:
    async def story() -> None:
        async with rude(_not_json) as (client, _):
            with pytest.raises(UnreadableAnswer, match="the answer is not a list"):
                await client.list(CONFIGMAPS)

    within_deadline(story)


def follow(client: Client) -> Informer[ConfigMap]:
    return Informer(client, CONFIGMAPS, ConfigMap, Clock(), jitter=random.Random(1))


async def until_cached(client: Client, *names: str) -> None:
    """Runs an informer until it has these."""
    informer = follow(client)
    changed = asyncio.Event()
    informer.on_change(lambda *_: changed.set())
    task = asyncio.create_task(informer.run())
    while {made.metadata.name for made in informer.store.all()} != set(names):
        await changed.wait()
        changed.clear()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def watched(first: Callable[[Exchange], Awaitable[None]]) -> Behaviour:
    """A server whose first watch goes wrong after `a`, and whose later ones tell of `b`."""
    watches = 0

    async def behave(exchange: Exchange, number: int) -> None:
        nonlocal watches
        if not exchange.watches:
            exchange.whole(EMPTY)
            return
        watches += 1
        exchange.begin()
        if watches == 1:
            await exchange.chunk(exchange.event(11, "a"))
            await first(exchange)
        else:
            assert "resourceVersion=11" in exchange.target, "it goes on where it was"
            await exchange.chunk(exchange.event(12, "b"))
            await exchange.silence()

    return behave


def test_a_watch_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_module, "IDLE_SECONDS", 0.3)

    async def story() -> None:
        async with rude(watched(Exchange.silence)) as (client, asked):
            await until_cached(client, "a", "b")
            assert len(asked) == 3

    within_deadline(story)


def test_a_watch_that_only_hums_is_given_up_after_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bytes come all the time, so it is never silent; but nothing is told, and it never ends."""
    monkeypatch.setattr(watch_module, "OVERDUE_SECONDS", 0.2)
    monkeypatch.setattr(watch_module, "_TIMEOUT_SECONDS", (0.6, 0.7))

    async def hum(exchange: Exchange) -> None:
        while True:
            await exchange.chunk(b"\n")
            await asyncio.sleep(0.02)

    async def story() -> None:
        async with rude(watched(hum)) as (client, asked):
            await until_cached(client, "a", "b")
            assert len(asked) == 3

    within_deadline(story)


@pytest.mark.parametrize("rest", [b"", b'{"type":"ADDED","obj', b'{"type":"BOOKMARK"'])
def test_a_watch_that_is_reset_goes_on_from_the_last_whole_event(rest: bytes) -> None:
    async def cut(exchange: Exchange) -> None:
        if rest:
            await exchange.chunk(rest)
        await asyncio.sleep(0.05)
        exchange.reset()

    async def story() -> None:
        async with rude(watched(cut)) as (client, asked):
            await until_cached(client, "a", "b")
            assert len(asked) == 3

    within_deadline(story)


def test_lines_that_are_larger_than_an_object_can_be_are_not_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watch_module, "MAX_LINE_BYTES", 2 * 1024 * 1024)
    sent = 0

    async def behave(exchange: Exchange, number: int) -> None:
        nonlocal sent
        if not exchange.watches:
            items = [json.loads(exchange.event(10))["object"]] if number > 2 else []
            exchange.whole({**EMPTY, "items": items})
            return
        exchange.begin()
        while number <= 2:
            sent += 1
            await exchange.chunk(b"x" * 65536)
        await exchange.silence()

    async def story() -> None:
        async with rude(behave) as (client, _):
            await until_cached(client, "a")
            assert "a line of the watch is longer than 2 MiB, given up" in caplog.text
            assert sent * 65536 < 16 * 1024 * 1024

    within_deadline(story)


@pytest.mark.parametrize("length", [None, 10**12], ids=["endless", "announced"])
def test_answers_that_are_too_large_are_not_kept(
    monkeypatch: pytest.MonkeyPatch, length: int | None
) -> None:
    monkeypatch.setattr(http, "MAX_BODY_BYTES", 3 * 1024 * 1024)

    async def flood(exchange: Exchange, number: int) -> None:
        exchange.begin(length)
        while length is None:
            await exchange.chunk(b" " * 65536)

    async def story() -> None:
        async with rude(flood, Limits(try_seconds=20, tries=1)) as (client, _):
            with pytest.raises(NoAnswer, match="larger than 3 MiB, given up") as caught:
                await client.raw("GET", "/version")
            assert caught.value.sent

    within_deadline(story)


def test_a_refusal_without_end_is_cut_short() -> None:
    async def flood(exchange: Exchange, number: int) -> None:
        exchange._writer.write(b"HTTP/1.1 403 X\r\ntransfer-encoding: chunked\r\n\r\n")
        while True:
            await exchange.chunk(b"no " * 1000)

    async def story() -> None:
        async with rude(flood) as (client, _):
            with pytest.raises(Exception, match="403 Forbidden: no no") as caught:
                async with client.stream("/watch"):
                    pass
            assert len(str(caught.value)) < 500

    within_deadline(story)


@pytest.mark.parametrize(
    ("token", "text"),
    [(lambda n: f"t{n}", "does not end: 20 pages"), (lambda n: "same", "goes in circles")],
    ids=["endless", "circular"],
)
def test_a_list_without_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, token: Callable[[int], str], text: str
) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGES", 20)

    async def pages(exchange: Exchange, number: int) -> None:
        exchange.whole({**EMPTY, "metadata": {"resourceVersion": "1", "continue": token(number)}})

    async def story() -> None:
        async with rude(pages) as (client, asked):
            with pytest.raises(UnreadableAnswer, match=f"GET /api/v1/configmaps: the list {text}"):
                await client.list(CONFIGMAPS)
            assert len(asked) <= 20

    within_deadline(story)


def test_a_deadline_of_one_call_bounds_it_with_all_its_tries() -> None:
    async def story() -> None:
        async with rude(_silent) as (client, asked):
            with pytest.raises(NoAnswer, match=r"no answer within 0\.\d+ s"):
                await client.raw("GET", "/version", deadline_seconds=0.3)
            assert len(asked) == 1
            request = Request("GET", "/version", timeout_seconds=0.2)
            with pytest.raises(NoAnswer, match=r"no answer within 0\.2 s"):
                await client.transport.send(request)

    within_deadline(story)
