"""The load sender as a process of its own, seen from the one that started it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError


class LoadProcess:
    """Steady traffic until `stop`; `latest` is its newest interim line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.latest: Mapping[str, Any] = {}
        self._report: Mapping[str, Any] | None = None
        self._reading = asyncio.create_task(self._read())

    async def stop(self) -> Mapping[str, Any]:
        """Ends the traffic and returns the report. Raises SerinusError if the sender broke."""
        if self._process.stdin is not None:
            self._process.stdin.close()  # its life-line: the end of standard input
        await self._reading
        code = await self._process.wait()
        if self._report is None:
            raise SerinusError(f"the load sender ended with code {code} and without a report")
        return self._report

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = msgspec.json.decode(line)
            if "report" in told:
                self._report = told["report"]
            else:
                self.latest = told

    async def end(self) -> None:
        """As `stop`, whatever state it is in."""
        if self._process.returncode is None:
            self._process.terminate()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._process.wait()


@asynccontextmanager
async def load(
    clock: Clock, address: str, host: str, per_second: float
) -> AsyncIterator[LoadProcess]:
    """Traffic to `host` through the ingress at `address` (host:port) while the block runs."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "serinus.local.load", "--life-line"),
        *("--address", address, "--host", host, "--rps", str(per_second)),
        *("--speed", str(clock.speed)),
        *("--epoch", clock.epoch.isoformat(), "--began", clock.began.isoformat()),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
        start_new_session=True,  # Ctrl-C at a terminal is for us; the life-line ends the sender
    )
    sender = LoadProcess(process)
    try:
        yield sender
    finally:
        await sender.end()
