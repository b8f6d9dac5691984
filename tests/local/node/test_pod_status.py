"""States of containers to phases, conditions and verdicts: tables."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from serinus.api.wire import decode
from serinus.local.node.backoff import back_off_seconds
from serinus.local.node.podspec import NodeContainer, NodePod, Probe
from serinus.local.node.podstatus import (
    ContainerView,
    Ended,
    PodView,
    Running,
    Waiting,
    phase_of,
    pod_status,
)
from serinus.local.node.probes import Threshold
from serinus.local.node.probing import patience_seconds
from support.virtual import EPOCH

RUNNING = ContainerView("c", "i", Running(EPOCH, 1), ready=True, started=True)
CREATING = ContainerView("c", "i", Waiting("ContainerCreating"))
ENDED = Ended(1, "Error", EPOCH, EPOCH)
BACK_OFF = ContainerView("c", "i", Waiting("CrashLoopBackOff"), last=ENDED, restarts=2)


def ended(code: int) -> ContainerView:
    return ContainerView("c", "i", Ended(code, "", EPOCH, EPOCH))


def sidecar(*, started: bool, ready: bool = True) -> ContainerView:
    return replace(RUNNING, name="s", sidecar=True, started=started, ready=ready)


@pytest.mark.parametrize(
    ("policy", "containers", "inits", "phase"),
    [
        ("Always", [RUNNING], [], "Running"),
        ("Always", [CREATING], [], "Pending"),
        ("Always", [RUNNING, CREATING], [], "Pending"),
        ("Always", [BACK_OFF], [], "Running"),
        ("Always", [ended(0)], [], "Running"),
        ("OnFailure", [ended(0)], [], "Succeeded"),
        ("OnFailure", [ended(1)], [], "Running"),
        ("OnFailure", [ended(0), BACK_OFF], [], "Running"),
        ("Never", [ended(0)], [], "Succeeded"),
        ("Never", [ended(0), ended(3)], [], "Failed"),
        ("Never", [ended(0), RUNNING], [], "Running"),
        ("Never", [CREATING], [ended(0)], "Pending"),
        ("Never", [CREATING], [ended(1)], "Failed"),
        ("Always", [CREATING], [ended(1)], "Pending"),
        ("Always", [CREATING], [sidecar(started=False)], "Pending"),
        ("Always", [RUNNING], [sidecar(started=False)], "Running"),
        ("Never", [ended(0)], [sidecar(started=True)], "Succeeded"),
    ],
)
def test_the_phase_of_a_pod(
    policy: str, containers: list[ContainerView], inits: list[ContainerView], phase: str
) -> None:
    assert phase_of(policy, PodView(containers, inits)) == phase


@pytest.mark.parametrize(
    ("view", "wanted"),
    [
        (PodView([RUNNING]), "+ + + +"),
        (PodView([CREATING], prepared=False), "- + - -"),
        (PodView([CREATING], [ended(1)]), "+ - - -"),
        (PodView([RUNNING], [ended(0)]), "+ + + +"),
        (PodView([CREATING], [sidecar(started=False)]), "+ - - -"),
        (PodView([CREATING], [sidecar(started=True)]), "+ + - -"),
        (PodView([RUNNING], [sidecar(started=True, ready=False)]), "+ + - -"),
        (PodView([RUNNING], stopped=("DeadlineExceeded", "late")), "- + - -"),
    ],
)
def test_the_conditions_of_a_pod(view: PodView, wanted: str) -> None:
    kinds = ("PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready")
    shown = conditions(pod_status(decode(NodePod, {}), view, EPOCH, {}))
    assert " ".join("+" if shown[kind][0] == "True" else "-" for kind in kinds) == wanted


def test_a_pod_that_was_stopped_has_failed_with_its_reason() -> None:
    view = PodView([RUNNING], stopped=("DeadlineExceeded", "too late"))
    status = pod_status(decode(NodePod, {}), view, EPOCH, {})
    assert [status[key] for key in ("phase", "reason", "message")] == [
        "Failed", "DeadlineExceeded", "too late",
    ]  # fmt: skip
    assert conditions(status)["Ready"][1] == "PodFailed"


def conditions(status: dict[str, Any]) -> dict[str, tuple[str, str, str]]:
    return {
        c["type"]: (c["status"], c.get("reason", ""), c["lastTransitionTime"])
        for c in status["conditions"]
    }


def test_a_condition_keeps_its_instant_until_it_changes() -> None:
    pod = decode(NodePod, {})
    first = pod_status(pod, PodView([CREATING]), EPOCH, {})
    second = pod_status(pod, PodView([CREATING]), EPOCH + timedelta(seconds=9), first)
    third = pod_status(pod, PodView([RUNNING]), EPOCH + timedelta(seconds=10), second)
    assert first == second
    assert conditions(third)["PodScheduled"] == ("True", "", "2026-01-01T00:00:00Z")
    assert conditions(first)["Ready"] == ("False", "ContainersNotReady", "2026-01-01T00:00:00Z")
    assert conditions(third)["Ready"] == ("True", "", "2026-01-01T00:00:10Z")


def test_a_pod_with_a_readiness_gate_is_ready_when_others_have_said_so() -> None:
    body: dict[str, Any] = {"spec": {"readinessGates": [{"conditionType": "lb"}]}}
    closed = pod_status(decode(NodePod, body), PodView([RUNNING]), EPOCH, {})
    body["status"] = {"conditions": [{"type": "lb", "status": "True"}]}
    opened = pod_status(decode(NodePod, body), PodView([RUNNING]), EPOCH, {})
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


@pytest.mark.parametrize(
    ("liveness", "speed", "patience"),
    [
        (None, 60, 1.0),
        ((0, 10, 3), 1, 1.0),
        ((0, 2, 2), 60, 4 * 59 / 60),
        ((5, 10, 3), 60, 10.0),
        ((0, 1, 1), 0.5, 1.0),
    ],
)
def test_a_fast_clock_takes_no_time_from_the_start_of_a_process(
    liveness: tuple[int, int, int] | None, speed: float, patience: float
) -> None:
    names = ("initialDelaySeconds", "periodSeconds", "failureThreshold")
    probe = {} if liveness is None else {"livenessProbe": dict(zip(names, liveness, strict=True))}
    spec = decode(NodeContainer, {"name": "c", **probe})
    assert patience_seconds(spec, speed) == pytest.approx(patience)
