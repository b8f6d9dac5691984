"""Where a strategy waits for the verdict of an analysis run, and which of these places counts now.

Knows neither verdicts nor names that are taken; `runs.py` judges.
"""

from __future__ import annotations

from dataclasses import dataclass

from serinus.api.argo import RolloutAnalysis, RolloutAnalysisRunStatus, RolloutStatus
from serinus.core.rollout.course import Course, is_watched
from serinus.core.rollout.rollback import is_fast
from serinus.core.rollout.standing import Standing

STEP, BACKGROUND = "Step", "Background"
PRE_PROMOTION, POST_PROMOTION = "PrePromotion", "PostPromotion"


@dataclass(frozen=True, slots=True)
class Gate:
    """One place: the label of its runs, the field of the course that remembers them, their name."""

    kind: str
    field: str
    suffix: str
    """What a run's name ends with, before its attempt; "" for nothing."""
    analysis: RolloutAnalysis
    index: int | None
    """Of the step; None outside a step."""

    @property
    def words(self) -> str:
        """How messages name the analysis."""
        return _WORDS[self.kind]


_WORDS = {
    STEP: "Step-based",
    BACKGROUND: "Background",
    PRE_PROMOTION: "Pre-promotion",
    POST_PROMOTION: "Post-promotion",
}


def gates_now(standing: Standing, course: Course) -> tuple[Gate, ...]:
    """The places whose runs are waited for now; any other run of ours is not needed."""
    if course.abort or standing.promoted:
        return ()
    if standing.blue_green is not None:
        found: tuple[Gate | None, ...] = (_of_switch(standing, course),)
    else:
        found = (step_gate(standing, course), background_gate(standing, course))
    return tuple(gate for gate in found if gate is not None)


def hidden_gates(standing: Standing, course: Course) -> tuple[Gate, ...]:
    """The places that an invalid spec may have lost, while the status remembers runs of them.

    Nobody knows from such a spec what its author still wants; but a run of this attempt that says
    no has been asked for, and must not be hidden by a typo.
    """
    if not standing.invalid or course.abort or course.promote_full:
        return ()
    if standing.first or standing.promoted or is_fast(standing):
        return ()
    index = course.index
    return (
        Gate(STEP, "run", str(index), _LOST, index),
        Gate(BACKGROUND, "background", "", _LOST, None),
        Gate(PRE_PROMOTION, "pre", "pre", _LOST, None),
        Gate(POST_PROMOTION, "post", "post", _LOST, None),
    )


_LOST = RolloutAnalysis()


def step_gate(standing: Standing, course: Course) -> Gate | None:
    """Of the step that a canary stands at."""
    step = next(iter(standing.strategy.steps[course.index : course.index + 1]), None)
    if step is None or step.analysis is None:
        return None
    return Gate(STEP, "run", str(course.index), step.analysis, course.index)


def background_gate(standing: Standing, course: Course) -> Gate | None:
    """Beside all steps of a canary, from the starting step on; nothing waits for its end."""
    analysis = standing.strategy.analysis
    if analysis is None or not is_watched(standing, course):
        return None
    return Gate(BACKGROUND, "background", "", analysis, None)


def _of_switch(standing: Standing, course: Course) -> Gate | None:
    return post_gate(standing, course) if is_switched(standing) else pre_gate(standing, course)


def is_switched(standing: Standing) -> bool:
    """The active Service was told to select the revision that is wanted."""
    service = standing.active_service
    return service is not None and service.selector_hash == standing.current_hash


def is_fast_tracked(standing: Standing, course: Course) -> bool:
    """Neither pauses nor analyses: a person said so, or it is a way back that is still open."""
    return standing.first or course.promote_full or is_fast(standing)


def pre_gate(standing: Standing, course: Course) -> Gate | None:
    """Before the active Service is switched; None if nothing is measured there."""
    wanted = standing.blue_green.pre_promotion_analysis if standing.blue_green else None
    if not _measures(wanted) or is_fast_tracked(standing, course):
        return None
    assert wanted is not None
    return Gate(PRE_PROMOTION, "pre", "pre", wanted, None)


def post_gate(standing: Standing, course: Course) -> Gate | None:
    """After the switch, before the revision is stable; None if nothing is measured there."""
    wanted = standing.blue_green.post_promotion_analysis if standing.blue_green else None
    if not _measures(wanted) or is_fast_tracked(standing, course):
        return None
    assert wanted is not None
    return Gate(POST_PROMOTION, "post", "post", wanted, None)


def _measures(analysis: RolloutAnalysis | None) -> bool:
    return analysis is not None and bool(analysis.templates)


def noted_of(course: Course, gate: Gate) -> RolloutAnalysisRunStatus | None:
    """The run that a course remembers for a gate, whosever it is."""
    remembered = {
        "run": course.run,
        "background": course.background,
        "pre": course.pre,
        "post": course.post,
    }
    return remembered[gate.field]


def noted_in(status: RolloutStatus, gate: Gate) -> RolloutAnalysisRunStatus | None:
    """The run that a status remembers for a gate."""
    switch = status.blue_green
    remembered = {
        "run": status.canary.current_step_analysis_run_status,
        "background": status.canary.current_background_analysis_run_status,
        "pre": switch.pre_promotion_analysis_run_status,
        "post": switch.post_promotion_analysis_run_status,
    }
    return remembered[gate.field]


def all_noted(status: RolloutStatus) -> tuple[str, ...]:
    """The names of all runs that a status remembers."""
    switch = status.blue_green
    remembered = (
        status.canary.current_step_analysis_run_status,
        status.canary.current_background_analysis_run_status,
        switch.pre_promotion_analysis_run_status,
        switch.post_promotion_analysis_run_status,
    )
    return tuple(run.name for run in remembered if run is not None and run.name)
