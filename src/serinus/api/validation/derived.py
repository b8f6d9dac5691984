"""Names that are made of names which users give: whether objects may be called so.

The makers of these names: `core/rollout/runs.py`, `core/rollout/trials.py`,
`core/experiment/names.py`, `traffic/nginx.py`. What the original cuts is cut, and no problem.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from serinus.api.argo import Rollout, RolloutExperimentStep
from serinus.api.experiment import Experiment
from serinus.api.names import REVISION
from serinus.api.validation.labels import is_dns_label
from serinus.base.errors import FieldProblem

OBJECT_LIMIT = 253
"""Of a ReplicaSet, an AnalysisRun, an Experiment, an Ingress: a DNS subdomain (RFC 1123)."""
SERVICE_LIMIT = 63
"""Of a Service: a DNS label (RFC 1035)."""
_HASH = "h" * 10
"""Stands for the hash of a revision: 32 bits in decimal digits, each one letter."""
_LATER = "9999"
"""A revision's number that a long life may come to."""
_CANARY = "-canary"


def canary_ingress_name(rollout: str, stable_ingress: str) -> str:
    """`<rollout>-<stable ingress>-canary`, the front cut at its end so that all fits in 253."""
    front = f"{rollout}-{stable_ingress}"[: OBJECT_LIMIT - len(_CANARY)]
    return front.rstrip(".") + _CANARY  # a label may not begin with the dash


def is_service_name(name: str) -> bool:
    """Whether a Service may be called so (RFC 1035)."""
    return is_dns_label(name) and name[0].isalpha()


def derived_from_rollout(rollout: Rollout) -> Iterator[FieldProblem]:
    """Names that this Rollout will give, at its revision of now, and that no server accepts."""
    name = rollout.metadata.name
    if not name:
        return
    yield from _own_objects(rollout)
    yield from _canary_ingresses(rollout)
    for path, step, experiment in _experiments(rollout, _revision(rollout)):
        for index, template in enumerate(step.templates):
            here = f"{path}.templates[{index}]"
            asks = template.service is not None or bool(template.weight)
            own = template.service.name if template.service else ""
            field = "service" if template.service is not None else "weight"
            yield from set_name_problems(experiment, template.name, here)
            if asks and not own:
                yield from service_problems(experiment, template.name, f"{here}.{field}")
        for index, analysis in enumerate(step.analyses):
            here = f"{path}.analyses[{index}]"
            yield from run_name_problems(experiment, analysis.name, here)
        given = {i: t.service.name for i, t in enumerate(step.templates) if t.service}
        yield from _taken_by_strategy(rollout, given, path)


def growing_names(rollout: Rollout) -> Iterator[FieldProblem]:
    """A warning: names of Services that fit now, and will not at a higher revision or retry."""
    for path, step, experiment in _experiments(rollout, _LATER):
        for index, template in enumerate(step.templates):
            unnamed = not (template.service and template.service.name)
            asks = template.service is not None or bool(template.weight)
            name = f"{experiment}-9-{template.name}"
            if asks and unnamed and len(name) > SERVICE_LIMIT:
                yield FieldProblem(
                    f"{path}.templates[{index}].service",
                    f"the name of its Service grows with revisions and retries, up to {len(name)} "
                    f"characters of {SERVICE_LIMIT}; give it one in service.name",
                )


def derived_from_experiment(experiment: Experiment) -> Iterator[FieldProblem]:
    """The same for an Experiment."""
    name = experiment.metadata.name
    if not name:
        return
    for index, template in enumerate(experiment.spec.templates):
        here = f"spec.templates[{index}]"
        yield from set_name_problems(name, template.name, here)
        if template.service is not None and not template.service.name:
            yield from service_problems(name, template.name, f"{here}.service")
    for index, analysis in enumerate(experiment.spec.analyses):
        yield from run_name_problems(name, analysis.name, f"spec.analyses[{index}]")


def set_name_problems(experiment: str, template: str, path: str) -> Iterator[FieldProblem]:
    """Of the ReplicaSet of an experiment's template."""
    yield from _too_long("ReplicaSet", f"{experiment}-{template}", f"{path}.name")


def run_name_problems(experiment: str, analysis: str, path: str) -> Iterator[FieldProblem]:
    """Of the AnalysisRun of an experiment's analysis."""
    yield from _too_long("AnalysisRun", f"{experiment}-{analysis}", f"{path}.name")


