"""The two hashes that a Rollout's status remembers: of its pod template and of its steps.

The pod hash is ours, over the canonical template. The step hash is the original's, bit for bit:
a difference would send a running rollout back to step 0.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from serinus.api import analysis, argo, kubernetes
from serinus.api.template import Template

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""No vowels and no look-alikes: safe in names, and never a word."""
CANON_VERSION = "1"
"""Of the canonical form of templates: another one where that form gives other bytes than before."""


def pod_hash(template: Template, collision_count: int | None = None) -> str:
    """The value of the label rollouts-pod-template-hash for a new revision of `template`."""
    return _short_hash(template.canon, collision_count)


def template_note(template: Template) -> str:
    """What a revision remembers of the template that it was made of: no collisions, no library.

    Notes of another CANON_VERSION say nothing: whoever meets one compares templates.
    """
    return f"{CANON_VERSION}/{pod_hash(template)}"


def owned_hash(template: Template, owner: Sequence[str], collision_count: int | None = None) -> str:
    """The same label for pods of another owner than a revision: never the revision's own hash."""
    return _short_hash(b"\0".join([template.canon, *map(str.encode, owner)]), collision_count)


def step_hash(steps: Sequence[argo.Step]) -> str:
    """The original's hash of canary steps; no steps count as the JSON `null`."""
    return _short_hash(_go_json(steps) if steps else b"null", None)


@lru_cache(maxsize=4096)
def _short_hash(data: bytes, collision_count: int | None) -> str:
    if collision_count is not None:
        data += collision_count.to_bytes(4, "little") + bytes(4)
    return "".join(_ALPHABET[byte % 27] for byte in str(_fnv1a_32(data)).encode())


def _fnv1a_32(data: bytes) -> int:
    value = 0x811C9DC5
    for byte in data:
        value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
    return value


# --- JSON as Go's encoding/json writes the original's types ---------------------------------------

_GO_FIELDS: Mapping[type, str] = {
    argo.Step: "setWeight pause experiment analysis setCanaryScale setHeaderRoute setMirrorRoute "
    "plugin",
    argo.Pause: "duration",
    argo.SetCanaryScale: "weight replicas matchTrafficWeight",
    argo.SetHeaderRoute: "name match",
    argo.HeaderRoutingMatch: "headerName! headerValue!",
    argo.SetMirrorRoute: "name! match percentage",
    argo.RouteMatch: "method path headers",
    argo.StringMatch: "exact prefix regex",
    argo.PluginStep: "name! config",
    argo.RolloutAnalysis: "templates args dryRun measurementRetention analysisRunMetadata!",
    argo.RolloutExperimentStep: "templates! duration analyses dryRun analysisRunMetadata! "
    "scaleDownDelaySeconds",
    argo.RolloutExperimentTemplate: "name! specRef! replicas metadata! selector weight service",
    argo.TemplateService: "name",
    argo.RolloutExperimentAnalysis: "name! templateName! clusterScope args requiredForCompletion",
    analysis.AnalysisTemplateRef: "templateName! clusterScope",
    analysis.AnalysisRunArgument: "name! value valueFrom",
    analysis.ArgumentValueFrom: "podTemplateHashValue fieldRef",
    analysis.FieldRef: "fieldPath!",
    analysis.DryRun: "metricName!",
    analysis.MeasurementRetention: "metricName! limit!",
    analysis.AnalysisRunMetadata: "labels annotations",
    kubernetes.PodTemplateMetadata: "labels annotations",
    kubernetes.LabelSelector: "matchLabels matchExpressions",
    kubernetes.LabelSelectorRequirement: "key! operator! values",
}
"""Order of the fields in the original's Go types; `!` marks those without omitempty."""


def _go_json(steps: Sequence[argo.Step]) -> bytes:
    text = json.dumps(_go_value(steps), ensure_ascii=False, separators=(",", ":"))
    for plain, escaped in _GO_ESCAPES:
        text = text.replace(plain, escaped)
    return text.encode()


_GO_ESCAPES = [(char, f"\\u{ord(char):04x}") for char in "<>&\u2028\u2029"]


def _go_value(value: Any) -> Any:
    match value:
        case msgspec.Struct():
            return _go_struct(value)
        case tuple() | list():
            return [_go_value(item) for item in value]
        case Mapping():
            return {key: _go_value(value[key]) for key in sorted(value)}
        case float() if value.is_integer() and abs(value) < 1e21:
            return int(value)  # as Go writes it
    return value


def _go_struct(value: msgspec.Struct) -> dict[str, Any]:
    attributes = dict(zip(value.__struct_encode_fields__, value.__struct_fields__, strict=True))
    written: dict[str, Any] = {}
    for entry in _GO_FIELDS[type(value)].split():
        name = entry.rstrip("!")
        item = getattr(value, attributes[name])
        if entry != name:
            written[name] = None if item == () else _go_value(item)
        elif (type(value), name) == (argo.PluginStep, "config") and item is not None:
            written[name] = _go_value(item)  # raw JSON is left out only where it is absent
        elif item is not None and item is not False and item not in ("", (), {}):
            written[name] = _go_value(item)
    return written
