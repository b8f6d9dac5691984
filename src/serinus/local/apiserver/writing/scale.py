"""The `scale` subresource: replicas of any kind that says where it keeps them.

Pure over objects; storing is the verbs' work.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.base.jsonpath import compile_path
from serinus.local.apiserver.errors import bad_request, invalid
from serinus.local.apiserver.kinds.columns_built_in import selector_text
from serinus.local.apiserver.kinds.kinds import Kind, ScalePaths

Object = Mapping[str, Any]

_METADATA = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(kind: Kind, value: Object) -> dict[str, Any]:
    """The `Scale` of an object."""
    paths = kind.scale or ScalePaths()
    metadata = {f: value["metadata"][f] for f in _METADATA if f in value["metadata"]}
    status: dict[str, Any] = {"replicas": _first(paths.status_replicas, value) or 0}
    if selector := _selector(paths, value):
        status["selector"] = selector
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": metadata,
        "spec": {"replicas": _first(paths.spec_replicas, value) or 0},
        "status": status,
    }


def _first(path: str, value: Object) -> Any:
    return next(iter(compile_path(path)(value)), None)


def _selector(paths: ScalePaths, value: Object) -> str:
    if paths.selector:
        return str(_first(paths.selector, value) or "")
    selector = (value.get("spec") or {}).get("selector")
    return selector_text(selector) if isinstance(selector, Mapping) else ""


def with_scale(kind: Kind, value: Object, scale: Any) -> dict[str, Any]:
    """`value` with the replicas of `scale`; StatusError 400 or 422 if they are no count."""
    spec = scale.get("spec") if isinstance(scale, Mapping) else None
    replicas = (spec or {}).get("replicas", 0) if isinstance(spec, Mapping | None) else None
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request("spec.replicas of a Scale must be a whole number")
    if replicas < 0:
        words = f"Invalid value: {replicas}: must be greater than or equal to 0"
        problem = FieldProblem("spec.replicas", words)
        raise invalid("Scale", "autoscaling", value["metadata"]["name"], [problem])
    paths = kind.scale or ScalePaths()
    changed = _with(value, paths.spec_replicas.strip(".").split("."), replicas)
    version = (scale.get("metadata") or {}).get("resourceVersion")
    if version:
        changed["metadata"] = {**value["metadata"], "resourceVersion": version}
    return changed


def _with(value: Any, path: list[str], replicas: int) -> dict[str, Any]:
    made = dict(value) if isinstance(value, Mapping) else {}
    made[path[0]] = replicas if len(path) == 1 else _with(made.get(path[0]), path[1:], replicas)
    return made
