"""How a rollout gets on by itself: steps that complete, pauses, verdicts, promotion (S5, S7, S10).

What is decided here goes into the status only; traffic and capacity follow from the next snapshot
on, so that a lost status costs time and nothing else.
"""

from __future__ import annotations

from dataclasses import replace

from serinus.api.argo import Pause, PauseCondition, ReplicaProgressThreshold, Step
from serinus.api.pingpong import OTHER
from serinus.core.rollout import basic, bluegreen, capacity, pauses, reach
from serinus.core.rollout.canary import PAUSE_STEP, step_text, weight_at
from serinus.core.rollout.course import FULL_PROMOTION, Course
from serinus.core.rollout.desired import Proposal, canary_count
from serinus.core.rollout.gates import step_gate
from serinus.core.rollout.plugin_steps import condemned_by_plugin, judge_plugin, wound_up
from serinus.core.rollout.reasons import STABLE_IS_MISSED, Hold, Reason
from serinus.core.rollout.rollback import promoted_by
from serinus.core.rollout.routes import routes_at, shows
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.runs import condemned, followed, judge
from serinus.core.rollout.standing import Standing, ready_pods
from serinus.core.rollout.trials import condemned_by_trial, judge_trial
from serinus.core.routing import Ability, Routing, Unknown

Turn = tuple[Course, Proposal]


def advance(standing: Standing, course: Course, proposal: Proposal) -> Turn:
    """The course after this plan, and what now holds it back."""
    steps, course = standing.strategy.steps, wound_up(standing, course)
    if course.abort:
        return followed(standing, course), proposal
    if not proposal.may_step or course.in_doubt:
        return _held(standing, _condemned(standing, course), proposal)
    if standing.promoted or standing.current is None:
        return course, proposal
    if course.renewed and not standing.first:
        return course, proposal
    if standing.blue_green is not None:
        return bluegreen.go_on(standing, course, proposal)
    if standing.first or course.promote_full or course.index >= len(steps):
        return _promote(standing, course, proposal)
    if not standing.replicas:
        course = _condemned(standing, course)
        return (course, proposal) if course.abort else _promote(standing, course, proposal)
    return _step(standing, course, proposal, steps[course.index])


def _condemned(standing: Standing, course: Course) -> Course:
    """Where no step is looked at, a verdict of its step counts against the canary all the same."""
    course = condemned_by_trial(standing, condemned(standing, course))
    return condemned_by_plugin(standing, course)


def _held(standing: Standing, course: Course, proposal: Proposal) -> Turn:
    if not standing.frozen:
        return _in_doubt(standing, course, proposal)
    if standing.invalid:
        count = len(standing.snapshot.problems)
        errors = "a problem" if count == 1 else f"{count} problems"
        reason = Reason(Hold.INVALID, f"{errors} in the spec, see the condition InvalidSpec")
    else:
        reason = Reason(Hold.FROZEN, "paused by spec.paused")
    return course, replace(proposal, reasons=(reason, *proposal.reasons))


def _in_doubt(standing: Standing, course: Course, proposal: Proposal) -> Turn:
    """Nothing goes on before a person lets it go on.

    The pause of a step is entered all the same: else his word would end it unentered.
    """
    name = course.background.name if course.background else ""
    proposal = proposal.because(Hold.ANALYSIS, f"background analysis run {name} is Inconclusive")
    step = next(iter(standing.strategy.steps[course.index : course.index + 1]), None)
    entering = step is not None and step.pause is not None and not course.abort
    if not entering or pauses.entered_at(course) is not None:
        return course, proposal
    return _entered(standing, course), proposal


# --- Steps ---------------------------------------------------------------------------------------


def _step(standing: Standing, course: Course, proposal: Proposal, step: Step) -> Turn:
    if step.pause is not None:
        return _pause(standing, course, proposal, step.pause)
    if step.set_canary_scale is not None:
        done = _at_scale(standing, course, proposal, exact=True)
        return _if_done(standing, course, proposal, done)
    if step.set_weight is not None:
        if standing.by_pods:
            return _if_done(standing, course, proposal, basic.at_target(standing, course))
        done = _at_scale(standing, course, proposal, exact=False)
        done = done and proposal.weight == min(step.set_weight, standing.total)
        done = done and _shown(standing, proposal.weight)
        return _if_done(standing, course, proposal, done)
    if step.set_header_route is not None or step.set_mirror_route is not None:
        return _routes(standing, course, proposal, step)
    gate = step_gate(standing, course)
    if gate is not None:
        course, proposal, passed = judge(standing, course, proposal, gate)
        return _if_done(standing, course, proposal, passed)
    if step.experiment is not None:
        course, proposal, passed = judge_trial(standing, course, proposal)
        return _if_done(standing, course, proposal, passed)
    if step.plugin is not None:
        course, proposal, passed = judge_plugin(standing, course, proposal)
        return _if_done(standing, course, proposal, passed)
    message = f"step {course.index + 1} ({step_text(step)}) is of a kind that is not known here"
    return course, proposal.because(Hold.INVALID, message)


