"""The functions that take a closure: all, filter, reduce and their kin, as one table.

Each row turns the compiled collection, closure and further arguments into one closure. The
element, the accumulator and the index stand in three neighbouring slots of the frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from serinus.expr.arrays import array, map_key, ordered, total
from serinus.expr.errors import ExprError
from serinus.expr.frame import Frame, Run
from serinus.expr.values import kind


@dataclass(frozen=True, slots=True)
class Loop:
    """`slot` is #, then #acc, then #index; `cost` the parts of the closure, paid each round."""

    name: str
    source: Run
    body: Run | None
    extra: Run | None
    slot: int
    cost: int

    def rounds(self, frame: Frame, *, backwards: bool = False) -> Iterator[tuple[int, Any]]:
        """Each index and element, put into the slots for the closure."""
        items = array(self.name, self.source(frame))
        for step in range(len(items)):
            index = len(items) - 1 - step if backwards else step
            frame.budget.pay(self.cost)
            frame.slots[self.slot] = items[index]
            frame.slots[self.slot + 2] = index
            yield index, items[index]

    def value(self, frame: Frame) -> Any:
        """What the closure gives for the present element; without one the element itself."""
        return self.body(frame) if self.body else frame.slots[self.slot]

    def holds(self, frame: Frame) -> bool:
        """The closure's answer, which must be a bool."""
        answer = self.value(frame)
        if not isinstance(answer, bool):
            raise ExprError(f"the predicate of {self.name} must give a bool, got {kind(answer)}")
        return answer


def _all(loop: Loop, frame: Frame) -> bool:
    return all(loop.holds(frame) for _ in loop.rounds(frame))


def _any(loop: Loop, frame: Frame) -> bool:
    return any(loop.holds(frame) for _ in loop.rounds(frame))


def _count(loop: Loop, frame: Frame) -> int:
    return sum(loop.holds(frame) for _ in loop.rounds(frame))


def _filter(loop: Loop, frame: Frame) -> list[Any]:
    return [item for _, item in loop.rounds(frame) if loop.holds(frame)]


def _map(loop: Loop, frame: Frame) -> list[Any]:
    return [loop.value(frame) for _ in loop.rounds(frame)]


def _find(*, backwards: bool, want_index: bool) -> Callable[[Loop, Frame], Any]:
    def run(loop: Loop, frame: Frame) -> Any:
        for index, item in loop.rounds(frame, backwards=backwards):
            if loop.holds(frame):
                return index if want_index else item
        return -1 if want_index else None

    return run


def _group(loop: Loop, frame: Frame) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = {}
    for _, item in loop.rounds(frame):
        groups.setdefault(map_key(loop.value(frame)), []).append(item)
    return groups


def _sort(loop: Loop, frame: Frame) -> list[Any]:
    pairs = [(loop.value(frame), item) for _, item in loop.rounds(frame)]
    return ordered(pairs, loop.extra(frame) if loop.extra else "asc", frame.budget)


def _reduce(loop: Loop, frame: Frame) -> Any:
    started = loop.extra is not None
    result = loop.extra(frame) if loop.extra else None
    for _, item in loop.rounds(frame):
        if not started:
            result, started = item, True
            continue
        frame.slots[loop.slot + 1] = result
        result = loop.value(frame)
    if not started:
        raise ExprError("reduce of an empty array with no initial value")
    return result


LOOPS: Mapping[str, Callable[[Loop, Frame], Any]] = {
    "all": _all,
    "none": lambda loop, frame: not _any(loop, frame),
    "any": _any,
    "one": lambda loop, frame: _count(loop, frame) == 1,
    "filter": _filter,
    "map": _map,
    "count": _count,
    "sum": lambda loop, frame: total(_map(loop, frame), frame.budget),
    "find": _find(backwards=False, want_index=False),
    "findIndex": _find(backwards=False, want_index=True),
    "findLast": _find(backwards=True, want_index=False),
    "findLastIndex": _find(backwards=True, want_index=True),
    "groupBy": _group,
    "sortBy": _sort,
    "reduce": _reduce,
}
