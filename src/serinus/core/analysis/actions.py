"""What a plan for one AnalysisRun may ask of the world, and the plan itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from serinus.api.analysis import AnalysisRunStatus, MetricProvider, SecretKeyRef
from serinus.core.analysis.answers import Asked


@dataclass(frozen=True, slots=True)
class Measure:
    """Ask a provider, unless it is being asked; the status says already that it was started.

    `provider` has its arguments filled in but those of `secrets` (argument -> where it lies),
    which stand there as `{{args.name}}` for the shell to fill.
    """

    asked: Asked
    provider: MetricProvider
    secrets: Mapping[str, SecretKeyRef]


@dataclass(frozen=True, slots=True)
class Cancel:
    """Nobody waits for this measurement any more."""

    asked: Asked


@dataclass(frozen=True, slots=True)
class Expire:
    """Delete the run: its time to live is over."""


@dataclass(frozen=True, slots=True)
class Announce:
    """Tell people: an event of the run. May be lost."""

    reason: str
    message: str
    warning: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisPlan:
    """What to do now, what to write, what to tell, and when to look again."""

    actions: tuple[Measure | Cancel | Expire, ...] = ()
    status: AnalysisRunStatus | None = None
    """The whole new status; None: it is as it was."""
    announcements: tuple[Announce, ...] = ()
    wake_at: datetime | None = None
