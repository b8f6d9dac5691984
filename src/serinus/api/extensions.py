"""The fields that are ours alone, and whether a cluster's definitions keep them. Pure.

A cluster with Argo Rollouts' own CustomResourceDefinitions prunes them without a word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

_METRIC = ("spec.metrics[].noDataLimit", "spec.metrics[].onNoData")
EXTENSIONS: Mapping[str, tuple[str, ...]] = {
    "rollouts": ("spec.strategy.canary.surgeLimit", "status.passedStepsHash"),
    "analysistemplates": _METRIC,
    "clusteranalysistemplates": _METRIC,
    "analysisruns": (*_METRIC, "status.metricResults[].consecutiveNoData"),
}
"""By plural; `[]` stands for every item of a list."""
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


def pruned_by(definition: Mapping[str, Any], version: str = "v1alpha1") -> tuple[str, ...]:
    """The fields of ours that a CustomResourceDefinition drops from its objects."""
    spec = definition.get("spec") or {}
    if spec.get("preserveUnknownFields"):
        return ()
    served = (one for one in spec.get("versions") or () if one.get("name") == version)
    schema = ((next(served, None) or {}).get("schema") or {}).get("openAPIV3Schema")
    if schema is None:
        return ()
    fields = EXTENSIONS.get((spec.get("names") or {}).get("plural", ""), ())
    return tuple(field for field in fields if not _keeps(schema, field.split(".")))


def wished(annotations: Mapping[str, str], fields: Iterable[str]) -> tuple[str, ...]:
    """Which of `fields` the person wrote who applied an object last, as `kubectl apply` notes it.

    The note is the only trace of a field that was pruned: the server keeps no owner of it either.
    """
    try:
        noted = msgspec.json.decode(annotations.get(LAST_APPLIED, "{}"))
    except msgspec.DecodeError:
        return ()
    return tuple(field for field in fields if _has(noted, field.split(".")))


def _keeps(schema: Mapping[str, Any], parts: list[str]) -> bool:
    if not parts:
        return True
    name, known = parts[0].removesuffix("[]"), schema.get("properties") or {}
    if name not in known:
        return bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    inner = known[name]
    if parts[0].endswith("[]"):
        inner = inner.get("items") or {"x-kubernetes-preserve-unknown-fields": True}
    return _keeps(inner, parts[1:])


def _has(value: Any, parts: list[str]) -> bool:
    if not parts:
        return value is not None
    if not isinstance(value, dict):
        return False
    inner = value.get(parts[0].removesuffix("[]"))
    if not parts[0].endswith("[]"):
        return _has(inner, parts[1:])
    return isinstance(inner, list) and any(_has(item, parts[1:]) for item in inner)
