"""Writes src/serinus/api/crds/*.yaml from the tables in scripts/crd_fields.

    python scripts/make_crds.py            writes the files
    python scripts/make_crds.py --check    says which files are out of date

The tables hold names, types, enums and defaults (facts of the original's schemas), our own
extensions and our own descriptions.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
TABLES = ROOT / "scripts" / "crd_fields"
TARGET = ROOT / "src" / "serinus" / "api" / "crds"
_LINE = re.compile(
    r"(?P<name>\w+)(?P<required>!?):\s*(?P<type>(?:\[\])?\w+)?(?P<flags>[^|]*)(?:\|\s*(?P<text>.*))?"
)
_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "bool": {"type": "boolean"},
    "int32": {"type": "integer", "format": "int32"},
    "int64": {"type": "integer", "format": "int64"},
    "time": {"type": "string", "format": "date-time"},
    "intstr": {"anyOf": [{"type": "integer"}, {"type": "string"}]}
    | {"x-kubernetes-int-or-string": True},
    "object": {"type": "object"},
    "any": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "map": {"type": "object", "additionalProperties": {"type": "string"}},
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One CustomResourceDefinition; `columns` are (name, type, path, description)."""

    kind: str
    short: str
    table: str
    namespaced: bool = True
    columns: tuple[tuple[str, str, str, str], ...] = ()
    subresources: dict[str, Any] = field(default_factory=dict)


_AGE = ("Age", "date", ".metadata.creationTimestamp", "Time since the object was created")
_STATUS = ("Status", "string", ".status.phase", "Phase")
KINDS = [
    Kind(
        "Rollout",
        "ro",
        "rollout",
        columns=(
            ("Desired", "integer", ".spec.replicas", "Pods wanted"),
            ("Current", "integer", ".status.replicas", "Pods of all revisions"),
            ("Up-to-date", "integer", ".status.updatedReplicas", "Pods of the current revision"),
            ("Available", "integer", ".status.availableReplicas", "Pods that are available"),
            _AGE,
        ),
        subresources={
            "scale": {
                "labelSelectorPath": ".status.selector",
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.HPAReplicas",
            },
            "status": {},
        },
    ),
    Kind("AnalysisTemplate", "at", "analysis_template", columns=(_AGE,)),
    Kind("ClusterAnalysisTemplate", "cat", "analysis_template", namespaced=False, columns=(_AGE,)),
    Kind("AnalysisRun", "ar", "analysis_run", columns=(_STATUS, _AGE)),
    Kind("Experiment", "exp", "experiment", columns=(_STATUS, _AGE)),
]

# --- Tables --------------------------------------------------------------------------------------


@dataclass(slots=True)
class Entry:
    """One line of a table and the lines below it."""

    text: str
    below: list[Entry] = field(default_factory=list)


def read_table(path: Path) -> list[Entry]:
    """The lines of a table as a tree, by indentation."""
    top: list[Entry] = []
    levels = [top]
    for line in path.read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        entry = Entry(line.strip())
        levels[depth].append(entry)
        levels[depth + 1 :] = [entry.below]
    return top


def schema_of(entries: list[Entry], parts: dict[str, list[Entry]]) -> dict[str, Any]:
    """`properties` and `required` for the fields in `entries`."""
    properties: dict[str, Any] = {}
    required: list[str] = []
    for match, below in _fields(entries, parts):
        properties[match["name"]] = _field(match, below, parts)
        if match["required"]:
            required.append(match["name"])
    found: dict[str, Any] = {"properties": dict(sorted(properties.items()))} if properties else {}
    return found | ({"required": sorted(required)} if required else {})


def _fields(
    entries: list[Entry], parts: dict[str, list[Entry]]
) -> Iterator[tuple[re.Match[str], list[Entry]]]:
    for entry in entries:
        if entry.text.startswith("&"):
            yield from _fields(parts[entry.text[1:]], parts)
            continue
        match = _LINE.fullmatch(entry.text)
        if not match:
            raise ValueError(f"not a line of a table: {entry.text!r}")
        yield match, entry.below


