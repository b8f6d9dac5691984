"""What a metric provider may say: a value, nothing, or that something is wrong.

Providers (`metrics/`) make these, judging (`judge.py`) reads them. Knows no provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Value:
    """An answer: `result` as conditions see it, `text` as the status shows it."""

    result: Any
    text: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoData:
    """An answer without data; `result` is what a condition that handles this gets."""

    result: Any
    text: str
    why: str
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trouble:
    """No usable answer: unreachable, refused, unreadable. `message` holds no secret."""

    message: str


Outcome = Value | NoData | Trouble


@dataclass(frozen=True, slots=True)
class Asked:
    """One measurement of one metric of a run; `number` counts from 1."""

    metric: str
    number: int


@dataclass(frozen=True, slots=True)
class Answer:
    """An outcome and when it arrived; `about` tells of the metric, as its resolved query."""

    outcome: Outcome
    at: datetime
    about: Mapping[str, str] = field(default_factory=dict)
