"""The experiment of a step: its name, its start, its verdict, its end (safety rule S10).

As with runs: the name goes into the status before the experiment is created, and a name of an
attempt before is never taken up again. Knows no templates of analyses and no pods.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from serinus.api.argo import PauseCondition, RolloutExperimentStep
from serinus.api.experiment import Experiment
from serinus.api.names import IN_TRAFFIC
from serinus.core.rollout.actions import Action, Retire, StartExperiment, StopExperiment
from serinus.core.rollout.canary import INCONCLUSIVE_TRIAL
from serinus.core.rollout.course import Course, abort
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.drain import FINISHED
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.standing import Standing

DEFAULT_HISTORY_LIMIT = 5


def base_name(standing: Standing, index: int) -> str:
    """The original's name of a step's experiment, before its attempt."""
    number = standing.current.number if standing.current else 0
    owner = standing.snapshot.rollout.metadata.name
    return f"{owner}-{standing.current_hash}-{number}-{index}"


def new_name(standing: Standing, index: int) -> str:
    """The next free name: one a later attempt makes its own by a suffix `-N`."""
    base = base_name(standing, index)
    taken = {one.metadata.name for one in standing.snapshot.experiments}
    if base not in taken or Rule.S10 not in standing.rules:
        return base
    attempt = 1
    while f"{base}-{attempt}" in taken:
        attempt += 1
    return f"{base}-{attempt}"


def current_trial(standing: Standing, course: Course) -> str:
    """The experiment that the course remembers for this step; "" if it is of another one.

    An invalid spec may have lost the step: what is under way goes on, and its verdict counts.
    """
    asked = step_of(standing, course) is not None or standing.invalid
    if not asked or course.abort or standing.promoted:
        return ""
    base, name = base_name(standing, course.index), course.trial
    return name if name == base or name.startswith(f"{base}-") else ""


def step_of(standing: Standing, course: Course) -> RolloutExperimentStep | None:
    """The experiment that the step asks for, if it is such a step."""
    step = next(iter(standing.strategy.steps[course.index : course.index + 1]), None)
    return step.experiment if step is not None else None


def find(standing: Standing, name: str) -> Experiment | None:
    """An experiment of ours by name."""
    known = (one for one in standing.snapshot.experiments if name and one.metadata.name == name)
    return next(known, None)


def judge_trial(
    standing: Standing, course: Course, proposal: Proposal
) -> tuple[Course, Proposal, bool]:
    """The course under the verdict of the step's experiment, and whether the step is passed."""
    if Rule.S5 not in standing.rules:
        return course, proposal, True
    name = current_trial(standing, course)
    if _is_let_go_on(course, find(standing, name)):
        course, name = replace(course, controller_pause=False), ""
    if not name and not _may_be_named(standing):
        text = "an experiment needs a stable revision and the new one"
        return course, proposal.because(Hold.ANALYSIS, text), False
    name = name or new_name(standing, course.index)
    course, experiment = replace(course, trial=name), find(standing, name)
    phase = verdict_of(experiment)
    match phase:
        case "Successful":
            return course, proposal, True
        case "Failed" | "Error":
            return _failed(standing, course, experiment), proposal, False
        case "Inconclusive":
            return _inconclusive(standing, course), _waits(proposal, name, phase), False
    return course, _waits(proposal, name, phase or "Pending"), False


def condemned_by_trial(standing: Standing, course: Course) -> Course:
    """The course of a frozen rollout: a verdict against its canary counts all the same (S6)."""
    experiment = find(standing, current_trial(standing, course))
    if verdict_of(experiment) in ("Failed", "Error"):
        return _failed(standing, course, experiment)
    return course


def verdict_of(experiment: Experiment | None) -> str:
    """One that was terminated reads Successful for its readers, and is no pass for us."""
    if experiment is None:
        return ""
    cancelled = experiment.spec.terminate and experiment.status.phase == "Successful"
    return "Inconclusive" if cancelled else experiment.status.phase


def _is_let_go_on(course: Course, experiment: Experiment | None) -> bool:
    """A person let an inconclusive experiment go on: there is another one."""
    waited = course.controller_pause and not course.pauses
    return waited and verdict_of(experiment) == "Inconclusive"


def _may_be_named(standing: Standing) -> bool:
    """Names contain the revision's number, which must not change under them."""
    current = standing.current
    known = current is not None and standing.stable is not None
    return known and all(r.number <= current.number for r in standing.others if current)


def _failed(standing: Standing, course: Course, experiment: Experiment | None) -> Course:
    assert experiment is not None
    status, name = experiment.status, experiment.metadata.name
    why = f"Experiment '{name}' {status.phase}" + (f": {status.message}" if status.message else "")
    return abort(standing, course, why)


def _inconclusive(standing: Standing, course: Course) -> Course:
    if any(pause.reason == INCONCLUSIVE_TRIAL for pause in course.pauses):
        return course
    pause = PauseCondition(reason=INCONCLUSIVE_TRIAL, start_time=standing.snapshot.now)
    course = replace(course, pauses=(*course.pauses, pause), controller_pause=True)
    return course.tell("RolloutPaused", f"Rollout is paused ({INCONCLUSIVE_TRIAL})")


def _waits(proposal: Proposal, name: str, phase: str) -> Proposal:
    return proposal.because(Hold.ANALYSIS, f"experiment {name} is {phase}")


# --- What to do with experiments ------------------------------------------------------------------


def trial_actions(standing: Standing, course: Course, may_start: bool) -> list[Action]:
    """Start the recorded experiment of the step; stop and retire those that nobody waits for."""
    name, step = current_trial(standing, course), step_of(standing, course)
    actions: list[Action] = []
    noted = standing.status.canary.current_experiment == name
    if step is not None and name and noted and may_start and find(standing, name) is None:
        hashes = (standing.current_hash, standing.stable_hash)
        if standing.current is not None and standing.stable is not None:
            actions.append(StartExperiment(name, step, course.index, *hashes))
    for one in standing.snapshot.experiments:
        going = one.status.phase not in FINISHED and not one.spec.terminate
        if going and one.metadata.name != name:
            actions.append(StopExperiment(one.metadata.name, one.metadata.resource_version))
    return actions + _retired(standing)


def _retired(standing: Standing) -> list[Action]:
    """Finished ones past the history limits, oldest first, and those of revisions that are gone."""
    limits = standing.spec.analysis
    good = limits.successful_run_history_limit if limits else None
    bad = limits.unsuccessful_run_history_limit if limits else None
    kept = standing.status.canary.current_experiment
    done = [
        one
        for one in standing.snapshot.experiments
        if one.status.phase in FINISHED
        and one.metadata.name != kept
        and IN_TRAFFIC not in one.metadata.annotations
        and not any(template.replicas for template in one.status.template_statuses)
    ]
    passed = [one for one in done if one.status.phase == "Successful"]
    failed = [one for one in done if one.status.phase != "Successful"]
    alive = {revision.hash for revision in standing.snapshot.revisions}
    orphans = [one for one in done if one.metadata.labels.get(_HASH) not in alive]
    names = {
        one.metadata.name: one.metadata.resource_version
        for one in (*_oldest(passed, good), *_oldest(failed, bad), *orphans)
    }
    return [Retire("Experiment", name, names[name]) for name in sorted(names)]


_HASH = "rollouts-pod-template-hash"


def _oldest(found: list[Experiment], limit: int | None) -> Iterable[Experiment]:
    found.sort(key=lambda one: (str(one.metadata.creation_timestamp), one.metadata.name))
    return found[: max(0, len(found) - (DEFAULT_HISTORY_LIMIT if limit is None else limit))]
