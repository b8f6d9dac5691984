"""Every benchmark is found by `python -m benchmarks`; a figure knows its bounds."""

from __future__ import annotations

import ast
import sys

import pytest

from tidy.source import ROOT

sys.path.insert(0, str(ROOT))

from benchmarks.__main__ import NOT_BENCHMARKS
from benchmarks.figure import Figure


def test_every_benchmark_hands_back_figures() -> None:
    modules = [p for p in (ROOT / "benchmarks").glob("[a-z]*.py") if p.stem not in NOT_BENCHMARKS]
    assert modules
    for path in modules:
        tree = ast.parse(path.read_text())
        assert "figures" in {n.name for n in tree.body if isinstance(n, ast.FunctionDef)}, path.name


def test_benchmarks_stand_on_their_own() -> None:
    """They import the package and each other, nothing of the tests."""
    rooms = {path.stem for path in (ROOT / "tests").iterdir()} | {"tests"}
    imported = {
        (path.name, module)
        for path in (ROOT / "benchmarks").glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in modules_of(node)
    }
    assert ("plan.py", "benchmarks.obedient") in imported
    assert [(file, name) for file, name in imported if name.split(".")[0] in rooms] == []


def modules_of(node: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [alias.name for alias in node.names]


@pytest.mark.parametrize(
    ("ratio", "at_least", "at_most", "met"),
    [
        (2.0, 2.0, None, True),
        (1.9, 2.0, None, False),
        (0.6, None, 0.6, True),
        (0.61, None, 0.6, False),
        (5.0, None, None, True),
    ],
)
def test_a_figure_keeps_its_bounds_or_not(
    ratio: float, at_least: float | None, at_most: float | None, met: bool
) -> None:
    assert Figure("x", ratio, "y", at_least, at_most).met is met


def test_what_could_not_be_measured_breaks_no_bound() -> None:
    assert Figure("x", at_least=2.0, skipped="no such part").met
