"""What a rollout costs the API server: writes by kind while it moves, and none while it rests."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from control.shop import SHOP
from control.test_healthy import release, status
from serinus.api import names
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import REPLICASETS
from serinus.kube.transport.counted import CountedTransport
from serinus.kube.transport.wire import Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

LONG_AGO = "2020-01-01T00:00:00Z"
STEPS, PAUSES, MOVES = 4, 2, 4
"""Of the shop: its steps, the pauses among them, and the weights 25, 50, 100 and 0 again."""


class Counting:
    """Puts a counter between a controller and its server."""

    made: CountedTransport

    def __call__(self, inner: Transport) -> Transport:
        self.made = CountedTransport(inner)
        return self.made

    def taken(self) -> dict[str, int]:
        """The writes since the last call, as `verb resource/subresource`."""
        counted = {str(kind): number for kind, number in sorted(self.made.writes.items())}
        self.made.writes.clear()
        return counted


@asynccontextmanager
async def deployed() -> AsyncIterator[tuple[PaperCluster, Counting]]:
    """The shop at rest with its first version, under a controller whose writes are counted."""
    counting = Counting()
    async with paper_cluster() as cluster, controlled(cluster, counting):
        await cluster.apply(SHOP)
        await cluster.clock.sleep(60)
        assert (await status(cluster))["phase"] == "Healthy"
        counting.taken()
        yield cluster, counting


async def rested(cluster: PaperCluster, phase: str) -> bool:
    """In that phase, nothing held, and only the pods of one revision are there."""
    now = await status(cluster)
    waits = {c["status"] for c in now["conditions"] if c["type"] == "Waiting"}
    alone = now["replicas"] == now["availableReplicas"] == 4
    return now["phase"] == phase and alone and waits == {"False"}


def test_nothing_is_written_in_the_hour_after_a_promotion() -> None:
    async def story() -> None:
        async with deployed() as (cluster, counting):
            await release(cluster, "acme/web:v2")
            await cluster.clock.sleep(200)
            assert await rested(cluster, "Healthy")
            assert counting.taken()
            await cluster.clock.sleep(3600)
            assert counting.taken() == {}

    run_virtual(story())


def test_nothing_is_written_in_the_hour_after_an_abort() -> None:
    async def story() -> None:
        async with deployed() as (cluster, counting):
            await release(cluster, "acme/web:v2")
            await cluster.clock.sleep(40)
            abort = {"status": {"abort": True}}
            await cluster.admin.patch(ROLLOUTS, "web", abort, NAMESPACE, subresource="status")
            await cluster.clock.sleep(60)
            assert await rested(cluster, "Degraded")
            assert counting.taken()
            await cluster.clock.sleep(3600)
            assert counting.taken() == {}

    run_virtual(story())


def test_an_old_deadline_on_an_orphan_is_no_reason_to_write_for_ever() -> None:
    async def story() -> None:
        async with deployed() as (cluster, counting):
            await release(cluster, "acme/web:v2")
            await cluster.clock.sleep(200)
            assert await rested(cluster, "Healthy")
            old = [
                one["metadata"]["name"]
                for one in (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
                if not one["spec"]["replicas"]
            ]
            mark = {"metadata": {"annotations": {names.SCALE_DOWN_DEADLINE: LONG_AGO}}}
            counting.taken()
            for name in old:
                await cluster.admin.patch(REPLICASETS, name, mark, NAMESPACE)
            assert len(old) == 1
            await cluster.clock.sleep(10)
            assert counting.taken() == {"patch replicasets": 1}, "the mark is taken off, once"
            await cluster.clock.sleep(3600)
            assert counting.taken() == {}

    run_virtual(story())


def test_a_pause_is_waited_for_without_a_write() -> None:
    async def story() -> None:
        async with deployed() as (cluster, counting):
            await release(cluster, "acme/web:v2")
            await cluster.clock.sleep(20)
            assert (await status(cluster))["phase"] == "Paused"
            counting.taken()
            await cluster.clock.sleep(30)
            assert counting.taken() == {}

    run_virtual(story())


def test_a_healthy_release_writes_few_things_of_each_kind() -> None:
    async def story() -> Counter[str]:
        async with deployed() as (cluster, counting):
            await release(cluster, "acme/web:v2")
            await cluster.clock.sleep(200)
            assert await rested(cluster, "Healthy")
            return Counter(counting.taken())

    written = run_virtual(story())
    exactly = {
        "create replicasets": 1,
        "patch rollouts": 1,  # the revision's number
        "patch services": 2,  # canary at the start, stable at the end
        "patch ingresses": MOVES,
    }
    assert {kind: written.pop(kind) for kind in exactly} == exactly
    # Up to 1, 2 and 4 pods, down to 0, its deadline noted and cleared, that it was stable; one may
    # meet the ReplicaSet's own status.
    assert written.pop("patch replicasets") <= 8
    # Each step, each entered pause, each move of weight, pods that come and get ready, the end.
    assert written.pop("patch rollouts/status") <= 2 * STEPS + PAUSES + 2 * MOVES + 10
    assert written.pop("create events") + written.pop("patch events") <= 20 + PAUSES + MOVES
    assert written == {}
