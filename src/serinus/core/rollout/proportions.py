"""Replica arithmetic of the canary without a router: pods are the weight. Pure numbers.

Which counts stand for a weight, and how far one plan may go towards them between maxSurge and
maxUnavailable. The sums are the original's; knows no steps, no Services and no safety rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, modf

from serinus.base.intorstring import scaled_value

DEFAULT_SHARE = "25%"
"""Of maxSurge (rounded up) and of maxUnavailable (rounded down)."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the sum of all pods must stay between, in pods."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        """No plan starts pods beyond this."""
        return self.replicas + self.surge

    @property
    def least(self) -> int:
        """No plan removes available pods below this."""
        return self.replicas - self.unavailable


@dataclass(frozen=True, slots=True)
class Side:
    """The pods of one revision: wanted by its ReplicaSet, available and ready ones of them.

    What is ready and not available yet (minReadySeconds) answers requests, and counts for nothing.
    """

    replicas: int = 0
    available: int = 0
    ready: int = 0

    @property
    def lasting(self) -> int:
        """Available pods that stay: a ReplicaSet may not have removed its surplus yet."""
        return min(self.available, self.replicas)

    @property
    def idle(self) -> int:
        """Pods whose removal takes nothing from anybody; a ReplicaSet removes them first."""
        return self.replicas - min(max(self.available, self.ready), self.replicas)


@dataclass(frozen=True, slots=True)
class Counts:
    """Replicas by role; `older` in the order in which they were handed in."""

    canary: int
    stable: int
    older: tuple[int, ...] = ()


# --- Bounds --------------------------------------------------------------------------------------


def bounds_of(
    replicas: int, max_surge: int | str | None, max_unavailable: int | str | None
) -> Bounds:
    """maxSurge and maxUnavailable in pods; if both come to 0, one pod may be unavailable.

    Raises ValueError for a text that is no number.
    """
    surge = _pods(DEFAULT_SHARE if max_surge is None else max_surge, replicas, round_up=True)
    share = DEFAULT_SHARE if max_unavailable is None else max_unavailable
    unavailable = _pods(share, replicas, round_up=False)
    if surge <= 0 and unavailable <= 0:
        unavailable = 1
    return Bounds(replicas, max(surge, 0), min(max(unavailable, 0), replicas))


def _pods(value: int | str, replicas: int, *, round_up: bool) -> int:
    """Quirk: any text is a percentage, with or without its sign ("2" is 2 %), as in the original.

    For fewer than 100 replicas that is never more than the number of pods would be.
    """
    if isinstance(value, str) and not value.endswith("%"):
        value = f"{value}%"
    return scaled_value(value, replicas, round_up=round_up)


# --- Counts for a weight -------------------------------------------------------------------------


def split(bounds: Bounds, weight: int, total: int = 100) -> Counts:
    """The pair of counts that is nearest to `weight` of `total`, 0 <= weight <= total.

    With room to surge it may be one pod more than `replicas`. A weight that is neither nothing
    nor all gives each side a pod, unless there is only one pod in all. Ties go to the canary.
    """
    if bounds.replicas == 0:
        return Counts(0, 0)
    options = list(_options(bounds, weight, total))
    canary, size = min(options, key=lambda option: _distance(option, weight, total))
    return Counts(canary, size - canary)


def _options(bounds: Bounds, weight: int, total: int) -> Sequence[tuple[int, int]]:
    """Canary and sum, best guess first: of options that are equally near the first is taken."""
    replicas = bounds.replicas
    exact = replicas * weight / total
    high, low = ceil(exact), floor(exact)
    may_be_none = weight in (0, total) or (replicas == 1 and not bounds.surge)
    found: list[tuple[int, int]] = []
    if high < replicas or may_be_none:
        found.append((high, replicas))
    # Where the higher one would leave stable nothing, a tie does not rule out the lower one: the
    # original finds no candidate there (95 % of ten pods without surge) and takes the canary away.
    if (low or may_be_none) and not (found and _tied(replicas, weight, total)):
        found.append((low, replicas))
    if bounds.surge:
        found.append((high, replicas + 1))
        if (low or may_be_none) and not _tied(replicas + 1, weight, total):
            found.append((low, replicas + 1))
    return found


def _tied(replicas: int, weight: int, total: int) -> bool:
    """Both roundings are equally near. In the original's order of operations, to the last bit."""
    return modf(replicas * (weight / total))[0] == 0.5


def _distance(option: tuple[int, int], weight: int, total: int) -> float:
    canary, size = option
    return abs(canary * total / size - weight)


# --- One plan towards them -----------------------------------------------------------------------


def towards(
    bounds: Bounds, target: Counts, canary: Side, stable: Side, older: Sequence[Side] = ()
) -> Counts:
    """How far one plan may go: stable grows first, then the canary; older ones go before both.

    Whatever part of it is carried out, the sum does not rise above `bounds.most`, and the
    available pods do not fall below `bounds.least` (or what there is, if that is less). `older`:
    in the order in which they shrink.
    """
    room = bounds.most - canary.replicas - stable.replicas - sum(one.replicas for one in older)
    to_stable = _grown(stable.replicas, target.stable, room)
    room -= to_stable - stable.replicas
    to_canary = _grown(canary.replicas, target.canary, room)
    if any(one.replicas for one in older):
        alive = canary.lasting + stable.lasting
        return Counts(
            _without_idle(canary, to_canary, target.canary),
            _without_idle(stable, to_stable, target.stable),
            _drained(bounds, alive, older),
        )
    if target.canary >= canary.replicas:
        to_stable, to_canary = _shrunk(
            bounds, (stable, to_stable, target.stable), (canary, to_canary, target.canary)
        )
    else:
        to_canary, to_stable = _shrunk(
            bounds, (canary, to_canary, target.canary), (stable, to_stable, target.stable)
        )
    return Counts(to_canary, to_stable, tuple(0 for _ in older))


def _grown(count: int, target: int, room: int) -> int:
    return min(target, count + room) if target > count and room > 0 else count


def _without_idle(side: Side, count: int, target: int) -> int:
    """Pods above the target that are not ready are in nobody's service: they go at once.

    The original keeps them while older revisions have pods, and stands still if stable is dead.
    """
    return max(target, count - side.idle) if count > target else count


_Change = tuple[Side, int, int]
"""A side, the count that is planned for it so far, and its target."""


def _shrunk(bounds: Bounds, drained: _Change, kept: _Change) -> tuple[int, int]:
    """`drained` is the side that gives way: its pods count whether they are available or not, as
    a ReplicaSet removes the unavailable ones first. `kept` gives way only to a lower bound.
    """
    side, count, target = drained
    other, beside, wanted = kept
    budget = max(side.replicas + other.lasting - bounds.least, 0)
    count = max(target, count - max(budget, side.idle)) if count > target else count
    over = count + beside - bounds.most
    if over > 0 and beside > wanted:
        alive = min(side.lasting, count) + other.lasting
        spare = other.idle + max(alive - bounds.least, 0)
        beside = max(wanted, beside - min(over, spare))
    return count, beside


def _drained(bounds: Bounds, alive: int, older: Sequence[Side]) -> tuple[int, ...]:
    """Pods that are not ready go first, then as many as are available beyond the least."""
    budget = max(alive + sum(one.lasting for one in older) - bounds.least, 0)
    found = []
    for one in older:
        answering = one.replicas - one.idle
        gone = min(answering, budget)
        budget -= gone
        found.append(answering - gone)
    return tuple(found)
