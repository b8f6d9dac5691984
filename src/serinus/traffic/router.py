"""What every traffic router is: a pure pair (objects -> routing seen, routing wanted -> patches).

Adapters do no I/O. `control/` reads the objects that `references` names and sends the writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from serinus.base.errors import SerinusError
from serinus.core.routing import Abilities, RouterSeen, Routing


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One Kubernetes object that a router reads or writes."""

    api_version: str
    plural: str
    kind: str
    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Create:
    """Create this object (a full manifest)."""

    ref: ObjectRef
    manifest: Mapping[str, Any]
    reason: str = field(default="", compare=False)
    """Of the event that tells of it, under the original's name; "": none."""
    message: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Patch:
    """Merge-patch the object; the patch carries the resourceVersion that it was decided on."""

    ref: ObjectRef
    patch: Mapping[str, Any]
    reason: str = field(default="", compare=False)
    message: str = field(default="", compare=False)


Write = Create | Patch
Objects = Mapping[ObjectRef, Mapping[str, Any] | None]
"""What was read: the object as plain data, or None where it does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Whose traffic: the names that a router needs from the Rollout, and the router's own spec."""

    owner_name: str
    owner_uid: str
    namespace: str
    stable_service: str
    canary_service: str
    spec: Any
    """The router's own part of strategy.canary.trafficRouting, a Struct of `api.argo`."""
    total: int = 100
    managed: tuple[str, ...] = ()
    """Names of managedRoutes: only these header and mirror routes are ours, in this precedence."""
    stable_hash: str = ""
    canary_hash: str = ""
    """Whom the two Services select now, for routers that select pods themselves; "": not known."""


class RoutingError(SerinusError):
    """The objects do not allow this write: what is missing, whose it is, what to do."""


class Router(Protocol):
    """One implementation a file, registered by name in the entry points `serinus.routers`."""

    name: str
    abilities: Abilities
    """What it can be told beside a weight. It is asked for nothing else, and shows nothing else."""

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """The objects to read before `read` or `write`."""

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """What the objects say. What cannot be understood is Unknown, never 0.

        Routes are ours by their names (`Route.managed`) and come back in that order, as equal
        values of what was written; where that cannot be told, the routing is Unknown. Objects
        that differ: Unknown with every weight and every route that any of them shows.
        """

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """The writes that make the objects say `routing`; nothing if they do already.

        All of them carry `at` under WRITTEN_AT. A write may need a second round (an object that
        has to be created first starts with weight 0). What takes traffic away does what it can:
        what it cannot do, `read` tells as Unknown. What would give the canary more is written
        whole or not at all: then RoutingError is raised with every problem.
        """
