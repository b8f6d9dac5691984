"""A data plane that can be asked: what it confirms need not settle, and it is asked only then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from control import scenes
from control.scenes import end_state, release, status, until, until_phase, weight
from serinus.control.looking.in_force import PATIENCE_WALL_SECONDS, Question
from serinus.core.routing import Routing
from support.cluster import PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

HOUR_SECONDS = 3600


class DataPlane:
    """Obeys each routing `lag_seconds` after it was first asked about it; keeps all questions."""

    def __init__(self, cluster: PaperCluster, lag_seconds: float = 0.0) -> None:
        self.cluster, self.lag_seconds = cluster, lag_seconds
        self.asked: list[Question] = []
        self._since: dict[Routing, float] = {}

    async def verify(self, question: Question) -> bool | None:
        now = self.cluster.clock.wall()
        self.asked.append(question)
        since = self._since.setdefault(question.routing, now)
        return now >= since + self.lag_seconds


async def promoted_after(
    cluster: PaperCluster, verify: Callable[[Question], Awaitable[bool | None]] | None
) -> float:
    """Seconds from weight 100 to the promotion of v2."""
    async with controlled(cluster, asker=scenes.network(cluster), verify=verify):
        await cluster.apply(scenes.ALL)
        await until_phase(cluster, "Healthy")
        await release(cluster, "web:v2")

        async def full() -> bool:
            return await weight(cluster) == 100

        async def stable() -> bool:
            now = await status(cluster)
            return bool(now["stableRS"] == now["currentPodHash"])

        await until(cluster, full)
        began = cluster.clock.now()
        await until(cluster, stable)
        passed = (cluster.clock.now() - began).total_seconds()
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(120)
        assert (await end_state(cluster))["stable"] == "web:v2"
        return passed


def told(lag_seconds: float) -> tuple[float, list[int], list[int], Any]:
    """Seconds to the promotion, weights asked about, questions at rest, the status' own word."""

    async def story() -> tuple[float, list[int], list[int], Any]:
        async with paper_cluster() as cluster:
            plane = DataPlane(cluster, lag_seconds)
            passed = await promoted_after(cluster, plane.verify)
            weights = [question.routing.weight for question in plane.asked]
            before = len(plane.asked)
            async with controlled(cluster, verify=plane.verify):
                await cluster.clock.sleep(60)  # a new process asks once what it does not know
                restarted = len(plane.asked)
                version = (await scenes.rollout(cluster))["metadata"]["resourceVersion"]
                await cluster.clock.sleep(HOUR_SECONDS)
                assert (await scenes.rollout(cluster))["metadata"]["resourceVersion"] == version
            counts = [restarted - before, len(plane.asked) - restarted]
            return passed, weights, counts, await status(cluster)

    return run_virtual(story())


def test_what_is_confirmed_is_not_waited_for_and_asked_about_once() -> None:
    passed, weights, resting, now = told(lag_seconds=0)
    assert passed <= 1  # `until` looks every second
    assert weights == [0, 50, 100, 0]
    assert resting == [1, 0]
    assert now["canary"]["weights"]["verified"] is True


def test_a_slow_data_plane_is_waited_for_beyond_the_settle_time() -> None:
    passed, weights, resting, _ = told(lag_seconds=20)
    assert 20 <= passed <= 26
    assert list(dict.fromkeys(weights)) == [0, 50, 100]
    assert 5 < weights.count(100) < 20
    assert resting == [1, 0]


async def _silent(question: Question) -> bool | None:
    return None


async def _hanging(question: Question) -> bool | None:
    return await asyncio.Event().wait()


async def _broken(question: Question) -> bool | None:
    raise KeyError(question.router)


@pytest.mark.parametrize("verify", [_silent, _hanging, _broken, None])
def test_without_an_answer_the_settle_time_stands_in(
    verify: Callable[[Question], Awaitable[bool | None]] | None,
) -> None:
    asked: list[float] = []

    async def story() -> tuple[float, float]:
        async with paper_cluster() as cluster:

            async def counted(question: Question) -> bool | None:
                asked.append(cluster.clock.wall())
                assert verify is not None
                return await verify(question)

            passed = await promoted_after(cluster, counted if verify else None)
            return passed, cluster.clock.wall()

    passed, ended = run_virtual(story())
    assert 2 <= passed <= 3
    assert not asked or max(asked) < ended - 120 + 2 * PATIENCE_WALL_SECONDS


def test_a_question_under_way_holds_nobody_and_ends_with_its_rollout() -> None:
    under_way: list[Question] = []

    async def story() -> tuple[list[str], int]:
        async def hanging(question: Question) -> bool | None:
            under_way.append(question)
            try:
                return await asyncio.Event().wait()
            finally:
                under_way.remove(question)

        async with paper_cluster() as cluster, controlled(cluster, verify=hanging) as world:
            for name in [f"s{number}" for number in range(world.workers + 2)]:
                await cluster.apply(scenes.other_shop(name))
            phases = []
            for number in range(world.workers + 2):

                async def healthy(name: str = f"s{number}") -> bool:
                    return (await status(cluster, name)).get("phase") == "Healthy"

                await until(cluster, healthy)
                phases.append((await status(cluster, f"s{number}"))["phase"])
            return phases, len(under_way)

    phases, _ = run_virtual(story())
    assert phases == ["Healthy"] * len(phases)
    assert under_way == []
