"""States of containers to phases, conditions and verdicts: tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from serinus.api.wire import decode
from serinus.local.container import back_off_seconds
from serinus.local.podspec import NodePod, Probe
from serinus.local.podstatus import ContainerView, Ended, Running, Waiting, phase_of, pod_status
from serinus.local.probes import Threshold
from support.virtual import EPOCH

RUNNING = ContainerView("c", "i", Running(EPOCH, 1), ready=True)
CREATING = ContainerView("c", "i", Waiting("ContainerCreating"))
ENDED = Ended(1, "Error", EPOCH, EPOCH)
BACK_OFF = ContainerView("c", "i", Waiting("CrashLoopBackOff"), last=ENDED, restarts=2)


def ended(code: int) -> ContainerView:
    return ContainerView("c", "i", Ended(code, "", EPOCH, EPOCH), for_good=True)


@pytest.mark.parametrize(
    ("containers", "inits", "phase"),
    [
        ([RUNNING], [], "Running"),
        ([CREATING], [], "Pending"),
        ([RUNNING, CREATING], [], "Pending"),
        ([BACK_OFF], [], "Running"),
        ([ended(0)], [], "Succeeded"),
        ([ended(0), ended(3)], [], "Failed"),
        ([ended(0), RUNNING], [], "Running"),
        ([CREATING], [ended(0)], "Pending"),
        ([CREATING], [ended(1)], "Failed"),
    ],
)
def test_the_phase_of_a_pod(
    containers: list[ContainerView], inits: list[ContainerView], phase: str
) -> None:
    assert phase_of(containers, inits) == phase


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {
        c["type"]: (c["status"], c.get("reason", ""), c["lastTransitionTime"])
        for c in status["conditions"]
    }


def test_a_condition_keeps_its_instant_until_it_changes() -> None:
    pod = decode(NodePod, {})
    first = pod_status(pod, [CREATING], [], EPOCH, {})
    second = pod_status(pod, [CREATING], [], EPOCH + timedelta(seconds=9), first)
    third = pod_status(pod, [RUNNING], [], EPOCH + timedelta(seconds=10), second)
    assert first == second
    assert conditions(third)["PodScheduled"] == ("True", "", "2026-01-01T00:00:00Z")
    assert conditions(first)["Ready"] == ("False", "ContainersNotReady", "2026-01-01T00:00:00Z")
    assert conditions(third)["Ready"] == ("True", "", "2026-01-01T00:00:10Z")


def test_a_pod_with_a_readiness_gate_is_ready_when_others_have_said_so() -> None:
    body: dict[str, Any] = {"spec": {"readinessGates": [{"conditionType": "lb"}]}}
    closed = pod_status(decode(NodePod, body), [RUNNING], [], EPOCH, {})
    body["status"] = {"conditions": [{"type": "lb", "status": "True"}]}
    opened = pod_status(decode(NodePod, body), [RUNNING], [], EPOCH, {})
    assert conditions(closed)["Ready"][:2] == ("False", "ReadinessGatesNotReady")
    assert conditions(closed)["ContainersReady"][0] == "True"
    assert conditions(opened)["Ready"][0] == "True"


@pytest.mark.parametrize(
    ("limits", "held", "answers", "verdicts"),
    [
        ((1, 3), False, "+--+---+", "++++++-+"),
        ((2, 1), False, "+-++-", "---+-"),
        ((1, 2), True, "-+---", "+++--"),
    ],
)
def test_a_verdict_turns_after_enough_answers_against_it(
    limits: tuple[int, int], held: bool, answers: str, verdicts: str
) -> None:
    probe = Probe(success_threshold=limits[0], failure_threshold=limits[1])
    threshold = Threshold(probe, held)
    shown = "".join("+" if threshold.feed(answer == "+") else "-" for answer in answers)
    assert shown == verdicts


def test_restarts_come_ever_later_up_to_five_minutes() -> None:
    assert [back_off_seconds(times) for times in range(1, 8)] == [10, 20, 40, 80, 160, 300, 300]
