"""Makes src/serinus/local/apiserver/wire/protobuf_fields.json: field numbers of what kubectl sends.

Facts only (field numbers, JSON names, scalar kinds), read from the struct tags of Kubernetes' Go
types. Run it with the folders of the two modules:

    go mod download -json k8s.io/api@v0.34.0 k8s.io/apimachinery@v0.34.0
    python scripts/make_protobuf_fields.py <dir of k8s.io/api> <dir of k8s.io/apimachinery>

A field is `name kind flags`: kind is s text, b bytes, i whole number, d double, o boolean, q
quantity, t time, n int-or-string, r raw JSON, or a message; flags are `*` (a zero is meant), `[`
(repeated), `{` (map), `^` (its fields stand in the parent).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

OUTPUT = Path(__file__).parent.parent / "src/serinus/local/apiserver/wire/protobuf_fields.json"
GROUPS = {
    "apps/v1": ("Deployment", "ReplicaSet"),
    "authentication/v1": ("SelfSubjectReview",),
    "authorization/v1": ("SelfSubjectAccessReview", "SelfSubjectRulesReview"),
    "autoscaling/v2": ("HorizontalPodAutoscaler",),
    "batch/v1": ("Job",),
    "coordination/v1": ("Lease",),
    "core/v1": (
        "Namespace",
        "ConfigMap",
        "Secret",
        "ServiceAccount",
        "Service",
        "Pod",
        "PodTemplate",
        "Event",
    ),
    "discovery/v1": ("EndpointSlice",),
    "networking/v1": ("Ingress", "IngressClass"),
    "policy/v1": ("PodDisruptionBudget", "Eviction"),
    "meta/v1": ("DeleteOptions",),
}
SPECIAL = {
    "resource.Quantity": "q",
    "meta/v1.Time": "t",
    "meta/v1.MicroTime": "t",
    "intstr.IntOrString": "n",
    "runtime.RawExtension": "r",
    "meta/v1.FieldsV1": "r",
}
STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.S | re.M)
NAMED = re.compile(r"^type (\w+) (map\[\S+\]\S+|\[\]\S+|\w+)$", re.M)
FIELD = re.compile(r'^\s+(?:(\w+)\s+)?([*\w.\[\]]+)\s+`(.*json:"([^"]*)".*)`', re.M)
NUMBER = re.compile(r'protobuf:"(\w+),(\d+)')


class Package:
    """The structs and named types of one folder of Go files."""

    def __init__(self, name: str, folder: Path) -> None:
        text = "\n".join(path.read_text() for path in sorted(folder.glob("*types.go")))
        self.name = name
        self.structs = dict(STRUCT.findall(text))
        self.named = dict(NAMED.findall(text))


def qualified(package: Package, name: str) -> str:
    """A Go type name as `package.Name`, its package by path."""
    if "." not in name:
        return f"{package.name}.{name}"
    alias, _, word = name.partition(".")
    known = {"metav1": "meta/v1", "v1": "core/v1", "corev1": "core/v1", "api": "core/v1"}
    return f"{known.get(alias, alias)}.{word}"


def kind_of(packages: dict[str, Package], package: Package, go: str, wire: str) -> tuple[str, str]:
    """Kind and flags of a field of the Go type `go`."""
    flags = ""
    if go.startswith("*"):
        go, flags = go[1:], "*"
    if not go.startswith(("[", "map")) and "." not in go and go in package.named:
        inner = package.named[go]
        if inner == "string":
            return "s", flags  # whatever its tag says: one says "varint"
        if inner.startswith(("[", "map")):
            return kind_of(packages, package, inner, wire)
    if qualified(package, go) == "core/v1.ResourceList":
        return "q", flags + "{"
    if go == "[]byte":
        return "b", flags
    if go.startswith("map["):
        inner, _ = kind_of(packages, package, go.partition("]")[2], "bytes")
        return inner, flags + "{"
    if go.startswith("[]"):
        inner, _ = kind_of(packages, package, go[2:], wire)
        return inner, flags + "["
    name = qualified(package, go)
    if name in SPECIAL:
        return SPECIAL[name], flags
    home, _, word = name.partition(".")
    if home in packages and word in packages[home].structs:
        return name, flags
    # by the Go type where there is one: some tags say "bytes" of a number
    scalars = {"bool": "o", "int32": "i", "int64": "i", "float64": "d"}
    return scalars.get(go) or {"varint": "i", "fixed64": "d"}.get(wire, "s"), flags


def message(packages: dict[str, Package], package: Package, body: str) -> dict[str, str]:
    """The fields of a struct by number."""
    fields: dict[str, str] = {}
    for _, go, tags, named in FIELD.findall(body):
        number = NUMBER.search(tags)
        if number is None:
            continue
        kind, flags = kind_of(packages, package, go, number[1])
        name = named.partition(",")[0]
        if ",inline" in named:
            flags += "^"
        fields[number[2]] = f"{name or '-'} {kind} {flags}".rstrip()
    return fields


def main() -> None:
    """Read both modules, write the messages that the roots reach, one a line."""
    api, machinery = Path(sys.argv[1]), Path(sys.argv[2])
    packages = {n: Package(n, api / n) for n in GROUPS if n != "meta/v1"}
    packages["meta/v1"] = Package("meta/v1", machinery / "pkg/apis/meta/v1")
    waiting = [f"{name}.{kind}" for name, kinds in GROUPS.items() for kind in kinds]
    table: dict[str, dict[str, str]] = {}
    while waiting:
        name = waiting.pop()
        if name in table:
            continue
        home, _, word = name.partition(".")
        table[name] = message(packages, packages[home], packages[home].structs[word])
        waiting += [f.split()[1] for f in table[name].values() if "." in f.split()[1]]
    rows = (f"{json.dumps(n)}:{json.dumps(table[n], separators=(',', ':'))}" for n in sorted(table))
    OUTPUT.write_text("{\n" + ",\n".join(rows) + "\n}\n")


if __name__ == "__main__":
    main()
