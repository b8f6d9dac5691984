"""What a conformance case holds: raw requests in a namespace of its own, answers, watches.

The same for every backend. `{ns}` in a path, a body or an expected text stands for the namespace,
`{unique}` for a word that no other case has (for cluster-scoped names).
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from conformance.objects import WIDGETS, widgets
from serinus.base.clock import Clock
from serinus.kube.transport.wire import Request, StreamResponse, Transport

Json = dict[str, Any]
DEADLINE_SECONDS = 30.0

CORE = "/api/v1/namespaces/{ns}"
CONFIG_MAPS = f"{CORE}/configmaps"
SECRETS = f"{CORE}/secrets"
PODS = f"{CORE}/pods"
SERVICES = f"{CORE}/services"
EVENTS = f"{CORE}/events"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{ns}/deployments"
REPLICA_SETS = "/apis/apps/v1/namespaces/{ns}/replicasets"
JOBS = "/apis/batch/v1/namespaces/{ns}/jobs"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{ns}/leases"
BUDGETS = "/apis/policy/v1/namespaces/{ns}/poddisruptionbudgets"
NAMESPACES = "/api/v1/namespaces"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

MERGE = {"content_type": "application/merge-patch+json"}
STRATEGIC = {"content_type": "application/strategic-merge-patch+json"}
JSON_PATCH = {"content_type": "application/json-patch+json"}
APPLY = {"content_type": "application/apply-patch+yaml"}
TABLE = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The decoded body."""
        return json.loads(self.body)


