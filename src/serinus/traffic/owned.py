"""Objects that a router creates beside the user's own: whose they are, and when they were written.

Pure. Must not know what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from serinus.api.names import GROUP_VERSION, WRITTEN_AT
from serinus.traffic.router import ObjectRef, Route, RoutingError

Body = Mapping[str, Any]


def is_owned(route: Route, live: Body) -> bool:
    """Its controller is this very Rollout; nothing belongs to one that is gone."""
    uid = route.owner_uid
    return bool(uid) and any(o.get("controller") and o.get("uid") == uid for o in owners(live))


def owners(live: Body) -> list[Mapping[str, Any]]:
    """Its owner references."""
    return (live.get("metadata") or {}).get("ownerReferences") or []


def owner(route: Route) -> dict[str, Any]:
    """The reference by which an object goes with its Rollout."""
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "Rollout",
        "name": route.owner_name,
        "uid": route.owner_uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def ours(route: Route, ref: ObjectRef, live: Body | None, *, orphan: bool) -> Body:
    """The object, if it is there, ours and here to stay; `orphan`: it may be taken in.

    Raises RoutingError.
    """
    if live is None:
        raise RoutingError(f"{ref.kind} {ref.name} does not exist")
    if not is_owned(route, live) and not orphan:
        named = (f"{one.get('kind')} {one.get('name')}" for one in owners(live))
        raise RoutingError(
            f"{ref.kind} {ref.name} belongs to {next(named, 'nobody that it names')}, not to this "
            f"Rollout {route.owner_name}; delete it, or give one of the two another name"
        )
    if live["metadata"].get("deletionTimestamp"):
        raise RoutingError(f"{ref.kind} {ref.name} is being deleted; it is made anew when gone")
    return live


def stamp(at: datetime) -> dict[str, str]:
    """The annotation that says when we wrote."""
    return {WRITTEN_AT: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}


def written_at(live: Body | None) -> datetime | None:
    """When we last wrote it; None if that is not noted, or cannot be read."""
    text = (((live or {}).get("metadata") or {}).get("annotations") or {}).get(WRITTEN_AT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (TypeError, ValueError):
        return None


def metadata(route: Route, ref: ObjectRef, at: datetime) -> dict[str, Any]:
    """Of an object that is created."""
    return {
        "name": ref.name,
        "namespace": ref.namespace,
        "annotations": stamp(at),
        "ownerReferences": [owner(route)],
    }


def change(route: Route, live: Body, spec: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    """A merge patch with `spec`, conditional on what was read; it takes an orphan in."""
    adopts = route.owner_uid and not owners(live)
    return {
        "metadata": {
            "resourceVersion": live["metadata"]["resourceVersion"],
            "annotations": stamp(at),
            **({"ownerReferences": [owner(route)]} if adopts else {}),
        },
        **({"spec": spec} if spec else {}),
    }
