"""Tables: the shape in which `kubectl get` asks for objects, lists and watch events.

Knows columns as functions; which columns a kind has is written elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from serinus.base.clock import Clock
from serinus.local.apiserver.kinds.columns import Column
from serinus.local.apiserver.reading.representation import ListMeta, View, only_metadata
from serinus.local.apiserver.storing.store import Version, watch_line

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Table:
    """A `Representation`: rows of cells, made at the clock's instant.

    `include` says what a row holds of its object: Metadata, Object or None. `headed`: it names its
    columns.
    """

    columns: tuple[Column, ...]
    clock: Clock
    include: str = "Metadata"
    view: View | None = None
    headed: bool = True

    def one(self, version: Version) -> bytes:
        """A table of one row."""
        metadata = version.object["metadata"]
        return self._table([version], {"resourceVersion": metadata.get("resourceVersion", "")})

    def many(self, versions: Sequence[Version], meta: ListMeta) -> bytes:
        """A table of a list."""
        return self._table(versions, meta.fields())

    def line(self, event: str, version: Version) -> bytes:
        """A watch event whose object is a table of one row."""
        return watch_line(event, self.one(version))

    def bookmark(self, resource_version: str, annotations: Mapping[str, str]) -> bytes:
        """A bookmark as a table without rows."""
        metadata: dict[str, Any] = {"resourceVersion": resource_version}
        if annotations:
            metadata["annotations"] = dict(annotations)
        return watch_line("BOOKMARK", self._table([], metadata))

    def _table(self, versions: Sequence[Version], metadata: Mapping[str, Any]) -> bytes:
        return _encode(
            {
                "kind": "Table",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "columnDefinitions": self._head(),
                "rows": [self._row(version) for version in versions],
            }
        )

    def _head(self) -> list[dict[str, Any]] | None:
        return [column.definition() for column in self.columns] if self.headed else None

    def _row(self, version: Version) -> dict[str, Any]:
        value = version.object if self.view is None else self.view(version.object)
        now = self.clock.now()
        row: dict[str, Any] = {"cells": [column.cell(value, now) for column in self.columns]}
        match self.include:
            case "Metadata":
                row["object"] = only_metadata(value)
            case "Object":
                row["object"] = value
        return row


class WatchedTable:
    """A `Representation` for one watch: its first line names the columns, no later one does."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def one(self, version: Version) -> bytes:
        """A table of one row."""
        return self._told(self._table.one(version))

    def many(self, versions: Sequence[Version], meta: ListMeta) -> bytes:
        """A table of a list."""
        return self._told(self._table.many(versions, meta))

    def line(self, event: str, version: Version) -> bytes:
        """A watch event whose object is a table of one row."""
        return self._told(self._table.line(event, version))

    def bookmark(self, resource_version: str, annotations: Mapping[str, str]) -> bytes:
        """A bookmark as a table without rows."""
        return self._told(self._table.bookmark(resource_version, annotations))

    def _told(self, line: bytes) -> bytes:
        if self._table.headed:
            self._table = replace(self._table, headed=False)
        return line


def accepts_table(accept: str) -> bool:
    """Whether a table is the first offer of an Accept header that can be served."""
    for offer in accept.split(","):
        words = {word.strip() for word in offer.split(";")}
        if "as=Table" in words and "g=meta.k8s.io" in words and words & {"v=v1", "v=v1beta1"}:
            return True
        if words & {"application/json", "*/*"} and not any(w.startswith("as=") for w in words):
            return False
    return False


def accepts_metadata(accept: str) -> str:
    """The kind of metadata-only objects that an Accept header asks for first, or empty text."""
    for offer in accept.split(","):
        words = {word.strip() for word in offer.split(";")}
        for kind in ("PartialObjectMetadata", "PartialObjectMetadataList"):
            if f"as={kind}" in words and "application/json" in words:
                return kind
        if words & {"application/json", "*/*"} and not any(w.startswith("as=") for w in words):
            return ""
    return ""
