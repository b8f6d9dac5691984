"""Rules of a Rollout's spec by itself; nothing here looks at another object."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from serinus.api.argo import Rollout, RolloutSpec
from serinus.api.validation.bluegreen import validate_blue_green
from serinus.api.validation.canary import validate_canary
from serinus.api.validation.derived import derived_from_rollout
from serinus.api.validation.experiment_step import validate_experiment_pods
from serinus.api.validation.labels import matches, validate_selector
from serinus.api.validation.later import not_yet
from serinus.api.validation.numbers import not_negative
from serinus.api.validation.pod import validate_template
from serinus.api.validation.workload import Resolved, validate_workload_ref
from serinus.base.errors import FieldProblem

DEFAULT_PROGRESS_DEADLINE_SECONDS = 600
_NOT_NEGATIVE = (
    ("replicas", "spec.replicas"),
    ("min_ready_seconds", "spec.minReadySeconds"),
    ("revision_history_limit", "spec.revisionHistoryLimit"),
    ("progress_deadline_seconds", "spec.progressDeadlineSeconds"),
)


def validate_rollout(rollout: Rollout, resolved: Resolved | None = None) -> Iterator[FieldProblem]:
    """Everything that is wrong with the spec, and what it asks for that comes later.

    `resolved` is what became of its workloadRef, if somebody has looked.
    """
    spec = rollout.spec
    pods = resolved.rollout.spec if resolved else spec
    for attribute, path in _NOT_NEGATIVE:
        yield from not_negative(getattr(spec, attribute), path)
    yield from _deadline(spec)
    yield from _limits(spec)
    if spec.workload_ref is not None:
        yield from validate_workload_ref(spec, "spec.workloadRef")
        yield from _pods_of_workload(resolved)
    else:
        yield from _pods(spec)
    strategies = [s for s in (spec.strategy.canary, spec.strategy.blue_green) if s is not None]
    if len(strategies) != 1:
        found = "neither" if not strategies else "both"
        yield FieldProblem("spec.strategy", f"needs one of canary and blueGreen, has {found}")
    if spec.strategy.canary is not None:
        yield from validate_canary(spec.strategy.canary, pods, "spec.strategy.canary")
        if pods.template:
            yield from validate_experiment_pods(pods, "spec.strategy.canary.steps")
    if spec.strategy.blue_green is not None:
        yield from validate_blue_green(spec.strategy.blue_green, pods, "spec.strategy.blueGreen")
    yield from derived_from_rollout(rollout)
    yield from not_yet(rollout)


def _deadline(spec: RolloutSpec) -> Iterator[FieldProblem]:
    deadline = spec.progress_deadline_seconds
    seconds = DEFAULT_PROGRESS_DEADLINE_SECONDS if deadline is None else deadline
    if seconds <= spec.min_ready_seconds:
        yield FieldProblem(
            "spec.progressDeadlineSeconds",
            f"{seconds} must be greater than minReadySeconds ({spec.min_ready_seconds})",
        )


def _limits(spec: RolloutSpec) -> Iterator[FieldProblem]:
    if spec.rollback_window is not None:
        yield from not_negative(spec.rollback_window.revisions, "spec.rollbackWindow.revisions")
    if spec.analysis is not None:
        for name, limit in (
            ("successfulRunHistoryLimit", spec.analysis.successful_run_history_limit),
            ("unsuccessfulRunHistoryLimit", spec.analysis.unsuccessful_run_history_limit),
        ):
            yield from not_negative(limit, f"spec.analysis.{name}")


def _pods_of_workload(resolved: Resolved | None) -> Iterator[FieldProblem]:
    """The pods that a workload lends: as those of a Rollout, and told where it is named."""
    if resolved is None:
        return
    if resolved.problem is not None:
        yield resolved.problem
    if resolved.workload is not None:
        ref = resolved.rollout.spec.workload_ref
        name = f"{ref.kind} {ref.name}" if ref else ""
        for problem in _pods(resolved.rollout.spec):
            yield FieldProblem("spec.workloadRef", f"{name}: {problem}")


def _pods(spec: RolloutSpec) -> Iterator[FieldProblem]:
    if spec.selector is None:
        yield FieldProblem("spec.selector", "is missing; name the labels of this rollout's pods")
    else:
        yield from validate_selector(spec.selector, "spec.selector")
    raw = bytes(spec.template)
    if not raw:
        yield FieldProblem("spec.template", "is missing; say which pods to run")
        return
    template = msgspec.json.decode(raw)
    if not isinstance(template, dict):
        yield FieldProblem("spec.template", "must be an object")
        return
    yield from validate_template(template, "spec.template")
    metadata = template.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    if spec.selector and not matches(spec.selector, labels if isinstance(labels, dict) else {}):
        yield FieldProblem(
            "spec.template.metadata.labels", "do not match spec.selector; add the labels it names"
        )