class Conformance:
    """One caller of one server. `embedded` says which backend this is: use it sparingly."""

    def __init__(
        self, transport: Transport, clock: Clock, namespace: str, *, embedded: bool
    ) -> None:
        self.transport, self.clock, self.embedded = transport, clock, embedded
        self.namespace = namespace
        self.unique = namespace.rpartition("-")[2]
        self._leavings: list[str] = []

    def fill(self, value: Any) -> Any:
        """`value` with `{ns}` and `{unique}` replaced in all its texts."""
        if isinstance(value, str):
            return value.replace("{ns}", self.namespace).replace("{unique}", self.unique)
        if isinstance(value, Mapping):
            return {self.fill(name): self.fill(child) for name, child in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill(item) for item in value]
        return value

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        **headers: str,
    ) -> Answer:
        """One request as it is; `accept="..."`, `content_type="..."` become headers."""
        request = self._request(method, path, body, query, headers)
        answer = await self.transport.send(request)
        return Answer(answer.status, answer.headers, answer.body)

    def _request(
        self,
        method: str,
        path: str,
        body: Any,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str],
    ) -> Request:
        data = body if isinstance(body, bytes | None) else json.dumps(self.fill(body)).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            named = {"content-type": "application/json"} | named
        bare, _, words = self.fill(path).partition("?")
        pairs = dict(pair.split("=", 1) for pair in words.split("&") if pair)
        return Request(method, bare, pairs | self.fill(dict(query or {})), named, data)

    async def ok(self, method: str, path: str, body: Any = None, **options: Any) -> Json:
        """As `call`, decoded; fails on a refusal."""
        answer = await self.call(method, path, body, **options)
        assert answer.status < 300, answer.body
        return dict(answer.json)

    async def refused(
        self, method: str, path: str, body: Any = None, *, code: int, **options: Any
    ) -> Json:
        """As `call`; fails unless the answer is a well-formed Status of this code.

        `reason`, `message`, `details` and `causes` are compared exactly where given; `words` must
        be in the message. The other options are those of `call`.
        """
        wanted = {name: options.pop(name) for name in _COMPARED if name in options}
        words = options.pop("words", "")
        answer = await self.call(method, path, body, **options)
        assert answer.status == code, (answer.status, answer.body)
        status: Json = answer.json
        assert (status["kind"], status["apiVersion"]) == ("Status", "v1")
        assert (status["status"], status["code"]) == ("Failure", code)
        details = status.get("details", {})
        found = {
            "reason": status.get("reason", ""),
            "message": status.get("message", ""),
            "details": {name: value for name, value in details.items() if name != "causes"},
            "causes": details.get("causes", []),
        }
        assert {name: found[name] for name in wanted} == self.fill(wanted)
        assert self.fill(words) in found["message"], found["message"]
        return status

    async def made(self, path: str, body: Json, **options: Any) -> Json:
        """Create an object; a cluster-scoped one is deleted at the end of the case."""
        value = await self.ok("POST", path, body, **options)
        if "{ns}" not in path:
            self.leaves(f"{path}/{value['metadata']['name']}")
        return value

    async def serves_widgets(self, **version: Any) -> None:
        """Define the kind Widget (see `objects.widgets`) and wait until it is served."""
        await self.made(CRDS, widgets(**version))
        await self.eventually(self._widgets_served, "widgets")

    async def _widgets_served(self) -> bool | None:
        return (await self.call("GET", WIDGETS)).status == 200 or None

    def leaves(self, path: str) -> None:
        """Delete what is at `path` when the case is over."""
        self._leavings.append(self.fill(path))

    async def clean(self) -> None:
        """Delete what the case has left outside of its namespace, and let go what it holds."""
        for path in (CONFIG_MAPS, SECRETS):
            for item in (await self.ok("GET", path))["items"]:
                if item["metadata"].get("finalizers"):
                    free = {"metadata": {"finalizers": None}}
                    await self.call("PATCH", f"{path}/{item['metadata']['name']}", free, **MERGE)
        for path in reversed(self._leavings):
            await self.transport.send(Request("DELETE", path))

    async def until(self, path: str, holds: Callable[[Json], bool], **options: Any) -> Json:
        """The object at `path` as soon as `holds` says so of it; fails after the deadline."""

        async def look() -> Json | None:
            answer = await self.call("GET", path, **options)
            return answer.json if answer.status == 200 and holds(answer.json) else None

        return await self.eventually(look, path)

    async def gone(self, path: str) -> None:
        """Wait until nothing is at `path`."""

        async def look() -> bool | None:
            return (await self.call("GET", path)).status == 404 or None

        await self.eventually(look, path)

    async def eventually(self, look: Callable[[], Awaitable[Any]], what: str) -> Any:
        """What `look` returns as soon as that is not None; fails after the deadline."""
        for _ in range(int(DEADLINE_SECONDS / 0.1)):
            found = await look()
            if found is not None:
                return found
            await self.clock.sleep(0.1)
        raise AssertionError(f"{what}: not seen in {DEADLINE_SECONDS} s")

    def watch(self, path: str, query: Mapping[str, str] | None = None, **headers: str) -> Watching:
        """An open watch: `async with k.watch(SECRETS, {...}) as events`."""
        asked = {"watch": "true", "timeoutSeconds": "20"} | dict(query or {})
        return Watching(self.transport, self._request("GET", path, None, asked, headers))


_COMPARED = ("reason", "message", "details", "causes")


class Watching:
    """The lines of a watch, one by one."""

    def __init__(self, transport: Transport, request: Request) -> None:
        self._context = transport.stream(request)
        self._rest = b""
        self.answer: StreamResponse

    async def __aenter__(self) -> Watching:
        self.answer = await self._context.__aenter__()
        self._chunks = self.answer.chunks()
        return self

    async def __aexit__(self, *error: Any) -> None:
        await self._context.__aexit__(*error)

    async def next(self) -> tuple[str, Json]:
        """Type and object of the next event; StopAsyncIteration at the end of the stream."""
        while b"\n" not in self._rest:
            self._rest += await anext(self._chunks)
        line, _, self._rest = self._rest.partition(b"\n")
        event = json.loads(line)
        return event["type"], event["object"]

    async def names(self, count: int) -> list[tuple[str, str]]:
        """Type and name of the next `count` events that are no bookmarks."""
        found: list[tuple[str, str]] = []
        while len(found) < count:
            kind, value = await self.next()
            if kind != "BOOKMARK":
                found.append((kind, value["metadata"].get("name", "")))
        return found

    async def rest(self) -> list[tuple[str, Json]]:
        """All events until the server ends the stream."""
        found = []
        while True:
            try:
                found.append(await self.next())
            except StopAsyncIteration:
                return found
