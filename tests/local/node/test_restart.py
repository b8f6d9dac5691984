"""What becomes of a pod whose processes ended with the cluster's own."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from serinus.api.kubernetes import PodStatus
from serinus.local.node.podstatus import ContainerView, Ended, Waiting
from serinus.local.node.restart import interrupted
from serinus.local.node.resuming import known_before, resumed

BEGAN, NOW = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
RUNNING = {"running": {"startedAt": BEGAN}}
LOST = {"terminated": {"exitCode": 255, "reason": "Unknown", "startedAt": BEGAN, "finishedAt": NOW}}
WAITING = {"waiting": {"reason": "ContainerCreating"}}


def ended(code: int) -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "startedAt": BEGAN, "finishedAt": BEGAN}}


def status(*states: dict[str, Any]) -> dict[str, Any]:
    """Of a pod that was ready, its containers in these states after one restart each."""
    rest = {"ready": True, "restartCount": 1, "lastState": {}}
    yes = {"status": "True", "lastTransitionTime": BEGAN}
    return {
        "phase": "Running",
        "startTime": BEGAN,
        "conditions": [{"type": kind} | yes for kind in ("Initialized", "Ready")],
        "containerStatuses": [
            {"name": f"c{n}", "state": state} | rest for n, state in enumerate(states)
        ],
    }


@pytest.mark.parametrize(
    ("policy", "state", "then", "last", "restarts"),
    [
        ("Always", RUNNING, WAITING, LOST, 2),
        ("OnFailure", RUNNING, WAITING, LOST, 2),
        ("Never", RUNNING, LOST, {}, 1),
        ("Always", ended(0), WAITING, ended(0), 2),
        ("OnFailure", ended(0), ended(0), {}, 1),
        ("OnFailure", ended(3), WAITING, ended(3), 2),
        ("Never", ended(3), ended(3), {}, 1),
        ("Always", {"waiting": {"reason": "ErrImagePull"}}, None, {}, 1),
    ],
)
def test_a_container_is_started_again_as_its_policy_says(
    policy: str, state: Any, then: Any, last: Any, restarts: int
) -> None:
    (container,) = interrupted(status(state), policy, NOW)["containerStatuses"]
    assert container["state"] == (state if then is None else then)
    assert container["lastState"] == last
    assert container["restartCount"] == restarts
    assert container["ready"] is False


@pytest.mark.parametrize(
    ("policy", "states", "phase"),
    [
        ("Never", [RUNNING], "Failed"),
        ("Never", [ended(0), RUNNING], "Failed"),
        ("OnFailure", [ended(0), ended(0)], "Succeeded"),
        ("OnFailure", [ended(0), RUNNING], "Running"),
        ("Always", [RUNNING], "Running"),
    ],
)
def test_a_pod_of_which_nothing_is_started_again_has_ended(
    policy: str, states: list[Any], phase: str
) -> None:
    assert interrupted(status(*states), policy, NOW)["phase"] == phase


def test_the_pod_is_not_ready_from_then_on_and_what_else_held_still_holds() -> None:
    initialized, ready = interrupted(status(RUNNING), "Always", NOW)["conditions"]
    assert (initialized["status"], initialized["lastTransitionTime"]) == ("True", BEGAN)
    assert (ready["status"], ready["lastTransitionTime"]) == ("False", NOW)
    assert ready["reason"] == "ContainersNotReady"


def test_the_node_goes_on_counting_and_leaves_alone_what_has_ended() -> None:
    left = interrupted(status(RUNNING, ended(0)), "OnFailure", NOW)
    known = msgspec.convert(left, PodStatus)
    fresh = [ContainerView(f"c{n}", "web:v1", Waiting("ContainerCreating")) for n in range(3)]
    again, over, new = (resumed(view, known) for view in fresh)
    assert (again.restarts, again.state) == (2, Waiting("ContainerCreating"))
    assert again.last == Ended(
        255, "Unknown", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    )
    assert isinstance(over.state, Ended)
    assert new == fresh[2]
    before = known_before(known)
    assert before["startTime"] == BEGAN
    assert [one["lastTransitionTime"] for one in before["conditions"]] == [BEGAN, NOW]
