"""The anti-affinity that is put on a new revision's pods: not on a node where stable runs.

Plain data in, plain data out. The term is the original's; it is recognised by its label, which
nobody else has a reason to name, so that it can be taken out again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from serinus.api.argo import AntiAffinity
from serinus.api.names import POD_HASH

REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_TOPOLOGY = "kubernetes.io/hostname"


def rules_apart(
    template: Mapping[str, Any], wanted: AntiAffinity | None, pod_hash: str, namespace: str
) -> dict[str, list[Any]]:
    """Both lists of the template's podAntiAffinity, with the term against `pod_hash`.

    Without `wanted`, or with "" as the hash, the lists as their author wrote them.
    """
    rules = _apart_of(_plain(template))
    lists = {key: list(rules.get(key) or ()) for key in (REQUIRED, PREFERRED)}
    if wanted is None or not pod_hash:
        return lists
    expression = {"key": POD_HASH, "operator": "In", "values": [pod_hash]}
    term = {
        "labelSelector": {"matchExpressions": [expression]},
        "namespaces": [namespace],
        "topologyKey": _TOPOLOGY,
    }
    if wanted.preferred is not None:
        lists[PREFERRED].append({"weight": wanted.preferred.weight, "podAffinityTerm": term})
    elif wanted.required is not None:
        lists[REQUIRED].append(term)
    return lists


def with_rules(template: dict[str, Any], lists: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The template with these lists as its podAntiAffinity; none of the two: as it is."""
    if not any(lists.values()):
        return template
    spec = template.get("spec") or {}
    affinity = spec.get("affinity") or {}
    apart = {**(affinity.get("podAntiAffinity") or {})}
    apart |= {key: found for key, found in lists.items() if found}
    return {**template, "spec": {**spec, "affinity": {**affinity, "podAntiAffinity": apart}}}


def without_apart(template: dict[str, Any]) -> dict[str, Any]:
    """The template as its author wrote it; what only held our term is gone with it."""
    return _plain(template) if any(_terms(template)) else template


@lru_cache(maxsize=4096)  # as many as templates are remembered
def apart_from(raw: bytes) -> str:
    """The revision whose nodes the pods of a template avoid; "" for none."""
    if b"podAntiAffinity" not in raw:
        return ""
    found = msgspec.json.decode(raw)
    return next(_terms(found), "") if isinstance(found, dict) else ""


# --- Parts ---------------------------------------------------------------------------------------


def _apart_of(template: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = template
    for key in ("spec", "affinity", "podAntiAffinity"):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _terms(template: Mapping[str, Any]) -> Any:
    rules = _apart_of(template)
    lists = (rules.get(key) for key in (REQUIRED, PREFERRED))
    items = (item for found in lists if isinstance(found, list) for item in found)
    return (hash_ for hash_ in map(_ours, items) if hash_)


def _ours(item: Any) -> str:
    """The hash in a term of ours, "" if it is anybody else's."""
    try:
        term = item.get("podAffinityTerm", item)
        (only,) = term["labelSelector"]["matchExpressions"]
        ours = only["key"] == POD_HASH and term["topologyKey"] == _TOPOLOGY
        return str(only["values"][0]) if ours else ""
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return ""  # whatever else it is, validation names what is wrong with it


def _plain(template: Mapping[str, Any]) -> dict[str, Any]:
    rules = _apart_of(template)
    if not rules or not any(_terms(template)):
        return dict(template)
    kept: dict[str, Any] = {}
    for key, value in rules.items():
        left = [item for item in value if not _ours(item)] if isinstance(value, list) else value
        if left or not isinstance(value, list):
            kept[key] = left
    spec = dict(template["spec"])
    affinity = {
        key: value for key, value in spec.pop("affinity").items() if key != "podAntiAffinity"
    }
    if kept:
        affinity["podAntiAffinity"] = kept
    if affinity:
        spec["affinity"] = affinity
    return {**template, "spec": spec}
