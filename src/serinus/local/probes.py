"""Asks a container whether it is well: HTTP, TCP or a command, with the API's thresholds.

Delays and periods are of the clock, with a floor of FLOOR_SECONDS of the wall, so that a fast clock
does not turn a probe into a load; time-outs are of the wall. Knows no pod.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable

from serinus.base.clock import Clock
from serinus.local.podspec import HttpGet, Probe

FLOOR_SECONDS = 0.1
ACCEPT_POLL_SECONDS, SLOWEST_POLL_SECONDS = 0.02, 0.25
HOST = "127.0.0.1"

Ask = Callable[[], Awaitable[str]]
"""One question; the answer is empty if all is well, else it says what is not."""


class Threshold:
    """Turns single answers into a standing verdict; `held` is the verdict so far."""

    def __init__(self, probe: Probe, held: bool) -> None:
        self.held = held
        self._probe = probe
        self._against = 0

    def feed(self, well: bool) -> bool:
        """The verdict after one more answer."""
        self._against = 0 if well == self.held else self._against + 1
        needed = self._probe.success_threshold if well else self._probe.failure_threshold
        if self._against >= max(1, needed):
            self.held, self._against = well, 0
        return self.held


async def verdicts(
    probe: Probe, ask: Ask, clock: Clock, *, held: bool
) -> AsyncIterator[tuple[bool, str]]:
    """The verdict and the problem, if any, after every answer; `held` is the verdict before."""
    await clock.sleep(probe.initial_delay_seconds)
    threshold = Threshold(probe, held)
    limit = max(1, probe.timeout_seconds)
    while True:
        try:
            async with asyncio.timeout(limit):
                problem = await ask()
        except TimeoutError:
            problem = f"no answer within {limit} s"
        yield threshold.feed(not problem), problem
        await clock.sleep_wall(max(FLOOR_SECONDS, probe.period_seconds / clock.speed))


async def accepts(port: int, clock: Clock) -> None:
    """Wait until something accepts connections on the port; asks ever more rarely."""
    pause = ACCEPT_POLL_SECONDS
    while await ask_tcp(port):
        await clock.sleep_wall(pause)
        pause = min(pause * 1.02, SLOWEST_POLL_SECONDS)


async def ask_tcp(port: int) -> str:
    """Whether the port accepts a connection."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError as error:
        return f"dial tcp {HOST}:{port}: {error.strerror or error}"
    writer.close()
    return ""


async def ask_http(get: HttpGet, port: int) -> str:
    """Whether a GET is answered with a status of 200 to 399."""
    secure = ssl.create_default_context() if get.scheme.upper() == "HTTPS" else None
    if secure is not None:
        secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
    try:
        reader, writer = await asyncio.open_connection(HOST, port, ssl=secure)
        try:
            writer.write(_request(get, port))
            line = (await reader.readline()).decode("latin-1")
        finally:
            writer.close()
    except OSError as error:
        return f"Get {get.path}: dial tcp {HOST}:{port}: {error.strerror or error}"
    status = line.split(" ")[1] if line.startswith("HTTP/") and " " in line else ""
    if not status.isdecimal():
        return f"Get {get.path}: no HTTP answer"
    return "" if 200 <= int(status) < 400 else f"HTTP probe failed with statuscode: {status}"


def _request(get: HttpGet, port: int) -> bytes:
    headers = {"Host": f"{HOST}:{port}", "User-Agent": "kube-probe/1.37", "Accept": "*/*"}
    headers |= {header.name: header.value for header in get.http_headers}
    path = get.path if get.path.startswith("/") else "/" + get.path
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1", "replace")
