"""Server-side apply as cases ask for it, and the owners of fields as they read them."""

from __future__ import annotations

from typing import Any

from conformance.handle import APPLY, Conformance, Json


async def applied(k: Conformance, path: str, body: Json, manager: str = "me", **query: str) -> Json:
    """The object after an apply that succeeds."""
    return await k.ok("PATCH", path, body, query={"fieldManager": manager, **query}, **APPLY)


async def not_applied(
    k: Conformance, path: str, body: Any, manager: str = "me", **wanted: Any
) -> Json:
    """The Status of an apply that is refused; `wanted` as for `Conformance.refused`."""
    query = {"fieldManager": manager, **wanted.pop("query", {})}
    return await k.refused("PATCH", path, body, query=query, **APPLY, **wanted)


def owners(value: Json) -> list[tuple[str, str, str]]:
    """Manager, operation and subresource of each entry."""
    return [
        (entry["manager"], entry["operation"], entry.get("subresource", ""))
        for entry in value["metadata"].get("managedFields", [])
    ]


def fields(value: Json, manager: str, half: str = "") -> Json:
    """What a manager owns (through `half`)."""
    found = [
        entry["fieldsV1"]
        for entry in value["metadata"]["managedFields"]
        if (entry["manager"], entry.get("subresource", "")) == (manager, half)
    ]
    assert len(found) == 1, owners(value)
    return dict(found[0])


def conflict(owner: str, *paths: str) -> Json:
    """What the Status of a conflict with one owner carries, for `Conformance.refused`."""
    if len(paths) == 1:
        message = f"Apply failed with 1 conflict: conflict with {owner}: {paths[0]}"
    else:
        listed = "".join(f"\n- {path}" for path in paths)
        message = f"Apply failed with {len(paths)} conflicts: conflicts with {owner}:{listed}"
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {owner}", "field": path}
        for path in paths
    ]
    return {"code": 409, "reason": "Conflict", "message": message, "causes": causes}
