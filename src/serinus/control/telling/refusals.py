"""What was refused of each key's last plan, so that the next status can tell it.

Kept in memory only: after a restart the first look finds it out again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from serinus.base.clock import Clock
from serinus.control.looking.interest import Key
from serinus.control.writing.sending import NameTaken
from serinus.kube.resource import REPLICASETS

STEADY_SECONDS = 5.0
"""Of the wall: for so long the words stay as they are. Some servers put a number or a time into
every refusal; told each time, each status would be news and cause the next look."""


def _names(refusals: Sequence[Exception]) -> Iterator[str]:
    for error in refusals:
        if isinstance(error, NameTaken) and error.resource == REPLICASETS and error.lasts:
            yield error.name


class Refusals:
    """The words of refusals, by key."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: dict[Key, tuple[tuple[str, ...], float]] = {}
        self._taken: dict[Key, frozenset[str]] = {}

    def of(self, key: Key) -> tuple[str, ...]:
        """What to tell now."""
        return self._told.get(key, ((), 0.0))[0]

    def note(self, key: Key, refusals: Sequence[Exception]) -> None:
        """A plan was carried out to its end; nothing refused: nothing to tell."""
        texts, now = tuple(map(str, refusals)), self._clock.wall()
        self._taken[key] = frozenset(_names(refusals))
        if not texts:
            self._told.pop(key, None)
            self._taken.pop(key, None)
            return
        known = self._told.get(key)
        steady = known is not None and now - known[1] < STEADY_SECONDS
        if known is None or (texts != known[0] and not steady):
            self._told[key] = (texts, now)

    def taken(self, key: Key) -> frozenset[str]:
        """Names of ReplicaSets that are somebody else's, and stay so."""
        return self._taken.get(key, frozenset())

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._told.pop(key, None)
        self._taken.pop(key, None)
