"""What the status remembers of step plugins: calls that are due, answers, what is wound up.

A step is noted before its plugin is called, and every answer moves the count of calls; so after a
crash the same call is made again under its number. The list belongs to one attempt (rule S10): what
an attempt before began is undone first. Knows steps and entries, and no course.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from msgspec.structs import replace

from serinus.api.argo import StepPluginStatus
from serinus.base.durations import parse_duration
from serinus.core.rollout.actions import Announce
from serinus.core.rollout.calls import FINAL, Answered, Operation, Phase, StepAsked
from serinus.core.rollout.standing import Standing

Entries = tuple[StepPluginStatus, ...]

USUAL_SECONDS = 30.0
"""Between two calls of an operation that is under way, and after an error."""
LEAST_SECONDS = 10.0
"""A plugin's own wish counts only above it, as in the original."""
MOST_TRIES = 10
"""Of a Terminate or Abort that is never told whether it worked: then people have to look."""


def remembered(standing: Standing) -> Entries:
    """The entries of the status, with the answers that have come since."""
    entries, answers = standing.status.canary.step_plugin_statuses, standing.snapshot.step_answers
    disabled = standing.snapshot.settings.disabled_plugins
    calls = {_place(entry): call for entry, call in awaited(entries)}
    found: list[StepPluginStatus] = []
    for entry in entries:
        call = calls.get(_place(entry))
        if call is not None and entry.name in disabled:
            entry = passed_over(entry, standing.snapshot.now)
        elif call is not None and call in answers:
            entry = _answered(entry, answers[call])
        found.append(entry)
    return tuple(found)


def _place(entry: StepPluginStatus) -> tuple[int, str]:
    """Unique in a list."""
    return entry.index, entry.operation


def passed_over(entry: StepPluginStatus, now: datetime) -> StepPluginStatus:
    """Of a plugin that the controller's settings disable."""
    return replace(
        entry,
        phase=Phase.SUCCESSFUL,
        disabled=True,
        message="disabled in the settings of the controller",
        finished_at=now,
        backoff="",
    )


def _answered(entry: StepPluginStatus, answered: Answered) -> StepPluginStatus:
    answer, number = answered.answer, entry.executions + 1
    phase, message = answer.phase, answer.message
    if phase is Phase.ERROR and entry.operation != Operation.RUN and number >= MOST_TRIES:
        phase, message = Phase.FAILED, f"given up after {number} calls: {message}"
    over = phase in FINAL
    return replace(
        entry,
        phase=phase,
        message=message,
        executions=number,
        updated_at=answered.at,
        finished_at=answered.at if over else None,
        backoff="" if over else f"{_wait_seconds(answered):g}s",
        status=entry.status if answer.state is None else answer.state,
    )


def _wait_seconds(answered: Answered) -> float:
    wished = answered.answer.requeue_after_seconds
    running = answered.answer.phase is Phase.RUNNING
    return wished if running and wished > LEAST_SECONDS else USUAL_SECONDS


# --- Calls ---------------------------------------------------------------------------------------


def awaited(entries: Entries) -> Iterator[tuple[StepPluginStatus, StepAsked]]:
    """The entries that are not over, and the call of each whose answer counts.

    A Run that is being undone or stopped is not waited for any more.
    """
    undone = any(entry.operation == Operation.ABORT for entry in entries)
    for entry in entries:
        if entry.phase in FINAL:
            continue
        run = entry.operation == Operation.RUN
        stopped = run and (undone or find(entries, entry.index, Operation.TERMINATE) is not None)
        if not stopped:
            attempt = _attempt(entries, entry)
            number = entry.executions + 1
            yield entry, StepAsked(entry.index, entry.name, entry.operation, attempt, number)


def _attempt(entries: Entries, entry: StepPluginStatus) -> str:
    run = find(entries, entry.index, Operation.RUN) or entry
    return "" if run.started_at is None else run.started_at.isoformat().replace("+00:00", "Z")


def find(entries: Entries, index: int, operation: Operation) -> StepPluginStatus | None:
    """What is remembered of an operation of a step."""
    return next((e for e in entries if (e.index, e.operation) == (index, operation)), None)


