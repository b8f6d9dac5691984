"""What a benchmark hands back: a ratio of two things measured in one run, and what it must keep.

A module of this package that has a function `figures() -> Iterable[Figure]` is a benchmark.
Seconds depend on the machine and on what else runs there; ratios within one run hardly do.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table.

    `ratio` is what was measured, in units of `against`; `detail` holds the raw figures, for the
    reader. A figure with `skipped` says why it could not be measured.
    """

    what: str
    ratio: float = 0.0
    against: str = ""
    at_least: float | None = None
    at_most: float | None = None
    detail: str = ""
    skipped: str = ""

    @property
    def met(self) -> bool:
        """Whether the ratio keeps its bounds; what was not measured breaks none."""
        if self.skipped:
            return True
        above = self.at_least is None or self.ratio >= self.at_least
        return above and (self.at_most is None or self.ratio <= self.at_most)

    @property
    def bound(self) -> str:
        bounds = [
            f"{sign} {bound:g}"
            for sign, bound in (("≥", self.at_least), ("≤", self.at_most))
            if bound is not None
        ]
        return ", ".join(bounds)


def seconds_of(action: Callable[[], object], *, rounds: int = 5, calls: int = 1) -> float:
    """Seconds of one call: the best of `rounds`, each of `calls` calls, after a call to warm up.

    The best, because whatever else the machine does can only make a round slower.
    """
    action()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(calls):
            action()
        times.append((time.perf_counter() - began) / calls)
    return min(times)


def median(values: list[float]) -> float:
    return statistics.median(values)
