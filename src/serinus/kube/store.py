"""What an informer knows of a kind: objects by key, with indexes. Copy-free: objects are frozen.

Knows no server; the informer puts and removes, everybody else reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Generic, TypeVar

from serinus.kube.objects import Key

T = TypeVar("T")
Index = Callable[[T], Iterable[str]]


class Store(Generic[T]):
    """Objects by (namespace, name). `indexes` are pure functions from an object to its values."""

    def __init__(self, indexes: Mapping[str, Index[T]] | None = None) -> None:
        self._objects: dict[Key, T] = {}
        self._functions = dict(indexes or {})
        # Dicts serve as sets that keep their order: reading is the same in every run.
        self._entries: dict[str, dict[str, dict[Key, None]]] = {
            name: {} for name in self._functions
        }

    def get(self, namespace: str, name: str) -> T | None:
        """The object, or None; the namespace is empty for cluster-wide kinds."""
        return self._objects.get((namespace, name))

    def by_index(self, index: str, value: str) -> tuple[T, ...]:
        """All objects for which the index function gave `value`; KeyError for an unknown index."""
        keys = self._entries[index].get(value, {})
        return tuple(self._objects[key] for key in keys)

    def count(self, index: str, value: str) -> int:
        """How many objects `by_index` would give."""
        return len(self._entries[index].get(value, ()))

    def all(self) -> tuple[T, ...]:
        """Every object, in the order in which they came."""
        return tuple(self._objects.values())

    def keys(self) -> tuple[Key, ...]:
        """The keys of all objects."""
        return tuple(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def put(self, key: Key, made: T) -> T | None:
        """Keeps `made` and returns what it replaces."""
        old = self._objects.get(key)
        self._objects[key] = made
        for name, function in self._functions.items():
            self._reindex(self._entries[name], key, _values(function, old), _values(function, made))
        return old

    def remove(self, key: Key) -> T | None:
        """Forgets an object and returns it, or None if it was not there."""
        old = self._objects.pop(key, None)
        for name, function in self._functions.items():
            self._reindex(self._entries[name], key, _values(function, old), ())
        return old

    def _reindex(
        self,
        entries: dict[str, dict[Key, None]],
        key: Key,
        before: tuple[str, ...],
        after: tuple[str, ...],
    ) -> None:
        if before == after:
            return
        for value in before:
            if value not in after and value in entries:
                entries[value].pop(key, None)
                if not entries[value]:
                    del entries[value]
        for value in after:
            entries.setdefault(value, {})[key] = None


def _values(function: Index[T], made: T | None) -> tuple[str, ...]:
    return () if made is None else tuple(function(made))
