"""What became of the requests: a tally per version, and every lost one with its instant.

Pure. *Lost* is a request that got no answer, or an answer that no pod gave (it carries no `X-Pod`).
Latencies run from the instant at which the request was due, so a sender that is held up does not
hide how long its clients would have waited; they are seconds of the wall.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

LostKind = Literal["refused", "cut", "timeout", "no pod"]
LOST_KEPT = 10_000
_GROWTH = math.log(1.02)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `version` and `pod` are empty where no pod gave it."""

    at: datetime
    seconds: float
    status: int
    version: str
    pod: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A request without a pod's answer: due at `at`, given up `seconds` of the wall later."""

    at: datetime
    ended_at: datetime
    seconds: float
    kind: LostKind
    status: int = 0


@dataclass(slots=True)
class VersionTally:
    """The answers of one version; latencies in buckets that are 2 % wide."""

    requests: int = 0
    codes: Counter[int] = field(default_factory=Counter)
    pods: Counter[str] = field(default_factory=Counter)
    latencies: Counter[int] = field(default_factory=Counter)
    slowest_seconds: float = 0.0
    first_at: datetime | None = None
    last_at: datetime | None = None
    first_error_at: datetime | None = None
    last_error_at: datetime | None = None

    def add(self, answer: Answer) -> None:
        """Count one answer of this version."""
        self.requests += 1
        self.codes[answer.status] += 1
        self.pods[answer.pod] += 1
        self.latencies[math.ceil(math.log(max(answer.seconds, 1e-6)) / _GROWTH)] += 1
        self.slowest_seconds = max(self.slowest_seconds, answer.seconds)
        self.first_at = self.first_at or answer.at
        self.last_at = answer.at
        if answer.status >= 500:
            self.first_error_at = self.first_error_at or answer.at
            self.last_error_at = answer.at

    def quantile_seconds(self, share: float) -> float:
        """The latency that `share` of the answers stayed within, up to 2 % too high."""
        left = math.ceil(share * self.requests)
        for bucket in sorted(self.latencies):
            left -= self.latencies[bucket]
            if left <= 0:
                return min(self.slowest_seconds, math.exp(bucket * _GROWTH))
        return 0.0

    def as_json(self) -> dict[str, Any]:
        """The tally as the report shows it; latencies in milliseconds."""
        quantiles = {f"p{n}_ms": _millis(self.quantile_seconds(n / 100)) for n in (50, 90, 99)}
        return {
            "requests": self.requests,
            "errors": sum(number for code, number in self.codes.items() if code >= 500),
            "codes": {str(code): number for code, number in sorted(self.codes.items())},
            "pods": dict(sorted(self.pods.items())),
            **quantiles,
            "max_ms": _millis(self.slowest_seconds),
            "first_at": _instant(self.first_at),
            "last_at": _instant(self.last_at),
            "first_error_at": _instant(self.first_error_at),
            "last_error_at": _instant(self.last_error_at),
        }


@dataclass(slots=True)
class Tally:
    """Everything that was sent; `add` and `lose` keep it."""

    sent: int = 0
    answered: int = 0
    lost_count: int = 0
    lost: list[Lost] = field(default_factory=list)
    versions: dict[str, VersionTally] = field(default_factory=dict)

    def add(self, answer: Answer, ended_at: datetime) -> None:
        """Count an answer; without a pod behind it, as lost."""
        if answer.pod:
            self.answered += 1
            self.versions.setdefault(answer.version, VersionTally()).add(answer)
        else:
            self.lose(Lost(answer.at, ended_at, answer.seconds, "no pod", answer.status))

    def lose(self, lost: Lost) -> None:
        """Count a lost request; the first LOST_KEPT are kept with their instants."""
        self.lost_count += 1
        if len(self.lost) < LOST_KEPT:
            self.lost.append(lost)

    def brief(self) -> dict[str, Any]:
        """An interim line: totals only."""
        return {
            "sent": self.sent,
            "answered": self.answered,
            "lost": self.lost_count,
            "versions": {
                version: {"requests": tally.requests, "errors": _errors(tally)}
                for version, tally in sorted(self.versions.items())
            },
        }

    def as_json(self) -> dict[str, Any]:
        """The whole report."""
        return {
            "sent": self.sent,
            "answered": self.answered,
            "lost_count": self.lost_count,
            "lost": [
                {
                    "at": _instant(lost.at),
                    "ended_at": _instant(lost.ended_at),
                    "seconds": round(lost.seconds, 4),
                    "kind": lost.kind,
                    "status": lost.status,
                }
                for lost in self.lost
            ],
            "versions": {v: tally.as_json() for v, tally in sorted(self.versions.items())},
        }


@dataclass(frozen=True, slots=True)
class LostByCause:
    """Lost requests told apart: see `attribute`."""

    while_moving: int
    cut_by_death: int
    otherwise: int


def attribute(
    lost: Iterable[Lost],
    moves: Sequence[tuple[datetime, datetime]],
    deaths: Sequence[datetime],
    reach: timedelta,
) -> LostByCause:
    """Tell the lost requests apart by what happened while they were under way.

    `moves` are spans in which weights or endpoints were changed on purpose, `deaths` the instants
    at which a pod died by itself; `reach` is how long after that a death still cuts requests.
    A request that fits both is blamed on the death only if it did not simply find no pod to go to.
    """
    moving = death = other = 0
    for one in lost:
        dying = any(one.at - reach <= at <= one.ended_at for at in deaths)
        moved = any(start <= one.ended_at and one.at <= end for start, end in moves)
        if dying and (one.kind != "no pod" or one.status == 502 or not moved):
            death += 1
        elif moved:
            moving += 1
        else:
            other += 1
    return LostByCause(moving, death, other)


def _errors(tally: VersionTally) -> int:
    return sum(number for code, number in tally.codes.items() if code >= 500)


def _millis(seconds: float) -> float:
    return round(seconds * 1000, 2)


def _instant(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
