"""The door to other objects: what the validation of references may ask."""

from __future__ import annotations

from typing import Protocol, TypeVar

import msgspec

from serinus.api.findings import Missing
from serinus.api.wire import Unreadable
from serinus.base.errors import FieldProblem

T = TypeVar("T", bound=msgspec.Struct)


class Lookup(Protocol):
    """The objects that exist now; namespace is "" for cluster-scoped kinds."""

    def get(self, kind: type[T], namespace: str, name: str) -> T | Unreadable | None:
        """The object, None if there is none, or Unreadable if nothing can be made of it."""


def find(lookup: Lookup, kind: type[T], namespace: str, name: str, path: str) -> T | FieldProblem:
    """The object, or what to say instead at `path`."""
    found = lookup.get(kind, namespace, name)
    where = f"{kind.__name__} {name}" + (f" in namespace {namespace}" if namespace else "")
    if found is None:
        return Missing(path, f"waiting for {where}")
    if isinstance(found, Unreadable):
        return FieldProblem(path, f"{where} cannot be read: {found.error}")
    return found
