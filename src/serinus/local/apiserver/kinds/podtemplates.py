"""Warns about unknown fields in the pod templates of custom kinds, which keep them as they came.

The schema of a pod is half a megabyte, so a definition may leave it out: then a typo in a template
would be kept, copied, and dropped without a word where the pods are made. Refuses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.admission import StoreView
from serinus.local.apiserver.kinds.catalogue import definition_names, definitions
from serinus.local.apiserver.kinds.hints import hint
from serinus.local.apiserver.kinds.schema import PRESERVE, Schema

_TEMPLATE = {"$ref": "#/definitions/io.k8s.api.core.v1.PodTemplateSpec"}
_PLACES: Mapping[str, Any] = {
    "template": _TEMPLATE,
    "templates": {"items": {"properties": {"template": _TEMPLATE}, PRESERVE: True}},
}
"""Below `spec`: where custom kinds have them."""


@cache
def _schema(place: str) -> Schema:
    spec = {"properties": {place: _PLACES[place]}, PRESERVE: True}
    return Schema({"properties": {"spec": spec}, PRESERVE: True}, definitions(), absent_nulls=True)


def admit_pod_templates(
    body: Mapping[str, Any], view: StoreView
) -> tuple[Sequence[str], Sequence[FieldProblem]]:
    """An Admission: each unknown field with the nearest known one."""
    group, _, version = str(body.get("apiVersion", "")).rpartition("/")
    if (group, version, body.get("kind")) in definition_names() or not _has_pods(body):
        return (), ()
    told: list[str] = []
    for schema in (_schema(place) for place in _PLACES if place in body["spec"]):
        _, unknown = schema.prune(dict(body))
        told += [f'unknown field "{path}"{hint(schema, path)}' for path in unknown]
    return told, ()


def _has_pods(body: Mapping[str, Any]) -> bool:
    """Whether what stands in the place of a pod template is one."""
    spec = body.get("spec")
    if not isinstance(spec, Mapping):
        return False
    listed = spec.get("templates")
    found = [spec, *(listed if isinstance(listed, list) else ())]
    templates = [one.get("template") for one in found if isinstance(one, Mapping)]
    pods = [one.get("spec") for one in templates if isinstance(one, Mapping)]
    return any(isinstance(one, Mapping) and "containers" in one for one in pods)
