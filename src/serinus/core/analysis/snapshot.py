"""All that a decision about one AnalysisRun may look at, with the time of observation in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from serinus.api.analysis import AnalysisRun
from serinus.core.analysis.answers import Answer, Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisSnapshot:
    """`answers` are those that arrived and may not be in the status yet."""

    now: datetime
    run: AnalysisRun
    answers: Mapping[Asked, Answer] = field(default_factory=dict)
