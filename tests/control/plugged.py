"""What stories of step plugins are told with: a step server, a plugin in Python, a shop."""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any

from control import scenes
from control.scenes import release, status, until_phase
from serinus.control.steps.calling import StepPlugins
from serinus.kube.resource import EVENTS, SECRETS
from serinus.steps import StepAnswer, StepCall, Tools
from serinus.steps.registry import BUILT_IN, load_step_plugin
from support.asgi_network import AsgiNetwork, Message
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

Json = dict[str, Any]
URL = "http://seats:8080/reserve"
HTTP = {
    "name": "http",
    "config": {
        "url": URL,
        "input": {"seats": 2},
        "headers": [{"key": "Token", "valueFrom": {"secretKeyRef": {"name": "key", "key": "k"}}}],
    },
}
OWN = {"name": "acme/seats", "config": {"seats": 2}}
SECRET = "s3cr3t-value"


@dataclass
class Seats:
    """A step server as somebody would write it: an ASGI app that keeps what it did by call."""

    calls: list[Json] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    answers: dict[str, Json] = field(default_factory=dict)
    reserved: int = 0
    says: Callable[[Json], Json] = lambda call: {"phase": "Successful"}
    status: int = 200

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        call = json.loads((await receive())["body"])
        headers = dict(scope["headers"])
        assert headers[b"idempotency-key"].decode() == call["id"]
        self.tokens.append(headers.get(b"token", b"").decode())
        self.calls.append(call)
        if call["id"] not in self.answers:
            self.answers[call["id"]] = self.says(call)
            self.reserved += {"Run": 1, "Abort": -1}.get(call["operation"], 0)
        body = json.dumps(self.answers[call["id"]]).encode()
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    def heard(self) -> list[tuple[str, int]]:
        return [(call["operation"], call["call"]) for call in self.calls]


class OwnPlugin:
    """A Python plugin, found through an entry point; `says` is what its author programmed."""

    calls: list[StepCall] = []  # noqa: RUF012 - the entry point makes the object, the test looks at it
    says: Callable[[StepCall, Tools], Awaitable[StepAnswer]]

    async def call(self, call: StepCall, tools: Tools) -> StepAnswer:
        type(self).calls.append(call)
        return await type(self).says(call, tools)


def own_points() -> StepPlugins:
    OwnPlugin.calls = []
    point = EntryPoint("acme/seats", "control.plugged:OwnPlugin", "serinus.steps")
    return StepPlugins(lambda name: load_step_plugin(name, (*BUILT_IN, point)))


def manifests(*plugins: Json) -> str:
    steps = "".join(f"      - plugin: {json.dumps(one)}\n" for one in plugins)
    old = "      - analysis: {templates: [{templateName: errors}]}\n"
    return scenes.ALL.replace(old, steps)


async def a_secret(cluster: PaperCluster) -> None:
    data = {"k": base64.b64encode(SECRET.encode()).decode()}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "key"}, "data": data}
    await cluster.admin.create(SECRETS, body, NAMESPACE)


def told(tell: Callable[[PaperCluster, Seats], Awaitable[None]], *plugins: Json) -> Seats:
    """A shop whose v1 is Healthy and whose v2 is on its way."""
    seats = Seats()

    async def story() -> None:
        async with paper_cluster() as cluster:
            network = AsgiNetwork(cluster.clock, seats=seats)
            await a_secret(cluster)
            async with controlled(cluster, asker=network, step_plugins=own_points()):
                await cluster.apply(manifests(*plugins))
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await tell(cluster, seats)

    run_virtual(story())
    return seats


async def entries(cluster: PaperCluster) -> list[tuple[Any, ...]]:
    found = (await status(cluster))["canary"].get("stepPluginStatuses", ())
    return [(e["index"], e["operation"], e["phase"], e["executions"]) for e in found]


async def events(cluster: PaperCluster, reason: str) -> list[str]:
    found = (await cluster.admin.list(EVENTS, NAMESPACE)).items
    return [event["message"] for event in found if event["reason"] == reason]
