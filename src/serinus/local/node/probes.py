"""Asks a container whether it is well: HTTP, TCP or a command, with the API's thresholds.

Delays and periods are of the clock, with a floor of FLOOR_SECONDS of the wall, so that a fast clock
does not turn a probe into a load; time-outs are of the wall. Knows no pod.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime

from serinus.base.clock import Clock
from serinus.local.node.podspec import HttpGet, Probe

FLOOR_SECONDS = 0.1
ACCEPT_POLL_SECONDS, SLOWEST_POLL_SECONDS = 0.02, 0.25
HOST = "127.0.0.1"
_OWN_HOSTS = ("", "127.0.0.1", "localhost", "::1", "0.0.0.0")

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
    probe: Probe, ask: Ask, clock: Clock, began: datetime, *, held: bool
) -> AsyncIterator[tuple[bool, str]]:
    """The verdict and the problem, if any, after every answer; `held` is the verdict before.

    The initial delay counts from `began` on, the start of the container.
    """
    await clock.sleep((began - clock.now()).total_seconds() + probe.initial_delay_seconds)
    threshold = Threshold(probe, held)
    limit = max(1, probe.timeout_seconds)
    while True:
        try:
            async with asyncio.timeout(limit):
                problem = await ask()
        except TimeoutError:
            problem = late(probe, limit)
        yield threshold.feed(not problem), problem
        await clock.sleep_wall(max(FLOOR_SECONDS, probe.period_seconds / clock.speed))


def late(probe: Probe, limit_seconds: int) -> str:
    """The kubelet's words for a probe without an answer."""
    if probe.exec is not None:
        words = " ".join(probe.exec.command)
        return f"command timed out: {words!r} timed out after {limit_seconds}s"
    if probe.tcp_socket is not None:
        return "dial tcp: i/o timeout"
    path = probe.http_get.path if probe.http_get is not None else ""
    said = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
    return f'Get "{path}": {said}'


async def accepts(port: int, clock: Clock) -> None:
    """Wait until something accepts connections on the port; asks ever more rarely."""
    pause = ACCEPT_POLL_SECONDS
    while await ask_tcp(HOST, port):
        await clock.sleep_wall(pause)
        pause = min(pause * 1.02, SLOWEST_POLL_SECONDS)


def is_own(host: str) -> bool:
    """Whether a probe's `host` is the pod itself, whose declared ports are somewhere else."""
    return host.lower() in _OWN_HOSTS


async def ask_tcp(host: str, port: int) -> str:
    """Whether the port accepts a connection."""
    try:
        _, writer = await asyncio.open_connection(host, port)
    except OSError as error:
        return _no_connection(host, port, error)
    writer.close()
    return ""


async def ask_http(get: HttpGet, host: str, port: int) -> str:
    """Whether a GET is answered with a status of 200 to 399."""
    secure = ssl.create_default_context() if get.scheme.upper() == "HTTPS" else None
    if secure is not None:
        secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
    url = f"{get.scheme.lower()}://{host}:{port}{_path(get)}"
    try:
        reader, writer = await asyncio.open_connection(host, port, ssl=secure)
        try:
            writer.write(_request(get, host, port))
            line = (await reader.readline()).decode("latin-1")
        finally:
            writer.close()
    except ssl.SSLError as error:
        return f'Get "{url}": tls: {error.reason}'
    except OSError as error:
        return f'Get "{url}": {_no_connection(host, port, error)}'
    except ValueError:
        return f'Get "{url}": malformed HTTP response'  # a line without end
    if not line:
        return f'Get "{url}": EOF'
    status = line.split(" ")[1] if line.startswith("HTTP/") and " " in line else ""
    if not status[:3].isdecimal():
        return f'Get "{url}": malformed HTTP response'
    return "" if 200 <= int(status[:3]) < 400 else f"HTTP probe failed with statuscode: {status}"


def _no_connection(host: str, port: int, error: OSError) -> str:
    said = os.strerror(error.errno).lower() if error.errno else str(error)
    return f"dial tcp {host}:{port}: connect: {said}"


def _path(get: HttpGet) -> str:
    return get.path if get.path.startswith("/") else "/" + get.path


def _request(get: HttpGet, host: str, port: int) -> bytes:
    headers = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.36", "Accept": "*/*"}
    own = {header.name: header.value for header in get.http_headers}
    replaced = {name.lower() for name in own}
    headers = {name: value for name, value in headers.items() if name.lower() not in replaced} | own
    lines = [f"GET {_path(get)} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1", "replace")
