"""Who an object is and which version of it this is, whatever its type."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

Key = tuple[str, str]


class Identity(NamedTuple):
    """What every object's metadata says; the namespace is empty for cluster-wide kinds."""

    namespace: str
    name: str
    uid: str
    resource_version: str

    @property
    def key(self) -> Key:
        """Namespace and name: the object's place, which outlives the object."""
        return (self.namespace, self.name)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """An object that is there but is not of the type that we know; `error` says where."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    error: str

    @property
    def identity(self) -> Identity:
        """Who it is, as of readable objects."""
        return Identity(self.namespace, self.name, self.uid, self.resource_version)


class _Metadata(msgspec.Struct, rename="camel"):
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""


class _Named(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


def identity_reader(type_: Any) -> Callable[[Any], Identity]:
    """The function that reads the identity of objects of `type_`, a Struct or dict."""
    return _identity_of_dict if type_ is dict else _identity_of_struct


def identity_of_bytes(raw: bytes) -> Identity:
    """The identity of an object of any shape; raises msgspec.DecodeError if it has none."""
    meta = msgspec.json.decode(raw, type=_Named, strict=False).metadata
    return Identity(meta.namespace, meta.name, meta.uid, meta.resource_version)


def is_newer(version: str, than: str) -> bool | None:
    """Whether a resource version is the later one; None if the two cannot be compared.

    Versions of one kind on one server are integers that grow (stated by Kubernetes since 1.35 and
    true before); anything else is opaque.
    """
    if version.isdecimal() and than.isdecimal():
        return int(version) > int(than)
    return None


def _identity_of_struct(made: Any) -> Identity:
    meta = made.metadata
    return Identity(meta.namespace or "", meta.name, meta.uid, meta.resource_version)


def _identity_of_dict(made: Any) -> Identity:
    meta = made["metadata"]
    return Identity(
        meta.get("namespace", ""),
        meta["name"],
        meta.get("uid", ""),
        meta.get("resourceVersion", ""),
    )
