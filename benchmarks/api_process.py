"""The embedded API server in a process of its own, and a bare web server beside it to compare with.

`python -m benchmarks.api_process` prints two URLs (the API for one caller; the bare server, which
answers every request with the same bytes), then answers each line on stdin with its memory in use.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import psutil

from serinus.base.clock import Clock
from serinus.local.apiserver.app import ApiServer
from serinus.local.machine.web import LoopbackServer

ANSWER = b"x" * 1_000


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """As little as a web application can do; the query says how many times the answer is sent."""
    if scope["type"] != "http":
        return
    body = ANSWER * int(scope["query_string"] or 1)
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def main() -> None:
    api = ApiServer(Clock())
    servers = [LoopbackServer(api, 0), LoopbackServer(bare, 0)]
    for server in servers:
        server.start()
    print(servers[0].url + api.prefix("bench"), servers[1].url, flush=True)
    loop, here = asyncio.get_running_loop(), psutil.Process()
    while await loop.run_in_executor(None, sys.stdin.readline):
        print(here.memory_info().rss, flush=True)
    api.close()
    for server in servers:
        await server.stop()


if __name__ == "__main__":
    asyncio.run(main())
