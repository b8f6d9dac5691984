"""The report of a demonstration: its judgement, its text, its JSON."""

from __future__ import annotations

import json

import msgspec
import pytest

from present.objects import golden
from serinus.present.lines import to_plain
from serinus.present.report import DemoReport, ReleaseReport, Traffic, report_lines, to_json

GOOD = ReleaseReport(
    version="v2",
    about="good",
    expected="promoted",
    verdict="promoted",
    phase="Healthy",
    duration_seconds=1330,
    wall_seconds=44.3,
    traffic=Traffic(requests={"v1": 9800, "v2": 3490}),
)
BAD = ReleaseReport(
    version="v3",
    about="bad: every 20th answer of a pod is a 500",
    expected="rolled back",
    verdict="rolled back",
    phase="Degraded - RolloutAborted: Rollout aborted update to revision 3",
    duration_seconds=310,
    wall_seconds=10.3,
    traffic=Traffic(requests={"v2": 2900, "v3": 160}, errors={"v3": 8}, lost_to_dying_pods=1),
    bad_to_zero_weight_seconds=246.5,
)
REPORT = DemoReport(
    speed=30,
    requests_per_second=300,
    releases=(GOOD, BAD),
    next_commands=(
        ("serinus get rollout checkout -w", "watch it"),
        ("kubectl get events", "what was told"),
    ),
)


def changed(release: ReleaseReport, **fields: object) -> DemoReport:
    return msgspec.structs.replace(REPORT, releases=(msgspec.structs.replace(release, **fields),))


def test_the_report_reads_as_its_golden_text() -> None:
    assert to_plain(report_lines(REPORT)) == golden("report.txt")


def test_a_failed_report_names_each_failure() -> None:
    failed = changed(
        BAD,
        verdict="promoted",
        phase="Healthy",
        traffic=Traffic(lost_while_weights_moved=1, lost_otherwise=2),
    )
    assert failed.problems() == [
        "v3 was to be rolled back, but is promoted (Healthy)",
        "v3: 1 request lost while weights moved",
        "v3: 2 requests lost for another reason",
    ]
    text = to_plain(report_lines(failed))
    assert "✖ v3: 1 request lost while weights moved" in text
    assert "no request lost" not in text


@pytest.mark.parametrize(
    ("report", "fine"),
    [
        (REPORT, True),
        (changed(GOOD, verdict="unfinished"), False),
        (changed(GOOD, traffic=Traffic(lost_while_weights_moved=1)), False),
        (changed(GOOD, traffic=Traffic(lost_to_dying_pods=5)), True),
        (msgspec.structs.replace(REPORT, releases=()), False),
    ],
)
def test_only_lost_requests_and_wrong_verdicts_are_failures(report: DemoReport, fine: bool) -> None:
    assert (report.problems() == []) is fine
    assert json.loads(to_json(report))["ok"] is fine


def test_the_json_holds_every_figure() -> None:
    found = json.loads(to_json(REPORT))
    assert found["speed"] == 30
    assert found["releases"][0]["verdict"] == "promoted"
    assert found["releases"][1]["traffic"] == {
        "requests": {"v2": 2900, "v3": 160},
        "errors": {"v3": 8},
        "lost_while_weights_moved": 0,
        "lost_to_dying_pods": 1,
        "lost_otherwise": 0,
        "failed_for_clients": 9,
        "lost": 1,
    }
    assert found["releases"][1]["bad_to_zero_weight_seconds"] == 246.5
    assert found["next_commands"][0] == ["serinus get rollout checkout -w", "watch it"]
