"""Which kinds are served now: the built-in ones, and those that definitions add at run time.

Knows names and versions; what belongs to a kind (schema, columns) is kept beside it by `Served`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from serinus.local.apiserver.kinds.cel.rules import RuleSet
from serinus.local.apiserver.kinds.columns import Column
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.schema import Schema


@dataclass(frozen=True, slots=True)
class Served:
    """A kind together with what is needed to check and to show its objects."""

    kind: Kind
    schema: Schema
    columns: tuple[Column, ...] = field(default=())
    rules: RuleSet | None = None


class Registry:
    """All served kinds, found by group, version and plural."""

    def __init__(self, built_in: Iterable[Served]) -> None:
        self._served = {_key(served.kind): served for served in built_in}
        self._fixed = frozenset((served.kind.group, served.kind.plural) for served in self.all())
        self._versions: dict[tuple[str, str], list[str]] | None = None
        self.generation = 0

    def all(self) -> list[Served]:
        """Everything that is served, in the order of its coming."""
        return list(self._served.values())

    def find(self, group: str, version: str, plural: str) -> Served | None:
        """The kind behind an address."""
        return self._served.get((group, version, plural))

    def of_plural(self, group: str, plural: str) -> Served | None:
        """The kind behind a plural in whichever version comes first."""
        return next(
            (s for s in self.all() if (s.kind.group, s.kind.plural) == (group, plural)), None
        )

    def versions(self, kind: Kind) -> tuple[str, ...]:
        """All versions in which a kind is served, its own first."""
        if self._versions is None:  # asked at every write
            self._versions = {}
            for served in self._served.values():
                self._versions.setdefault(_names(served.kind), []).append(served.kind.version)
        others = self._versions.get(_names(kind), ())
        return (kind.version, *(version for version in others if version != kind.version))

    def is_built_in(self, group: str, plural: str) -> bool:
        """Whether no definition may take this name."""
        return (group, plural) in self._fixed

    def replace(self, group: str, plural: str, versions: Iterable[Served]) -> None:
        """Serve exactly `versions` of a custom kind; none of them ends its service."""
        self._served = {
            key: served
            for key, served in self._served.items()
            if (served.kind.group, served.kind.plural) != (group, plural)
        }
        self._served |= {_key(served.kind): served for served in versions}
        self._versions = None
        self.generation += 1


def _names(kind: Kind) -> tuple[str, str]:
    return (kind.group, kind.plural)


def _key(kind: Kind) -> tuple[str, str, str]:
    return (kind.group, kind.version, kind.plural)
