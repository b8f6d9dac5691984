"""The pause that a rollout stands in: since when, until when, and who ends it.

Knows the steps and what the status remembers; knows no traffic and decides nothing.
"""

from __future__ import annotations

from datetime import datetime

from serinus.api.argo import Pause
from serinus.base.durations import parse_pause_duration
from serinus.core.rollout.canary import (
    BLUE_GREEN_PAUSE,
    INCONCLUSIVE,
    INCONCLUSIVE_TRIAL,
    PAUSE_STEP,
    weight_at,
)
from serinus.core.rollout.course import Course
from serinus.core.rollout.standing import Standing
from serinus.core.routing import Routing


def entered_at(course: Course) -> datetime | None:
    """When the pause of the current step began; None if it was not entered, or was ended."""
    return next((c.start_time for c in course.pauses if c.reason == PAUSE_STEP), None)


def over_at(pause: Pause, entered: datetime) -> datetime | None:
    """When a pause that was entered then is over by itself; None if only a person ends it."""
    return None if pause.duration is None else entered + parse_pause_duration(pause.duration)


def ends_at(standing: Standing, course: Course) -> datetime | None:
    """When the timed pause that was entered is over; None without one."""
    pause, entered = _of_step(standing, course), entered_at(course)
    return None if pause is None or entered is None else over_at(pause, entered)


def is_late(standing: Standing, course: Course) -> bool:
    """The time of the pause is over, and something else than a person still holds its end."""
    ends = ends_at(standing, course)
    return ends is not None and standing.snapshot.now >= ends and not course.in_doubt


def is_overdue(standing: Standing, course: Course) -> bool:
    """A pause in which something else than time or a person is waited for."""
    return is_late(standing, course) or is_left(standing, course)


def is_left(standing: Standing, course: Course) -> bool:
    """Traffic has left the canary in a pause that only a person ends."""
    pause = _of_step(standing, course)
    if pause is None or pause.duration is not None or entered_at(course) is None:
        return False
    wanted = weight_at(standing.strategy.steps, course.index, standing.total)
    known = (seen.routing for seen in standing.routers if isinstance(seen.routing, Routing))
    return any(seen.weight * standing.total < wanted * seen.total for seen in known)


def waits_for_person(standing: Standing, course: Course) -> bool:
    """Paused by spec.paused, a pause without a duration, or an inconclusive analysis."""
    reasons = {pause.reason for pause in course.pauses}
    if standing.spec.paused or reasons & {INCONCLUSIVE, INCONCLUSIVE_TRIAL}:
        return True
    if standing.blue_green is not None:
        manual = standing.blue_green.auto_promotion_enabled is False
        return manual and BLUE_GREEN_PAUSE in reasons
    pause = _of_step(standing, course)
    return PAUSE_STEP in reasons and pause is not None and pause.duration is None


def _of_step(standing: Standing, course: Course) -> Pause | None:
    steps = standing.strategy.steps
    return steps[course.index].pause if course.index < len(steps) else None