def _routes(standing: Standing, course: Course, proposal: Proposal, step: Step) -> Turn:
    """Done when every router that can be told of them shows the routes set so far."""
    needed = Ability.HEADERS if step.set_header_route is not None else Ability.MIRRORS
    if not any(needed in seen.able for seen in standing.routers):
        message = f"no router of this rollout can do {needed.value}"
        return course, proposal.because(Hold.INVALID, message)
    wanted = routes_at(standing.strategy, course.index)
    if _routes_shown(standing, wanted):
        return _onward(standing, course, proposal)
    if proposal.reasons:
        return course, proposal
    message = f"{step_text(step)} is not shown by every router"
    return course, proposal.because(Hold.ROUTER, message, reach.settle_wake(standing))


def _routes_shown(standing: Standing, wanted: Routing) -> bool:
    """On behalf of the canary of now: what is left of another revision's is not its (rule S0)."""
    service = standing.canary_service
    own = service is not None and reach.is_on(service, standing.current_hash)
    return (own or wanted.is_nothing) and all(shows(seen, wanted) for seen in standing.routers)


def _if_done(standing: Standing, course: Course, proposal: Proposal, done: bool) -> Turn:
    return _onward(standing, course, proposal) if done else (course, proposal)


def _onward(standing: Standing, course: Course, proposal: Proposal) -> Turn:
    """One step further, unless users of stable find nobody: the canary has proved nothing (S3)."""
    if Rule.S3 in standing.rules and not standing.by_pods and reach.stable_is_missed(standing):
        return course, proposal.because(Hold.REPAIR, STABLE_IS_MISSED)
    return _next(standing, course), proposal


def _next(standing: Standing, course: Course) -> Course:
    """One step further; a pause or a run of the step that is left behind has had its say."""
    steps = standing.strategy.steps
    done, of, step = course.index + 1, len(steps), step_text(steps[course.index])
    course = course.tell("RolloutStepCompleted", f"Rollout step {done}/{of} completed ({step})")
    return replace(
        course, index=course.index + 1, pauses=(), controller_pause=False, run=None, trial=""
    )


def _pause(standing: Standing, course: Course, proposal: Proposal, pause: Pause) -> Turn:
    """`controllerPause` without a pause condition means: a person let it go on."""
    if Rule.S5 not in standing.rules:
        return _next(standing, course), proposal
    now = standing.snapshot.now
    begun = pauses.entered_at(course)
    if begun is None and course.controller_pause:
        further, proposal = _onward(standing, course, proposal)
        if further is course:
            return course, proposal  # his word is kept
        return further.tell("RolloutResumed", "Rollout is resumed"), proposal
    if begun is None:
        course, begun = _entered(standing, course), now
    ends = pauses.over_at(pause, begun)
    if ends is not None and now >= ends:
        held = _below_its_weight(standing, course, proposal)
        return _onward(standing, course, proposal) if held is None else (course, held)
    until = f"until {ends:%H:%M:%S}Z" if ends else "until it is promoted"
    where = f"{course.index + 1}/{len(standing.strategy.steps)}"
    return course, proposal.because(Hold.PAUSE, f"pause of step {where} {until}", ends)


def _entered(standing: Standing, course: Course) -> Course:
    pause = PauseCondition(reason=PAUSE_STEP, start_time=standing.snapshot.now)
    course = replace(course, pauses=(*course.pauses, pause), controller_pause=True)
    return course.tell("RolloutPaused", f"Rollout is paused ({PAUSE_STEP})")


def _below_its_weight(standing: Standing, course: Course, proposal: Proposal) -> Proposal | None:
    """Why a pause whose time is over does not end: the canary has not the weight of its step.

    A canary that died is left by all traffic (S3); a pause is there to see it under its weight.
    """
    wanted = weight_at(standing.strategy.steps, course.index, standing.total)
    pods = basic.target(standing, course).canary if standing.by_pods else 0
    if pods and not ready_pods(standing.current):
        where = f"the pause of step {course.index + 1}/{len(standing.strategy.steps)} is over"
        message = f"{where}; it ends when the canary has a ready pod again"
        return proposal.because(Hold.CAPACITY, message)
    where = f"the pause of step {course.index + 1}/{len(standing.strategy.steps)} is over"
    for seen in standing.routers if wanted else ():
        if isinstance(seen.routing, Unknown):
            message = f"{where}; it ends when the weight can be read"
            return proposal.because(Hold.UNKNOWN, message, reach.retry_at(standing))
        if seen.routing.weight * standing.total < wanted * seen.routing.total:
            message = f"{where}; it ends when the canary has its weight {wanted} again"
            return proposal.because(Hold.CAPACITY, message)
    routes = routes_at(standing.strategy, course.index)
    if not routes.is_nothing and not _routes_shown(standing, routes):
        message = f"{where}; it ends when the canary has its routes again"
        return proposal.because(Hold.ROUTER, message, reach.settle_wake(standing))
    return None


