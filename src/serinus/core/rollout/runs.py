"""The analysis run of a gate: its name, its start, its verdict, its end (safety rule S10).

A run's name goes into the status before the run is created, so no run exists that the status does
not know; a name of an attempt before is never taken up again. Knows no metrics and no providers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import PauseCondition, RolloutAnalysisRunStatus
from serinus.core.rollout.actions import Action, Retire, StartRun, StopRun
from serinus.core.rollout.canary import INCONCLUSIVE
from serinus.core.rollout.course import Course, abort
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.drain import FINISHED
from serinus.core.rollout.gates import (
    BACKGROUND,
    Gate,
    all_noted,
    gates_now,
    hidden_gates,
    noted_in,
    noted_of,
)
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.standing import Standing

DEFAULT_HISTORY_LIMIT = 5


def base_name(standing: Standing, gate: Gate) -> str:
    """The original's name of a gate's run, before its attempt."""
    number = standing.current.number if standing.current else 0
    owner = standing.snapshot.rollout.metadata.name
    name = f"{owner}-{standing.current_hash}-{number}"
    return f"{name}-{gate.suffix}" if gate.suffix else name


def new_name(standing: Standing, gate: Gate) -> str:
    """The next free name of a gate's run: one a later attempt makes its own by a suffix `.N`."""
    base = base_name(standing, gate)
    taken = {run.metadata.name for run in standing.snapshot.runs}
    if base not in taken or Rule.S10 not in standing.rules:
        return base
    attempt = 1
    while f"{base}.{attempt}" in taken:
        attempt += 1
    return f"{base}.{attempt}"


def current_run(standing: Standing, course: Course, gate: Gate) -> RolloutAnalysisRunStatus | None:
    """What the status remembers of the run of this gate; None if it is of another one."""
    noted = noted_of(course, gate)
    if noted is None:
        return None
    base = base_name(standing, gate)
    return noted if noted.name == base or noted.name.startswith(base + ".") else None


def with_run(course: Course, gate: Gate, run: RolloutAnalysisRunStatus | None) -> Course:
    """The course that remembers this run of a gate."""
    change: dict[str, Any] = {gate.field: run}
    return replace(course, **change)


def find(standing: Standing, name: str) -> AnalysisRun | None:
    """A run of ours by name."""
    return next((run for run in standing.snapshot.runs if run.metadata.name == name), None)


def judge(
    standing: Standing, course: Course, proposal: Proposal, gate: Gate
) -> tuple[Course, Proposal, bool]:
    """The course under the verdict of the gate's run, and whether the gate is passed."""
    if Rule.S5 not in standing.rules:
        return course, proposal, True
    recorded = current_run(standing, course, gate)
    if is_resumed(course, recorded):
        course, recorded = replace(course, controller_pause=False), None
    if recorded is None:
        if not is_numbered(standing):
            return course, proposal, False
        recorded = RolloutAnalysisRunStatus(name=new_name(standing, gate), status="Pending")
    run = find(standing, recorded.name)
    if run is not None:
        course = announced(course, gate, recorded, run)
        recorded = replace_verdict(recorded, run)
    course = with_run(course, gate, recorded)
    match verdict_of(run):
        case "Successful":
            return course, proposal, True
        case "Failed" | "Error":
            return failed(standing, course, gate, recorded), proposal, False
        case "Inconclusive":
            return inconclusive(standing, course), _waits(proposal, recorded), False
    return course, _waits(proposal, recorded), False


def condemned(standing: Standing, course: Course) -> Course:
    """The course of a frozen rollout: a verdict against its canary counts all the same (S6)."""
    for gate in (*gates_now(standing, course), *hidden_gates(standing, course)):
        recorded = current_run(standing, course, gate)
        run = find(standing, recorded.name) if recorded else None
        if recorded is not None and run is not None and verdict_of(run) in ("Failed", "Error"):
            recorded = replace_verdict(recorded, run)
            return failed(standing, with_run(course, gate, recorded), gate, recorded)
    return course


def followed(standing: Standing, course: Course) -> Course:
    """The course of an aborted rollout: how its runs ended is told to the end."""

    def told(noted: RolloutAnalysisRunStatus | None) -> RolloutAnalysisRunStatus | None:
        run = find(standing, noted.name) if noted else None
        if noted is None or run is None:
            return noted
        phase = run.status.phase or "Pending"
        return RolloutAnalysisRunStatus(name=noted.name, status=phase, message=run.status.message)

    return replace(
        course,
        run=told(course.run),
        background=told(course.background),
        pre=told(course.pre),
        post=told(course.post),
    )


def failed(
    standing: Standing, course: Course, gate: Gate, recorded: RolloutAnalysisRunStatus
) -> Course:
    why = f"{gate.words} analysis phase error/failed: {recorded.message}"
    return abort(standing, course, why)


def is_resumed(course: Course, recorded: RolloutAnalysisRunStatus | None) -> bool:
    """A person let an inconclusive analysis go on: it is measured again.

    A run that was not told Inconclusive yet has not paused anything: a switch that was promoted
    by a person keeps `controllerPause` beside it.
    """
    waited = course.controller_pause and not course.pauses
    return waited and recorded is not None and recorded.status == "Inconclusive"


