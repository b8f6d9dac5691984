"""A storage in memory, for stories: slow, full or broken when it is told to be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

from serinus.local.apiserver.app import ApiServer
from serinus.local.apiserver.storing.storage import Loaded, Row, StorageError


class Remembering:
    """Commits take `seconds`; while `broken` is set they fail with it, after that time."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.broken: Exception | None = None
        self.rows: dict[tuple[str, ...], Row] = {}
        self.resource_version = 0
        self.batches: list[list[tuple[str, bool]]] = []
        """Of each commit: the names, and whether the object is still there."""

    def load(self) -> Loaded:
        return Loaded(self.resource_version, list(self.rows.values()))

    async def commit(self, rows: Sequence[Row], resource_version: int) -> None:
        await asyncio.sleep(self.seconds)
        if self.broken is not None:
            raise self.broken
        self.batches.append([(row.name, row.value is not None) for row in rows])
        self.resource_version = resource_version
        for row in rows:
            self.rows.pop(row[:4], None)
            if row.value is not None:
                self.rows[row[:4]] = row

    def copy(self) -> Remembering:
        """What a process that starts now would find."""
        other = Remembering()
        other.rows, other.resource_version = dict(self.rows), self.resource_version
        return other


def full() -> StorageError:
    """As a disk without room."""
    return StorageError("nothing was changed: the disk is full; make room", full=True)


def contents(server: ApiServer) -> dict[str, Any]:
    """All that is stored, the newest version number, and what is served."""
    state = server.state
    objects = {
        f"{'/'.join(kind)}/{'/'.join(key)}": json.loads(version.encoded)
        for kind, collection in state.store.collections().items()
        for key, version in collection.objects.items()
    }
    served = sorted((s.kind.group, s.kind.version, s.kind.plural) for s in state.registry.all())
    return {"objects": objects, "version": state.store.resource_version, "served": served}
