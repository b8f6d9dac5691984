"""The part of the Service Mesh Interface that is read: whether a TrafficSplit can be asked for."""

from __future__ import annotations

from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire

GROUP = "split.smi-spec.io"
VERSION = "v1alpha1"
"""The one that is spoken if no other is asked for, as in the original."""
VERSIONS = (VERSION, "v1alpha2", "v1alpha3", "v1alpha4")


class TrafficSplit(Wire, frozen=True, kw_only=True):
    """Whether it is there; what it says, the router reads."""

    metadata: ObjectMeta = ObjectMeta()
