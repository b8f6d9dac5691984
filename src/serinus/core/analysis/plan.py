"""What to do about one AnalysisRun now: record answers, start what is due, end what is decided.

A measurement is in the status, started and not finished, before it is asked; after a crash it is
asked again under the same number. Knows no provider, no clock, no secret.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from serinus.api.analysis import AnalysisRun, AnalysisRunStatus, Metric, MetricResult
from serinus.base.errors import FieldProblem
from serinus.core.analysis import record
from serinus.core.analysis.actions import AnalysisPlan, Announce, Cancel, Expire, Measure
from serinus.core.analysis.arguments import Values, fill, values_of
from serinus.core.analysis.assess import (
    BAD,
    COMPLETED,
    PENDING,
    Judged,
    assess_metric,
    assess_run,
)
from serinus.core.analysis.checks import matches, metrics_problems, rule_problems
from serinus.core.analysis.judge import ERROR, FAILED, judge
from serinus.core.analysis.limits import Limits, limits_of
from serinus.core.analysis.snapshot import AnalysisSnapshot

ERROR_RETRY = timedelta(seconds=10)
"""Quirk: after an error always this, whatever the interval."""

WHOLE_SECOND = timedelta(seconds=1)
"""Times in a status are cut to it: only then has a span surely passed."""


@dataclass(frozen=True, slots=True)
class _Resolved:
    """The run's metrics with their arguments filled in, or why the run cannot be measured."""

    metrics: tuple[Metric, ...]
    values: Values
    fault: str = ""


def plan(snapshot: AnalysisSnapshot) -> AnalysisPlan:
    """The next actions, the new status and when to look again."""
    run = snapshot.run
    if run.status.phase in COMPLETED:
        return _ended(run, snapshot.now)
    resolved = _resolve(run)
    if resolved.fault:
        return _refused(run, resolved.fault, snapshot.now.replace(microsecond=0))
    return _Round(snapshot, resolved).plan()


def _resolve(run: AnalysisRun) -> _Resolved:
    values, problems = values_of(run.spec.args, "args")
    metrics: list[Metric] = []
    for index, metric in enumerate(run.spec.metrics):
        filled, unfilled = fill(metric, values, f"metrics[{index}]")
        metrics.append(filled)
        problems += unfilled
    if problems:
        fault = f"Unable to resolve metric arguments: {_joined(problems)}"
        return _Resolved((), values, fault)
    problems = metrics_problems(metrics, "metrics")
    problems += rule_problems(run.spec.dry_run, metrics, "dryRun")
    problems += rule_problems(run.spec.measurement_retention, metrics, "measurementRetention")
    fault = f"Analysis spec invalid: {_joined(problems)}" if problems else ""
    return _Resolved(tuple(metrics), values, fault)


def _joined(problems: list[FieldProblem]) -> str:
    return "; ".join(str(problem) for problem in problems)


def _refused(run: AnalysisRun, fault: str, now: datetime) -> AnalysisPlan:
    status = msgspec.structs.replace(
        run.status,
        phase=ERROR,
        message=fault,
        started_at=run.status.started_at or now,
        completed_at=now,
    )
    return AnalysisPlan(status=status, announcements=(_run_ended(ERROR),))


def _ended(run: AnalysisRun, now: datetime) -> AnalysisPlan:
    """Only its time to live is left to watch.

    The seconds after success or failure (Error and Inconclusive are neither) win over those after
    completion.
    """
    ttl, completed = run.spec.ttl_strategy, run.status.completed_at
    if ttl is None or completed is None:
        return AnalysisPlan()
    special = {"Successful": ttl.seconds_after_success, FAILED: ttl.seconds_after_failure}
    seconds = special.get(run.status.phase)
    seconds = ttl.seconds_after_completion if seconds is None else seconds
    if seconds is None:
        return AnalysisPlan()
    expires = completed + timedelta(seconds=seconds)
    if now > expires:
        return AnalysisPlan(actions=(Expire(),))
    return AnalysisPlan(wake_at=expires + WHOLE_SECOND)


def _run_ended(phase: str) -> Announce:
    return Announce(
        f"AnalysisRun{phase}", f"Analysis Completed. Result: {phase}", phase in (ERROR, FAILED)
    )


