"""Custom kinds: what a CustomResourceDefinition serves, and what is wrong with it.

Pure: a definition in; kinds, problems, conditions out. Knows no store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.kinds.catalogue import METADATA, definitions
from serinus.local.apiserver.kinds.cel.rules import RuleSet
from serinus.local.apiserver.kinds.columns import path_columns
from serinus.local.apiserver.kinds.kinds import Kind, ScalePaths
from serinus.local.apiserver.kinds.registry import Served
from serinus.local.apiserver.kinds.schema import PRESERVE, Schema
from serinus.local.apiserver.kinds.schema_rules import schema_problem

DEFINITIONS = ("apiextensions.k8s.io", "customresourcedefinitions")
CLEANUP = "customresourcecleanup.apiextensions.k8s.io"

Object = Mapping[str, Any]


def served_versions(definition: Object) -> list[Served]:
    """Everything that a valid definition serves, the storage version first."""
    spec = definition["spec"]
    storage = _storage_version(spec["versions"])
    versions = sorted(spec["versions"], key=lambda version: version["name"] != storage)
    return [_served(spec, version, storage) for version in versions if version.get("served")]


def _storage_version(versions: Sequence[Object]) -> str:
    return next((str(v["name"]) for v in versions if v.get("storage")), "")


def _served(spec: Object, version: Object, storage: str) -> Served:
    names, parts = spec["names"], version.get("subresources") or {}
    kind = Kind(
        spec["group"],
        version["name"],
        names["plural"],
        names["kind"],
        namespaced=spec["scope"] == "Namespaced",
        short_names=tuple(names.get("shortNames") or ()),
        categories=tuple(names.get("categories") or ()),
        subresources=frozenset(part for part in ("status", "scale") if part in parts),
        custom=True,
        singular=names.get("singular") or "",
        list_name=names.get("listKind") or "",
        scale=_scale_paths(parts.get("scale")),
        storage_version=storage,
        selectable=tuple(
            field["jsonPath"].lstrip(".") for field in version.get("selectableFields") or ()
        ),
    )
    columns = path_columns(version.get("additionalPrinterColumns") or ())
    return Served(kind, version_schema(version), columns, RuleSet(_given_schema(version)))


def _scale_paths(scale: Object | None) -> ScalePaths | None:
    if scale is None:
        return None
    return ScalePaths(
        scale["specReplicasPath"], scale["statusReplicasPath"], scale.get("labelSelectorPath") or ""
    )


def version_schema(version: Object) -> Schema:
    """The schema of one version; its objects are pruned with the fields of ObjectMeta."""
    given = _given_schema(version)
    typed = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}, "metadata": METADATA}
    fields = {**(given.get("properties") or {}), **typed}
    root = {**given, "properties": fields}
    return Schema(root, definitions(), rules_root=given)


def _given_schema(version: Object) -> Object:
    return (version.get("schema") or {}).get("openAPIV3Schema") or {PRESERVE: True}


def rule_warnings(definition: Object) -> list[str]:
    """The rules of a definition that are not enforced here, each with the reason."""
    versions = definition["spec"]["versions"]
    return [words for version in versions for words in RuleSet(_given_schema(version)).unsupported]


def with_status(definition: Object, now: str) -> dict[str, Any]:
    """The definition with names filled in, accepted and established."""
    spec = definition["spec"]
    names = spec["names"]
    filled = {"singular": names["kind"].lower(), "listKind": names["kind"] + "List"} | names
    conversion = {"strategy": "None"} | (spec.get("conversion") or {})
    before = definition.get("status") or {}
    stored = list(before.get("storedVersions") or ())
    if (storage := _storage_version(spec["versions"])) not in stored:
        stored.append(storage)
    status = {
        "conditions": before.get("conditions") or _conditions(now),
        "acceptedNames": filled,
        "storedVersions": stored,
    }
    spec = {**spec, "names": filled, "conversion": conversion}
    return {**definition, "spec": spec, "status": status}


def _conditions(now: str) -> list[dict[str, str]]:
    rows = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    return [
        {
            "type": kind,
            "status": "True",
            "lastTransitionTime": now,
            "reason": reason,
            "message": message,
        }
        for kind, reason, message in rows
    ]


def definition_problems(definition: Object) -> list[FieldProblem]:
    """What keeps a definition, whose fields have the right types, from being served."""
    return [FieldProblem(f"spec.{path}", text) for path, text in _problems(definition)]


def _problems(definition: Object) -> Iterator[tuple[str, str]]:
    spec = definition["spec"]
    group, names, versions = spec["group"], spec["names"], spec["versions"]
    wanted = f"{names['plural']}.{group}"
    if definition["metadata"]["name"] != wanted:
        yield "names.plural", f"Invalid value: metadata.name must be {wanted} (plural.group)"
    if "." not in group:
        yield "group", f'Invalid value: "{group}": should be a domain with at least one dot'
    if spec["scope"] not in ("Namespaced", "Cluster"):
        yield "scope", f'Unsupported value: "{spec["scope"]}": supported: "Cluster", "Namespaced"'
    if (spec.get("conversion") or {}).get("strategy", "None") != "None":
        yield "conversion.strategy", "Unsupported value: only None is served here"
    if sum(1 for version in versions if version.get("storage")) != 1:
        yield "versions", "Invalid value: must have exactly one version marked as storage version"
    if not any(version.get("served") for version in versions):
        yield "versions", "Invalid value: no version is served"
    for index, version in enumerate(versions):
        for path, text in _version_problems(version):
            yield f"versions[{index}].{path}", text


def _version_problems(version: Object) -> Iterator[tuple[str, str]]:
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    where = "schema.openAPIV3Schema"
    if schema is None:
        yield where, "Required value: schemas are required"
        return
    if schema.get("type") != "object":
        yield f"{where}.type", "Required value: must be object at the root"
    yield from ((f"{where}{path}", text) for path, text in _structural_problems(schema, ""))
    if text := schema_problem(schema):
        yield where, f"Invalid value: {text}"
    else:
        yield from ((f"{where}.{path}", text) for path, text in RuleSet(schema).broken)
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        try:
            path_columns([column])
        except ValueError as error:
            yield f"additionalPrinterColumns[{index}].jsonPath", f"Invalid value: {error}"


def _structural_problems(node: Object, path: str) -> Iterator[tuple[str, str]]:
    """Where a schema is not structural: every node says its type, and names plain children."""
    typed = node.get("type") or node.get("x-kubernetes-int-or-string") or node.get(PRESERVE)
    if not typed:
        yield f"{path}.type", "Required value: must not be empty for specified object fields"
    if node.get("type") == "array" and not isinstance(node.get("items"), Mapping):
        yield f"{path}.items", "Required value: must be specified"
    if "$ref" in node:
        yield f"{path}.$ref", "Forbidden: references are not allowed"
    for name, child in (node.get("properties") or {}).items():
        yield from _structural_problems(child, f"{path}.properties[{name}]")
    for word in ("items", "additionalProperties"):
        if isinstance(child := node.get(word), Mapping):
            yield from _structural_problems(child, f"{path}.{word}")
