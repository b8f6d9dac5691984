"""What production gets: who may be reached with which share, and what may find no pod.

Judged by the data plane alone, over every mix of what is written and what may still be obeyed.
Shares no line with the planner's own `reach.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from simulation.model import Service, World
from simulation.parts import Order
from simulation.trying import behind

LENDER = "lender"
"""Whose pods only a selector reaches that selects all."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Over all mixes: the greatest share of each version, and the greatest loss."""

    greatest: Mapping[str, float]
    least: Mapping[str, float]
    lost: float
    tested: frozenset[str] = frozenset()
    """Whom a header route may reach, on top; it counts for `lost` and `least`, not for a share."""

    def share(self, version: str) -> float:
        return self.greatest.get(version, 0.0)

    def sure(self, version: str) -> float:
        """The share that it gets in every mix."""
        return self.least.get(version, 0.0)


def reach(world: World) -> Reach:
    lasting = tuple((one.version, one.lasting) for one in world.sets)
    if world.lender is not None:
        lasting += ((LENDER, min(world.lender.ready, world.lender.replicas)),)
    orders, tried = world.router.orders, behind(world)
    return _reach((lasting, tried), orders, _selectors(world.stable), _selectors(world.canary))


def _selectors(service: Service) -> tuple[str, ...]:
    return tuple(dict.fromkeys((service.selector, service.shown, *service.lagging)))


@lru_cache(maxsize=65536)
def _reach(
    pods: tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]],
    orders: tuple[Order, ...],
    stable: tuple[str, ...],
    canary: tuple[str, ...],
) -> Reach:
    lasting, tried = (dict(some) for some in pods)
    mixes = [
        _mix(lasting, tried, order, to_stable, to_canary)
        for order, to_stable, to_canary in product(orders, stable, canary)
    ]
    # The requests that match a header may be none (the mixes above), or all.
    tested = any(order.tested for order in orders)
    by_header = [_mix(lasting, {}, Order(100), "", to) for to in canary if tested]
    versions = {version for shares, _ in (*mixes, *by_header) for version in shares}
    return Reach(
        greatest={v: max(shares.get(v, 0.0) for shares, _ in mixes) for v in versions},
        least={v: min(s.get(v, 0.0) for s, _ in (*mixes, *by_header)) for v in versions},
        lost=max(lost for _, lost in (*mixes, *by_header)),
        tested=frozenset(version for shares, _ in by_header for version in shares),
    )


def _mix(
    lasting: dict[str, int], tried: dict[str, int], order: Order, to_stable: str, to_canary: str
) -> tuple[dict[str, float], float]:
    shares: dict[str, float] = {}
    weight, to_trials = order.weight, sum(part for _, part in order.tried)
    lost = sum(part for service, part in order.tried if not tried.get(service)) / 100
    rest = max(0, 100 - weight - to_trials)
    for selector, part in ((to_canary, weight / 100), (to_stable, rest / 100)):
        if not part:
            continue
        behind = lasting if not selector else {selector: lasting.get(selector, 0)}
        total = sum(behind.values())
        if not total:
            lost += part
        for version, count in behind.items():
            whole = count / total if total else (1.0 if selector else 0.0)
            if whole:
                shares[version] = shares.get(version, 0.0) + part * whole
    return shares, lost


def touched(world: World) -> World:
    """The ghosts of who could be reached last, brought up to now."""
    shares, now = reach(world), world.now
    late = {
        one.version: replace(one, reached=now)
        for one in world.sets
        if one.reached != now and (shares.share(one.version) > 0 or one.version in shares.tested)
    }
    if not late:
        return world
    return replace(world, sets=tuple(late.get(one.version, one) for one in world.sets))
