"""Drives `plan` over a run as the shell would, in plain time, and keeps a timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from serinus.api.analysis import AnalysisRun, AnalysisRunStatus, MetricResult
from serinus.api.wire import builtins, decode
from serinus.core.analysis.actions import AnalysisPlan, Announce, Cancel, Expire, Measure
from serinus.core.analysis.answers import Answer, Asked, NoData, Outcome, Trouble, Value
from serinus.core.analysis.plan import plan
from serinus.core.analysis.snapshot import AnalysisSnapshot

START = datetime(2026, 1, 1, tzinfo=UTC)


def vector(*values: float) -> Outcome:
    """As Prometheus answers a query over so many series."""
    text = "[" + ",".join(str(value) for value in values) + "]"
    if not values:
        return NoData([], text, "the query returned no series")
    return Value(list(values), text)


def metric(name: str = "m", **fields: Any) -> dict[str, Any]:
    base = {"name": name, "provider": {"prometheus": {"query": "up"}}}
    if "failureCondition" not in fields:
        base["successCondition"] = "result[0] < 1"
    return base | fields


def run_of(metrics: Iterable[dict[str, Any]], **spec: Any) -> AnalysisRun:
    body = {
        "metadata": {"name": "run", "namespace": "ns"},
        "spec": {"metrics": list(metrics), **spec},
    }
    return decode(AnalysisRun, body)


@dataclass
class Story:
    """`answers(asked, second)` is what the provider says, None if it never does."""

    run: AnalysisRun
    answers: Callable[[Asked, int], Outcome | None]
    latency_seconds: int = 0
    now: datetime = START
    timeline: list[str] = field(default_factory=list)
    told: list[Announce] = field(default_factory=list)
    writes: int = 0
    expired: bool = False
    kept: Callable[[AnalysisRunStatus], AnalysisRunStatus] = lambda status: status
    """What the API server keeps of a status; it prunes what its definition does not know."""
    asking: dict[Asked, tuple[datetime, Outcome | None]] = field(default_factory=dict)

    @property
    def status(self) -> AnalysisRunStatus:
        return self.run.status

    @property
    def second(self) -> int:
        return int((self.now - START).total_seconds())

    def result(self, name: str = "m") -> MetricResult:
        return next(r for r in self.status.metric_results if r.name == name)

    def once(self) -> AnalysisPlan:
        arrived = {
            asked: Answer(outcome, at)
            for asked, (at, outcome) in self.asking.items()
            if outcome is not None and at <= self.now
        }
        made = plan(AnalysisSnapshot(now=self.now, run=self.run, answers=arrived))
        for action in made.actions:
            match action:
                case Measure(asked):
                    if asked not in self.asking:
                        self.timeline.append(f"{self.second}s ask {asked.metric}#{asked.number}")
                        outcome = self.answers(asked, self.second)
                        wait = timedelta(seconds=self.latency_seconds)
                        self.asking[asked] = (self.now + wait, outcome)
                case Cancel(asked):
                    self.timeline.append(f"{self.second}s cancel {asked.metric}#{asked.number}")
                    self.asking.pop(asked, None)
                case Expire():
                    self.expired = True
        if made.status is not None:
            self.writes += 1
            wire = decode(AnalysisRunStatus, builtins(made.status))  # as an API server keeps it
            assert wire == made.status
            self.run = msgspec.structs.replace(self.run, status=self.kept(wire))
        self.told += made.announcements
        return made

    def settle(self) -> AnalysisPlan:
        """Until nothing changes at this instant."""
        for _ in range(50):
            before = len(self.asking)
            made = self.once()
            if made.status is None and len(self.asking) == before:
                return made
        raise AssertionError("it never comes to rest")

    def until(self, second: int) -> Story:
        """Goes on, wake-up by wake-up, up to that second."""
        end = START + timedelta(seconds=second)
        while True:
            made = self.settle()
            due = [at for at, outcome in self.asking.values() if outcome and at > self.now]
            due += [made.wake_at] if made.wake_at and made.wake_at > self.now else []
            if not due or min(due) > end:
                self.now = max(self.now, end)
                return self
            self.now = min(due)

    def crash(self) -> None:
        """The shell forgets everything; only the object stays."""
        self.asking.clear()


def steady(outcome: Outcome) -> Callable[[Asked, int], Outcome]:
    return lambda asked, second: outcome


def script(*outcomes: Outcome) -> Callable[[Asked, int], Outcome]:
    """One outcome after the other; the last one for ever."""
    return lambda asked, second: outcomes[min(asked.number, len(outcomes)) - 1]


GOOD, BAD, NONE, WRONG = vector(0.5), vector(2.0), vector(), Trouble("connection refused")