def _field(match: re.Match[str], below: list[Entry], parts: dict[str, list[Entry]]) -> Any:
    flags = match["flags"].split()
    type_name = match["type"].removeprefix("[]")
    inner = _TYPES[type_name] | schema_of(below, parts)
    for flag in flags:
        inner = _with_flag(inner, flag, parts)
    about = {"description": match["text"]} if match["text"] else {}
    if not match["type"].startswith("[]"):
        return about | inner
    keys = next((f.removeprefix("keys=") for f in flags if f.startswith("keys=")), "")
    if keys:
        listed = {"type": "array", "items": inner, "x-kubernetes-list-type": "map"}
        return about | listed | {"x-kubernetes-list-map-keys": keys.split(",")}
    if "atomic" not in flags:
        return about | {"type": "array", "items": inner}
    del inner["x-kubernetes-map-type"]
    return about | {"type": "array", "items": inner, "x-kubernetes-list-type": "atomic"}


def _with_flag(inner: dict[str, Any], flag: str, parts: dict[str, list[Entry]]) -> dict[str, Any]:
    name, _, value = flag.partition("=")
    match name:
        case "keys":
            return inner
        case "open":
            return inner | {"x-kubernetes-preserve-unknown-fields": True}
        case "atomic":
            return inner | {"x-kubernetes-map-type": "atomic"}
        case "default":
            return inner | {"default": value}
        case "enum":
            return inner | {"enum": value.split(",")}
        case "immutable":
            rule = {"rule": "self == oldSelf", "message": "the selector cannot be changed"}
            return inner | {"x-kubernetes-validations": [rule]}
    if not flag.startswith("&"):
        raise ValueError(f"unknown flag {flag!r}")
    values = {"type": "object"} | schema_of(parts[flag[1:]], parts)
    return {"type": "object", "additionalProperties": values}


# --- Definitions ---------------------------------------------------------------------------------


def definition(kind: Kind) -> dict[str, Any]:
    """The CustomResourceDefinition of `kind`."""
    parts = {entry.text.rstrip(":"): entry.below for entry in read_table(TABLES / "shared.txt")}
    schema = schema_of(read_table(TABLES / f"{kind.table}.txt"), parts)
    standard = {
        "apiVersion": {"type": "string"},
        "kind": {"type": "string"},
        "metadata": {"type": "object"},
    }
    schema["properties"] = standard | schema["properties"]
    plural = kind.kind.lower() + "s"
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "additionalPrinterColumns": [_column(*column) for column in kind.columns],
        "schema": {"openAPIV3Schema": {"type": "object"} | schema},
        "subresources": kind.subresources,
    }
    names = {"kind": kind.kind, "listKind": f"{kind.kind}List", "plural": plural}
    names |= {"singular": kind.kind.lower(), "shortNames": [kind.short]}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.argoproj.io"},
        "spec": {
            "group": "argoproj.io",
            "names": names,
            "scope": "Namespaced" if kind.namespaced else "Cluster",
            "versions": [version],
        },
    }


def _column(name: str, type_: str, path: str, description: str) -> dict[str, str]:
    return {"name": name, "type": type_, "jsonPath": path, "description": description}


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True  # kubectl reads aliases, people do not


def files() -> dict[str, str]:
    """The text of every file, by its name."""
    top = "# Made by scripts/make_crds.py; edit scripts/crd_fields and run it again.\n"
    return {
        f"{kind.kind.lower()}s.yaml": top
        + yaml.dump(definition(kind), Dumper=_Dumper, sort_keys=False, width=100)
        for kind in KINDS
    }


def main(arguments: list[str]) -> int:
    """Write the files, or with --check compare them; 1 if any is out of date."""
    stale = [
        name
        for name, text in files().items()
        if not (TARGET / name).exists() or (TARGET / name).read_text() != text
    ]
    if "--check" in arguments:
        for name in stale:
            sys.stderr.write(f"{name} is out of date; run python scripts/make_crds.py\n")
        return 1 if stale else 0
    for name in stale:
        (TARGET / name).write_text(files()[name])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
