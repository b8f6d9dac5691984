"""Invariants of analysis runs: which may start, and what may not go on under a verdict (S5, S10).

See `check.py`. Looks at the noted run and at the writes; shares no judgement with the rules.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import RolloutAnalysisRunStatus, RolloutStatus
from serinus.core.rollout.actions import Plan, SetRouting, StartRun
from serinus.core.rollout.invariants.seen import revision_of
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import Routing


def broken_runs(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """What is wrong with a plan, in words."""
    yield from _started(snapshot, plan)
    yield from _hidden(snapshot, plan)
    run = _watching(snapshot)
    if run is None or plan.status is None or _ends_otherwise(snapshot, plan.status):
        return
    if _is_renumbered(run, plan.status):
        return  # it is of an earlier time that this revision was wanted; there is another one now
    name, phase = run.metadata.name, run.status.phase
    doubtful = phase == "Inconclusive" or (phase == "Successful" and run.spec.terminate)
    if phase in ("Failed", "Error") and not plan.status.abort:
        yield f"the update goes on although run {name} is {phase}"
    elif phase in ("Failed", "Error") or (doubtful and not _let_go(snapshot)):
        yield from _goes_on(snapshot, plan, plan.status, f"run {name} is {phase}")


def _started(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """Only what the status names, that is not there yet; nothing while frozen."""
    known = {run.name for run in _noted(snapshot.rollout.status)}
    there = {run.metadata.name for run in snapshot.runs}
    for action in plan.actions:
        if not isinstance(action, StartRun):
            continue
        if action.name not in known or action.name in there:
            yield f"run {action.name} starts without its name in the status, or a second time"
        if snapshot.rollout.spec.paused or snapshot.problems:
            yield f"run {action.name} starts although the rollout is frozen"


def _hidden(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """A run against the canary that its status remembers aborts, also under an invalid spec."""
    old, new = snapshot.rollout.status, plan.status
    if not snapshot.problems or new is None or _ends_otherwise(snapshot, new):
        return
    noted = {run.name for run in _noted(old)}
    for run in snapshot.runs:
        name, phase = run.metadata.name, run.status.phase
        against = name in noted and phase in ("Failed", "Error") and _is_awaited(snapshot, name)
        if against and not new.abort:
            yield f"the update goes on under an invalid spec although run {name} is {phase}"


def _is_awaited(snapshot: Snapshot, name: str) -> bool:
    """A run of this revision: of the step it stands at, beside all steps, or of a switch."""
    old, owner = snapshot.rollout.status, snapshot.rollout.metadata.name
    current = revision_of(snapshot, old.current_pod_hash)
    if current is None:
        return False
    base = f"{owner}-{current.hash}-{current.number}"
    ends = ("", "-pre", "-post", f"-{old.current_step_index}")
    return any(name == base + end or name.startswith(f"{base}{end}.") for end in ends)


def _noted(status: RolloutStatus) -> tuple[RolloutAnalysisRunStatus, ...]:
    canary, switch = status.canary, status.blue_green
    noted = (
        canary.current_step_analysis_run_status,
        canary.current_background_analysis_run_status,
        switch.pre_promotion_analysis_run_status,
        switch.post_promotion_analysis_run_status,
    )
    return tuple(run for run in noted if run is not None)


def _is_renumbered(run: AnalysisRun, new: RolloutStatus) -> bool:
    """Names end with the revision's number, and after a dot with their attempt."""
    noted = new.canary.current_background_analysis_run_status
    return noted is not None and _number(noted.name) != _number(run.metadata.name)


def _number(name: str) -> str:
    return name.rpartition("-")[2].partition(".")[0]


def _watching(snapshot: Snapshot) -> AnalysisRun | None:
    """The run in the background that the status remembers, while the spec asks for one."""
    canary = snapshot.rollout.spec.strategy.canary
    noted = snapshot.rollout.status.canary.current_background_analysis_run_status
    if canary is None or canary.analysis is None or not canary.analysis.templates or noted is None:
        return None
    return next((run for run in snapshot.runs if run.metadata.name == noted.name), None)


def _ends_otherwise(snapshot: Snapshot, new: RolloutStatus) -> bool:
    """The verdict is of an attempt that is over, a person skips all, or there is no way back."""
    old = snapshot.rollout.status
    another = (old.current_pod_hash, old.current_step_hash) != (
        new.current_pod_hash,
        new.current_step_hash,
    )
    before = old.abort or old.aborted_at is not None or old.promote_full
    trial = revision_of(snapshot, old.stable_rs) and old.stable_rs != old.current_pod_hash
    return another or before or not trial


def _let_go(snapshot: Snapshot) -> bool:
    """A person's word that nobody has acted on yet."""
    old = snapshot.rollout.status
    return old.controller_pause and not old.pause_conditions


def _goes_on(snapshot: Snapshot, plan: Plan, new: RolloutStatus, why: str) -> Iterator[str]:
    old, seen = snapshot.rollout.status, {one.router: one.routing for one in snapshot.routers}
    if new.stable_rs != old.stable_rs:
        yield f"{new.stable_rs} becomes stable although {why}"
    if (new.current_step_index or 0) > (old.current_step_index or 0):
        yield f"step {old.current_step_index} is left although {why}"
    for action in plan.actions:
        shown = seen.get(action.router) if isinstance(action, SetRouting) else None
        if not isinstance(action, SetRouting) or not isinstance(shown, Routing):
            continue
        if action.routing.weight * shown.total > shown.weight * action.routing.total:
            yield f"weight {action.routing.weight} is written although {why}"
