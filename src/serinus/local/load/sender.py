"""Sends requests at a steady rate over many keep-alive connections, and never sends one twice.

Open loop: a request is due every 1/rate seconds of the wall whatever the answers do, because
clients do not slow down when a service does. A client that retried would hide lost requests.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from serinus.base.clock import Clock
from serinus.local.load.connection import Connection, Received
from serinus.local.load.report import Answer, Lost, LostKind, Tally


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to send where. `host` is the Host header; times are seconds of the wall.

    `idle_connections` are kept open; up to `most_connections` carry requests at once, and what is
    due beyond that waits for one of them.
    """

    address: str
    port: int
    host: str
    per_second: float
    path: str = "/"
    for_seconds: float | None = None
    timeout_seconds: float = 10.0
    idle_connections: int = 16
    most_connections: int = 512

    def request(self) -> bytes:
        """The bytes of one request."""
        return (
            f"GET {self.path} HTTP/1.1\r\nHost: {self.host}\r\n"
            "User-Agent: serinus-load\r\nAccept: */*\r\n\r\n"
        ).encode()


class Sender:
    """One run of a plan; `tally` may be read at any time."""

    def __init__(self, plan: LoadPlan, clock: Clock) -> None:
        self.plan = plan
        self.tally = Tally()
        self._clock = clock
        self._request = plan.request()
        self._idle: deque[Connection] = deque()
        self._connections: set[Connection] = set()
        self._waiting: deque[float] = deque()
        self._opening: set[asyncio.Task[None]] = set()
        self._under_way = 0
        self._quiet = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> Tally:
        """Send until `stop` is set or the plan's time is over, then wait for what is under way."""
        plan, began = self.plan, self._clock.wall()
        limit = None if plan.for_seconds is None else round(plan.for_seconds * plan.per_second)
        while not stop.is_set() and (limit is None or self.tally.sent < limit):
            due = began + self.tally.sent / plan.per_second
            if (delay := due - self._clock.wall()) > 0:
                await self._clock.sleep_wall(delay)
            self._send(due)
        if self._under_way:
            self._quiet.clear()
            await self._quiet.wait()
        for connection in list(self._connections):
            connection.close()
        return self.tally

    def answered(self, connection: Connection, due: float, received: Received) -> None:
        """A whole answer came back."""
        at, ended_at, seconds = self._span(due)
        version, pod = received.headers.get("x-version", ""), received.headers.get("x-pod", "")
        self.tally.add(Answer(at, seconds, received.status, version, pod), ended_at)
        self._ended()
        if received.keep_alive and connection in self._connections:
            self._reuse(connection)
        else:
            self._connections.discard(connection)
            self._start_waiting()

    def failed(self, connection: Connection, due: float, timed_out: bool) -> None:
        """No answer, or only a part of one."""
        self._connections.discard(connection)
        self._lose(due, "timeout" if timed_out else "cut")
        self._start_waiting()

    def closed(self, connection: Connection) -> None:
        """The connection is gone; if it was idle, nobody loses anything."""
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _send(self, due: float) -> None:
        self.tally.sent += 1
        self._under_way += 1
        if self._idle:
            self._idle.popleft().send(self._request, due)
        elif len(self._connections) + len(self._opening) < self.plan.most_connections:
            task = asyncio.create_task(self._send_on_new(due))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)
        else:
            self._waiting.append(due)

    async def _send_on_new(self, due: float) -> None:
        plan, loop = self.plan, asyncio.get_running_loop()
        try:
            async with asyncio.timeout(plan.timeout_seconds):
                _, connection = await loop.create_connection(
                    lambda: Connection(self, plan.timeout_seconds), plan.address, plan.port
                )
        except TimeoutError:
            self._lose(due, "timeout")
        except OSError:
            self._lose(due, "refused")
        else:
            self._connections.add(connection)
            connection.send(self._request, due)

    def _reuse(self, connection: Connection) -> None:
        if self._waiting:
            connection.send(self._request, self._waiting.popleft())
        elif len(self._idle) < self.plan.idle_connections:
            self._idle.append(connection)
        else:
            self._connections.discard(connection)
            connection.close()

    def _start_waiting(self) -> None:
        """A place is free: what waits for one goes on a new connection."""
        if self._waiting:
            self.tally.sent -= 1
            self._under_way -= 1
            self._send(self._waiting.popleft())

    def _lose(self, due: float, kind: LostKind) -> None:
        at, ended_at, seconds = self._span(due)
        self.tally.lose(Lost(at, ended_at, seconds, kind))
        self._ended()

    def _ended(self) -> None:
        self._under_way -= 1
        if not self._under_way:
            self._quiet.set()

    def _span(self, due: float) -> tuple[datetime, datetime, float]:
        """When the request was due and ended on the shared clock, and wall seconds between."""
        seconds = self._clock.wall() - due
        ended_at = self._clock.now()
        return ended_at - self._clock.span(seconds), ended_at, seconds
