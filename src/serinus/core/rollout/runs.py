"""The analysis run of a step: its name, its start, its verdict, its end (safety rule S10).

A run's name goes into the status before the run is created, so no run exists that the status does
not know; a name of an attempt before is never taken up again. Knows no metrics and no providers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import PauseCondition, RolloutAnalysisRunStatus
from serinus.core.rollout.actions import Action, Retire, StartRun, StopRun
from serinus.core.rollout.canary import INCONCLUSIVE
from serinus.core.rollout.course import Course, abort
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.drain import FINISHED
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.standing import Standing

DEFAULT_HISTORY_LIMIT = 5


def base_name(standing: Standing, index: int) -> str:
    """The original's name of a step's run, before its attempt."""
    number = standing.current.number if standing.current else 0
    owner = standing.snapshot.rollout.metadata.name
    return f"{owner}-{standing.current_hash}-{number}-{index}"


def new_name(standing: Standing, index: int) -> str:
    """The next free name of a step's run: one a later attempt makes its own by a suffix `.N`."""
    base = base_name(standing, index)
    taken = {run.metadata.name for run in standing.snapshot.runs}
    if base not in taken or Rule.S10 not in standing.rules:
        return base
    attempt = 1
    while f"{base}.{attempt}" in taken:
        attempt += 1
    return f"{base}.{attempt}"


def current_run(standing: Standing, course: Course) -> RolloutAnalysisRunStatus | None:
    """What the status remembers of the run of this step; None if it is of another one."""
    if course.run is None:
        return None
    base = base_name(standing, course.index)
    name = course.run.name
    return course.run if name == base or name.startswith(base + ".") else None


def find(standing: Standing, name: str) -> AnalysisRun | None:
    """A run of ours by name."""
    return next((run for run in standing.snapshot.runs if run.metadata.name == name), None)


def judge(standing: Standing, course: Course, proposal: Proposal) -> tuple[Course, Proposal, bool]:
    """The course under the verdict of the step's run, and whether the step has passed."""
    if Rule.S5 not in standing.rules:
        return course, proposal, True
    recorded = current_run(standing, course)
    if _resumed(course, recorded):
        course, recorded = replace(course, controller_pause=False), None
    if recorded is None:
        if not _numbered(standing):
            return course, proposal, False
        recorded = RolloutAnalysisRunStatus(name=new_name(standing, course.index), status="Pending")
    run = find(standing, recorded.name)
    if run is not None:
        course = _announced(course, recorded, run)
        recorded = replace_verdict(recorded, run)
    course = replace(course, run=recorded)
    match _verdict(run):
        case "Successful":
            return course, proposal, True
        case "Failed" | "Error":
            return _failed(standing, course, recorded), proposal, False
        case "Inconclusive":
            return _inconclusive(standing, course), _waits(proposal, recorded), False
    return course, _waits(proposal, recorded), False


def condemned(standing: Standing, course: Course) -> Course:
    """The course of a frozen rollout: a verdict against its canary counts all the same (S6)."""
    recorded = None if standing.promoted else current_run(standing, course)
    run = find(standing, recorded.name) if recorded else None
    if recorded is None or run is None or _verdict(run) not in ("Failed", "Error"):
        return course
    recorded = replace_verdict(recorded, run)
    return _failed(standing, replace(course, run=recorded), recorded)


def followed(standing: Standing, course: Course) -> Course:
    """The course of an aborted rollout: how its run ended is told to the end."""
    run = find(standing, course.run.name) if course.run else None
    if course.run is None or run is None:
        return course
    return replace(course, run=replace_verdict(course.run, run))


def _failed(standing: Standing, course: Course, recorded: RolloutAnalysisRunStatus) -> Course:
    why = f"Step-based analysis phase error/failed: {recorded.message}"
    return abort(standing, course, why)


