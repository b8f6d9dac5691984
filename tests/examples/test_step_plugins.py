"""The example of a step plugin in Python, through a whole release and against a ticket system."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Awaitable, Callable
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from control import scenes
from control.scenes import command, condition, release, status, until, until_phase
from serinus.control.steps.calling import StepPlugins
from serinus.core.rollout import commands
from serinus.kube.resource import SECRETS
from serinus.steps.registry import load_step_plugin
from support.asgi_network import AsgiNetwork, Message
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

FOLDER = Path(__file__).parents[2] / "examples" / "step-plugins"
CONFIG = {"tickets": "https://tickets/api", "secret": "tickets-token"}


class Tickets:
    """A ticket system: opens, shows and withdraws; only for who has the token."""

    def __init__(self) -> None:
        self.tickets: dict[int, dict[str, Any]] = {}

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        code, answer = 401, None
        if dict(scope["headers"]).get(b"authorization") == b"Bearer t0ken":
            code, answer = 200, self.answer(scope, (await receive())["body"])
        await send({"type": "http.response.start", "status": code, "headers": []})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})

    def answer(self, scope: Message, body: bytes) -> dict[str, Any]:
        if scope["method"] == "POST":
            key = json.loads(body)["key"]
            known = [one for one in self.tickets.values() if one["key"] == key]
            number = known[0]["id"] if known else len(self.tickets) + 1
            self.tickets[number] = {"id": number, "key": key, "status": "open"}
        else:
            number = int(scope["path"].rsplit("/", 1)[1])
        if scope["method"] == "DELETE":
            self.tickets[number]["status"] = "withdrawn"
        return self.tickets[number]

    def states(self) -> list[str]:
        return [one["status"] for one in self.tickets.values()]


def told(tell: Callable[[PaperCluster, Tickets], Awaitable[None]]) -> None:
    point = EntryPoint("approval", "approval:Approval", "serinus.steps")
    plugins = StepPlugins(lambda name: load_step_plugin(name, (point,)))
    step = f"      - plugin: {json.dumps({'name': 'approval', 'config': CONFIG})}\n"
    old = "      - analysis: {templates: [{templateName: errors}]}\n"

    async def story() -> None:
        tickets = Tickets()
        async with paper_cluster() as cluster:
            network = AsgiNetwork(cluster.clock, tickets=tickets)
            token = {"token": base64.b64encode(b"t0ken").decode()}
            secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "tickets-token"}}
            await cluster.admin.create(SECRETS, {**secret, "data": token}, NAMESPACE)
            async with controlled(cluster, asker=network, step_plugins=plugins):
                await cluster.apply(scenes.ALL.replace(old, step))
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await until(cluster, lambda: _is(tickets, ["open"]))
                await cluster.clock.sleep(20)
                await tell(cluster, tickets)

    run_virtual(story())


async def _is(tickets: Tickets, states: list[str]) -> bool:
    return tickets.states() == states


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(FOLDER), *sys.path])


def test_a_release_goes_on_when_its_ticket_is_approved() -> None:
    async def tell(cluster: PaperCluster, tickets: Tickets) -> None:
        message = condition(await status(cluster), "Waiting")["message"]
        assert message == "step plugin approval of step 2 is Running: ticket 1 is open"
        tickets.tickets[1]["status"] = "approved"
        await until_phase(cluster, "Healthy")
        assert tickets.states() == ["approved"]

    told(tell)


def test_a_ticket_that_is_rejected_rolls_the_release_back() -> None:
    async def tell(cluster: PaperCluster, tickets: Tickets) -> None:
        tickets.tickets[1]["status"] = "rejected"
        await until_phase(cluster, "Degraded")
        now = await status(cluster)
        assert now["message"].endswith("approval of step 2 failed: ticket 1 is rejected")

    told(tell)


def test_an_abort_withdraws_the_ticket() -> None:
    async def tell(cluster: PaperCluster, tickets: Tickets) -> None:
        await command(cluster, commands.abort())
        await until(cluster, lambda: _is(tickets, ["withdrawn"]))

    told(tell)


def test_a_config_without_its_parts_is_told_before_anything_runs() -> None:
    plugin = load_step_plugin("approval", (EntryPoint("approval", "approval:Approval", ""),))
    assert StepPlugins(lambda name: plugin).of("approval") is plugin
    assert plugin.problems({"tickets": "x"}) == ("secret is missing",)  # type: ignore[attr-defined]
