"""Rollouts as a table, one line each (`get rollout` without a name)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from serinus.api.argo import Rollout
from serinus.base.durations import format_duration
from serinus.present import icons
from serinus.present.describe import set_weight
from serinus.present.lines import Line, Span, Tone, line, table
from serinus.present.phase import phase_of

COLUMNS = ("NAME", "STRATEGY", "STATUS", "STEP", "SET-WEIGHT", "READY", "DESIRED", "UP-TO-DATE")


def listing(
    rollouts: Iterable[Rollout], now: datetime, *, namespaces: bool = False
) -> tuple[Line, ...]:
    """The table, sorted by namespace and name; with a namespace column if asked."""
    titles = (*(("NAMESPACE",) if namespaces else ()), *COLUMNS, "AVAILABLE", "AGE")
    head = [line(Span(title, Tone.FAINT)) for title in titles]
    ordered = sorted(rollouts, key=lambda r: (r.metadata.namespace, r.metadata.name))
    return table([head, *(_row(rollout, now, namespaces) for rollout in ordered)])


def _row(rollout: Rollout, now: datetime, namespaces: bool) -> list[Line]:
    metadata, status, canary = rollout.metadata, rollout.status, rollout.spec.strategy.canary
    steps = len(canary.steps) if canary else 0
    index = min(status.current_step_index or 0, steps)
    desired = 1 if rollout.spec.replicas is None else rollout.spec.replicas
    cells: list[str | Span] = [
        *([metadata.namespace] if namespaces else []),
        metadata.name,
        "Canary" if canary else "BlueGreen",
        icons.state(phase_of(rollout).word),
        f"{index}/{steps}" if steps else "-",
        str(set_weight(rollout)) if canary else "-",
        f"{status.ready_replicas}/{status.replicas}",
        str(desired),
        str(status.updated_replicas),
        str(status.available_replicas),
        format_duration(now - metadata.creation_timestamp) if metadata.creation_timestamp else "",
    ]
    return [line(cell) for cell in cells]
