"""What names a series: an immutable set of label pairs. Knows no sample and no query."""

from __future__ import annotations

from collections.abc import Iterable

NAME = "__name__"


class Labels:
    """Label pairs without empty values, equal by content; `__name__` is one of them.

    The sorted key and the form without the name are made once: queries ask for them again and
    again, and a stored series lives long.
    """

    __slots__ = ("_hash", "_key", "_nameless", "pairs")

    def __init__(self, pairs: dict[str, str]) -> None:
        """`pairs` is taken over, not copied; an empty value means an absent label: drop it before.

        `labels_of` does that.
        """
        self.pairs = pairs
        self._key: tuple[tuple[str, str], ...] | None = None
        self._hash: int | None = None
        self._nameless: Labels | None = None

    @property
    def key(self) -> tuple[tuple[str, str], ...]:
        if self._key is None:
            self._key = tuple(sorted(self.pairs.items()))
        return self._key

    @property
    def name(self) -> str:
        return self.pairs.get(NAME, "")

    def nameless(self) -> Labels:
        if self._nameless is None:
            if NAME not in self.pairs:
                return self
            self._nameless = Labels({k: v for k, v in self.pairs.items() if k != NAME})
        return self._nameless

    def only(self, names: Iterable[str]) -> Labels:
        pairs = self.pairs
        return Labels({name: pairs[name] for name in names if name in pairs})

    def without(self, names: frozenset[str]) -> Labels:
        return Labels({k: v for k, v in self.pairs.items() if k not in names})

    def changed(self, name: str, value: str) -> Labels:
        """With one label set, or removed if `value` is empty."""
        pairs = {k: v for k, v in self.pairs.items() if k != name}
        if value:
            pairs[name] = value
        return Labels(pairs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Labels) and self.pairs == other.pairs

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(self.key)
        return self._hash

    def __str__(self) -> str:
        inside = ", ".join(f'{k}="{v}"' for k, v in self.key if k != NAME)
        return f"{self.name}{{{inside}}}"

    __repr__ = __str__


def labels_of(pairs: Iterable[tuple[str, str]]) -> Labels:
    """Labels from pairs, empty values left out; a later pair of the same name wins."""
    return Labels({name: value for name, value in pairs if value})


EMPTY = Labels({})
