"""The planner: every snapshot of a ten-step release, planned again and again."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figure import Figure, seconds_of
from core.rollout.world import World
from serinus.api.wire import decode, encode
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import Snapshot

WEIGHTS = (5, 20, 40, 60, 80)
STEPS = [step for w in WEIGHTS for step in ({"setWeight": w}, {"pause": {"duration": "60s"}})]
REPLICAS = 10


class Recorder(World):
    """The tests' world; keeps each snapshot that it hands out."""

    def __init__(self) -> None:
        super().__init__(STEPS, replicas=REPLICAS)
        self.handed_out: list[Snapshot] = []

    def snapshot(self) -> Snapshot:
        made = super().snapshot()
        self.handed_out.append(made)
        return made


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
    world = Recorder()
    world.run()
    world.handed_out.clear()
    world.release("v2")
    world.run()
    if world.status.stable_rs != world.set_of("v2").hash or len(world.handed_out) < len(STEPS):
        raise RuntimeError(f"the release did not end in a promotion: {world.timeline[-3:]}")
    return world.handed_out
