"""Files and functions stay small enough to be read at once."""

from __future__ import annotations

import ast

from tidy.source import ROOT, files_of_tests, modules, name, tree

FILE_LINES = 400
FUNCTION_LINES = 60
PARAMETERS = 5
STRUCT_FILES = {"api/argo.py", "api/analysis.py", "api/experiment.py", "api/kubernetes.py"}


def test_files_stay_under_400_lines() -> None:
    long = {
        name(path): lines
        for path in modules()
        if name(path) not in STRUCT_FILES
        if (lines := len(path.read_text().splitlines())) > FILE_LINES
    }
    assert long == {}


def test_files_of_tests_stay_under_400_lines_too() -> None:
    """They are split along their subjects; what they share is a file beside them."""
    found = files_of_tests()
    assert len(found) > 100
    assert {
        str(path.relative_to(ROOT)): lines
        for path in found
        if (lines := len(path.read_text().splitlines())) > FILE_LINES
    } == {}


def test_functions_stay_under_60_lines() -> None:
    long = {
        f"{name(path)}:{node.name}": lines
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def test_functions_take_at_most_five_positional_parameters() -> None:
    """Options may be given by keyword only; self and cls do not count."""
    wide = {
        f"{name(path)}:{node.name}": len(arguments)
        for path in modules()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if len(
            arguments := [
                argument.arg
                for argument in (*node.args.posonlyargs, *node.args.args)
                if argument.arg not in ("self", "cls")
            ]
        )
        > PARAMETERS
    }
    assert wide == {}


def test_every_file_says_what_it_is_for() -> None:
    assert [name(path) for path in modules() if not ast.get_docstring(tree(path))] == []
