"""An API server in virtual time and a client of it, for the stories of this folder."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from serinus.kube.client import Client
from serinus.kube.transport import AsgiTransport, Request, Response
from serinus.local.apiserver.app import ApiServer
from support.virtual import run_virtual, virtual_clock

Json = dict[str, Any]


class Api:
    """One server, one caller: typed calls through `client`, raw ones through `call`."""

    def __init__(self, **options: Any) -> None:
        self.clock = virtual_clock(options.pop("speed", 1.0))
        self.server = ApiServer(self.clock, chance=random.Random(1), **options)
        self.transport = AsgiTransport(self.server, self.server.prefix("admin"))
        self.client = Client(self.transport, self.clock)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        **headers: str,
    ) -> Response:
        """One request as it is; `accept="..."`, `content_type="..."` become headers."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.transport.send(Request(method, path, query or {}, named, data))

    async def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Json:
        """As `call`, decoded; fails on a refusal."""
        answer = await self.call(method, path, body, **options)
        assert answer.status < 300, answer.body
        return dict(json.loads(answer.body))

    async def refused(self, method: str, path: str, body: Any = None, **options: Any) -> Json:
        """As `call`, decoded; fails if it is not refused."""
        answer = await self.call(method, path, body, **options)
        assert answer.status >= 400, answer.body
        status = dict(json.loads(answer.body))
        assert status["code"] == answer.status
        assert status["kind"] == "Status"
        return status


def story(tell: Callable[[Api], Awaitable[None]], **options: Any) -> None:
    """Run `tell` on a fresh server in virtual time."""

    async def run() -> None:
        api = Api(**options)
        await tell(api)
        await api.client.close()

    run_virtual(run())


def config_map(name: str, **fields: Any) -> Json:
    """A ConfigMap with labels equal to its data."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "labels": fields.pop("labels", {})},
        "data": fields,
    }


CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"


class WatchLines:
    """An open watch: `await next()` gives (type, object)."""

    def __init__(self, api: Api, path: str, query: Mapping[str, str], **headers: str) -> None:
        request = Request("GET", path, {"watch": "true", **query}, headers, timeout_seconds=5)
        self._context = api.transport.stream(request)
        self._rest = b""

    async def __aenter__(self) -> WatchLines:
        self.answer = await self._context.__aenter__()
        self._chunks = self.answer.chunks()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._context.__aexit__(*error)

    async def next(self) -> tuple[str, Json]:
        """The next event; StopAsyncIteration at the end of the stream."""
        while b"\n" not in self._rest:
            self._rest += await anext(self._chunks)
        line, _, self._rest = self._rest.partition(b"\n")
        event = json.loads(line)
        return event["type"], event["object"]

    async def names(self, count: int) -> list[tuple[str, str]]:
        """Type and name of the next `count` events."""
        events = [await self.next() for _ in range(count)]
        return [(kind, value["metadata"].get("name", "")) for kind, value in events]
