"""An API server over a data folder in a process of its own, which a test may kill.

As a script: `python victim.py FOLDER [slow]`; its first line of output is the URL for the caller.
Slow: every statement of SQL takes a millisecond, so that many a kill meets a transaction half done.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SOURCES = Path(__file__).resolve().parents[2] / "src"
DEADLINE_SECONDS = 30
Json = dict[str, Any]


class Victim:
    """A running server; requests to it block."""

    def __init__(self, folder: Path, *words: str) -> None:
        env = {**os.environ, "PYTHONPATH": str(SOURCES)}
        command = [sys.executable, __file__, str(folder), *words]
        self._process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.url = urlsplit(self._process.stdout.readline().strip())
        assert self.url.port, "the server did not start; its error is on standard error"
        self.pid = self._process.pid

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.url.port, timeout=DEADLINE_SECONDS)

    def ask(
        self, way: http.client.HTTPConnection, method: str, path: str, body: Json | None = None
    ) -> tuple[int, Json]:
        """The status and the decoded body of one request."""
        data = None if body is None else json.dumps(body)
        headers = {"content-type": "application/json"}
        way.request(method, self.url.path + path, data, headers)
        answer = way.getresponse()
        return answer.status, json.loads(answer.read())

    def kill(self) -> None:
        """End it as a crash would."""
        os.kill(self.pid, signal.SIGKILL)
        self.end()

    def end(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(DEADLINE_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def victim(folder: Path, *words: str) -> Iterator[Victim]:
    """A server while the block runs, whoever ends it."""
    server = Victim(folder, *words)
    try:
        yield server
    finally:
        server.end()


async def _serve(folder: Path, slow: bool) -> None:
    from serinus.base.clock import Clock
    from serinus.local.apiserver.app import ApiServer
    from serinus.local.datadir import locked, opened
    from serinus.local.machine.web import LoopbackServer

    with locked(folder), opened(folder) as data:
        if slow:
            data.storage._sql.set_trace_callback(lambda statement: time.sleep(0.001))
        server = ApiServer(Clock(), storage=data.storage)
        web = LoopbackServer(server)
        web.start()
        print(web.url + server.prefix("admin"), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), "slow" in sys.argv))
