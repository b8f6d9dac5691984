"""In which shape objects leave: as they are, as tables, as metadata only, or as a caller's view.

Knows versions and shapes; not how they were found.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.storing.store import Version, watch_line

View = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A caller's own spelling of a kind's objects: pure, object to object."""

_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class ListMeta:
    """What a list says of itself besides its items."""

    resource_version: str
    continue_token: str = ""
    remaining: int | None = None

    def fields(self) -> dict[str, Any]:
        """The `metadata` of the list."""
        made: dict[str, Any] = {"resourceVersion": self.resource_version}
        if self.continue_token:
            made["continue"] = self.continue_token
        if self.remaining is not None:
            made["remainingItemCount"] = self.remaining
        return made


class Representation(Protocol):
    """A shape. `line` is one watch event with its line end."""

    def one(self, version: Version) -> bytes: ...
    def many(self, versions: Sequence[Version], meta: ListMeta) -> bytes: ...
    def line(self, event: str, version: Version) -> bytes: ...
    def bookmark(self, resource_version: str, annotations: Mapping[str, str]) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Plain:
    """Objects as JSON; without a `view` the encoded bytes are shared by all who ask."""

    kind: Kind
    view: View | None = None
    as_kind: str = ""
    as_version: str = ""

    def one(self, version: Version) -> bytes:
        return version.encoded if self.view is None else _encode(self.view(version.object))

    def many(self, versions: Sequence[Version], meta: ListMeta) -> bytes:
        kind = self.as_kind + "List" if self.as_kind else self.kind.list_kind
        head = {"kind": kind, "apiVersion": self.as_version or self.kind.api_version}
        opened = _encode(head | {"metadata": meta.fields()})[:-1]
        return b"".join((opened, b',"items":[', b",".join(map(self.one, versions)), b"]}"))

    def line(self, event: str, version: Version) -> bytes:
        if self.view is None:
            return version.line(event)
        return watch_line(event, self.one(version))

    def bookmark(self, resource_version: str, annotations: Mapping[str, str]) -> bytes:
        metadata: dict[str, Any] = {"resourceVersion": resource_version}
        if annotations:
            metadata["annotations"] = dict(annotations)
        kind, version = self.as_kind or self.kind.kind, self.as_version or self.kind.api_version
        return watch_line(
            "BOOKMARK", _encode({"kind": kind, "apiVersion": version, "metadata": metadata})
        )


def only_metadata(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """An object as `PartialObjectMetadata`."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": value["metadata"],
    }
