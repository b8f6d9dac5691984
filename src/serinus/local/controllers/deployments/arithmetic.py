"""How many pods each ReplicaSet of a Deployment should have now. Pure numbers.

The rules are the API's: never more pods than `replicas` + surge, never fewer available ones than
`replicas` - unavailable, old pods that are not available go first, and a Deployment that is scaled
in mid-update spreads the change over its ReplicaSets by their sizes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import floor

from serinus.api.kubernetes import Deployment, ReplicaSet, RollingUpdate
from serinus.base.intorstring import scaled_value

Sizes = dict[str, int]
"""Replicas by the name of the ReplicaSet."""


def replicas_of(deployment: Deployment) -> int:
    """The pods that are wanted."""
    return 1 if deployment.spec.replicas is None else deployment.spec.replicas


def size_of(one: ReplicaSet) -> int:
    """The pods that a ReplicaSet is to have."""
    return 1 if one.spec.replicas is None else one.spec.replicas


def is_rolling(deployment: Deployment) -> bool:
    """Whether old pods go while new ones come."""
    return deployment.spec.strategy.type == "RollingUpdate"


def bounds(deployment: Deployment) -> tuple[int, int]:
    """How many pods there may be too many, and how many available ones too few.

    A surge is rounded up, what may be unavailable is rounded down; where both were 0 nothing could
    ever move, so one pod may be unavailable then.
    """
    if not is_rolling(deployment):
        return 0, 0
    rolling = deployment.spec.strategy.rolling_update or RollingUpdate()
    wanted = replicas_of(deployment)
    surge = scaled_value(rolling.max_surge, wanted, round_up=True)
    unavailable = scaled_value(rolling.max_unavailable, wanted, round_up=False)
    if surge == 0 and unavailable == 0:
        unavailable = 1
    return surge, min(unavailable, wanted)


def most_pods(deployment: Deployment) -> int:
    """The most pods that an update may lead to."""
    return replicas_of(deployment) + bounds(deployment)[0]


def total(sets: Iterable[ReplicaSet]) -> int:
    """The pods that some ReplicaSets are to have."""
    return sum(size_of(one) for one in sets)


def available(sets: Iterable[ReplicaSet]) -> int:
    """The pods of some ReplicaSets that are available and are to stay."""
    return sum(available_of(one) for one in sets)


def available_of(one: ReplicaSet) -> int:
    """The available pods of a ReplicaSet; a status from before it was scaled down counts no more
    of them than it may keep."""
    return min(one.status.available_replicas, size_of(one))


def new_size(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> int:
    """To what the new ReplicaSet goes at once, within the surge."""
    wanted, now = replicas_of(deployment), size_of(new)
    if now >= wanted or not is_rolling(deployment):
        return wanted
    room = most_pods(deployment) - total([new, *old])
    return now + max(0, min(room, wanted - now))


def old_sizes(deployment: Deployment, new: ReplicaSet, old: Sequence[ReplicaSet]) -> Sizes:
    """To what the old ReplicaSets (the oldest first) shrink at once.

    First the pods that are not available, which costs nothing; then available ones as far as
    enough others are.
    """
    sizes = {one.metadata.name: size_of(one) for one in old}
    fewest = replicas_of(deployment) - bounds(deployment)[1]
    not_yet = size_of(new) - new.status.available_replicas
    may_go = total([new, *old]) - fewest - not_yet
    if may_go <= 0:
        return sizes
    ready = {one.metadata.name: available_of(one) for one in old}
    _shrink(sizes, may_go, lambda name: sizes[name] - ready[name])
    may_go = available([new, *old]) - fewest
    _shrink(sizes, may_go, lambda name: sizes[name])
    return sizes


def _shrink(sizes: Sizes, may_go: int, of: Callable[[str], int]) -> None:
    """Take `may_go` pods away in order, from each at most what `of` says."""
    for name in sizes:
        count = min(of(name), max(0, may_go))
        sizes[name] -= count
        may_go -= count


def proportional_sizes(
    deployment: Deployment, sets: Sequence[ReplicaSet], before: Mapping[str, int | None]
) -> Sizes:
    """The sizes of ReplicaSets with pods after the Deployment was scaled in mid-update.

    `sets` are in the order of their age. `before`: the most pods that there could be when each of
    them was last scaled, by name.
    """
    wanted = replicas_of(deployment)
    allowed = most_pods(deployment) if wanted > 0 else 0
    to_add = allowed - total(sets)
    ages = {one.metadata.name: place for place, one in enumerate(sets)}
    # the largest first; of equal ones the newest grows, the oldest shrinks
    newer = -1 if to_add > 0 else 1
    ordered = sorted(sets, key=lambda s: (-size_of(s), newer * ages[s.metadata.name]))
    sizes: Sizes = {}
    added = 0
    for one in ordered:
        share = _share(deployment, one, before[one.metadata.name])
        left = to_add - added
        part = min(share, left) if to_add > 0 else max(share, left)
        part = 0 if left == 0 else part
        sizes[one.metadata.name] = size_of(one) + part
        added += part
    if ordered:
        largest = ordered[0].metadata.name
        sizes[largest] = max(0, sizes[largest] + to_add - added)
    return sizes


def _share(deployment: Deployment, one: ReplicaSet, before: int | None) -> int:
    """How far a ReplicaSet moves so as to keep its share of the whole."""
    size = size_of(one)
    if replicas_of(deployment) == 0:
        return -size
    before = before or deployment.status.replicas
    if before == 0:
        return 0
    exact = size * most_pods(deployment) / before
    return floor(exact + 0.5) - size