def is_numbered(standing: Standing) -> bool:
    """Names contain the revision's number, which must not change under them."""
    current = standing.current
    return current is not None and all(r.number <= current.number for r in standing.others)


def replace_verdict(
    recorded: RolloutAnalysisRunStatus, run: AnalysisRun
) -> RolloutAnalysisRunStatus:
    """The status' note of a run, brought up to date. One that was cancelled is noted Inconclusive:
    the note is what a later plan goes by.
    """
    return RolloutAnalysisRunStatus(
        name=recorded.name, status=verdict_of(run) or "Pending", message=run.status.message
    )


def verdict_of(run: AnalysisRun | None) -> str:
    """A run that was cancelled reads Successful for its readers, and is no pass for us."""
    if run is None:
        return ""
    cancelled = run.spec.terminate and run.status.phase == "Successful"
    return "Inconclusive" if cancelled else run.status.phase


def inconclusive(standing: Standing, course: Course) -> Course:
    if any(pause.reason == INCONCLUSIVE for pause in course.pauses):
        return course
    pause = PauseCondition(reason=INCONCLUSIVE, start_time=standing.snapshot.now)
    course = replace(course, pauses=(*course.pauses, pause), controller_pause=True)
    return course.tell("RolloutPaused", f"Rollout is paused ({INCONCLUSIVE})")


def _waits(proposal: Proposal, recorded: RolloutAnalysisRunStatus) -> Proposal:
    message = f"analysis run {recorded.name} is {recorded.status}"
    return proposal.because(Hold.ANALYSIS, message)


def announced(
    course: Course, gate: Gate, recorded: RolloutAnalysisRunStatus, run: AnalysisRun
) -> Course:
    phase = verdict_of(run)
    if not phase or phase == recorded.status:
        return course
    message = f"{gate.kind} Analysis Run '{recorded.name}' Status New: '{phase}'"
    message += f" Previous: '{recorded.status}'"
    bad = phase in ("Failed", "Error")
    return course.tell(f"AnalysisRun{phase}", message, warning=bad)


# --- What to do with runs ------------------------------------------------------------------------


def run_actions(standing: Standing, course: Course, may_start: bool) -> list[Action]:
    """Start the recorded run of each gate; stop and retire those that nobody waits for."""
    actions, awaited = list[Action](), set[str]()
    for gate in gates_now(standing, course):
        recorded = current_run(standing, course, gate)
        if recorded is None:
            continue
        awaited.add(recorded.name)
        if may_start and _may_start(standing, gate, recorded):
            actions.append(
                StartRun(
                    recorded.name,
                    gate.analysis,
                    gate.index,
                    standing.current_hash,
                    standing.stable_hash,
                    gate.kind,
                    standing.current.number if standing.current else 0,
                )
            )
    if standing.invalid and not (course.abort or standing.promoted):
        # Nobody knows from an invalid spec which of them its author waits for.
        awaited.update(run.metadata.name for run in standing.snapshot.runs)
    for run in standing.snapshot.runs:
        unfinished = run.status.phase not in FINISHED and not run.spec.terminate
        if unfinished and run.metadata.name not in awaited:
            actions.append(StopRun(run.metadata.name))
    return actions + _retired_runs(standing)


def _may_start(standing: Standing, gate: Gate, recorded: RolloutAnalysisRunStatus) -> bool:
    """Only under a name that the status held when the snapshot was taken, and only once."""
    noted = noted_in(standing.status, gate)
    known = noted is not None and noted.name == recorded.name
    # One that ended and was deleted has had its say; a step asks again, as it waits for the run.
    over = gate.kind == BACKGROUND and recorded.status in FINISHED
    return known and not over and find(standing, recorded.name) is None


def _retired_runs(standing: Standing) -> list[Action]:
    """Finished runs past the history limits, oldest first, and those of revisions that are gone."""
    limits = standing.spec.analysis
    good = limits.successful_run_history_limit if limits else None
    bad = limits.unsuccessful_run_history_limit if limits else None
    kept = all_noted(standing.status)
    done = [
        run
        for run in standing.snapshot.runs
        if run.status.phase in FINISHED and run.metadata.name not in kept
    ]
    passed = [run for run in done if run.status.phase == "Successful"]
    failed = [run for run in done if run.status.phase != "Successful"]
    alive = {revision.hash for revision in standing.snapshot.revisions}
    orphans = [r for r in done if r.metadata.labels.get("rollouts-pod-template-hash") not in alive]
    surplus = [*_oldest(passed, good), *_oldest(failed, bad)]
    names = {run.metadata.name: run for run in (*surplus, *orphans)}
    return [
        Retire("AnalysisRun", name, names[name].metadata.resource_version) for name in sorted(names)
    ]


def _oldest(runs: list[AnalysisRun], limit: int | None) -> Iterable[AnalysisRun]:
    runs.sort(key=lambda run: (str(run.metadata.creation_timestamp), run.metadata.name))
    return runs[: max(0, len(runs) - (DEFAULT_HISTORY_LIMIT if limit is None else limit))]