def _at_scale(standing: Standing, course: Course, proposal: Proposal, *, exact: bool) -> bool:
    """The canary has the pods that its step asks for, and enough of them are available."""
    current = standing.current
    if current is None:
        return False
    wanted = canary_count(standing, course) if exact else proposal.counts.get(current.name, 0)
    if current.replicas < wanted or (exact and current.replicas != wanted):
        return False
    return current.available >= capacity.needed(wanted, _threshold(standing))


def _threshold(standing: Standing) -> ReplicaProgressThreshold | None:
    return standing.strategy.replica_progress_threshold


def _shown(standing: Standing, weight: int) -> bool:
    """Every router shows this weight, and none says that it is not obeyed."""
    total = standing.total
    return bool(standing.routers) and all(
        isinstance(seen.routing, Routing)
        and seen.routing.weight * total == weight * seen.routing.total
        and seen.verified is not False
        for seen in standing.routers
    )


# --- S7: promotion -------------------------------------------------------------------------------


def _promote(standing: Standing, course: Course, proposal: Proposal) -> Turn:
    """Stable becomes what carries everything, seen and settled."""
    held = _not_yet(standing, course, proposal) if Rule.S7 in standing.rules else None
    if held is not None:
        return course, held
    course = replace(
        course,
        index=len(standing.strategy.steps),
        stable_hash=standing.current_hash,
        outcome=_why(standing, course),
        promote_full=False,
        pauses=(),
        controller_pause=False,
        run=None,
        background=None,
        trial="",
        stable_ping_pong=_role_after(standing, course),
    )
    number = standing.current.number if standing.current else 0
    text = f"Rollout completed update to revision {number} ({standing.current_hash})"
    return course.tell("RolloutCompleted", f"{text}: {course.outcome}"), proposal


def _role_after(standing: Standing, course: Course) -> str:
    """pingPong: what carries everything stays where it is, and is stable's Service from now on.

    The same write says whose revision is stable: no reader of the status sees one without the
    other, and no router is touched. Without replicas there is no weight that could stay.
    """
    role = course.stable_ping_pong
    return OTHER[role] if role and standing.replicas and not standing.first else role


def _why(standing: Standing, course: Course) -> str:
    if standing.first:
        return "Initial deploy"
    if course.promote_full:
        return FULL_PROMOTION
    count = len(standing.strategy.steps)
    return promoted_by(standing) or f"Completed all {count} canary steps"


def _not_yet(standing: Standing, course: Course, proposal: Proposal) -> Proposal | None:
    """The proposal with the reason that holds the promotion; None if nothing does."""
    needed = capacity.needed(standing.replicas, _threshold(standing))
    service = standing.stable_service if standing.first else standing.canary_service
    ready: int | None = ready_pods(standing.current)
    if not standing.by_pods or service is not None:
        ready = reach.lasting(standing, service, standing.current_hash)
    if ready is None:
        return proposal.because(Hold.ENDPOINTS, "the endpoints of the new revision are not known")
    available = standing.current.available if standing.current else 0
    if min(ready, available) < needed:
        message = f"new revision {min(ready, available)}/{needed} ready to become stable"
        return proposal.because(Hold.CAPACITY, message)
    if standing.first or standing.by_pods:
        return None
    if any(isinstance(seen.routing, Unknown) for seen in standing.routers):
        return proposal
    weight = standing.total if standing.replicas else 0
    wake = reach.settle_wake(standing)
    if not _shown(standing, weight):
        return proposal.because(Hold.ROUTER, f"weight {weight} is not shown by every router", wake)
    on = service is not None and service.selector_hash == standing.current_hash
    if weight and not (on and reach.service_settled(standing, service)):
        return proposal.because(Hold.SERVICE, "the canary Service is not on the revision", wake)
    if course.stable_ping_pong and not _bare(standing):
        message = "the canary's routes go before its Service is stable's"
        return proposal.because(Hold.ROUTER, message, wake)
    if not reach.routing_settled(standing):
        return proposal.because(Hold.SETTLING, f"weight {weight} is settling", wake)
    return None


def _bare(standing: Standing) -> bool:
    """Weights only: a route would lead to the canary of before when the roles have swapped."""
    known = [seen.routing for seen in standing.routers if isinstance(seen.routing, Routing)]
    return not any(r.header_routes or r.mirror_routes or r.additional for r in known)
