"""The door for checks that the process hands in: an object and a look at the store, in; texts out.

Knows neither the kinds nor the reasons of those checks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.storing.store import Store


class StoreView:
    """The stored objects, for reading only; what it returns must not be changed."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def resource_version(self) -> int:
        """The newest version number in the store."""
        return self._store.resource_version

    def get(
        self, group: str, plural: str, name: str, namespace: str = ""
    ) -> Mapping[str, Any] | None:
        """One object, or None; `namespace` stays empty for cluster-scoped kinds."""
        version = self._store.collection(group, plural).get(namespace, name)
        return None if version is None else version.object

    def list(
        self, group: str, plural: str, namespace: str | None = None
    ) -> tuple[Mapping[str, Any], ...]:
        """All objects of a kind (in `namespace`), ordered by namespace and name."""
        collection = self._store.collection(group, plural)
        return tuple(version.object for version in collection.sorted(namespace))


Admission = Callable[[Mapping[str, Any], StoreView], tuple[Sequence[str], Sequence[FieldProblem]]]
"""Warnings are shown to the user; any problem refuses the write with 422."""
