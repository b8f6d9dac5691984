"""What every traffic router is: a pure pair (objects -> routing seen, routing wanted -> patches).

Adapters do no I/O. `control/` reads the objects that `references` names and sends the writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

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


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete the object, if it still has the resourceVersion that this was decided on.

    It cannot carry the instant: a write of another object of the same routing goes with it, or what
    is deleted gave nothing.
    """

    ref: ObjectRef
    resource_version: str
    reason: str = field(default="", compare=False)
    message: str = field(default="", compare=False)


Write = Create | Patch | Delete


def annotated(write: Write, notes: Mapping[str, str]) -> Write:
    """The same write with further annotations; what is deleted takes none."""
    if isinstance(write, Delete):
        return write
    body = write.manifest if isinstance(write, Create) else write.patch
    metadata = body.get("metadata") or {}
    annotations = {**(metadata.get("annotations") or {}), **notes}
    made = {**body, "metadata": {**metadata, "annotations": annotations}}
    if isinstance(write, Create):
        return replace(write, manifest=made)
    return replace(write, patch=made)


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


class RoutingError(SerinusError):
    """The objects do not allow this write: what is missing, whose it is, what to do."""


class Router(Protocol):
    """One file or folder each, registered by name in the entry points `serinus.routers`."""

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

        All but deletions carry `at` under WRITTEN_AT. A write may need a second round (an object
        that has to be created first starts with weight 0). What takes traffic away does what it
        can: what it cannot do, `read` tells as Unknown. What would give the canary more is written
        whole or not at all: then RoutingError is raised with every problem.
        """


@runtime_checkable
class Versioned(Protocol):
    """A router of kinds that clusters serve in one version or another."""

    group: str

    def of_version(self, version: str) -> Router:
        """The same for kinds of `group` in that version."""


def at_version(router: Router, versions: Mapping[str, str]) -> Router:
    """The router for a cluster where an API group is spoken in the version of `versions`."""
    if isinstance(router, Versioned) and router.group in versions:
        return router.of_version(versions[router.group])
    return router


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which pods behind a Service a router's destination gets."""

    service: str
    """The Service whose endpoints are chosen from, in the Rollout's namespace."""
    hash: str
    """The revision that is chosen; "" for every one."""
    resource_version: str
    """Of the object that says so."""
    written_at: datetime | None


@runtime_checkable
class SelectsPods(Protocol):
    """A router whose own objects choose the pods of stable and canary: alone, or beside the
    Services that the strategy names. They are moved like those Services, under the same rules.
    """

    def selection(self, route: Route, objects: Objects, *, canary: bool) -> Selection | None:
        """Whom requests to the canary (or to stable) get; None where nobody chooses but Services.

        Raises RoutingError if the objects cannot be read: then it is not known who gets them.
        """

    def point(
        self, route: Route, objects: Objects, pod_hash: str, at: datetime, *, canary: bool
    ) -> Sequence[Write]:
        """The writes by which the canary (or stable) is `pod_hash`; they carry `at`."""
