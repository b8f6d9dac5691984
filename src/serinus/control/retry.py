"""One table: what an error of a reconcile does to its key."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from serinus.base.errors import SerinusError
from serinus.kube.errors import (
    AlreadyExists,
    ApiError,
    BadRequest,
    Conflict,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnreadableAnswer,
)


class Refused(SerinusError):
    """Everything that could be done was done; the rest was refused. `wake_at`: look again then."""

    def __init__(self, refusals: Sequence[Exception], wake_at: datetime | None) -> None:
        super().__init__("; ".join(map(str, refusals)))
        self.wake_at = wake_at


@dataclass(frozen=True, slots=True)
class Fate:
    """The key is always tried again, with growing delays, and at once when its world changes.

    `told`: after so many failures in a row a person hears of it; 0 is never. `traced`: it is a bug
    of ours, the log shows where.
    """

    told: int
    traced: bool = False


_AT_ONCE, _IF_IT_LASTS = 1, 5
_TABLE: tuple[tuple[type[Exception], Fate], ...] = (
    (AlreadyExists, Fate(_AT_ONCE)),
    (Conflict, Fate(_IF_IT_LASTS)),
    (NotFound, Fate(_IF_IT_LASTS)),
    (TooManyRequests, Fate(_IF_IT_LASTS)),
    (Unavailable, Fate(_IF_IT_LASTS)),
    (SerinusError, Fate(_AT_ONCE)),
    (Exception, Fate(_AT_ONCE, traced=True)),
)


def fate(error: Exception) -> Fate:
    """The first row that fits."""
    return next(row for kind, row in _TABLE if isinstance(error, kind))


def asked_wait_seconds(error: Exception) -> float:
    """How long the server asks us to wait, in seconds of the wall; 0 if it does not."""
    return (error.retry_after_seconds or 0.0) if isinstance(error, ApiError) else 0.0


_RACES = (Conflict, Gone, NotFound, TooManyRequests, Unauthorized, Unavailable, UnreadableAnswer)
_NO_RACES = (AlreadyExists, BadRequest, Forbidden, Invalid)


def is_refusal(error: Exception, *, creates: bool) -> bool:
    """Whether the same write would be refused again: by a rule, a permission, an adapter.

    Not so a lost race, a busy server, an unknown fate. To create something can be refused because
    its kind or namespace does not exist.
    """
    if isinstance(error, NotFound):
        return creates
    return isinstance(error, _NO_RACES) or not isinstance(error, _RACES)