def due_at(entry: StepPluginStatus, now: datetime) -> datetime:
    """When the next call is to be made; a first one is due at once."""
    if not entry.executions or entry.updated_at is None:
        return now
    try:
        wait = parse_duration(entry.backoff) if entry.backoff else timedelta()
    except ValueError:  # of somebody else's hand
        wait = timedelta(seconds=USUAL_SECONDS)
    return entry.updated_at + wait


# --- What is wound up ----------------------------------------------------------------------------


def begun(index: int, name: str, now: datetime) -> StepPluginStatus:
    """The entry of a step that is entered."""
    return StepPluginStatus(
        index=index, name=name, operation=Operation.RUN, phase=Phase.RUNNING, started_at=now
    )


def undoing(entries: Entries, now: datetime) -> Entries:
    """With the next Abort noted: what was begun is undone one after the other, the last first.

    A plugin that failed has undone its own work; one whose answer never came may have begun. Who
    was told to stop is told to undo instead: it has one call at a time.
    """
    for entry in reversed(entries):
        if entry.operation != Operation.RUN or entry.disabled or entry.phase == Phase.FAILED:
            continue
        told = find(entries, entry.index, Operation.ABORT)
        if told is None:
            kept = (e for e in entries if e is not _stopped(entries, entry.index))
            return (*kept, _noted(entry, Operation.ABORT, now))
        if told.phase not in FINAL:
            return entries
    return entries


def _stopped(entries: Entries, index: int) -> StepPluginStatus | None:
    """The Terminate of a step that is under way."""
    told = find(entries, index, Operation.TERMINATE)
    return None if told is None or told.phase in FINAL else told


def stopping(entries: Entries, now: datetime) -> Entries:
    """With a Terminate noted for each step that was left while its plugin was at work."""
    left = [
        entry
        for entry in reversed(entries)
        if entry.operation == Operation.RUN
        and entry.phase not in FINAL
        and find(entries, entry.index, Operation.TERMINATE) is None
    ]
    return (*entries, *(_noted(entry, Operation.TERMINATE, now) for entry in left))


def _noted(entry: StepPluginStatus, operation: Operation, now: datetime) -> StepPluginStatus:
    return StepPluginStatus(
        index=entry.index,
        name=entry.name,
        operation=operation,
        phase=Phase.RUNNING,
        started_at=now,
        status=entry.status,
    )


def is_winding_up(entries: Entries) -> bool:
    """A Terminate or Abort is under way."""
    return any(e.operation != Operation.RUN and e.phase not in FINAL for e in entries)


def left_over(standing: Standing, entries: Entries) -> Entries:
    """What another attempt inherits: only what is still to be undone, or stopped if it passed."""
    now, status = standing.snapshot.now, standing.status
    passed = bool(status.stable_rs) and status.stable_rs == status.current_pod_hash
    kept = stopping(entries, now) if passed else undoing(entries, now)
    return kept if is_winding_up(kept) else ()


def begun_anew(standing: Standing, entries: Entries, index: int) -> Entries:
    """Of a step that was edited while it was under way: its plugin is asked anew, knowing what it
    said last; another plugin knows nothing."""
    step = next(iter(standing.strategy.steps[index : index + 1]), None)
    others = tuple(entry for entry in entries if entry.index != index)
    before = find(entries, index, Operation.RUN)
    if before is None or step is None or step.plugin is None or step.plugin.name != before.name:
        return others
    anew = begun(index, before.name, standing.snapshot.now)
    return (*others, replace(anew, status=before.status))


def transitions(old: Entries, new: Entries) -> Iterator[Announce]:
    """What to tell people: each change of a phase."""
    before = {(e.index, e.operation, e.started_at): e.phase for e in old}
    for entry in new:
        was = before.get((entry.index, entry.operation, entry.started_at), "")
        if was != entry.phase:
            what = f"Step plugin {entry.name} of step {entry.index + 1} ({entry.operation})"
            text = f"{what} transitioned from '{was}' to '{entry.phase}'"
            text += f": {entry.message}" if entry.message else ""
            bad = entry.phase in (Phase.FAILED, Phase.ERROR)
            yield Announce("StepPluginTransition", text, bad)
