"""The part of Traefik's own kinds that is read: whether a TraefikService is there."""

from __future__ import annotations

from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire

GROUP_VERSION = "traefik.io/v1alpha1"


class TraefikService(Wire, frozen=True, kw_only=True):
    """Whether it is there; what it says, the router reads."""

    metadata: ObjectMeta = ObjectMeta()
