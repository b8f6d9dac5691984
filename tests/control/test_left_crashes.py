"""A controller that dies at any write while it leads back what was routed and is named no more: the
next one ends where the first would have.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from control.lent import AROUND, edit
from control.scenes import end_state, release, until, until_phase
from control.test_crashes import Cut
from control.test_routers_taken_out import EDITS, SHOP, note
from serinus.kube.transport.wire import Transport
from support.cluster import PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

MOST_WRITES = 12
"""At least as many as the longest of the ways back has (asserted below)."""
Deed = Callable[[PaperCluster], Awaitable[None]]


async def exchanged(cluster: PaperCluster) -> None:
    await edit(cluster, {"spec": {"strategy": EDITS["another strategy"]}})


async def taken_out(cluster: PaperCluster) -> None:
    await edit(cluster, {"spec": {"strategy": EDITS["trafficRouting taken out"]}})


async def on_the_way(cluster: PaperCluster) -> bool:
    return (await end_state(cluster))["phase"] == "Paused" and await note(cluster) is None


WAYS: dict[str, tuple[Deed, Callable[[PaperCluster], Awaitable[bool]]]] = {
    "another strategy": (exchanged, on_the_way),
    "trafficRouting taken out": (taken_out, on_the_way),
}


def after(way: str, cut: int, *, done: bool) -> tuple[Any, bool]:
    """Where everything stands when the next controller is at rest; whether there was a cut."""
    deed, over = WAYS[way]
    made: list[Cut] = []

    def wrap(inner: Transport) -> Cut:
        made.append(Cut(inner, cut, done=done))
        return made[-1]

    async def story() -> tuple[Any, bool]:
        async with paper_cluster() as cluster:
            async with controlled(cluster):
                await cluster.apply("---".join((SHOP, AROUND)))
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await until_phase(cluster, "Paused", 1)
                await cluster.clock.sleep(30)
            async with controlled(cluster, wrap):
                await cluster.clock.sleep(10)
                await deed(cluster)
                broken = asyncio.create_task(made[0].broken.wait())
                await asyncio.wait([broken], timeout=60)
                broken.cancel()
            was_cut = made[0].broken.is_set()
            await cluster.clock.sleep(5)
            async with controlled(cluster):
                await until(cluster, lambda: over(cluster))
                await cluster.clock.sleep(60)
                return (await end_state(cluster), await note(cluster)), was_cut

    return run_virtual(story())


@pytest.mark.parametrize("turn", [0, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("way", WAYS)
def test_a_controller_that_dies_while_it_leads_back_is_succeeded_without_a_trace(
    way: str, turn: int
) -> None:
    """Every write in turn, each second one after the server has done it; then the other way."""
    wanted, was_cut = after(way, MOST_WRITES + 30, done=False)
    assert not was_cut
    cuts = 0
    for cut in range(1, MOST_WRITES + 1):
        found, was_cut = after(way, cut, done=(cut + turn) % 2 == 0)
        assert found == wanted, f"cut at write {cut}"
        cuts += was_cut
        if not was_cut:
            break
    assert 4 <= cuts < MOST_WRITES
