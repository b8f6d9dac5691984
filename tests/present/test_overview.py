"""What `get rollout` shows, line by line, against golden texts and single rules."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest
from rich.console import Console

from present.objects import NOON, family, golden
from serinus.api.argo import (
    BlueGreenStatus,
    BlueGreenStrategy,
    CanaryStatus,
    CanaryStrategy,
    PingPong,
    Rollout,
    RolloutStatus,
    Strategy,
)
from serinus.present import icons
from serinus.present.describe import actual_weight, overview, set_weight, waiting_for
from serinus.present.family import roles
from serinus.present.lines import Tone, line, table, to_ansi, to_plain, to_rich
from serinus.present.phase import phase_of
from serinus.present.tree import tree


@pytest.mark.parametrize("name", ["checkout", "broken"])
def test_the_overview_reads_as_its_golden_text(name: str) -> None:
    assert to_plain(overview(family(f"{name}.yaml"), NOON)) == golden(f"{name}.txt")


def test_colours_and_rich_show_the_same_text() -> None:
    lines = overview(family(), NOON)
    coloured = to_ansi(lines)
    assert "\x1b[32m✔ Healthy\x1b[0m" in coloured
    assert re.sub(r"\x1b\[\d*m", "", coloured) == golden("checkout.txt")
    console = Console(width=300, color_system=None)
    with console.capture() as capture:
        console.print(to_rich(lines))
    shown = "".join(f"{one.rstrip()}\n" for one in capture.get().splitlines())
    assert shown == golden("checkout.txt")


def test_each_error_of_a_spec_has_a_line_of_its_own() -> None:
    message = (
        'InvalidSpec: The Rollout "shop" is invalid: spec.replicas: -1 must be 0 or more; '
        "spec.workloadRef: is not supported yet; write the pods into spec.template; "
        "spec.strategy: needs one of canary and blueGreen"
    )
    shown = to_plain(overview(family(message=message), NOON)).splitlines()
    at = next(number for number, one in enumerate(shown) if one.startswith("Message:"))
    assert [one.strip() for one in shown[at : at + 4]] == [
        'Message:         InvalidSpec: The Rollout "shop" is invalid:',
        "spec.replicas: -1 must be 0 or more",
        "spec.workloadRef: is not supported yet; write the pods into spec.template",
        "spec.strategy: needs one of canary and blueGreen",
    ]


def test_plain_text_carries_no_escape_codes() -> None:
    assert "\x1b" not in to_plain(overview(family(), NOON))


def test_objects_of_another_rollout_are_left_out() -> None:
    assert "cart-old" not in to_plain(overview(family(), NOON))


def test_ages_follow_the_instant_that_is_handed_in() -> None:
    later = to_plain(overview(family(), NOON + timedelta(days=2)))
    assert re.search(r"checkout-new  +ReplicaSet  +✔ Healthy  +2d  ", later)


def test_revisions_come_newest_first_and_runs_under_their_own() -> None:
    first, second = tree(family(), NOON).children
    assert [first.name, second.name] == ["revision:2", "revision:1"]
    assert [child.kind for child in first.children] == ["ReplicaSet", "AnalysisRun"]
    assert [child.kind for child in second.children] == ["ReplicaSet"]


def test_waiting_tells_only_what_is_held_now() -> None:
    rollout = family().rollout
    assert waiting_for(rollout) == ["analysis of step 4: error-rate 3 of 5 measured"]
    over = msgspec.structs.replace(rollout.status.conditions[0], status="False")
    status = msgspec.structs.replace(rollout.status, conditions=(over,))
    assert waiting_for(msgspec.structs.replace(rollout, status=status)) == []


@pytest.mark.parametrize(
    ("status", "wanted", "actual"),
    [
        ({"currentStepIndex": 0}, 5, 20),
        ({"currentStepIndex": 3}, 20, 20),
        ({"currentStepIndex": 6}, 100, 20),
        ({"abort": True}, 0, 20),
        ({"currentPodHash": "old"}, 100, 100),
        ({"canary": {}}, 20, 0),
    ],
    ids=str,
)
def test_weights_are_those_of_the_steps_and_of_the_router(
    status: dict[str, object], wanted: int, actual: int
) -> None:
    found = family(**status)
    assert (set_weight(found.rollout), actual_weight(found)) == (wanted, actual)


def test_without_a_router_the_weight_is_the_share_of_available_pods() -> None:
    found = family()
    canary = found.rollout.spec.strategy.canary
    assert canary is not None
    bare = Strategy(canary=msgspec.structs.replace(canary, traffic_routing=None))
    spec = msgspec.structs.replace(found.rollout.spec, strategy=bare)
    basic = replace(found, rollout=msgspec.structs.replace(found.rollout, spec=spec))
    assert actual_weight(basic) == 25


def test_blue_green_revisions_are_active_and_preview() -> None:
    status = msgspec.structs.replace(
        family().rollout.status,
        stable_rs="a",
        blue_green=BlueGreenStatus(active_selector="a", preview_selector="b"),
    )
    spec = msgspec.structs.replace(
        family().rollout.spec, strategy=Strategy(blue_green=BlueGreenStrategy())
    )
    rollout = Rollout(spec=spec, status=status)
    assert roles(rollout, "a") == ("stable", "active")
    assert roles(rollout, "b") == ("preview",)
    assert roles(rollout, "") == ()
    same = BlueGreenStatus(active_selector="a", preview_selector="a")
    switched = msgspec.structs.replace(
        rollout, status=msgspec.structs.replace(status, blue_green=same)
    )
    assert roles(switched, "a") == ("stable", "active")


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({}, "Progressing - more replicas need to be updated"),
        (
            {"observedGeneration": "3"},
            "Progressing - waiting for rollout spec update to be observed",
        ),
        (
            {"observedGeneration": ""},
            "Progressing - waiting for rollout spec update to be observed",
        ),
        ({"observedGeneration": "5d4f"}, "Progressing - more replicas need to be updated"),
        ({"controllerPause": True}, "Progressing - waiting for rollout to unpause"),
        (
            {"controllerPause": True, "pauseConditions": [{"reason": "CanaryPauseStep"}]},
            "Progressing - more replicas need to be updated",
        ),
        ({"phase": "Healthy", "message": ""}, "Healthy"),
    ],
    ids=str,
)
def test_the_phase_to_believe(status: dict[str, object], shown: str) -> None:
    assert str(phase_of(family(**status).rollout)) == shown


def test_a_workload_that_was_not_observed_is_progressing() -> None:
    rollout = msgspec.convert(
        {
            "metadata": {"annotations": {"rollout.argoproj.io/workload-generation": "7"}},
            "spec": {"workloadRef": {"kind": "Deployment", "name": "x"}},
            "status": {"observedGeneration": "1", "workloadObservedGeneration": "6"},
        },
        Rollout,
    )
    assert phase_of(rollout).message == "waiting for rollout spec update to be observed"


def test_an_unknown_state_is_shown_with_a_question_mark() -> None:
    assert icons.state("Odd").text == "? Odd"
    assert icons.run_state("Running").tone is Tone.MOVING
    assert icons.state("Running").tone is Tone.GOOD


def test_a_table_aligns_columns_and_short_rows_end_early() -> None:
    rows = [[line("a"), line("b")], [line("long"), line("c"), line("d")], [line("x")]]
    assert to_plain(table(rows)) == "a     b\nlong  c  d\nx\n"


def test_with_ping_pong_a_revision_says_behind_which_service_it_stands() -> None:
    canary = CanaryStrategy(ping_pong=PingPong(ping_service="a", pong_service="b"))
    status = RolloutStatus(
        stable_rs="s", current_pod_hash="c", canary=CanaryStatus(stable_ping_pong="pong")
    )
    spec = msgspec.structs.replace(family().rollout.spec, strategy=Strategy(canary=canary))
    rollout = Rollout(spec=spec, status=status)
    assert [roles(rollout, hash_) for hash_ in "sco"] == [
        ("stable", "pong"),
        ("canary", "ping"),
        (),
    ]
    begun = msgspec.structs.replace(status, canary=CanaryStatus())
    assert roles(msgspec.structs.replace(rollout, status=begun), "s") == ("stable", "ping")
