"""The sample service: a small HTTP/1.1 server that can be told to be good or bad.

It is started as `python -I -S service.py`, alone, so it knows nothing of this project and imports
the standard library only. Every answer carries its version (`X-Version`, the image tag) and its
pod (`X-Pod`). `/metrics` speaks the Prometheus text format, `/healthz` answers `ok`; neither is
counted as a request. How it misbehaves is read from words in the tag (`v3.error-every-20`) or from
the environment, which wins; docs/sample-service.md has the table, `WORDS` below is its source.
Latencies and delays are seconds of the wall: a faster clock does not reach into a pod.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.25),
    *(0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0),
)
LEAK_LIMIT_MB = 1024
DRAIN_SECONDS = 0.3
WORDS = (
    ("error_every", "SAMPLE_ERROR_EVERY", r"error-every-(\d+)"),
    ("latency_ms", "SAMPLE_LATENCY_MS", r"latency-(\d+)ms"),
    ("leak_mb_per_second", "SAMPLE_LEAK_MB_PER_S", r"leak-(\d+)mb"),
    ("crash_after_seconds", "SAMPLE_CRASH_AFTER_S", r"crash-after-(\d+)s"),
    ("crash_after_requests", "SAMPLE_CRASH_AFTER_REQUESTS", r"crash-after-(\d+)-requests"),
    ("start_delay_seconds", "SAMPLE_START_DELAY_S", r"start-delay-(\d+)s"),
    ("never_listen", "SAMPLE_NEVER_LISTEN", r"never-listen()"),
    ("exit_at_once", "SAMPLE_EXIT_AT_ONCE", r"exit-at-once()"),
)


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How this version misbehaves; 0 switches a trait off, 1 switches on one that is yes or no.

    `crash_after_seconds` is None unless wanted, because a crash after 0 seconds is a real wish.
    """

    error_every: float = 0
    latency_ms: float = 0
    leak_mb_per_second: float = 0
    crash_after_seconds: float | None = None
    crash_after_requests: float = 0
    start_delay_seconds: float = 0
    never_listen: float = 0
    exit_at_once: float = 0


def behaviour_of(tag: str, env: Mapping[str, str]) -> Behaviour:
    """The traits that `tag` spells and `env` sets; a variable beats the word, empty means off.

    Raises ValueError that names every variable whose value is not a number of 0 or more.
    """
    traits: dict[str, float] = {}
    wrong: list[str] = []
    for field, variable, word in WORDS:
        found = re.search(rf"(?:^|[._-]){word}(?=$|[._-](?!requests))", tag)
        if variable in env:
            text = env[variable].strip()
            if re.fullmatch(r"\d+(\.\d+)?", text):
                traits[field] = float(text)
            elif text:
                wrong.append(f"{variable}={text!r}: write a number of 0 or more")
        elif found:
            traits[field] = float(found.group(1) or 1)
    if wrong:
        raise ValueError("; ".join(wrong))
    return Behaviour(**traits)


class Figures:
    """Counters as Prometheus reads them; error counters are there from the start, at 0."""

    def __init__(self) -> None:
        self._answers = {("GET", 200): 0, ("GET", 500): 0}
        self._buckets = [0] * len(BUCKETS)
        self._seconds = 0.0
        self.answered = 0

    def count(self, method: str, status: int, seconds: float) -> None:
        """Add one answer that took `seconds` of the wall."""
        for known in (200, 500, status):
            self._answers.setdefault((method, known), 0)
        self._answers[method, status] += 1
        self._seconds += seconds
        for index, bound in enumerate(BUCKETS):
            if seconds <= bound:
                self._buckets[index] += 1
                break
        self.answered += 1

    def text(self) -> str:
        """The page that a scraper reads."""
        lines = ["# TYPE http_requests_total counter"]
        for (method, status), number in self._answers.items():
            labels = f'method="{method}",code="{status}",status="{status}"'
            lines.append(f"http_requests_total{{{labels}}} {number}")
        lines.append("# TYPE http_request_duration_seconds histogram")
        below = 0
        for bound, number in zip(BUCKETS, self._buckets, strict=True):
            below += number
            lines.append(f'http_request_duration_seconds_bucket{{le="{bound}"}} {below}')
        lines.append(f'http_request_duration_seconds_bucket{{le="+Inf"}} {self.answered}')
        lines.append(f"http_request_duration_seconds_sum {self._seconds}")
        lines.append(f"http_request_duration_seconds_count {self.answered}")
        lines.append("# TYPE process_resident_memory_bytes gauge")
        lines.append(f"process_resident_memory_bytes {resident_bytes()}")
        return "\n".join(lines) + "\n"


