"""What the store asks of a storage that outlives the process: load once, commit batches.

Knows rows, not what an object means; `storage_sqlite.py` is the one that `up --data-dir` uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from serinus.base.errors import SerinusError


class Row(NamedTuple):
    """One stored object as JSON; `value` None: it is gone."""

    group: str
    plural: str
    namespace: str
    name: str
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a storage held at the start: the newest version number, and every object once."""

    resource_version: int
    rows: Sequence[Row]


class StorageError(SerinusError):
    """A batch was not stored, wholly; `full` if it is for want of space."""

    def __init__(self, message: str, *, full: bool = False) -> None:
        super().__init__(message)
        self.full = full


class Storage(Protocol):
    """A place that keeps objects. What a commit has returned from survives a kill at any moment."""

    def load(self) -> Loaded:
        """Everything that was committed; called once, before the first commit."""

    async def commit(self, rows: Sequence[Row], resource_version: int) -> None:
        """Store all rows and the newest version number, or nothing: then StorageError."""
