"""The part of Apache APISIX's own kinds that is read: whether an ApisixRoute is there."""

from __future__ import annotations

from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire

GROUP_VERSION = "apisix.apache.org/v2"


class ApisixRoute(Wire, frozen=True, kw_only=True):
    """Whether it is there; what it says, the router reads."""

    metadata: ObjectMeta = ObjectMeta()