def resident_bytes() -> int:
    """Memory of this process; where /proc is absent, the highest that it ever was."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


class Service:
    """One running pod: its figures, its open connections, and whether it is on its way out."""

    def __init__(self, version: str, pod: str, behaviour: Behaviour, stopped: asyncio.Event):
        self.behaviour = behaviour
        self.figures = Figures()
        self.stopping = False
        self.busy = 0
        self._stopped = stopped
        self._leak: list[bytearray] = []
        self._body = json.dumps({"version": version, "pod": pod}).encode() + b"\n"
        self._identity = f"X-Version: {version}\r\nX-Pod: {pod}\r\n"

    def answer(self, method: str, path: str, began: float) -> tuple[int, str, bytes]:
        """Status, content type and body; `began` is the loop's time when the request was read."""
        if path == "/metrics":
            return 200, "text/plain; version=0.0.4", self.figures.text().encode()
        if path == "/healthz":
            return 200, "text/plain", b"ok\n"
        number = self.figures.answered + 1
        every = int(self.behaviour.error_every)
        status = 500 if every and number % every == 0 else 200
        self.figures.count(method, status, asyncio.get_running_loop().time() - began)
        if status == 500:
            say(f"{method} {path} 500: answer {number} of this pod, every {every}th is an error")
        if number == int(self.behaviour.crash_after_requests):
            crash(f"answer {number}")
        return status, "application/json", self._body

    def delay_seconds(self, path: str) -> float:
        """How long an answer to `path` is held back; figures and health never are."""
        return 0 if path in ("/metrics", "/healthz") else self.behaviour.latency_ms / 1000

    def head(self, status: int, kind: str, length: int) -> bytes:
        """The answer's head; on the way out it asks the client to take its connection away."""
        reason = "OK" if status == 200 else "Internal Server Error"
        close = "Connection: close\r\n" if self.stopping else ""
        return (
            f"HTTP/1.1 {status} {reason}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n"
            f"{self._identity}{close}\r\n"
        ).encode()

    def stop(self) -> None:
        """SIGTERM: go on answering for a moment, with `Connection: close`, then end."""
        say("SIGTERM: finishing what is in flight")
        if self.behaviour.exit_at_once:
            os._exit(0)
        self.stopping = True
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._end_if_idle)

    def _end_if_idle(self) -> None:
        if self.busy:
            asyncio.get_running_loop().call_later(0.02, self._end_if_idle)
        else:
            self._stopped.set()

    def leak(self) -> None:
        """Take memory once a second and never give it back, up to LEAK_LIMIT_MB."""
        step = int(self.behaviour.leak_mb_per_second * 2**20)
        if sum(map(len, self._leak)) < LEAK_LIMIT_MB * 2**20:
            self._leak.append(bytearray(b"x") * step)
        asyncio.get_running_loop().call_later(1, self.leak)


class Connection(asyncio.Protocol):
    """One keep-alive connection: requests are answered one after the other, in order."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._pending = b""
        self._waiting = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._pending += data
        self._read_next()

    def _read_next(self) -> None:
        request = None if self._waiting else parse_request(self._pending)
        if request is None:
            return
        method, path, length = request
        self._pending = self._pending[length:]
        self._waiting = True
        self._service.busy += 1
        loop = asyncio.get_running_loop()
        delay = self._service.delay_seconds(path)
        if delay:
            loop.call_later(delay, self._write, method, path, loop.time())
        else:
            self._write(method, path, loop.time())

    def _write(self, method: str, path: str, began: float) -> None:
        self._service.busy -= 1
        self._waiting = False
        status, kind, body = self._service.answer(method, path, began)
        if self._transport is None:
            return
        head = self._service.head(status, kind, len(body))
        self._transport.write(head if method == "HEAD" else head + body)
        if self._service.stopping:
            self._transport.close()
        else:
            self._read_next()


def parse_request(data: bytes) -> tuple[str, str, int] | None:
    """Method, path without query, and length of the first whole request; None if more is needed.

    A body is skipped, whether its length is announced or it comes in chunks without trailers.
    """
    head, found, _ = data.partition(b"\r\n\r\n")
    if not found:
        return None
    line, *fields = head.decode("latin-1").split("\r\n")
    method, _, target = line.partition(" ")
    headers = {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}
    length = len(head) + 4
    if "chunked" in headers.get("transfer-encoding", "").lower():
        end = data.find(b"0\r\n\r\n", length)
        length = end + 5 if end >= 0 else len(data) + 1
    else:
        length += int(headers.get("content-length") or 0)
    if len(data) < length:
        return None
    return method, target.partition(" ")[0].partition("?")[0], length


def say(text: str) -> None:
    """One line for `kubectl logs`."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def crash(why: str) -> None:
    """End at once, as a program error does: no drain, exit status 1."""
    say(f"crashing on purpose: {why}")
    os._exit(1)


async def after(seconds: float) -> None:
    """Wait on the loop's own clock (this process has no other)."""
    done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_later(seconds, done.set_result, None)
    await done


async def serve(env: Mapping[str, str]) -> None:
    """Run until SIGTERM; HOST, PORT, POD_NAME and SAMPLE_VERSION say who and where.

    PORTS, with commas between, names all the ports; without it PORT is the only one.
    """
    version = env.get("SAMPLE_VERSION", "unknown")
    behaviour = behaviour_of(version, env)
    loop, stopped = asyncio.get_running_loop(), asyncio.Event()
    service = Service(version, env.get("POD_NAME", "local"), behaviour, stopped)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, service.stop)
    await after(behaviour.start_delay_seconds)
    host, ports = env.get("HOST", "127.0.0.1"), env.get("PORTS") or env.get("PORT", "8080")
    if behaviour.never_listen:
        say("never-listen: running without opening a port")
    else:
        make: Callable[[], Connection] = lambda: Connection(service)  # noqa: E731
        for port in ports.split(","):
            server = await loop.create_server(make, host, int(port), backlog=1024)
            say(f"version {version} listening on {host}:{server.sockets[0].getsockname()[1]}")
    if behaviour.crash_after_seconds is not None:
        seconds = behaviour.crash_after_seconds
        loop.call_later(seconds, crash, f"{seconds:g} seconds after the start")
    if behaviour.leak_mb_per_second:
        service.leak()
    await stopped.wait()


if __name__ == "__main__":
    try:
        asyncio.run(serve(os.environ))
    except ValueError as problem:
        say(f"cannot start: {problem}")
        sys.exit(2)
