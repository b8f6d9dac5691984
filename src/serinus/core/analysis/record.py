"""How a verdict changes what the status remembers of a metric: counters and history."""

from __future__ import annotations

from datetime import datetime

import msgspec

from serinus.api.analysis import Measurement, MetricResult
from serinus.core.analysis.answers import Answer, Asked
from serinus.core.analysis.judge import ERROR, FAILED, INCONCLUSIVE, NO_DATA, SUCCESSFUL, Verdict

HISTORY = 10
RUNNING = "Running"
NO_DATA_COUNT = "noDataMeasurements"
"""Key of the result's metadata: how many measurements had no data; they are in no counter."""


def in_flight(result: MetricResult | None) -> Measurement | None:
    """The measurement that was started and has no answer in the status, if any."""
    if result is None or not result.measurements:
        return None
    last = result.measurements[-1]
    return last if last.finished_at is None else None


def asked_now(result: MetricResult) -> Asked:
    """What the measurement in flight, or else the next one, is called."""
    no_data = int(result.metadata.get(NO_DATA_COUNT, "0"))
    return Asked(result.name, result.count + result.error + no_data + 1)


def started(result: MetricResult, now: datetime) -> MetricResult:
    """With a new measurement in flight; only that may then be asked."""
    measurement = Measurement(phase=RUNNING, started_at=now)
    return msgspec.structs.replace(
        result, phase=RUNNING, measurements=(*result.measurements, measurement)
    )


def finished(result: MetricResult, verdict: Verdict, answer: Answer) -> MetricResult:
    """With the measurement in flight ended by `verdict`."""
    measurement = msgspec.structs.replace(
        result.measurements[-1],
        phase=verdict.phase,
        message=verdict.message,
        value=verdict.text,
        metadata=dict(verdict.metadata),
        finished_at=answer.at.replace(microsecond=0),
    )
    return msgspec.structs.replace(
        _counted(result, verdict),
        measurements=(*result.measurements[:-1], measurement),
        metadata={**_about(result, verdict), **answer.about},
    )


def _about(result: MetricResult, verdict: Verdict) -> dict[str, str]:
    about = dict(result.metadata)
    if verdict.no_data:
        about[NO_DATA_COUNT] = str(int(about.get(NO_DATA_COUNT, "0")) + 1)
    return about


def _counted(result: MetricResult, verdict: Verdict) -> MetricResult:
    """No data and errors are two runs apart: neither ends the other, only real data ends both."""
    change = msgspec.structs.replace
    if verdict.no_data:
        before = max(result.consecutive_no_data, _without_data(result))
        return change(result, consecutive_no_data=before + 1, consecutive_success=0)
    if verdict.phase == ERROR:
        return change(
            result,
            error=result.error + 1,
            consecutive_error=result.consecutive_error + 1,
            consecutive_success=0,
        )
    good = verdict.phase == SUCCESSFUL
    return change(
        result,
        count=result.count + 1,
        successful=result.successful + good,
        failed=result.failed + (verdict.phase == FAILED),
        inconclusive=result.inconclusive + (verdict.phase == INCONCLUSIVE),
        consecutive_success=result.consecutive_success + 1 if good else 0,
        consecutive_error=0,
        consecutive_no_data=0,
    )


def _without_data(result: MetricResult) -> int:
    """The same by the measurements that are kept, before the one in flight: a cluster with the
    original's definitions drops the count, which is ours, and the run would never end."""
    count = 0
    for measurement in reversed(result.measurements[:-1]):
        if measurement.phase != ERROR and not measurement.message.startswith(NO_DATA):
            break
        count += measurement.phase != ERROR
    return count


def cancelled(result: MetricResult, now: datetime) -> MetricResult:
    """With the measurement in flight ended unanswered; it counts for nothing."""
    measurement = msgspec.structs.replace(
        result.measurements[-1], phase=INCONCLUSIVE, message="metric terminated", finished_at=now
    )
    return msgspec.structs.replace(result, measurements=(*result.measurements[:-1], measurement))


def trimmed(result: MetricResult, limit: int) -> MetricResult:
    """With the last `limit` measurements only."""
    if len(result.measurements) <= limit:
        return result
    return msgspec.structs.replace(result, measurements=result.measurements[-limit:])
