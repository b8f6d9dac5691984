"""One table: what an error of a reconcile does to its key."""

from __future__ import annotations

from dataclasses import dataclass

from serinus.base.errors import SerinusError
from serinus.kube.errors import ApiError, Conflict, NotFound, TooManyRequests, Unavailable


@dataclass(frozen=True, slots=True)
class Fate:
    """`soon`: the world moved on, look again at once. `told`: a person should hear of it."""

    soon: bool
    told: bool
    traced: bool = False


_TABLE: tuple[tuple[type[Exception], Fate], ...] = (
    (Conflict, Fate(soon=True, told=False)),
    (NotFound, Fate(soon=True, told=False)),
    (TooManyRequests, Fate(soon=False, told=False)),
    (Unavailable, Fate(soon=False, told=False)),
    (ApiError, Fate(soon=False, told=True)),
    (SerinusError, Fate(soon=False, told=True)),
    (Exception, Fate(soon=False, told=True, traced=True)),
)


def fate(error: Exception) -> Fate:
    """The first row that fits; the key is always tried again, with growing delays."""
    return next(row for kind, row in _TABLE if isinstance(error, kind))
