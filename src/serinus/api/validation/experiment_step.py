"""Rules of the step `experiment` of a canary by itself."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from serinus.api.argo import (
    CanaryStrategy,
    RolloutExperimentStep,
    RolloutExperimentTemplate,
    RolloutSpec,
)
from serinus.api.validation.analysis import passed_arguments, validate_rules
from serinus.api.validation.experiment import has_ports
from serinus.api.validation.labels import (
    is_dns_label,
    matches,
    validate_annotations,
    validate_labels,
    validate_selector,
)
from serinus.api.validation.numbers import duration, not_negative, within
from serinus.api.validation.routers import SPLIT_EXPERIMENTS, is_able, only_with
from serinus.api.validation.trial import analysis_names, facts_of, service_names, unknown_facts
from serinus.base.errors import FieldProblem

SPECS = ("canary", "stable")


def validate_experiment_step(
    step: RolloutExperimentStep, canary: CanaryStrategy, path: str
) -> Iterator[FieldProblem]:
    """Its templates, its analyses, and whether the router can give its pods a share."""
    if not step.templates:
        yield FieldProblem(f"{path}.templates", "is empty; say which pods to compare")
    names = [template.name for template in step.templates]
    for index, template in enumerate(step.templates):
        here = f"{path}.templates[{index}]"
        yield from _named(template.name, names[:index], f"{here}.name")
        yield from _template(template, here)
    services = {i: t.service.name for i, t in enumerate(step.templates) if t.service}
    named = {index: name for index, name in services.items() if name}
    yield from service_names(named, f"{path}.templates")
    yield from _weights(step, canary, path)
    yield from duration(step.duration, f"{path}.duration")
    yield from not_negative(step.scale_down_delay_seconds, f"{path}.scaleDownDelaySeconds")
    yield from _analyses(step, path)
    yield from validate_rules(step.dry_run, f"{path}.dryRun")
    metadata = step.analysis_run_metadata
    yield from validate_labels(metadata.labels, f"{path}.analysisRunMetadata.labels")
    yield from validate_annotations(metadata.annotations, f"{path}.analysisRunMetadata.annotations")


def validate_experiment_pods(spec: RolloutSpec, path: str) -> Iterator[FieldProblem]:
    """Whether the pods of `spec` are such that each template of its steps can be run with them."""
    template = msgspec.json.decode(bytes(spec.template) or b"{}")
    pods = template if isinstance(template, dict) else {}
    metadata = pods.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    plain = labels if isinstance(labels, dict) else {}
    steps = spec.strategy.canary.steps if spec.strategy.canary else ()
    for index, step in enumerate(steps):
        for number, one in enumerate(step.experiment.templates if step.experiment else ()):
            here = f"{path}[{index}].experiment.templates[{number}]"
            own = {**plain, **one.metadata.labels}
            if one.selector is not None and not matches(one.selector, own):
                yield FieldProblem(
                    f"{here}.selector", "does not match the labels of the pods; leave it out"
                )
            if (one.service is not None or one.weight) and pods and not has_ports(pods):
                field = "service" if one.service is not None else "weight"
                yield FieldProblem(
                    f"{here}.{field}",
                    "needs a container with ports; a Service without ports is refused",
                )


def _analyses(step: RolloutExperimentStep, path: str) -> Iterator[FieldProblem]:
    yield from analysis_names((one.name for one in step.analyses), f"{path}.analyses")
    known = facts_of(template.name for template in step.templates)
    for index, analysis in enumerate(step.analyses):
        here = f"{path}.analyses[{index}]"
        if not analysis.template_name:
            yield FieldProblem(f"{here}.templateName", "is missing")
        yield from passed_arguments(analysis.args, f"{here}.args")
        for number, argument in enumerate(analysis.args):
            yield from unknown_facts(argument.value, known, f"{here}.args[{number}].value")


def _template(template: RolloutExperimentTemplate, path: str) -> Iterator[FieldProblem]:
    if template.name and not is_dns_label(template.name):
        yield FieldProblem(
            f"{path}.name", f"{template.name!r}: use lower-case letters, digits and dashes"
        )
    if template.spec_ref not in SPECS:
        yield FieldProblem(f"{path}.specRef", f"{template.spec_ref!r} must be canary or stable")
    yield from not_negative(template.replicas, f"{path}.replicas")
    if template.selector is not None:
        yield from validate_selector(template.selector, f"{path}.selector")
    yield from validate_labels(template.metadata.labels, f"{path}.metadata.labels")
    yield from validate_annotations(template.metadata.annotations, f"{path}.metadata.annotations")


def _weights(
    step: RolloutExperimentStep, canary: CanaryStrategy, path: str
) -> Iterator[FieldProblem]:
    able = is_able(canary, SPLIT_EXPERIMENTS)
    total = (canary.traffic_routing.max_traffic_weight if canary.traffic_routing else None) or 100
    given = 0
    for index, template in enumerate(step.templates):
        here = f"{path}.templates[{index}].weight"
        if template.weight is None:
            continue
        if not able:
            yield FieldProblem(here, only_with(SPLIT_EXPERIMENTS))
        yield from within(template.weight, 0, total, here)
        given += max(template.weight, 0)
    before = _weight_before(step, canary)
    if given + before > total:
        beside = f" beside the canary's {before}" if before else ""
        message = f"their weights add up to {given}{beside}, over {total}"
        yield FieldProblem(f"{path}.templates", message)


def _weight_before(step: RolloutExperimentStep, canary: CanaryStrategy) -> int:
    """What the canary has when the experiment begins."""
    weight = 0
    for one in canary.steps:
        if one.experiment is step:
            return weight
        weight = one.set_weight if one.set_weight is not None else weight
    return weight


def _named(name: str, others: list[str], path: str) -> Iterator[FieldProblem]:
    if not name or name in others:
        yield FieldProblem(path, f"{name!r} is empty or repeated")
