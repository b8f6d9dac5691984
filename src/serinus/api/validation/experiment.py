"""Rules of an Experiment's spec by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from serinus.api.experiment import Experiment, ExperimentSpec, ExperimentTemplate
from serinus.api.kubernetes import ContainerPort
from serinus.api.template import read_template
from serinus.api.validation.analysis import own_arguments, validate_rules
from serinus.api.validation.derived import derived_from_experiment
from serinus.api.validation.labels import (
    is_dns_label,
    matches,
    validate_annotations,
    validate_labels,
    validate_selector,
)
from serinus.api.validation.numbers import duration, not_negative
from serinus.api.validation.pod import validate_template
from serinus.api.validation.trial import (
    analysis_names,
    facts_of,
    service_names,
    unknown_facts,
)
from serinus.base.errors import FieldProblem

DEFAULT_PROGRESS_DEADLINE_SECONDS = 600


def validate_experiment(experiment: Experiment) -> Iterator[FieldProblem]:
    """Everything that is wrong with the spec."""
    spec = experiment.spec
    yield from duration(spec.duration, "spec.duration")
    yield from not_negative(spec.scale_down_delay_seconds, "spec.scaleDownDelaySeconds")
    yield from not_negative(spec.progress_deadline_seconds, "spec.progressDeadlineSeconds")
    deadline = spec.progress_deadline_seconds
    seconds = DEFAULT_PROGRESS_DEADLINE_SECONDS if deadline is None else deadline
    if not spec.templates:
        yield FieldProblem("spec.templates", "is empty; say which pods to run")
    for index, template in enumerate(spec.templates):
        here = f"spec.templates[{index}]"
        if not template.name or template.name in [t.name for t in spec.templates[:index]]:
            yield FieldProblem(f"{here}.name", f"{template.name!r} is empty or repeated")
        elif not is_dns_label(template.name):
            yield FieldProblem(
                f"{here}.name", f"{template.name!r}: use lower-case letters, digits and dashes"
            )
        yield from _template(template, seconds, here)
    yield from derived_from_experiment(experiment)
    yield from _analyses(spec)
    yield from service_names(_services(spec.templates), "spec.templates")
    for name, rules in (
        ("dryRun", spec.dry_run),
        ("measurementRetention", spec.measurement_retention),
    ):
        yield from validate_rules(rules, f"spec.{name}")
    metadata = spec.analysis_run_metadata
    yield from validate_labels(metadata.labels, "spec.analysisRunMetadata.labels")
    yield from validate_annotations(metadata.annotations, "spec.analysisRunMetadata.annotations")


def _template(
    template: ExperimentTemplate, deadline_seconds: int, path: str
) -> Iterator[FieldProblem]:
    yield from not_negative(template.replicas, f"{path}.replicas")
    yield from not_negative(template.min_ready_seconds, f"{path}.minReadySeconds")
    if template.min_ready_seconds > deadline_seconds:
        yield FieldProblem(
            f"{path}.minReadySeconds",
            f"{template.min_ready_seconds} is more than progressDeadlineSeconds "
            f"({deadline_seconds})",
        )
    if template.selector is None:
        yield FieldProblem(f"{path}.selector", "is missing; name the labels of its pods")
    else:
        yield from validate_selector(template.selector, f"{path}.selector")
    raw = bytes(template.template)
    pods = msgspec.json.decode(raw) if raw else None
    if not isinstance(pods, dict):
        yield FieldProblem(f"{path}.template", "is missing; say which pods to run")
    else:
        yield from validate_template(pods, f"{path}.template")
        metadata = pods.get("metadata")
        labels = metadata.get("labels") if isinstance(metadata, dict) else None
        known = labels if isinstance(labels, dict) else {}
        if template.selector is not None and not matches(template.selector, known):
            yield FieldProblem(
                f"{path}.template.metadata.labels",
                "do not match the selector; add the labels it names",
            )
        if template.service is not None and not has_ports(pods):
            yield FieldProblem(
                f"{path}.service",
                "needs a container with ports; a Service without ports is refused",
            )


def _services(templates: Sequence[ExperimentTemplate]) -> dict[int, str]:
    """The names that the templates give to their Services."""
    return {
        index: template.service.name
        for index, template in enumerate(templates)
        if template.service is not None and template.service.name
    }


def _analyses(spec: ExperimentSpec) -> Iterator[FieldProblem]:
    yield from analysis_names((one.name for one in spec.analyses), "spec.analyses")
    known = facts_of(template.name for template in spec.templates)
    for index, analysis in enumerate(spec.analyses):
        here = f"spec.analyses[{index}]"
        if not analysis.template_name:
            yield FieldProblem(f"{here}.templateName", "is missing")
        yield from own_arguments(analysis.args, f"{here}.args")
        for number, argument in enumerate(analysis.args):
            place = f"{here}.args[{number}]"
            if argument.value is None and argument.value_from is None:
                yield FieldProblem(place, f"{argument.name!r} has no value")
            yield from unknown_facts(argument.value or "", known, f"{place}.value")


def has_ports(pods: dict[str, Any]) -> bool:
    """Whether a container of this pod template declares a port."""
    spec = pods.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    return isinstance(containers, list) and any(
        isinstance(container, dict) and container.get("ports") for container in containers
    )


def service_ports(template: bytes | msgspec.Raw) -> tuple[ContainerPort, ...]:
    """The ports of a pod template's containers that a Service can have, each number once."""
    found: dict[tuple[int, str], ContainerPort] = {}
    for container in read_template(template).view.spec.containers:
        for port in container.ports:
            found.setdefault((port.container_port, port.protocol or "TCP"), port)
    return tuple(found.values())
