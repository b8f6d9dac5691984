"""Blue-green: what the strategy wants, and how it gets on by itself.

The preview Service follows the wanted revision at once; the active one is switched when the
analysis before it, the pause and the size of the preview allow it; what is switched to becomes
stable after the analysis behind it. Knows no safety: `switch.py` clamps what is proposed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from serinus.api.argo import BlueGreenStrategy, PauseCondition
from serinus.core.rollout import reach
from serinus.core.rollout.canary import BLUE_GREEN_PAUSE
from serinus.core.rollout.course import FULL_PROMOTION, Course
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.gates import is_fast_tracked, is_switched, post_gate, pre_gate
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.restart import spared
from serinus.core.rollout.rollback import promoted_by
from serinus.core.rollout.rules import Rule
from serinus.core.rollout.runs import current_run, judge
from serinus.core.rollout.snapshot import Revision
from serinus.core.rollout.standing import Standing

Turn = tuple[Course, Proposal]


# --- Want ----------------------------------------------------------------------------------------


def propose(standing: Standing, course: Course) -> Proposal:
    """Whom the two Services should select, and with how many pods."""
    active, preview = standing.active_service, standing.preview_service
    target = wanted_active(standing, course)
    return Proposal(
        active_selector="" if active and active.selector_hash == target else target,
        preview_selector=(
            ""
            if preview and preview.selector_hash == standing.current_hash
            else standing.current_hash
        ),
        counts=wanted_counts(standing, course),
    )


def wanted_active(standing: Standing, course: Course) -> str:
    """The revision that production should get, had it pods and no obstacle.

    A revision that was switched to and then pushed aside by a newer one will never have its
    verdict: production goes back to stable, not on to what nobody watches any more.
    """
    if standing.first:
        return standing.current_hash
    if standing.promoted or course.abort:
        return standing.stable_hash
    if is_switched(standing) or may_switch(standing, course):
        return standing.current_hash
    return standing.stable_hash


def may_switch(standing: Standing, course: Course) -> bool:
    """The analysis and the pause before the switch are over, as the status remembers it.

    A run behind an earlier switch is forgotten first, by a status that has arrived: else a crash
    after the switch would leave its verdict to be taken for that of the next one.
    """
    if course.renewed or (course.post is not None and Rule.S10 in standing.rules):
        return False
    if is_fast_tracked(standing, course) or Rule.S5 not in standing.rules:
        return True
    return (
        _has_passed(standing, course)
        and _has_paused(standing, course)
        and (course.full_size or not _has_own_size(standing))
    )


def _has_passed(standing: Standing, course: Course) -> bool:
    gate = pre_gate(standing, course)
    if gate is None:
        return True
    recorded = current_run(standing, course, gate)
    return recorded is not None and recorded.status == "Successful"


def _has_paused(standing: Standing, course: Course) -> bool:
    """`controllerPause` without a pause condition means: a person, or time, let it go on."""
    if not _pauses(standing):
        return True
    return course.controller_pause and not course.pauses


def _pauses(standing: Standing) -> bool:
    strategy = _strategy(standing)
    return strategy.auto_promotion_enabled is False or strategy.auto_promotion_seconds > 0


def _has_own_size(standing: Standing) -> bool:
    return _strategy(standing).preview_replica_count is not None


def _strategy(standing: Standing) -> BlueGreenStrategy:
    return standing.blue_green or BlueGreenStrategy()


def wanted_counts(standing: Standing, course: Course) -> Mapping[str, int]:
    """All of stable, what the preview asks for, nothing of the others."""
    counts = {revision.name: 0 for revision in standing.others}
    if standing.stable:
        counts[standing.stable.name] = spared(standing, standing.stable, standing.replicas)
    if standing.current and not standing.promoted:
        count = preview_count(standing, course, standing.current)
        carries = is_switched(standing)
        counts[standing.current.name] = (
            spared(standing, standing.current, count) if carries else count
        )
    return counts


def preview_count(standing: Standing, course: Course, current: Revision) -> int:
    """previewReplicaCount until the preview has shown itself; after an abort, what is kept."""
    strategy, replicas = _strategy(standing), standing.replicas
    if not replicas:
        return 0
    if course.abort:
        return current.replicas if strategy.abort_scale_down_delay_seconds == 0 else 0
    count = strategy.preview_replica_count
    if count is None or course.full_size or is_switched(standing):
        return replicas
    return replicas if is_fast_tracked(standing, course) else count


# --- How it gets on ------------------------------------------------------------------------------


def go_on(standing: Standing, course: Course, proposal: Proposal) -> Turn:
    """The course after this plan, and what now holds it back; nothing is frozen or aborted."""
    if is_switched(standing):
        return _behind_the_switch(standing, course, proposal)
    # What was measured behind an earlier switch was not measured under the next one.
    course = replace(course, post=None)
    if is_fast_tracked(standing, course):
        return replace(course, pauses=()), proposal
    return _before_the_switch(standing, course, proposal)


def _before_the_switch(standing: Standing, course: Course, proposal: Proposal) -> Turn:
    """One of: the analysis, the pause, the growth to all replicas."""
    gate = pre_gate(standing, course)
    if gate is not None and not _has_passed(standing, course):
        if current_run(standing, course, gate) is None and not _is_shown(standing, course):
            return course, _small(standing, course, proposal)
        course, proposal, _ = judge(standing, course, proposal, gate)
        return course, proposal
    if _pauses(standing) and not _has_paused(standing, course):
        return _pause(standing, course, proposal)
    if not _pauses(standing):
        course = replace(course, pauses=())
    if _has_own_size(standing) and not course.full_size:
        if not _is_shown(standing, course):
            return course, _small(standing, course, proposal)
        return replace(course, full_size=True), proposal
    return course, proposal


def _is_shown(standing: Standing, course: Course) -> bool:
    """The preview has the size that it should have, all of it ready behind its Service."""
    current = standing.current
    if current is None:
        return False
    wanted = preview_count(standing, course, current)
    ready = reach.ready_behind(standing, current)
    return current.replicas == wanted and min(ready, current.available) >= wanted


def _small(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    current = standing.current
    assert current is not None
    wanted = preview_count(standing, course, current)
    ready = min(reach.ready_behind(standing, current), current.available)
    return proposal.because(Hold.CAPACITY, f"preview {min(ready, wanted)}/{wanted} ready")


def _pause(standing: Standing, course: Course, proposal: Proposal) -> Turn:
    now = standing.snapshot.now
    begun = next((p.start_time for p in course.pauses if p.reason == BLUE_GREEN_PAUSE), None)
    if begun is None:
        if not _is_shown(standing, course):
            return course, _small(standing, course, proposal)
        begun = now
        pause = PauseCondition(reason=BLUE_GREEN_PAUSE, start_time=now)
        course = replace(course, pauses=(*course.pauses, pause), controller_pause=True).tell(
            "RolloutPaused", f"Rollout is paused ({BLUE_GREEN_PAUSE})"
        )
    ends = _ends(standing, begun)
    if ends is not None and now >= ends:
        return replace(course, pauses=(), controller_pause=True), proposal
    until = f"until {ends:%H:%M:%S}Z" if ends else "until it is promoted"
    return course, proposal.because(Hold.PAUSE, f"the switch is paused {until}", ends)


def _ends(standing: Standing, begun: datetime) -> datetime | None:
    """autoPromotionSeconds count only where promotion is automatic at all."""
    strategy = _strategy(standing)
    if strategy.auto_promotion_enabled is False:
        return None
    return begun + timedelta(seconds=strategy.auto_promotion_seconds)


# --- S7: promotion -------------------------------------------------------------------------------


def _behind_the_switch(standing: Standing, course: Course, proposal: Proposal) -> Turn:
    """Stable becomes what production gets, seen and settled, whole, and measured."""
    pauses = tuple(pause for pause in course.pauses if pause.reason != BLUE_GREEN_PAUSE)
    course = replace(course, pauses=pauses)
    held = _not_yet(standing, proposal) if Rule.S7 in standing.rules else None
    gate = post_gate(standing, course)
    if gate is not None:
        recorded = current_run(standing, course, gate)
        if held is not None and recorded is None:
            return course, held
        course, proposal, passed = judge(standing, course, proposal, gate)
        if course.abort or not passed:
            return course, proposal
    if held is not None:
        return course, held
    return _promoted(standing, course), proposal


def _not_yet(standing: Standing, proposal: Proposal) -> Proposal | None:
    """The proposal with the reason that holds the promotion; None if nothing does."""
    service, current = standing.active_service, standing.current
    if service is None or current is None:
        return proposal
    if not reach.service_settled(standing, service):
        message = f"Service {service.name} was pointed at {standing.current_hash} just now"
        return proposal.because(Hold.SETTLING, message, reach.settles_at(standing, service))
    ready = min(reach.ready_behind(standing, current), current.available)
    if ready < standing.replicas:
        message = f"new revision {ready}/{standing.replicas} ready to become stable"
        return proposal.because(Hold.CAPACITY, message)
    return None


def _promoted(standing: Standing, course: Course) -> Course:
    outcome = promoted_by(standing) or "Completed blue-green update"
    if standing.first:
        outcome = "Initial deploy"
    elif course.promote_full:
        outcome = FULL_PROMOTION
    course = replace(
        course,
        stable_hash=standing.current_hash,
        outcome=outcome,
        promote_full=False,
        pauses=(),
        controller_pause=False,
        full_size=False,
    )
    number = standing.current.number if standing.current else 0
    text = f"Rollout completed update to revision {number} ({standing.current_hash})"
    return course.tell("RolloutCompleted", f"{text}: {outcome}")
