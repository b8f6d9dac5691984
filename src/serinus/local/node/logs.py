"""What containers write: a bounded ring of lines for the running and the previous instance.

The oldest lines go when a ring is full. Lines carry the instant of the clock at which they came.
Knows nothing of processes and HTTP.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from datetime import datetime

from serinus.base.clock import Clock
from serinus.local.apiserver.reading.logs import LogOptions

RING_BYTES = 1024 * 1024


class LogRing:
    """The lines of one container instance, numbered from its first one on."""

    def __init__(self, clock: Clock, limit_bytes: int = RING_BYTES) -> None:
        self._clock = clock
        self._limit_bytes = limit_bytes
        self._lines: deque[tuple[datetime, bytes]] = deque()
        self._first = 0
        self._bytes = 0
        self._open_line = b""
        self._closed = False
        self._changed = asyncio.Event()

    def write(self, data: bytes) -> None:
        """Take output as it comes; a line counts from its line end on."""
        *lines, self._open_line = (self._open_line + data).split(b"\n")
        if len(self._open_line) > self._limit_bytes // 4:
            lines, self._open_line = [*lines, self._open_line], b""
        for line in lines:
            self._append(line + b"\n")
        self._wake()

    def close(self) -> None:
        """The container has ended: what follows the log ends too."""
        if self._open_line:
            self._append(self._open_line + b"\n")
            self._open_line = b""
        self._closed = True
        self._wake()

    async def read(self, options: LogOptions) -> AsyncIterator[bytes]:
        """The lines that are kept, and with `follow` those that come until `close`."""
        position = self._first + self._start(options)
        left = options.limit_bytes
        while True:
            changed = self._changed
            position = max(position, self._first)
            while position < self._first + len(self._lines):
                line = self._shown(self._lines[position - self._first], options.timestamps)
                position = max(position + 1, self._first)
                yield line if left is None else line[:left]
                left = None if left is None else max(0, left - len(line))
                if left == 0:
                    return
            if self._closed or not options.follow:
                return
            await changed.wait()

    def kept(self) -> bytes:
        """All lines that are kept."""
        return b"".join(line for _, line in self._lines)

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _start(self, options: LogOptions) -> int:
        start = 0
        if (since := options.since) is not None:
            start = sum(1 for at, _ in self._lines if at < since)
        if options.tail_lines is not None:
            start = max(start, len(self._lines) - options.tail_lines)
        return start

    def _shown(self, entry: tuple[datetime, bytes], timestamps: bool) -> bytes:
        at, line = entry
        return f"{at:%Y-%m-%dT%H:%M:%S.%fZ} ".encode() + line if timestamps else line

    def _append(self, line: bytes) -> None:
        self._lines.append((self._clock.now(), line))
        self._bytes += len(line)
        while self._bytes > self._limit_bytes and len(self._lines) > 1:
            self._bytes -= len(self._lines.popleft()[1])
            self._first += 1


class Logs:
    """The rings of all containers on the node: `(namespace, pod, container)`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._rings: dict[tuple[str, str, str], deque[LogRing]] = {}

    def begin(self, namespace: str, pod: str, container: str) -> LogRing:
        """A new ring for a new instance; the one before becomes the previous one."""
        rings = self._rings.setdefault((namespace, pod, container), deque(maxlen=2))
        rings.append(LogRing(self._clock))
        return rings[-1]

    def ring(
        self, namespace: str, pod: str, container: str, *, previous: bool = False
    ) -> LogRing | None:
        """The ring of the running (or last), or of the previous instance, if there is one."""
        rings = self._rings.get((namespace, pod, container), deque())
        if previous:
            return rings[0] if len(rings) == 2 else None
        return rings[-1] if rings else None

    def forget(self, namespace: str, pod: str) -> None:
        """The pod is gone: so are its logs."""
        for key in [key for key in self._rings if key[:2] == (namespace, pod)]:
            for ring in self._rings.pop(key):
                ring.close()

    def last(self, namespace: str, pod: str, container: str) -> bytes:
        """All that is kept of the running or last instance."""
        ring = self.ring(namespace, pod, container)
        return ring.kept() if ring is not None else b""
