"""The server behind `serinus webhook`: reviews in, answers out; certificates that are renewed."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from serinus.api.reviewing import UnreadableReview, answer, judged, request_of
from serinus.api.wire import Unreadable, decode
from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.cli.health import PortTaken
from serinus.control.looking.lookup import RESOURCES
from serinus.core.analysis.checks import LANGUAGE
from serinus.kube.client import Client
from serinus.kube.errors import NotFound
from serinus.kube.transport.wire import Transport

T = TypeVar("T", bound=msgspec.Struct)
LARGEST_BYTES = 8 * 1024 * 1024
LOOKUP_SECONDS = 3.0
ROUNDS = 8
"""Of looking up: what is found may refer to more."""
RENEWED_EVERY_SECONDS = 5.0
_log = logging.getLogger("serinus.webhook")


class Known:
    """A Lookup over what was fetched; notes what was not."""

    def __init__(self) -> None:
        self.found: dict[tuple[type[Any], str, str], Any] = {}
        self.unknown: set[tuple[type[Any], str, str]] = set()

    def get(self, kind: type[T], namespace: str, name: str) -> T | Unreadable | None:
        place = (kind, namespace, name)
        if place not in self.found:
            self.unknown.add(place)
        found: T | Unreadable | None = self.found.get(place)
        return found


class Judge:
    """Answers reviews; with a client it looks up what objects refer to."""

    def __init__(self, client: Client | None, transport: Transport | None = None) -> None:
        self._client, self._transport = client, transport

    async def __aenter__(self) -> Judge:
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._transport is not None:
            await self._transport.close()

    async def answer(self, body: Any) -> Mapping[str, Any]:
        """Raises UnreadableReview."""
        request = request_of(body)
        return answer(request, await self._looked_up(request), LANGUAGE)

    async def _looked_up(self, request: Mapping[str, Any]) -> Known | None:
        """All that the object refers to; None if the cluster does not tell in time."""
        value = request.get("object")
        if self._client is None or not isinstance(value, Mapping):
            return None
        known = Known()
        try:
            async with asyncio.timeout(LOOKUP_SECONDS):
                for _ in range(ROUNDS):
                    known.unknown.clear()
                    if answerable(value):
                        judged(value, str(request.get("namespace") or ""), known, LANGUAGE)
                    if not known.unknown:
                        break
                    for place in tuple(known.unknown):
                        known.found[place] = await self._fetched(self._client, *place)
        except (TimeoutError, SerinusError) as error:
            _log.warning("references are not looked at: %s", error or "no answer in time")
            return None
        return known

    async def _fetched(self, client: Client, kind: type[T], namespace: str, name: str) -> Any:
        resource = RESOURCES[kind]
        try:
            found = await client.get(resource, name, namespace if resource.namespaced else None)
            return decode(kind, found)
        except NotFound:
            return None
        except msgspec.ValidationError as error:
            return Unreadable(namespace=namespace, name=name, error=str(error))


def answerable(value: Mapping[str, Any]) -> bool:
    """Whether it is an object of a kind that has rules."""
    from serinus.api.validation.check import KINDS

    return str(value.get("kind")) in KINDS


@asynccontextmanager
async def serving_reviews(
    judge: Judge, path: str, host: str, port: int, *, tls: ssl.SSLContext | None
) -> AsyncIterator[int]:
    """Answers at `path`, and /healthz, while the block runs; yields the port."""

    async def review(request: web.Request) -> web.StreamResponse:
        try:
            return web.json_response(await judge.answer(await request.json()))
        except (UnreadableReview, json.JSONDecodeError, UnicodeDecodeError) as error:
            return web.Response(status=400, text=f"{error}\n")

    async def healthy(request: web.Request) -> web.StreamResponse:
        return web.Response(text="ok")

    application = web.Application(client_max_size=LARGEST_BYTES)
    application.router.add_post(path, review)
    application.router.add_get("/healthz", healthy)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port, ssl_context=tls).start()
        except OSError as error:
            raise PortTaken(f"port {port} of {host} cannot be listened on: {error}") from error
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def kept_fresh(
    tls: ssl.SSLContext | None, cert: Path | None, key: Path | None, clock: Clock
) -> None:
    """Never ends: new connections get the certificate that the files hold now."""
    seen = _stamp(cert, key)
    while True:
        await clock.sleep_wall(RENEWED_EVERY_SECONDS)
        now = _stamp(cert, key)
        if tls is None or cert is None or now == seen or None in now:
            continue
        try:
            tls.load_cert_chain(cert, key)
        except (OSError, ssl.SSLError) as error:
            _log.warning("%s is not taken yet: %s", cert, error)  # its key may be on the way
            continue
        seen = now
        _log.info("the certificate of %s is renewed", cert)


def _stamp(*files: Path | None) -> tuple[tuple[int, int] | None, ...]:
    found: list[tuple[int, int] | None] = []
    for file in files:
        try:
            told = file.stat() if file else None
        except OSError:
            told = None
        found.append((told.st_mtime_ns, told.st_ino) if told else None)
    return tuple(found)
