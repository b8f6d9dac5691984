"""Small pages that the controller serves about itself: /metrics, /healthz, /readyz.

Knows no numbers: each page is a function that is called when somebody asks.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

from serinus.base.errors import SerinusError
from serinus.control.counting.exposition import CONTENT_TYPE
from serinus.control.counting.telemetry import Telemetry

Page = Callable[[], tuple[int, str]]
"""HTTP status and text."""
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
_log = logging.getLogger("serinus.health")


def metrics_page(telemetry: Telemetry) -> Mapping[str, Page]:
    """The controller's numbers."""
    return {"/metrics": lambda: (200, telemetry.page())}


def health_pages(telemetry: Telemetry) -> Mapping[str, Page]:
    """Alive: it answers at all. Ready: every kind that decisions need is in the caches, or
    another process leads and this one stands by.
    """

    def ready() -> tuple[int, str]:
        missing = telemetry.missing()
        if missing:
            return 503, "waiting for " + "; ".join(missing)
        return 200, telemetry.standing_by() or "ok"

    return {"/healthz": lambda: (200, "ok"), "/readyz": ready}


@asynccontextmanager
async def serving(pages: Mapping[str, Page], port: int, host: str = LOOPBACK) -> AsyncIterator[int]:
    """Serves `pages` while the block runs; yields the port (0 takes a free one).

    Raises SerinusError if the port is taken.
    """
    application = web.Application()
    for path, page in pages.items():
        application.router.add_get(path, _handler(page))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await _listen(runner, host, port)
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_if_free(
    pages: Mapping[str, Page], port: int, host: str = LOOPBACK
) -> AsyncIterator[None]:
    """The same at a port that nobody asked for by name: one that is taken is done without."""
    try:
        async with serving(pages, port, host):
            yield
    except PortTaken as error:
        _log.warning("%s; going on without %s", error, ", ".join(pages))
        yield


class PortTaken(SerinusError):
    """Somebody else listens there."""


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port).start()
    except OSError as error:
        text = f"port {port} of {host} cannot be listened on: {error.strerror or error}"
        raise PortTaken(text) from error


def _handler(page: Page) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        status, text = page()
        headers = {"content-type": CONTENT_TYPE}
        return web.Response(status=status, body=text.encode(), headers=headers)

    return answer
