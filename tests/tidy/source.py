"""The sources as the tidy tests see them."""

from __future__ import annotations

import ast
import gc
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "serinus"


def modules() -> list[Path]:
    """Every Python file of the package, in a stable order."""
    return sorted(PACKAGE.rglob("*.py"))


def files_of_tests() -> list[Path]:
    """Every Python file of the tests, in a stable order."""
    return sorted((ROOT / "tests").rglob("*.py"))


@cache
def tree(path: Path) -> ast.Module:
    """The parsed file."""
    # CPython 3.11 miscounts its own depth, and raises SystemError, when suspended coroutines that
    # other tests left are collected in the middle of it.
    gc.disable()
    try:
        return ast.parse(path.read_text())
    finally:
        gc.enable()


def name(path: Path) -> str:
    """The path as people say it: `core/rollout/plan.py`."""
    return str(path.relative_to(PACKAGE))
