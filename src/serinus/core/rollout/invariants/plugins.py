"""What must hold of step plugins, of the statuses before and after a plan: see `check.py`."""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.argo import RolloutStatus
from serinus.core.rollout.snapshot import Snapshot


def plugin_passed(old: RolloutStatus, new: RolloutStatus, index: int) -> bool:
    """It says so now, and was noted before, so that it could be asked; or it is disabled."""
    before = {(e.index, e.started_at) for e in old.canary.step_plugin_statuses}
    entries = new.canary.step_plugin_statuses
    of_before = any(e.operation != "Run" for e in entries)
    return not of_before and any(
        entry.phase == "Successful"
        and (entry.disabled or (entry.index, entry.started_at) in before)
        for entry in entries
        if entry.index == index and entry.operation == "Run"
    )


def old_answer(snapshot: Snapshot, new: RolloutStatus) -> Iterator[str]:
    """A retry takes nothing over but what is still to be undone."""
    old, entries = snapshot.rollout.status, new.canary.step_plugin_statuses
    retried = old.aborted_at is not None and new.aborted_at is None and not new.abort
    if retried and entries and all(entry.operation == "Run" for entry in entries):
        yield f"step plugin {entries[0].name} of the attempt before is taken up again"
