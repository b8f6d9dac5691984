"""The part of Ambassador's Mapping that is read: where it leads, and whether it has a weight."""

from __future__ import annotations

from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire

GROUP = "getambassador.io"
VERSION = "v2"
"""The one that is spoken if no other is asked for, as in the original."""
VERSIONS = (VERSION, "v3alpha1")
LIMIT = 246
"""Of a base Mapping's name, what is kept of it in that of its canary Mapping."""


class MappingSpec(Wire, frozen=True, kw_only=True):
    service: str = ""
    weight: int | None = None


class Mapping(Wire, frozen=True, kw_only=True):
    """What else it says, the router copies."""

    metadata: ObjectMeta = ObjectMeta()
    spec: MappingSpec = MappingSpec()


def canary_mapping_name(base: str) -> str:
    """`<base>-canary`, the front cut so that all fits in 253."""
    return base[:LIMIT].rstrip(".") + "-canary"  # a label may not begin with the dash


def leads_to(service: str, name: str, namespace: str) -> bool:
    """Whether `service` of a Mapping is that Service: scheme://name.namespace:port, or less."""
    _, host, _ = parts_of(service)
    labels = host.split(".")
    return labels[0] == name and labels[1:2] in ([], [namespace])


def parts_of(service: str) -> tuple[str, str, str]:
    """What stands before the host, the host, and what stands behind it."""
    scheme, mark, rest = service.rpartition("://")
    host, colon, port = rest.partition(":")
    return scheme + mark, host, colon + port