def _resumed(course: Course, recorded: RolloutAnalysisRunStatus | None) -> bool:
    """A person let an inconclusive analysis go on: it is measured again."""
    return course.controller_pause and not course.pauses and recorded is not None


def _numbered(standing: Standing) -> bool:
    """Names contain the revision's number, which must not change under them."""
    current = standing.current
    return current is not None and all(r.number <= current.number for r in standing.others)


def replace_verdict(
    recorded: RolloutAnalysisRunStatus, run: AnalysisRun
) -> RolloutAnalysisRunStatus:
    """The status' note of a run, brought up to date."""
    return RolloutAnalysisRunStatus(
        name=recorded.name, status=run.status.phase or "Pending", message=run.status.message
    )


def _verdict(run: AnalysisRun | None) -> str:
    """A run that was cancelled reads Successful for its readers, and is no pass for us."""
    if run is None:
        return ""
    cancelled = run.spec.terminate and run.status.phase == "Successful"
    return "Inconclusive" if cancelled else run.status.phase


def _inconclusive(standing: Standing, course: Course) -> Course:
    if any(pause.reason == INCONCLUSIVE for pause in course.pauses):
        return course
    pause = PauseCondition(reason=INCONCLUSIVE, start_time=standing.snapshot.now)
    course = replace(course, pauses=(*course.pauses, pause), controller_pause=True)
    return course.tell("RolloutPaused", f"Rollout is paused ({INCONCLUSIVE})")


def _waits(proposal: Proposal, recorded: RolloutAnalysisRunStatus) -> Proposal:
    message = f"analysis run {recorded.name} is {recorded.status}"
    return proposal.because(Hold.ANALYSIS, message)


def _announced(course: Course, recorded: RolloutAnalysisRunStatus, run: AnalysisRun) -> Course:
    phase = run.status.phase
    if not phase or phase == recorded.status:
        return course
    message = f"Step Analysis Run '{recorded.name}' Status New: '{phase}'"
    message += f" Previous: '{recorded.status}'"
    bad = phase in ("Failed", "Error", "Inconclusive")
    return course.tell(f"AnalysisRun{phase}", message, warning=bad)


# --- What to do with runs ------------------------------------------------------------------------


def run_actions(standing: Standing, course: Course, may_start: bool) -> list[Action]:
    """Start the recorded run of this step; stop and retire those that nobody waits for."""
    recorded = None if course.abort or standing.promoted else current_run(standing, course)
    actions: list[Action] = []
    if recorded is not None and may_start and _may_start(standing, course, recorded):
        step = standing.strategy.steps[course.index]
        assert step.analysis is not None
        actions.append(
            StartRun(
                recorded.name,
                step.analysis,
                course.index,
                standing.current_hash,
                standing.stable_hash,
            )
        )
    for run in standing.snapshot.runs:
        unfinished = run.status.phase not in FINISHED and not run.spec.terminate
        if unfinished and (recorded is None or run.metadata.name != recorded.name):
            actions.append(StopRun(run.metadata.name))
    return actions + _retired_runs(standing)


def _may_start(standing: Standing, course: Course, recorded: RolloutAnalysisRunStatus) -> bool:
    """Only under a name that the status held when the snapshot was taken, and only once."""
    noted = standing.status.canary.current_step_analysis_run_status
    step = standing.strategy.steps[course.index : course.index + 1]
    return (
        noted is not None
        and noted.name == recorded.name
        and find(standing, recorded.name) is None
        and bool(step and step[0].analysis)
    )


def _retired_runs(standing: Standing) -> list[Action]:
    """Finished runs past the history limits, oldest first, and those of revisions that are gone."""
    limits = standing.spec.analysis
    good = limits.successful_run_history_limit if limits else None
    bad = limits.unsuccessful_run_history_limit if limits else None
    noted = standing.status.canary.current_step_analysis_run_status
    kept = noted.name if noted else ""
    done = [
        run
        for run in standing.snapshot.runs
        if run.status.phase in FINISHED and run.metadata.name != kept
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
