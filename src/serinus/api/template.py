"""Pod templates as values: the bytes to copy, and a canonical form to compare, hash and show.

Two templates are equal if an API server would make the same pods of them: its defaults are left
out, Go's omitted zeros too, quantities are spelled one way, and neither the hash label nor the
metadata that was injected counts. Knows no rollout's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from serinus.api.apart import without_apart
from serinus.api.kubernetes import PodTemplateMetadata, PodTemplateView
from serinus.api.pod_defaults import POD, canonical
from serinus.api.wire import decode

HASH_LABEL = "rollouts-pod-template-hash"

_Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Template:
    """`raw` is the JSON to copy into what is created; `canon` (JSON, keys sorted) is the value."""

    raw: bytes
    canon: bytes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and self.canon == other.canon

    def __hash__(self) -> int:
        return hash(self.canon)

    def __repr__(self) -> str:
        return f"Template({self.canon.decode()})"

    @property
    def view(self) -> PodTemplateView:
        """Labels, annotations, containers and images, as they were written."""
        return _view(self.raw)

    def manifest(self) -> dict[str, Any]:
        """A fresh copy of the template as plain data, for the body of what is created."""
        copied: dict[str, Any] = msgspec.json.decode(self.raw)
        return copied


def read_template(
    source: bytes | msgspec.Raw | Mapping[str, Any], injected: PodTemplateMetadata | None = None
) -> Template:
    """The template in `source`; `injected` is ephemeral metadata that was put on it and is no part.

    Raises msgspec.DecodeError (a ValueError) if `source` is not JSON.
    """
    raw = msgspec.json.encode(source) if isinstance(source, Mapping) else bytes(source)
    if injected is None:
        return _read(raw or b"{}", (), ())
    labels = tuple(sorted(injected.labels.items()))
    return _read(raw or b"{}", labels, tuple(sorted(injected.annotations.items())))


@lru_cache(maxsize=4096)  # three revisions of a thousand Rollouts
def _read(raw: bytes, labels: _Pairs, annotations: _Pairs) -> Template:
    data = without_apart(_mapping(msgspec.json.decode(raw)))
    metadata = _mapping(data.get("metadata"))
    metadata["labels"] = _without(metadata.get("labels"), dict(labels))
    metadata["labels"].pop(HASH_LABEL, None)
    metadata["annotations"] = _without(metadata.get("annotations"), dict(annotations))
    canon = canonical({**data, "metadata": metadata}, POD)
    return Template(raw, msgspec.json.encode(canon, order="sorted"))


@lru_cache(maxsize=1024)
def _view(raw: bytes) -> PodTemplateView:
    return decode(PodTemplateView, raw)


def _without(pairs: Any, injected: Mapping[str, str]) -> dict[str, Any]:
    """`pairs` without those that were injected and still have the injected value."""
    return {key: value for key, value in _mapping(pairs).items() if injected.get(key) != value}


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}  # what it is instead, validation names