def service_problems(experiment: str, template: str, path: str) -> Iterator[FieldProblem]:
    """A Service without a name of its own is called as the ReplicaSet."""
    name = f"{experiment}-{template}"
    if not is_dns_label(template) or is_service_name(name):
        return
    why = f"is over {SERVICE_LIMIT} characters" if len(name) > SERVICE_LIMIT else ""
    why = "has a dot" if "." in name else why
    why = "begins with a digit" if name[0].isdigit() else why
    yield FieldProblem(
        path,
        f"its Service would be called {_shown(name)}, which {why or 'is no DNS label'}; "
        "give it another name in service.name",
    )


def _own_objects(rollout: Rollout) -> Iterator[FieldProblem]:
    """Its ReplicaSets and the AnalysisRuns of its steps or of its switch."""
    canary, blue_green = rollout.spec.strategy.canary, rollout.spec.strategy.blue_green
    ends = [f"-{i}" for i, step in enumerate(canary.steps if canary else ()) if step.analysis]
    if canary is not None and canary.analysis is not None:
        ends.append("")
    if blue_green is not None and blue_green.pre_promotion_analysis:
        ends.append("-pre")
    if blue_green is not None and blue_green.post_promotion_analysis:
        ends.append("-post")
    base = f"{rollout.metadata.name}-{_HASH}"
    runs = [f"{base}-{_revision(rollout)}{end}" for end in ends]
    longest = max((("AnalysisRun", run) for run in runs), key=lambda row: len(row[1]), default=None)
    kind, name = longest or ("ReplicaSet", base)
    yield from _too_long(kind, name, "metadata.name")


def _canary_ingresses(rollout: Rollout) -> Iterator[FieldProblem]:
    """Two stable Ingresses whose canaries are called alike, once their names are cut."""
    canary = rollout.spec.strategy.canary
    nginx = canary.traffic_routing.nginx if canary and canary.traffic_routing else None
    known: dict[str, str] = {}
    for index, name in enumerate(nginx.stable_ingresses if nginx else ()):
        other = known.setdefault(canary_ingress_name(rollout.metadata.name, name), name)
        if other != name:
            yield FieldProblem(
                f"spec.strategy.canary.trafficRouting.nginx.stableIngresses[{index}]",
                f"the canary Ingresses of {name} and {other} would have one name, as it is cut at "
                f"{OBJECT_LIMIT} characters; give the Rollout a shorter name",
            )


def _experiments(
    rollout: Rollout, revision: str
) -> Iterator[tuple[str, RolloutExperimentStep, str]]:
    """Where an experiment is asked for, the step, and how it will be called."""
    canary = rollout.spec.strategy.canary
    for index, step in enumerate(canary.steps if canary else ()):
        if step.experiment is not None:
            name = f"{rollout.metadata.name}-{_HASH}-{revision}-{index}"
            yield f"spec.strategy.canary.steps[{index}].experiment", step.experiment, name


def _taken_by_strategy(
    rollout: Rollout, given: Mapping[int, str], path: str
) -> Iterator[FieldProblem]:
    """Services of the release itself, which an experiment must not create or change."""
    canary = rollout.spec.strategy.canary
    if canary is None:
        return
    own = {canary.canary_service: "canaryService", canary.stable_service: "stableService"}
    if canary.ping_pong is not None:
        own[canary.ping_pong.ping_service] = "pingPong.pingService"
        own[canary.ping_pong.pong_service] = "pingPong.pongService"
    for index, name in given.items():
        if name and name in own:
            yield FieldProblem(
                f"{path}.templates[{index}].service.name",
                f"{name!r} is the {own[name]} of this Rollout; name another Service",
            )


def _revision(rollout: Rollout) -> str:
    number = rollout.metadata.annotations.get(REVISION, "")
    return number if number.isdecimal() else "1"


def _too_long(kind: str, name: str, path: str) -> Iterator[FieldProblem]:
    over = len(name) - OBJECT_LIMIT
    if over > 0:
        yield FieldProblem(
            path,
            f"the name of its {kind} would have {len(name)} characters, {OBJECT_LIMIT} at most; "
            f"make it {over} shorter",
        )


def _shown(name: str) -> str:
    """A long name without its middle."""
    plain = name.replace(_HASH, "<hash>")
    return repr(plain if len(plain) <= 80 else f"{plain[:40]}...{plain[-30:]}")
