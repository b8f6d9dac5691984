"""Which keys look at which objects, so that a change, an appearance or an end wakes them.

Pure bookkeeping: knows no cache and no queue.
"""

from __future__ import annotations

from collections.abc import Iterable

from serinus.kube.resource import Resource

Key = tuple[str, str]
"""Namespace and name of a Rollout or AnalysisRun."""
Reference = tuple[str, str, str]
"""Kind (as `Resource.full_name`), namespace and name of an object that somebody looks at."""


def reference(resource: Resource, namespace: str, name: str) -> Reference:
    """The object of that kind; the namespace is empty for cluster-wide kinds."""
    return (resource.full_name, namespace, name)


class Interest:
    """What each key looked at last; a key that looks at nothing takes no room."""

    def __init__(self) -> None:
        self._keys: dict[Reference, dict[Key, None]] = {}
        self._looked_at: dict[Key, frozenset[Reference]] = {}

    def look(self, key: Key, references: Iterable[Reference]) -> None:
        """From now on `key` looks at these objects and at no others."""
        now = frozenset(references)
        before = self._looked_at.get(key, frozenset())
        for gone in before - now:
            self._keys[gone].pop(key, None)
            if not self._keys[gone]:
                del self._keys[gone]
        for new in now - before:
            self._keys.setdefault(new, {})[key] = None
        if now:
            self._looked_at[key] = now
        else:
            self._looked_at.pop(key, None)

    def of(self, reference: Reference) -> tuple[Key, ...]:
        """Who looks at this object."""
        return tuple(self._keys.get(reference, ()))

    def of_kind(self, full_name: str) -> tuple[Key, ...]:
        """Who looks at any object of a kind."""
        found = (keys for (kind, _, _), keys in self._keys.items() if kind == full_name)
        return tuple(dict.fromkeys(key for keys in found for key in keys))

    def __len__(self) -> int:
        """How many objects are looked at."""
        return len(self._keys)
