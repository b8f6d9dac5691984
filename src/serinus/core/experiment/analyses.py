"""The analyses of an Experiment: their runs, arguments, verdicts.

A run's name goes into the status before the run is created, so no run exists that the status does
not know; a name of an attempt before is never taken up again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from msgspec.structs import replace

from serinus.api.analysis import AnalysisRun, AnalysisTemplateRef, Argument, MetricResult
from serinus.api.argo import RolloutAnalysis
from serinus.api.experiment import (
    Experiment,
    ExperimentAnalysis,
    ExperimentAnalysisRunStatus,
    ExperimentStatus,
)
from serinus.api.wire import builtins
from serinus.base.errors import FieldProblem
from serinus.core.analysis.assess import COMPLETED, PENDING
from serinus.core.analysis.checks import matches
from serinus.core.analysis.judge import ERROR, INCONCLUSIVE
from serinus.core.analysis.subject import Subject, Templates
from serinus.core.analysis.templates import Prepared, needed, prepare
from serinus.core.experiment.actions import Announce, StartRun, StopRun
from serinus.core.experiment.names import run_name
from serinus.core.experiment.snapshot import ExperimentSnapshot
from serinus.core.experiment.standing import analysis_status, ends_at, is_ending

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def prepared(
    experiment: Experiment, analysis: ExperimentAnalysis, templates: Templates
) -> Prepared:
    """The run that `analysis` asks for, and all that is wrong with what it is made of."""
    known = facts(experiment)
    problems: list[FieldProblem] = []
    passed = {
        argument.name: _filled(argument, known, f"args.{argument.name}", problems)
        for argument in analysis.args
    }
    made = prepare(
        _asked(experiment, analysis, templates),
        templates,
        Subject(document=builtins(experiment), arguments=passed),
        path=f"spec.analyses.{analysis.name}",
        endless=not analysis.required_for_completion,
    )
    return Prepared(made.spec, (*problems, *made.problems))


def _asked(
    experiment: Experiment, analysis: ExperimentAnalysis, templates: Templates
) -> RolloutAnalysis:
    """A rule of the experiment goes to the analyses that have such a metric, and no others."""
    reference = reference_of(analysis)
    specs = (templates.get(found) for found in needed((reference,), templates))
    metrics = {metric.name for spec in specs if spec is not None for metric in spec.metrics}
    dry, kept = experiment.spec.dry_run, experiment.spec.measurement_retention
    return RolloutAnalysis(
        templates=(reference,),
        dry_run=tuple(rule for rule in dry if _concerns(rule.metric_name, metrics)),
        measurement_retention=tuple(r for r in kept if _concerns(r.metric_name, metrics)),
    )


def reference_of(analysis: ExperimentAnalysis) -> AnalysisTemplateRef:
    """The template that it names."""
    return AnalysisTemplateRef(
        template_name=analysis.template_name, cluster_scope=analysis.cluster_scope
    )


def _concerns(pattern: str, metrics: Iterable[str]) -> bool:
    return any(matches(pattern, name) for name in metrics)


def facts(experiment: Experiment) -> Mapping[str, str]:
    """What `{{...}}` in an argument may ask for; empty while it is not known yet."""
    status = experiment.status
    known = {
        "experiment.availableAt": _text(status.available_at),
        "experiment.finishedAt": _text(ends_at(experiment, status)),
    }
    for template in experiment.spec.templates:
        one = next((s for s in status.template_statuses if s.name == template.name), None)
        count = one.collision_count if one else None
        suffix = f"-{count}" if count else ""
        here = f"templates.{template.name}"
        known[f"{here}.podTemplateHash"] = one.pod_template_hash if one else ""
        known[f"{here}.replicaset.name"] = f"{experiment.metadata.name}-{template.name}{suffix}"
    return known


def _text(at: datetime | None) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}" if at else ""


def _filled(
    argument: Argument, known: Mapping[str, str], path: str, problems: list[FieldProblem]
) -> Argument:
    if argument.value is None:
        return argument

    def found(match: re.Match[str]) -> str:
        name = match.group(1).strip()
        if name not in known:
            names = ", ".join(sorted(known))
            problems.append(FieldProblem(path, f"{{{{{name}}}}} is not known; there are: {names}"))
        return known.get(name, "")

    return replace(argument, value=_TAG.sub(found, argument.value))


# --- Status ---------------------------------------------------------------------------------------


def told(snapshot: ExperimentSnapshot, analysis: ExperimentAnalysis) -> ExperimentAnalysisRunStatus:
    """The new status of an analysis; one that has ended stays."""
    status = snapshot.experiment.status
    old = analysis_status(status, analysis.name)
    if old.phase in COMPLETED or status.available_at is None:
        return old
    run = _run(snapshot, old.analysis_run)
    if run is not None:
        return replace(old, phase=run.status.phase or PENDING, message=run.status.message)
    if is_ending(snapshot.experiment, status):
        return old
    why = _obstacle(snapshot, analysis, old)
    if why:
        message = f"Failed to create AnalysisRun for analysis '{analysis.name}': {why}"
        return replace(old, phase=ERROR, message=message)
    if old.analysis_run and old.analysis_run not in snapshot.taken:
        return replace(old, phase=PENDING)
    taken = snapshot.taken | {run.metadata.name for run in snapshot.runs}
    name = run_name(snapshot.experiment, analysis.name, taken)
    return replace(old, analysis_run=name, phase=PENDING)


def cut(
    snapshot: ExperimentSnapshot, told: ExperimentAnalysisRunStatus
) -> ExperimentAnalysisRunStatus:
    """An analysis whose time is over with the experiment's: it passes by what it has measured.

    One without a good measurement is Inconclusive: no data, or only bad and faulty answers, are
    no success because the time is over (S10).
    """
    run = _run(snapshot, told.analysis_run)
    if told.phase in COMPLETED or run is None:
        return told
    silent = _without_a_good_measurement(run)
    if not silent:
        return told
    message = f"ended with its experiment, without a good measurement of {', '.join(silent)}"
    return replace(told, phase=INCONCLUSIVE, message=message)


def _without_a_good_measurement(run: AnalysisRun) -> list[str]:
    """Metrics that have answered and never well; all of them, if none has a good measurement.

    What is on a dry run counts for nothing. A metric that answers rarely may be late, if another
    one has shown something; so may one to which no data says nothing (`onNoData: skip`).
    """
    known = {result.name: result for result in run.status.metric_results}
    dry = {name for name, result in known.items() if result.dry_run}
    counted = [metric for metric in run.spec.metrics if metric.name not in dry]
    silent = []
    for metric in counted:
        result = known.get(metric.name, MetricResult(name=metric.name))
        empty = 0 if metric.on_no_data == "skip" else result.consecutive_no_data
        if (result.count or result.error or empty) and not result.successful:
            silent.append(metric.name)
    good = any(known[metric.name].successful for metric in counted if metric.name in known)
    return silent if good or not counted else [metric.name for metric in counted]


def _obstacle(
    snapshot: ExperimentSnapshot, analysis: ExperimentAnalysis, old: ExperimentAnalysisRunStatus
) -> str:
    """Why the run cannot be created: it is not waited for then, the pods would cost for nothing."""
    if old.analysis_run in snapshot.refusals:
        return snapshot.refusals[old.analysis_run]
    made = prepared(snapshot.experiment, analysis, snapshot.templates)
    return "; ".join(map(str, made.problems))


def _run(snapshot: ExperimentSnapshot, name: str) -> AnalysisRun | None:
    return next((run for run in snapshot.runs if name and run.metadata.name == name), None)


# --- Writes ---------------------------------------------------------------------------------------


def writes(snapshot: ExperimentSnapshot) -> Iterator[StartRun | StopRun | Announce]:
    """Runs to start, under names that the status holds, and runs that nobody waits for."""
    experiment, status = snapshot.experiment, snapshot.experiment.status
    ending = is_ending(experiment, status)
    known: set[str] = set()
    for analysis in experiment.spec.analyses:
        old = analysis_status(status, analysis.name)
        known.add(old.analysis_run)
        if not _may_start(snapshot, old) or ending:
            continue
        made = prepared(experiment, analysis, snapshot.templates)
        if not made.problems:
            yield StartRun(old.analysis_run, made.spec)
    for run in snapshot.runs:
        needed_still = run.metadata.name in known and not ending
        if run.status.phase not in COMPLETED and not run.spec.terminate and not needed_still:
            yield StopRun(run.metadata.name, run.metadata.resource_version)
            yield _terminating(status, run.metadata.name)


def _terminating(status: ExperimentStatus, name: str) -> Announce:
    whose = (one.name for one in status.analysis_runs if one.analysis_run == name)
    return Announce("AnalysisRunTerminating", f"Terminating {next(whose, name)} ({name})")


def _may_start(snapshot: ExperimentSnapshot, old: ExperimentAnalysisRunStatus) -> bool:
    return (
        bool(old.analysis_run)
        and old.phase not in COMPLETED
        and _run(snapshot, old.analysis_run) is None
        and old.analysis_run not in snapshot.taken
    )
