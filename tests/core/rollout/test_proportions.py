"""The sums of a canary without a router: a row a branch, and what holds for all of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.core.rollout.proportions import Bounds, Counts, Side, bounds_of, split, towards

# --- Bounds --------------------------------------------------------------------------------------

BOUNDS = [
    ("the defaults are 25 %, up and down", 10, None, None, (3, 2)),
    ("numbers are pods", 10, 2, 3, (2, 3)),
    ("a share of surge is rounded up", 10, "11%", 0, (2, 0)),
    ("a share of unavailable is rounded down", 10, 0, "19%", (0, 1)),
    ("text without a sign is a share as well", 10, "20", "20", (2, 2)),
    ("both nothing: one pod may be unavailable", 10, 0, "5%", (0, 1)),
    ("both nothing, as text", 3, "0", "0%", (0, 1)),
    ("no more are unavailable than there are", 2, 0, 5, (0, 2)),
    ("one replica surges by default", 1, None, None, (1, 0)),
    ("no replicas: nothing may be missing", 0, None, None, (0, 0)),
]


@pytest.mark.parametrize(
    ("replicas", "surge", "gone", "found"), [r[1:] for r in BOUNDS], ids=[r[0] for r in BOUNDS]
)
def test_bounds(
    replicas: int, surge: int | str | None, gone: int | str | None, found: tuple[int, int]
) -> None:
    bounds = bounds_of(replicas, surge, gone)
    assert (bounds.surge, bounds.unavailable) == found
    assert (bounds.most, bounds.least) == (replicas + found[0], replicas - found[1])


# --- Counts for a weight -------------------------------------------------------------------------

SPLITS = [
    ("nothing", 10, 1, 0, (0, 10)),
    ("all", 10, 1, 100, (10, 0)),
    ("a weight that fits", 10, 1, 20, (2, 8)),
    ("rounded up where that is nearer", 10, 0, 28, (3, 7)),
    ("rounded down where that is nearer", 10, 0, 32, (3, 7)),
    ("a tie goes to the canary", 10, 0, 25, (3, 7)),
    ("one pod more comes nearer", 10, 1, 25, (3, 8)),
    ("one pod more comes nearer to a half", 3, 1, 50, (2, 2)),
    ("without surge a half of three is two", 3, 0, 50, (2, 1)),
    ("a small weight is one pod at least", 10, 0, 1, (1, 9)),
    ("a small weight surges to come nearer", 10, 1, 1, (1, 10)),
    ("a great weight leaves stable one pod", 10, 0, 99, (9, 1)),
    ("a great weight surges to come nearer", 10, 1, 99, (10, 1)),
    ("one replica cannot be divided: none below a half", 1, 0, 49, (0, 1)),
    ("one replica cannot be divided: all from a half on", 1, 0, 50, (1, 0)),
    ("one replica and one to surge: one each", 1, 1, 10, (1, 1)),
    ("two replicas without surge: one each", 2, 0, 1, (1, 1)),
    ("a tie that would leave stable nothing goes to stable", 2, 0, 75, (1, 1)),
    ("the same at ten", 10, 0, 95, (9, 1)),
    ("no replicas", 0, 1, 50, (0, 0)),
]


@pytest.mark.parametrize(
    ("replicas", "surge", "weight", "found"), [r[1:] for r in SPLITS], ids=[r[0] for r in SPLITS]
)
def test_the_counts_of_a_weight(
    replicas: int, surge: int, weight: int, found: tuple[int, int]
) -> None:
    counts = split(Bounds(replicas, surge, 1), weight)
    assert (counts.canary, counts.stable) == found


def test_a_weight_may_be_a_part_of_another_total() -> None:
    assert split(Bounds(10, 0, 1), 200, 1000) == Counts(2, 8)


@given(st.integers(0, 300), st.integers(0, 3), st.integers(0, 100))
def test_both_sides_keep_a_pod_and_the_sum_is_the_replicas_or_one_more(
    replicas: int, surge: int, weight: int
) -> None:
    counts = split(Bounds(replicas, surge, 1), weight)
    assert counts.canary + counts.stable in (replicas, replicas + min(surge, 1))
    assert min(counts.canary, counts.stable) >= 0
    if 0 < weight < 100 and replicas and replicas + min(surge, 1) >= 2:
        assert min(counts.canary, counts.stable) >= 1
    if replicas:
        size = counts.canary + counts.stable
        assert abs(counts.canary / size - weight / 100) <= 1 / max(size - 1, 1)


# --- One plan towards them -----------------------------------------------------------------------

TEN = Bounds(10, 2, 2)


def whole(count: int) -> Side:
    return Side(count, count)


TOWARDS = [
    ("the canary grows within the surge", TEN, (5, 5), whole(0), whole(10), [], (2, 8, [])),
    ("stable shrinks as the canary is available", TEN, (5, 5), whole(2), whole(8), [], (4, 6, [])),
    ("a canary that does not get ready holds", TEN, (5, 5), Side(2, 0), whole(8), [], (4, 8, [])),
    ("and stays held", TEN, (5, 5), Side(4, 0), whole(8), [], (4, 8, [])),
    ("stable grows before the canary", TEN, (5, 7), whole(4), whole(6), [], (5, 7, [])),
    ("stable takes what there is", TEN, (8, 8), whole(5), whole(5), [], (5, 7, [])),
    ("unhealthy pods of stable give way", TEN, (10, 0), whole(2), Side(8, 3), [], (4, 3, [])),
    ("an abort shrinks the canary", TEN, (0, 10), whole(5), whole(5), [], (3, 7, [])),
    ("an abort of a broken canary", TEN, (0, 10), Side(4, 0), whole(8), [], (0, 8, [])),
    ("older ones go first", TEN, (2, 8), whole(0), whole(5), [whole(5)], (0, 7, [3])),
    (
        "newest of the older first",
        TEN,
        (2, 8),
        whole(0),
        whole(6),
        [whole(2), whole(2)],
        (0, 8, [0, 2]),
    ),
    ("unhealthy older ones go at once", TEN, (2, 8), whole(0), whole(6), [Side(4, 1)], (0, 8, [1])),
    ("nothing shrinks beside older ones", TEN, (2, 8), whole(4), whole(6), [whole(2)], (4, 6, [0])),
    ("but what is not ready", TEN, (10, 0), whole(0), Side(5, 0), [whole(5)], (2, 0, [5])),
    ("what is ready answers", TEN, (10, 0), whole(0), Side(5, 0, 5), [Side(5, 0, 4)], (2, 5, [4])),
    ("replicas were lowered", Bounds(4, 1, 1), (2, 2), whole(5), whole(5), [], (2, 3, [])),
    ("replicas were raised", Bounds(20, 5, 5), (10, 10), whole(5), whole(5), [], (10, 10, [])),
    ("no replicas at all", Bounds(0, 0, 0), (0, 0), whole(5), whole(5), [], (0, 0, [])),
    (
        "surplus that is not removed yet counts once",
        TEN,
        (5, 5),
        Side(2, 5),
        whole(8),
        [],
        (4, 6, []),
    ),
    (
        "without surge one goes before one comes",
        Bounds(3, 0, 1),
        (1, 2),
        whole(0),
        whole(3),
        [],
        (0, 2, []),
    ),
    ("and then one comes", Bounds(3, 0, 1), (1, 2), whole(0), whole(2), [], (1, 2, [])),
    ("at the target nothing moves", TEN, (5, 5), whole(5), whole(5), [], (5, 5, [])),
]


@pytest.mark.parametrize(
    ("bounds", "target", "canary", "stable", "older", "found"),
    [r[1:] for r in TOWARDS],
    ids=[r[0] for r in TOWARDS],
)
def test_one_plan_towards_the_counts(
    bounds: Bounds,
    target: tuple[int, int],
    canary: Side,
    stable: Side,
    older: list[Side],
    found: tuple[int, int, list[int]],
) -> None:
    made = towards(bounds, Counts(*target), canary, stable, older)
    assert (made.canary, made.stable, list(made.older)) == found


counts = st.integers(0, 33)
sides = st.builds(Side, st.integers(0, 30), counts, counts)
limits = st.integers(0, 30).flatmap(
    lambda n: st.tuples(st.just(n), st.integers(0, 5), st.integers(0, n))
)


@given(limits, st.integers(0, 100), sides, sides, st.lists(sides, max_size=3))
def test_no_subset_of_a_plans_writes_leaves_the_bounds(
    limit: tuple[int, int, int], weight: int, canary: Side, stable: Side, older: list[Side]
) -> None:
    bounds = bounds_of(*limit)
    made = towards(bounds, split(bounds, weight), canary, stable, older)
    before = [canary, stable, *older]
    after = [made.canary, made.stable, *made.older]
    total = sum(one.replicas for one in before)
    ups = sum(max(one.replicas, count) for one, count in zip(before, after, strict=True))
    assert ups <= max(bounds.most, total)
    here = sum(one.lasting for one in before)
    left = sum(min(one.lasting, count) for one, count in zip(before, after, strict=True))
    assert left >= min(bounds.least, here)


@settings(max_examples=300)
@given(limits, st.integers(0, 100), sides, sides, st.lists(sides, max_size=2))
def test_with_pods_that_get_ready_the_counts_are_reached(
    limit: tuple[int, int, int], weight: int, canary: Side, stable: Side, older: list[Side]
) -> None:
    bounds = bounds_of(*limit)
    target = split(bounds, weight)
    for _ in range(200):
        made = towards(bounds, target, canary, stable, older)
        if (made.canary, made.stable) == (target.canary, target.stable) and not any(made.older):
            return
        canary, stable = whole(made.canary), whole(made.stable)
        older = [whole(count) for count in made.older]
    raise AssertionError(f"stuck at {canary}, {stable}, {older} on the way to {target}")


@given(limits, st.integers(0, 100), sides)
def test_stable_dead_for_good_does_not_keep_a_full_promotion_from_its_end(
    limit: tuple[int, int, int], lost: int, older: Side
) -> None:
    bounds = bounds_of(*limit)
    canary, stable, others = Side(), Side(lost, 0), [older]
    for _ in range(200):
        made = towards(bounds, Counts(bounds.replicas, 0), canary, stable, others)
        if made == Counts(bounds.replicas, 0, (0,)):
            return
        canary, stable = whole(made.canary), replace(stable, replicas=made.stable)
        others = [whole(count) for count in made.older]
    raise AssertionError(f"stuck at {canary}, {stable}, {others}")
