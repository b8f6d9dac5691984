"""Rules of Deployments, ReplicaSets, Jobs, budgets and autoscalers that no schema states.

Pure. What the controllers here do not do is refused by name, so that nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.base.intorstring import scaled_value

Object = Mapping[str, Any]
Problems = Iterator[FieldProblem]

_NOT_SERVED = {
    "podFailurePolicy": "failures are counted by backoffLimit alone",
    "successPolicy": "success is counted by completions alone",
    "backoffLimitPerIndex": "failures are counted by backoffLimit for all indexes together",
    "maxFailedIndexes": "failures are counted by backoffLimit for all indexes together",
}


def workload_problems(key: tuple[str, str], value: Object) -> list[FieldProblem]:
    """What breaks a rule; `key` is group and plural."""
    check = _CHECKS.get(key)
    spec = value.get("spec")
    return list(check(spec)) if check is not None and isinstance(spec, Mapping) else []


def _negative(spec: Object, fields: Sequence[str], path: str = "spec") -> Problems:
    for field in fields:
        number = spec.get(field)
        if isinstance(number, int) and number < 0:
            message = f"Invalid value: {number}: must be greater than or equal to 0"
            yield FieldProblem(f"{path}.{field}", message)


def _deployment(spec: Object) -> Problems:
    yield from _negative(
        spec, ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds")
    )
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds") or 0
    if isinstance(deadline, int) and 0 <= deadline <= ready:
        message = f"Invalid value: {deadline}: must be greater than minReadySeconds"
        yield FieldProblem("spec.progressDeadlineSeconds", message)
    yield from _always_restarted(spec)
    strategy = spec.get("strategy") or {}
    match strategy.get("type"):
        case "Recreate":
            if strategy.get("rollingUpdate") is not None:
                message = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
                yield FieldProblem("spec.strategy.rollingUpdate", message)
        case "RollingUpdate":
            yield from _rolling(strategy.get("rollingUpdate") or {})
        case other:
            message = f'Unsupported value: "{other}": supported values: "Recreate", "RollingUpdate"'
            yield FieldProblem("spec.strategy.type", message)


def _rolling(rolling: Object) -> Problems:
    path = "spec.strategy.rollingUpdate"
    wrong = [p for f in ("maxUnavailable", "maxSurge") for p in _amount(rolling.get(f), path, f)]
    yield from wrong
    if wrong:
        return
    unavailable = rolling.get("maxUnavailable", 0)
    if unavailable in (0, "0", "0%") and rolling.get("maxSurge", 0) in (0, "0", "0%"):
        message = f"Invalid value: {unavailable}: may not be 0 when `maxSurge` is 0"
        yield FieldProblem(f"{path}.maxUnavailable", message)
    if isinstance(unavailable, str) and scaled_value(unavailable, 100, round_up=True) > 100:
        message = f'Invalid value: "{unavailable}": must not be greater than 100%'
        yield FieldProblem(f"{path}.maxUnavailable", message)


def _amount(amount: Any, path: str, field: str) -> Problems:
    """A count or a percentage, neither below 0."""
    if isinstance(amount, int) and amount < 0:
        yield from _negative({field: amount}, (field,), path)
    elif isinstance(amount, str) and not (amount.endswith("%") and amount[:-1].isdecimal()):
        message = (
            f'Invalid value: "{amount}": a valid percent string must be a numeric string '
            "followed by an ending '%' (e.g. '1%',  or '93%')"
        )
        yield FieldProblem(f"{path}.{field}", message)


def _replicaset(spec: Object) -> Problems:
    yield from _negative(spec, ("replicas", "minReadySeconds"))
    yield from _always_restarted(spec)


def _always_restarted(spec: Object) -> Problems:
    pod = (spec.get("template") or {}).get("spec") or {}
    policy = pod.get("restartPolicy", "Always")
    if policy != "Always":
        message = f'Unsupported value: "{policy}": supported values: "Always"'
        yield FieldProblem("spec.template.spec.restartPolicy", message)


def _job(spec: Object) -> Problems:
    yield from _negative(
        spec,
        (
            "parallelism",
            "completions",
            "activeDeadlineSeconds",
            "backoffLimit",
            "ttlSecondsAfterFinished",
        ),
    )
    pod = (spec.get("template") or {}).get("spec") or {}
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        message = 'Required value: valid values: "OnFailure", "Never"'
        yield FieldProblem("spec.template.spec.restartPolicy", message)
    mode = spec.get("completionMode", "NonIndexed")
    if mode not in ("NonIndexed", "Indexed"):
        message = f'Unsupported value: "{mode}": supported values: "Indexed", "NonIndexed"'
        yield FieldProblem("spec.completionMode", message)
    if mode == "Indexed" and spec.get("completions") is None:
        message = "Required value: when completion mode is Indexed"
        yield FieldProblem("spec.completions", message)
    for field, why in _NOT_SERVED.items():
        if spec.get(field) is not None:
            message = f"Forbidden: is not served by the embedded cluster: {why}"
            yield FieldProblem(f"spec.{field}", message)


def _budget(spec: Object) -> Problems:
    given = [f for f in ("minAvailable", "maxUnavailable") if spec.get(f) is not None]
    if len(given) == 2:
        message = "Invalid value: minAvailable and maxUnavailable cannot be both set"
        yield FieldProblem("spec", message)
    for field in given:
        yield from _amount(spec[field], "spec", field)
    policy = spec.get("unhealthyPodEvictionPolicy")
    if policy not in (None, "IfHealthyBudget", "AlwaysAllow"):
        known = '"AlwaysAllow", "IfHealthyBudget"'
        message = f'Unsupported value: "{policy}": supported values: {known}'
        yield FieldProblem("spec.unhealthyPodEvictionPolicy", message)


def _autoscaler(spec: Object) -> Problems:
    least, most = spec.get("minReplicas", 1), spec.get("maxReplicas")
    if isinstance(least, int) and least < 1:
        message = f"Invalid value: {least}: must be greater than or equal to 1"
        yield FieldProblem("spec.minReplicas", message)
    if isinstance(most, int) and most < 1:
        message = f"Invalid value: {most}: must be greater than 0"
        yield FieldProblem("spec.maxReplicas", message)
    if isinstance(most, int) and isinstance(least, int) and most < least:
        message = f"Invalid value: {most}: must be greater than or equal to `minReplicas`"
        yield FieldProblem("spec.maxReplicas", message)
    target = spec.get("scaleTargetRef") or {}
    for field in ("kind", "name"):
        if not target.get(field):
            yield FieldProblem(f"spec.scaleTargetRef.{field}", "Required value")


_CHECKS: dict[tuple[str, str], Callable[[Object], Problems]] = {
    ("apps", "deployments"): _deployment,
    ("apps", "replicasets"): _replicaset,
    ("autoscaling", "horizontalpodautoscalers"): _autoscaler,
    ("batch", "jobs"): _job,
    ("policy", "poddisruptionbudgets"): _budget,
}
