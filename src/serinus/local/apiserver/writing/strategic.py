"""Strategic merge patch: lists of objects merge by key, with `$patch` and friends.

The merge keys come from the schema of the built-in kinds. Pure; nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.local.apiserver.errors import StatusError, bad_request
from serinus.local.apiserver.kinds.schema import Node, Schema

_PATCH = "$patch"
_RETAIN = "$retainKeys"
_ORDER = "$setElementOrder/"
_DELETE = "$deleteFromPrimitiveList/"
_MERGE_KEY = "x-kubernetes-patch-merge-key"
_GONE = object()
_STRATEGY = "x-kubernetes-patch-strategy"


def strategic_merge_patch(schema: Schema, target: Any, patch: Mapping[str, Any]) -> Any:
    """`target` with `patch` merged in; StatusError 400/422 for directives that make no sense."""
    return _merge_map(schema, schema.root, dict(target), patch)


def _merge_map(schema: Schema, node: Node, target: Any, patch: Mapping[str, Any]) -> Any:
    node = schema.resolve(node)
    match patch.get(_PATCH):
        case None | "merge":
            pass
        case "replace":
            return {name: value for name, value in patch.items() if name != _PATCH}
        case "delete":
            return {}
        case other:
            raise bad_request(f"unknown $patch {other!r}; known are replace, merge, delete")
    merged = _retained(dict(target) if isinstance(target, Mapping) else {}, patch)
    for name, value in patch.items():
        if name in (_PATCH, _RETAIN) or name.startswith((_ORDER, _DELETE)):
            continue
        if value is None:
            merged.pop(name, None)
            continue
        child = _child(schema, node, name)
        merged[name] = _merge_value(schema, child, merged.get(name), value)
    _drop_from_lists(merged, patch)
    for name, order in patch.items():
        if name.startswith(_ORDER):
            _set_order(schema, node, merged, name.removeprefix(_ORDER), order)
    return merged


def _retained(target: dict[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    if _RETAIN not in patch:
        return target
    keep = patch[_RETAIN]
    if not isinstance(keep, list):
        raise bad_request("$retainKeys must be a list of field names")
    return {name: value for name, value in target.items() if name in keep}


def _child(schema: Schema, node: Node, name: str) -> Node:
    """The schema of a field, with its merge key, which stands beside a `$ref`."""
    known = (node.get("properties") or {}).get(name)
    if known is not None:
        return dict(known)
    others = node.get("additionalProperties")
    return others if isinstance(others, Mapping) else {}


def _merge_value(schema: Schema, node: Node, target: Any, value: Any) -> Any:
    if isinstance(value, Mapping):
        return _merge_map(schema, node, target, value)
    if not isinstance(value, list) or not _merges(node):
        return _stripped(value)
    before = target if isinstance(target, list) else []
    key = node.get(_MERGE_KEY)
    if key is None:
        known = {repr(item) for item in before}
        return [*before, *(item for item in value if repr(item) not in known)]
    return _merge_list(schema, node, before, value)


def _merges(node: Node) -> bool:
    return "merge" in str(node.get(_STRATEGY, "")).split(",")


def _merge_list(schema: Schema, node: Node, before: list[Any], value: list[Any]) -> list[Any]:
    key, items = node[_MERGE_KEY], node.get("items") or {}
    if any(isinstance(item, Mapping) and item.get(_PATCH) == "replace" for item in value):
        plain = [item for item in value if item.get(_PATCH) != "replace"]
        return [_stripped(item) for item in plain]
    merged: list[Any] = list(before)
    places: dict[str, int] = {}
    for index, old in enumerate(before):
        places.setdefault(repr(_key_of(old, key)), index)
    for item in value:
        if not isinstance(item, Mapping):
            raise bad_request(f"a list that merges by {key} holds objects only")
        if key not in item:
            raise StatusError(
                422,
                "Invalid",
                f"map: {dict(item)!r:.200} does not contain declared merge key: {key}",
            )
        at = places.get(repr(item[key]))
        if item.get(_PATCH) == "delete":
            if at is not None:
                merged[at] = _GONE
                del places[repr(item[key])]
        elif at is None:
            places[repr(item[key])] = len(merged)
            merged.append(_merge_map(schema, items, {}, item))
        else:
            merged[at] = _merge_map(schema, items, merged[at], item)
    return [item for item in merged if item is not _GONE]


def _key_of(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, Mapping) else None


def _stripped(value: Any) -> Any:
    """A new value without directives and nulls."""
    if isinstance(value, Mapping):
        return {
            name: _stripped(child)
            for name, child in value.items()
            if child is not None and not name.startswith("$")
        }
    return [_stripped(item) for item in value] if isinstance(value, list) else value


def _drop_from_lists(merged: dict[str, Any], patch: Mapping[str, Any]) -> None:
    for name, dropped in patch.items():
        field = name.removeprefix(_DELETE)
        if name.startswith(_DELETE) and isinstance(merged.get(field), list):
            if not isinstance(dropped, list):
                raise bad_request(f"{name} must be a list")
            gone = {repr(item) for item in dropped}
            merged[field] = [item for item in merged[field] if repr(item) not in gone]


def _set_order(schema: Schema, node: Node, merged: dict[str, Any], field: str, order: Any) -> None:
    """Bring a merged list into the order that the patch states; what it leaves out stays near."""
    items = merged.get(field)
    if not isinstance(items, list) or not isinstance(order, list):
        return
    key = _child(schema, node, field).get(_MERGE_KEY)
    wanted = [_key_of(entry, key) if key else entry for entry in order]
    ranks = {repr(entry): rank for rank, entry in enumerate(wanted)}
    found = [ranks.get(repr(_key_of(item, key) if key else item)) for item in items]
    ordered = iter(sorted((r, i) for i, r in enumerate(found) if r is not None))
    merged[field] = [
        items[next(ordered)[1]] if rank is not None else items[index]
        for index, rank in enumerate(found)
    ]
