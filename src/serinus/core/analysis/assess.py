"""The verdict over a metric and over a run, from the counters alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from serinus.api.analysis import MetricResult, RunSummary
from serinus.core.analysis.judge import ERROR, FAILED, INCONCLUSIVE, SUCCESSFUL
from serinus.core.analysis.limits import Limits
from serinus.core.analysis.record import RUNNING, in_flight

PENDING = "Pending"
COMPLETED = frozenset({SUCCESSFUL, FAILED, INCONCLUSIVE, ERROR})
BAD = frozenset({FAILED, INCONCLUSIVE, ERROR})
_WORSE = (SUCCESSFUL, RUNNING, PENDING, INCONCLUSIVE, ERROR, FAILED)
TERMINATED = "Run Terminated"


@dataclass(frozen=True, slots=True)
class Judged:
    """A metric's phase, and why if it is a bad one."""

    phase: str
    why: str = ""


def assess_metric(result: MetricResult, limits: Limits, *, terminating: bool) -> Judged:
    """The metric's phase; one that has completed stays as it is."""
    if result.phase in COMPLETED:
        return Judged(result.phase, _why(result, limits))
    if not result.measurements:
        return Judged(SUCCESSFUL if terminating else PENDING)
    if in_flight(result) is not None:
        return Judged(RUNNING)
    over = _over_limits(result, limits)
    if over.phase:
        return over
    if limits.success_run and result.consecutive_success >= limits.success_run:
        return Judged(SUCCESSFUL)
    if limits.count is not None and result.count >= limits.count:
        return _counted_out(result, limits)
    return Judged(SUCCESSFUL if terminating else RUNNING)


def _over_limits(result: MetricResult, limits: Limits) -> Judged:
    """The last limit that is exceeded wins, in the original's order; no data gives way to all."""
    found = Judged("")
    if limits.no_data_run is not None and result.consecutive_no_data > limits.no_data_run:
        found = Judged(
            INCONCLUSIVE,
            f"consecutiveNoData ({result.consecutive_no_data}) > noDataLimit "
            f"({limits.no_data_run})",
        )
    if 0 <= limits.failure_limit < result.failed:
        found = Judged(FAILED, f"failed ({result.failed}) > failureLimit ({limits.failure_limit})")
    if result.inconclusive > limits.inconclusive_limit:
        found = Judged(
            INCONCLUSIVE,
            f"inconclusive ({result.inconclusive}) > inconclusiveLimit "
            f"({limits.inconclusive_limit})",
        )
    if result.consecutive_error > limits.error_run:
        found = Judged(
            ERROR,
            f"consecutiveErrors ({result.consecutive_error}) > consecutiveErrorLimit "
            f"({limits.error_run})",
        )
    return found


def _why(result: MetricResult, limits: Limits) -> str:
    if result.phase not in BAD:
        return ""
    return _over_limits(result, limits).why or _counted_out(result, limits).why


def _counted_out(result: MetricResult, limits: Limits) -> Judged:
    if not limits.success_run:
        return Judged(SUCCESSFUL)
    phase = FAILED if limits.failure_limit < 0 else INCONCLUSIVE
    return Judged(
        phase,
        f"consecutiveSuccesses ({result.consecutive_success}) < consecutiveSuccessLimit "
        f"({limits.success_run}) after count ({result.count})",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunJudged:
    """The run's phase and message, and how its metrics ended."""

    phase: str
    message: str
    summary: RunSummary
    dry_summary: RunSummary


def assess_run(
    judged: Mapping[str, Judged],
    results: Mapping[str, MetricResult],
    dry: frozenset[str],
    *,
    cancelled: bool,
) -> RunJudged:
    """Over the verdicts by metric name; a metric without one has not started.

    Quirk: a run that was cancelled before anything completed is Successful, `Run Terminated`;
    whoever reads the phase has to look at spec.terminate too.
    """
    real = {name: verdict for name, verdict in judged.items() if name not in dry}
    done = all(verdict.phase in COMPLETED for verdict in judged.values())
    worst = ""
    message = TERMINATED if cancelled else ""
    for name, verdict in real.items():
        if verdict.phase in COMPLETED and (not worst or worse(verdict.phase, worst)):
            worst = verdict.phase
            message = _message(name, verdict, results[name].message) or message
    summary = _summary(real)
    dry_summary = _summary({name: verdict for name, verdict in judged.items() if name in dry})
    ending = cancelled or worst in BAD
    if not ending and not done:
        return RunJudged(phase=RUNNING, message="", summary=summary, dry_summary=dry_summary)
    phase = worst or SUCCESSFUL
    return RunJudged(phase=phase, message=message, summary=summary, dry_summary=dry_summary)


def worse(phase: str, than: str) -> bool:
    """Whether a phase outweighs another one."""
    return _WORSE.index(phase) > _WORSE.index(than)


def _message(name: str, verdict: Judged, last: str) -> str:
    if not verdict.why:
        return ""
    error = f': "Error Message: {last}"' if last else ""
    return f'Metric "{name}" assessed {verdict.phase} due to {verdict.why}{error}'


def _summary(judged: Mapping[str, Judged]) -> RunSummary:
    phases = [verdict.phase for verdict in judged.values()]
    return RunSummary(
        count=len(phases),
        successful=phases.count(SUCCESSFUL),
        failed=phases.count(FAILED),
        inconclusive=phases.count(INCONCLUSIVE),
        error=phases.count(ERROR),
    )
