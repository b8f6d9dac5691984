"""What a healthy release of the demonstration costs the API server, counted at the transport.

The real embedded cluster with real traffic, as `serinus demo` runs it. What the same costs in
virtual time, to the last write, is asserted in tests/control/test_writes.py.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator

from benchmarks.figure import Figure
from serinus.cli.composition import controlled, embedded
from serinus.cli.story import RELEASES, Story
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.transport.asgi import AsgiTransport
from serinus.kube.transport.counted import CountedTransport
from serinus.local.cluster import Cluster
from serinus.present.family import Family

SPEED = 30.0
REQUESTS_PER_SECOND = 300.0
REST_WALL_SECONDS = 60.0
QUIET_WALL_SECONDS = 5.0
"""Until what belongs to the first version is written."""
CONFIRMED_WALL_SECONDS = 30.0
UNLIMITED = Limits(requests_per_second=1e6, burst=10**6)
STEPS = 10


def figures() -> Iterator[Figure]:
    moving, resting = asyncio.run(counted())
    release = f"one release of {STEPS} steps"
    yield Figure("API writes", moving.total(), release, at_most=200)
    for kind, count in moving.most_common():
        yield Figure(kind, count, release)
    yield Figure(
        "API writes in the minute after it rests",
        resting.total(),
        "none",
        at_most=0,
        detail=", ".join(f"{kind} {count}" for kind, count in resting.items()),
    )


async def counted() -> tuple[Counter[str], Counter[str]]:
    """The controller's writes from the new image to rest, and in a minute of the wall after it."""
    async with embedded(speed=SPEED, port=0) as cluster:
        transport = CountedTransport(AsgiTransport(cluster.api, cluster.api.prefix("controller")))
        client = Client(transport, cluster.clock, user_agent="controller", limits=UNLIMITED)
        try:
            async with controlled(cluster, client):
                return await released(cluster, transport)
        finally:
            await client.close()


async def released(
    cluster: Cluster, transport: CountedTransport
) -> tuple[Counter[str], Counter[str]]:
    story = Story(cluster, REQUESTS_PER_SECOND)
    async with story.follower.following():
        await story.start()
        await cluster.clock.sleep_wall(QUIET_WALL_SECONDS)
        transport.writes.clear()
        report = await story.release(RELEASES[0])
        if report.verdict != "promoted":
            raise RuntimeError(f"the release ended otherwise: {report.phase}")
        async with asyncio.timeout(CONFIRMED_WALL_SECONDS):
            await story.follower.until(_is_confirmed)
        moving = taken(transport)
        await cluster.clock.sleep_wall(REST_WALL_SECONDS)
        return moving, taken(transport)


def _is_confirmed(family: Family) -> bool:
    """The gateway has told that it obeys the last weight: the last that a release writes."""
    weights = family.rollout.status.canary.weights
    return weights is not None and weights.canary.weight == 0 and weights.verified is True


def taken(transport: CountedTransport) -> Counter[str]:
    found = Counter({str(kind): count for kind, count in transport.writes.items()})
    transport.writes.clear()
    return found
