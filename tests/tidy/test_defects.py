"""Each defect of the original has a decision and a test that shows it; there are enough stories."""

from __future__ import annotations

import ast
import re

import pytest

from stories.golden import parts, sentence
from tidy.source import ROOT, tree

PAGE = (ROOT / "docs" / "defects.md").read_text()
DECISIONS = {"kept", "fixed", "absent", "open"}
KEYS = [
    "workload-beside-template",
    "scale-down-word",
    "invalid-stops-all",
    "surge-text",
    "mirror-headers",
    "mirror-percentage",
    "mixed-steps",
    "plugin-order",
    "alb-first-only",
    "alb-swallowed",
    "istio-strangers",
    "istio-subsets",
    "istio-no-change",
    "traefik-no-diff",
    "ambassador-sleep",
    "ambassador-leak",
    "dry-run-star",
    "ping-pong-name",
    "pod-labels-fail",
    "scaling-hides-traffic",
    "verify-interval",
    "abort-after-full",
    "window-by-time",
    "unproven-way-back",
    "steps-edited",
    "workload-first-only",
    "workload-left-at-zero",
    "broken-first",
    "pause-no-deadline",
    "switch-back-gate",
    "nested-circle",
    "error-interval",
    "raw-functions",
    "cancelled-passes",
    "errors-live-on",
    "graphite-empty",
]
COMPLAINTS = range(1, 18)


def rows() -> list[list[str]]:
    lines = [line for line in PAGE.splitlines() if line.startswith("| ")]
    cells = [line.strip("| ").split(" | ") for line in lines]
    return [row for row in cells if row[0] not in ("key", "---")]


def functions_of(path: str) -> set[str]:
    found = ast.walk(tree(ROOT / path))
    return {node.name for node in found if isinstance(node, ast.FunctionDef)}


def test_every_defect_and_every_complaint_has_a_row() -> None:
    keys = [row[0] for row in rows()]
    assert len(keys) == len(set(keys))
    assert sorted(key for key in keys if not key[0].isdigit()) == sorted(KEYS)
    assert {int(key.split()[0]) for key in keys if key[0].isdigit()} == set(COMPLAINTS)


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_every_row_is_whole_and_its_tests_exist(row: list[str]) -> None:
    key, there, here, decision, shown = row
    assert all((key, there, here)), key
    assert decision in DECISIONS, key
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", shown)
    assert named, key
    assert [name for path, name in named if name not in functions_of(path)] == []


def test_there_are_at_least_sixty_stories_and_each_has_its_golden_text() -> None:
    folder = ROOT / "tests" / "stories"
    told = {}
    for path in sorted(folder.glob("test_*.py")):
        page = path.with_name(path.stem.removeprefix("test_") + ".txt")
        names = {sentence(n) for n in functions_of(str(path.relative_to(ROOT))) if n[:5] == "test_"}
        assert set(parts(page)) == names, page.name
        told |= dict.fromkeys(names, page)
    assert len(told) >= 60