class _Round:
    """One pass over the metrics; collects the new results and what is to be done."""

    def __init__(self, snapshot: AnalysisSnapshot, resolved: _Resolved) -> None:
        self.snapshot = snapshot
        self.run = snapshot.run
        self.now = snapshot.now.replace(microsecond=0)
        self.metrics = {metric.name: metric for metric in resolved.metrics}
        self.limits = {name: limits_of(metric) for name, metric in self.metrics.items()}
        self.values = resolved.values
        self.dry = frozenset(
            name
            for name in self.metrics
            if any(matches(rule.metric_name, name) for rule in self.run.spec.dry_run)
        )
        self.started_at = self.run.status.started_at or self.now
        self.results = {result.name: result for result in self.run.status.metric_results}
        self.actions: list[Measure | Cancel] = []
        self.announcements: list[Announce] = []

    def plan(self) -> AnalysisPlan:
        self._record_answers()
        judged = self._assess()
        if self._ending(judged):
            self._cancel()
            judged = self._assess()
        else:
            self._ask()
            judged = self._assess()
        verdict = assess_run(judged, self.results, self.dry, cancelled=self.run.spec.terminate)
        ended = verdict.phase in COMPLETED
        if ended:
            self.announcements.append(_run_ended(verdict.phase))
        status = AnalysisRunStatus(
            phase=verdict.phase,
            message=verdict.message,
            metric_results=tuple(self._trimmed(result) for result in self.results.values()),
            started_at=self.started_at,
            run_summary=verdict.summary,
            dry_run_summary=verdict.dry_summary if self.dry else None,
            completed_at=self.now if ended else None,
        )
        return AnalysisPlan(
            actions=tuple(self.actions),
            status=None if status == self.run.status else status,
            announcements=tuple(self.announcements),
            wake_at=None if ended else self._next_due(),
        )

    def _record_answers(self) -> None:
        for name, metric in self.metrics.items():
            result = self.results.get(name)
            if result is None or record.in_flight(result) is None or result.phase in COMPLETED:
                continue
            answer = self.snapshot.answers.get(record.asked_now(result))
            if answer is not None:
                verdict = judge(metric, answer.outcome, answer.at)
                self.results[name] = record.finished(result, verdict, answer)

    def _assess(self) -> dict[str, Judged]:
        """Every metric's verdict; results that have completed get their phase and message."""
        ending = self.run.spec.terminate
        for _ in range(2):  # a metric found bad in the first pass ends the others in the second
            judged = {name: self._assess_one(name, ending=ending) for name in self.metrics}
            if ending or not self._ending(judged):
                break
            ending = True
        return judged

    def _assess_one(self, name: str, *, ending: bool) -> Judged:
        result = self.results.get(name)
        if result is None:
            return Judged(PENDING)
        verdict = assess_metric(result, self.limits[name], terminating=ending)
        if verdict.phase != result.phase:
            self.results[name] = self._changed(result, verdict)
        return verdict

    def _changed(self, result: MetricResult, verdict: Judged) -> MetricResult:
        last = result.measurements[-1].message if result.measurements else ""
        message = last if verdict.phase in COMPLETED else result.message
        if verdict.phase in COMPLETED:
            text = f"Metric '{result.name}' Completed. Result: {verdict.phase}"
            warning = verdict.phase in (ERROR, FAILED)
            self.announcements.append(Announce(f"Metric{verdict.phase}", text, warning))
            if result.name in self.dry and verdict.why:
                message = f"Metric assessed {verdict.phase} due to {verdict.why}"
        return msgspec.structs.replace(result, phase=verdict.phase, message=message)

    def _ending(self, judged: dict[str, Judged]) -> bool:
        """No further measurement: cancelled, or a metric that counts is already bad."""
        return self.run.spec.terminate or any(
            verdict.phase in BAD and name not in self.dry for name, verdict in judged.items()
        )

    def _cancel(self) -> None:
        for name, result in self.results.items():
            if record.in_flight(result) is not None:
                self.actions.append(Cancel(record.asked_now(result)))
                self.results[name] = record.cancelled(result, self.now)

    def _ask(self) -> None:
        for name, metric in self.metrics.items():
            result = self.results.get(name) or MetricResult(name=name, dry_run=name in self.dry)
            if result.phase in COMPLETED:
                continue
            if record.in_flight(result) is not None:
                asked = record.asked_now(result)
                self.actions.append(Measure(asked, metric.provider, self.values.secrets))
                continue
            due = self._due(result, self.limits[name])
            if due is not None and due <= self.snapshot.now:
                self.results[name] = record.started(result, self.now)

    def _due(self, result: MetricResult, limits: Limits) -> datetime | None:
        """When the next measurement is to start; None while one is in flight.

        Only for metrics that go on: one that has reached its count has completed.
        """
        if not result.measurements:
            return self.started_at + limits.initial_delay
        last = result.measurements[-1]
        if last.finished_at is None:
            return None
        if last.phase == ERROR or limits.interval is None:
            return last.finished_at + ERROR_RETRY
        return last.finished_at + limits.interval

    def _next_due(self) -> datetime | None:
        due = [
            instant
            for name, limits in self.limits.items()
            if (result := self.results.get(name) or MetricResult(name=name)).phase not in COMPLETED
            if (instant := self._due(result, limits)) is not None
        ]
        return min(due, default=None)

    def _trimmed(self, result: MetricResult) -> MetricResult:
        limit = record.HISTORY
        for rule in self.run.spec.measurement_retention:
            if matches(rule.metric_name, result.name) and rule.limit > 0:
                limit = rule.limit
        return record.trimmed(result, limit)
