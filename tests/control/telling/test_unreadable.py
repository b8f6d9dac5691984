"""Objects of which nothing can be made: that one object says so, all others go on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from control import scenes
from control.scenes import condition, end_state, release, status, until_phase
from serinus.control.kinds import ANALYSIS_RUNS, ROLLOUTS
from serinus.control.telling.unreadable import invalid_spec, run_error
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, controlled, paper_cluster
from support.virtual import EPOCH, run_virtual


class Spoiling:
    """A line that spoils whatever it shows of a kind."""

    def __init__(self, inner: Transport, kind: str, whole: bytes, spoilt: bytes) -> None:
        self._inner, self._kind, self._whole, self._spoilt = inner, kind, whole, spoilt
        self.close = inner.close

    def spoilt(self, request: Request, data: bytes) -> bytes:
        of_kind = f"/{self._kind}" in request.path
        return data.replace(self._whole, self._spoilt) if of_kind else data

    async def send(self, request: Request) -> Response:
        answer = await self._inner.send(request)
        return Response(answer.status, answer.headers, self.spoilt(request, answer.body))

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Any]:
        async with self._inner.stream(request) as answer:
            yield _Spoilt(self, request, answer)


@dataclass
class _Spoilt:
    line: Spoiling
    request: Request
    answer: Any

    @property
    def status(self) -> int:
        return int(self.answer.status)

    @property
    def headers(self) -> Any:
        return self.answer.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self.answer.chunks():
            yield self.line.spoilt(self.request, chunk)


def test_an_unreadable_rollout_is_told_and_stops_no_other() -> None:
    def wrap(inner: Transport) -> Spoiling:
        return Spoiling(inner, "rollouts", b'"spoil":"me"', b'"spoil":["me"]')

    async def story() -> Any:
        async with paper_cluster() as cluster:
            await cluster.apply(scenes.ALL)
            await cluster.apply(scenes.other_shop("other"))
            note = {"metadata": {"annotations": {"spoil": "me"}}}
            await cluster.admin.patch(ROLLOUTS, "web", note, NAMESPACE)
            async with controlled(cluster, wrap, asker=scenes.network(cluster)):
                await cluster.clock.sleep(60)
                told, other = await status(cluster), await status(cluster, "other")
                version = (await scenes.rollout(cluster))["metadata"]["resourceVersion"]
                await cluster.clock.sleep(600)
                silent = (await scenes.rollout(cluster))["metadata"]["resourceVersion"] == version
                mended = {"metadata": {"annotations": {"spoil": None}}}
                await cluster.admin.patch(ROLLOUTS, "web", mended, NAMESPACE)
                await cluster.clock.sleep(60)
                return told, other, silent, await end_state(cluster)

    told, other, silent, end = run_virtual(story())
    assert told["phase"] == "Degraded"
    assert "cannot be read: " in condition(told, "InvalidSpec")["message"]
    assert "annotations" in told["message"]
    assert other["phase"] == "Healthy"
    assert silent
    assert (end["phase"], end["stable"]) == ("Healthy", "web:v1")


def test_an_unreadable_run_ends_with_an_error() -> None:
    def wrap(inner: Transport) -> Spoiling:
        return Spoiling(inner, "analysisruns", b'"count":3', b'"count":{}')

    async def story() -> Any:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster)
            async with controlled(cluster, asker=network):
                await cluster.apply(scenes.ALL)
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await until_phase(cluster, "Progressing", 1)
                await cluster.clock.sleep(1)
            async with controlled(cluster, wrap, asker=network):
                await cluster.clock.sleep(30)
                (run,) = (await cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items
                return run["status"], await status(cluster)

    run, now = run_virtual(story())
    assert run["phase"] == "Error"
    assert "the run cannot be read: " in run["message"]
    assert now["phase"] == "Degraded"


DOCUMENTS: list[Any] = [
    {"metadata": {"name": "web"}},
    {"metadata": {"name": "web"}, "status": None},
    {"metadata": {"name": "web"}, "status": "nonsense"},
    {"metadata": {"name": "web"}, "status": {"conditions": {"a": 1}}},
    {"metadata": {"name": "web"}, "status": {"conditions": [5, {"type": "Available"}]}},
]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_whatever_the_status_was_the_reason_is_told_once(document: Any) -> None:
    said = invalid_spec(document, "spec: is 5", EPOCH)
    assert said["phase"] == "Degraded"
    kept = [c["type"] for c in said["conditions"]]
    assert kept[-1] == "InvalidSpec"
    after = msgspec.json.decode(msgspec.json.encode({**document, "status": said}))
    assert invalid_spec(after, "spec: is 5", EPOCH) == {}
    assert invalid_spec(after, "spec: is 6", EPOCH)["conditions"][-1]["type"] == "InvalidSpec"
    assert run_error(document, "x", EPOCH)["phase"] == "Error"
    assert run_error({"status": {"phase": "Successful"}}, "x", EPOCH) == {}
