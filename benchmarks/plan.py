"""The planner: every snapshot of a ten-step release, planned again and again."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figure import Figure, seconds_of
from benchmarks.obedient import Obedient, template_of
from serinus.api.hashes import pod_hash
from serinus.api.wire import decode, encode
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import Snapshot

WEIGHTS = (5, 20, 40, 60, 80)
STEPS = [step for w in WEIGHTS for step in ({"setWeight": w}, {"pause": {"duration": "60s"}})]
REPLICAS = 10


def figures() -> Iterator[Figure]:
    snapshots = recorded()
    one = seconds_of(lambda: [plan(snapshot) for snapshot in snapshots]) / len(snapshots)
    bare = seconds_of(lambda: [plan(s, check=False) for s in snapshots]) / len(snapshots)
    body = encode(snapshots[-1].rollout)
    reading = seconds_of(lambda: decode(type(snapshots[-1].rollout), body), calls=1000)
    yield Figure(
        "plans a second, ten steps, ten pods",
        1 / one / 1000,
        "a thousand",
        at_least=1.0,
        detail=f"{1 / one:.0f} a second, {one * 1e6:.0f} us each",
    )
    yield Figure("a plan", one / reading, "decoding its Rollout", detail=f"{reading * 1e6:.0f} us")
    yield Figure("a plan with its invariants checked", one / bare, "one without")


def recorded() -> list[Snapshot]:
    """What was seen from the release of v2 to its promotion."""
    world = Obedient(STEPS, REPLICAS)
    world.release("v1")
    world.seen.clear()
    world.release("v2")
    stable, wanted = world.rollout.status.stable_rs, pod_hash(template_of("v2"))
    if stable != wanted or len(world.seen) < len(STEPS):
        raise RuntimeError(f"the release did not end in a promotion: {world.rollout.status}")
    return world.seen
