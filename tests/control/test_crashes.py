"""A controller that dies at any moment, and answers that are lost: the end is always the same.

A cut connection is what the world sees of a kill -9: of the request that was under way nobody
knows whether it took effect, after it nothing comes.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from control import scenes
from control.scenes import end_state, release, until, until_phase
from serinus.kube.errors import NoAnswer
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

MOST_WRITES = 50
"""More than a controller needs for the release (asserted below)."""


def is_write(request: Request) -> bool:
    return request.method != "GET" and "/events" not in request.path


class Cut:
    """Breaks at the `number`-th write: before the server gets it, or after it was done."""

    def __init__(self, inner: Transport, number: int, *, done: bool) -> None:
        self._inner, self._number, self._done = inner, number, done
        self.writes, self.broken = 0, asyncio.Event()
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        if self.broken.is_set():
            await asyncio.Event().wait()
        if is_write(request):
            self.writes += 1
            if self.writes == self._number:
                if self._done:
                    await self._inner.send(request)
                self.broken.set()
                await asyncio.Event().wait()
        return await self._inner.send(request)


class Losing:
    """Loses the answer to the `number`-th write, and that only."""

    def __init__(self, inner: Transport, number: int) -> None:
        self._inner, self._number, self.writes = inner, number, 0
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        answer = await self._inner.send(request)
        if is_write(request):
            self.writes += 1
            if self.writes == self._number:
                raise NoAnswer(f"{request.asked}: lost", sent=True)
        return answer


async def rested(cluster: PaperCluster, image: str, phase: str) -> None:
    """Waits for the end of a release, its scale-down included."""

    async def so() -> bool:
        now = await end_state(cluster)
        wanted = (phase, 0, [image, image])
        return (now["phase"], now["weight"], now["pods"]) == wanted

    await until(cluster, so)
    await cluster.clock.sleep(30)


def end(answer: bytes, cut: int, *, done: bool) -> tuple[dict[str, Any], bool]:
    """The end of a release whose controller died at the cut; whether it came to that."""
    made: list[Cut] = []

    def wrap(inner: Transport) -> Cut:
        made.append(Cut(inner, cut, done=done))
        return made[-1]

    async def story() -> tuple[dict[str, Any], bool]:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster, answer)
            async with controlled(cluster, asker=network):
                await cluster.apply(scenes.ALL)
                await until_phase(cluster, "Healthy")
            over = ("web:v2", "Healthy") if answer == scenes.GOOD else ("web:v1", "Degraded")
            async with controlled(cluster, wrap, asker=network):
                await release(cluster, "web:v2")
                resting = asyncio.create_task(rested(cluster, *over))
                breaking = asyncio.create_task(made[0].broken.wait())
                await asyncio.wait({resting, breaking}, return_when=asyncio.FIRST_COMPLETED)
                breaking.cancel()
                if resting.done():
                    return await end_state(cluster), False
                resting.cancel()
            await cluster.clock.sleep(5)
            async with controlled(cluster, asker=network):
                await rested(cluster, *over)
                return await end_state(cluster), True

    return run_virtual(story())


GOOD_END = {
    "phase": "Healthy",
    "step": 3,
    "stable": "web:v2",
    "current": "web:v2",
    "abort": False,
    "weight": 0,
    "services": {"web-stable": "web:v2", "web-canary": "web:v2"},
    "pods": ["web:v2", "web:v2"],
    "revisions": ["web:v1", "web:v2"],
    "runs": ["Successful"],
}
BAD_END = {
    **GOOD_END,
    "phase": "Degraded",
    "step": 0,
    "stable": "web:v1",
    "abort": True,
    "services": {"web-stable": "web:v1", "web-canary": "web:v1"},
    "pods": ["web:v1", "web:v1"],
    "runs": ["Failed"],
}
STORIES = {"good": (scenes.GOOD, GOOD_END), "bad": (scenes.BAD, BAD_END)}
CUTS = range(1, MOST_WRITES + 1)
SOME = {number for number in CUTS if number % 11 == 4}
"""The cuts of the quick suite; all of them are in the long one."""


def rows(numbers: Any) -> list[Any]:
    return [
        pytest.param(n, id=f"write {n}", marks=() if n in SOME else pytest.mark.long)
        for n in numbers
    ]


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done"])
@pytest.mark.parametrize("which", STORIES)
@pytest.mark.parametrize("cut", rows(CUTS))
def test_a_controller_that_dies_is_succeeded_without_a_trace(
    cut: int, which: str, done: bool
) -> None:
    answer, wanted = STORIES[which]
    found, was_cut = end(answer, cut, done=done)
    assert found == wanted
    assert was_cut or cut > 20, "the cut came too late to prove anything"
    assert not was_cut or cut < MOST_WRITES, "there are more writes than cuts"


@pytest.mark.parametrize("which", STORIES)
@pytest.mark.parametrize("number", rows(CUTS))
def test_an_answer_that_is_lost_changes_nothing(number: int, which: str) -> None:
    answer, wanted = STORIES[which]

    async def story() -> dict[str, Any]:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster, answer)
            async with controlled(cluster, asker=network):
                await cluster.apply(scenes.ALL)
                await until_phase(cluster, "Healthy")
            async with controlled(cluster, lambda t: Losing(t, number), asker=network):
                await release(cluster, "web:v2")
                await rested(cluster, wanted["stable"], wanted["phase"])
                return await end_state(cluster)

    assert run_virtual(story()) == wanted
