"""A Deployment as a Rollout: the same pods, under a strategy. Pure.

What a Rollout has under the same name is carried over; what it has not is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from serinus.base.errors import SerinusError

Json = dict[str, Any]
CARRIED = (
    "replicas",
    "minReadySeconds",
    "revisionHistoryLimit",
    "paused",
    "progressDeadlineSeconds",
)
_OF_THE_SERVER = ("kubectl.kubernetes.io/", "deployment.kubernetes.io/", "serinus.dev/")
_STEPS = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 50}, {"pause": {"duration": "10m"}}]
STRATEGIES = ("canary", "blue-green")


class NoDeployment(SerinusError):
    """What was given cannot be converted."""


@dataclass(frozen=True, slots=True)
class Converted:
    """A Rollout, what could not be carried over, and in which order to apply."""

    rollout: Json
    lost: tuple[str, ...]
    order: tuple[str, ...]


def convert(deployment: Mapping[str, Any], strategy: str, scale_down: str | None) -> Converted:
    """`scale_down` is that of a workloadRef; None copies the pods into the Rollout instead.

    Raises NoDeployment.
    """
    kind = f"{deployment.get('apiVersion')} {deployment.get('kind')}"
    if kind != "apps/v1 Deployment":
        raise NoDeployment(f"{kind} is no apps/v1 Deployment")
    metadata, spec = deployment.get("metadata") or {}, deployment.get("spec") or {}
    name = metadata.get("name", "")
    if not name or not spec.get("template") or not spec.get("selector"):
        raise NoDeployment("the Deployment lacks metadata.name, spec.selector or spec.template")
    made: Json = {field: spec[field] for field in CARRIED if field in spec}
    if scale_down is None:
        made |= {"selector": spec["selector"], "template": spec["template"]}
    else:
        ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}
        made["workloadRef"] = ref | {"scaleDown": scale_down}
    made["strategy"] = _strategy(name, strategy, spec)
    rollout = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": _metadata(metadata),
        "spec": made,
    }
    where = f" -n {metadata['namespace']}" if metadata.get("namespace") else ""
    return Converted(rollout, _lost(spec, strategy), _order(name, where, strategy, scale_down))


def _metadata(metadata: Mapping[str, Any]) -> Json:
    found = {key: metadata[key] for key in ("name", "namespace", "labels") if metadata.get(key)}
    notes = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if not key.startswith(_OF_THE_SERVER)
    }
    return found | ({"annotations": notes} if notes else {})


def _strategy(name: str, strategy: str, spec: Mapping[str, Any]) -> Json:
    rolling = (spec.get("strategy") or {}).get("rollingUpdate") or {}
    if strategy == "blue-green":
        services = {"activeService": name, "previewService": f"{name}-preview"}
        return {"blueGreen": {**services, "autoPromotionEnabled": False}}
    bounds = {key: rolling[key] for key in ("maxSurge", "maxUnavailable") if key in rolling}
    return {"canary": {**bounds, "steps": _STEPS}}


def _lost(spec: Mapping[str, Any], strategy: str) -> tuple[str, ...]:
    told = []
    given = spec.get("strategy") or {}
    if given.get("type") == "Recreate":
        told.append(
            "spec.strategy.type Recreate: a Rollout runs two versions side by side for a while; "
            "pods that cannot bear that are better left in the Deployment"
        )
    elif given.get("rollingUpdate") and strategy == "blue-green":
        told.append("spec.strategy.rollingUpdate: blue-green raises all new pods at once")
    known = {*CARRIED, "selector", "template", "strategy"}
    told += [f"spec.{field}: a Rollout has no such field" for field in spec if field not in known]
    return tuple(told)


def _order(name: str, where: str, strategy: str, scale_down: str | None) -> tuple[str, ...]:
    """`where` is the option of kubectl for its namespace."""
    before = [
        f"What names the Deployment {name} is to name the Rollout: a HorizontalPodAutoscaler's "
        "scaleTargetRef (argoproj.io/v1alpha1, Rollout), dashboards, scripts."
    ]
    if strategy == "blue-green":
        before.append(
            f"Services {name} (which users come through; change the name if yours has another) and "
            f"{name}-preview (a copy of it) are to be there."
        )
    before.append(
        f"Apply this Rollout; wait: kubectl wait{where} --for=condition=Healthy rollout/{name}"
    )
    match scale_down:
        case None:
            after = (
                f"Its pods carry the labels of the Deployment's, so Services send to both. Then: "
                f"kubectl scale{where} deployment/{name} --replicas=0, and when all is well: "
                f"kubectl delete{where} deployment/{name}",
            )
        case "never":
            after = (
                f"The Deployment lends its pods and must stay. Then: kubectl scale{where} "
                f"deployment/{name} --replicas=0",
            )
        case _:
            when = "as its own get ready" if scale_down == "progressively" else "when it is stable"
            after = (
                f"The Deployment lends its pods and must stay; the Rollout scales it to 0 {when}. "
                "To move out: set scaleDown to never, wait for the Deployment's pods, delete the "
                "Rollout. Take replicas out of the Deployment's manifest, or each apply of it "
                "brings its pods back for a moment.",
            )
    return (
        *before,
        *after,
        f"From then on change the image where the pods are: {_where(scale_down)}",
    )


def _where(scale_down: str | None) -> str:
    return "in the Rollout." if scale_down is None else "in the Deployment."
