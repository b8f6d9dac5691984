"""What a stored status says about a pod that this node is to run again. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from serinus.api.kubernetes import ContainerStateTerminated, PodStatus
from serinus.local.node.podstatus import ContainerView, Ended, timestamp


def resumed(view: ContainerView, status: PodStatus) -> ContainerView:
    """A container goes on from its status: its restarts count on, one that has ended stays ended.

    What is to be started again after the loss of its process is Waiting there (`restart.py`).
    """
    known = next((one for one in status.container_statuses if one.name == view.name), None)
    if known is None:
        return view
    ended = _ended(known.state.terminated)
    view = replace(view, restarts=known.restart_count, last=_ended(known.last_state.terminated))
    return view if ended is None else replace(view, state=ended)


def _ended(known: ContainerStateTerminated | None) -> Ended | None:
    if known is None or known.started_at is None or known.finished_at is None:
        return None
    times = known.started_at, known.finished_at
    return Ended(known.exit_code, known.reason, *times, message=known.message)


def known_before(status: PodStatus) -> dict[str, Any]:
    """The times in a stored status, in the form of a written one: they stay."""
    since = status.start_time
    return {
        "startTime": None if since is None else timestamp(since),
        "conditions": [
            {
                "type": one.type,
                "status": one.status,
                "lastTransitionTime": timestamp(one.last_transition_time),
            }
            for one in status.conditions
            if one.last_transition_time is not None
        ],
    }
