"""Step plugins by name."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from serinus.base.errors import SerinusError
from serinus.steps.http import HttpPlugin
from serinus.steps.registry import BUILT_IN, GROUP, load_step_plugin


def test_http_is_ours() -> None:
    assert isinstance(load_step_plugin("http"), HttpPlugin)


def test_a_plugin_of_another_package_is_found_under_any_name() -> None:
    point = EntryPoint("argoproj-labs/seats", "serinus.steps.http:HttpPlugin", GROUP)
    assert isinstance(load_step_plugin("argoproj-labs/seats", (*BUILT_IN, point)), HttpPlugin)


def test_an_unknown_name_is_an_error_that_lists_the_known_ones_and_speaks_of_go() -> None:
    with pytest.raises(SerinusError) as caught:
        load_step_plugin("argoproj-labs/seats")
    text = str(caught.value)
    assert text.startswith("no step plugin is named 'argoproj-labs/seats'; known: http")
    assert "Go binaries, which do not run here" in text


def test_one_that_cannot_be_imported_says_so_and_nothing_of_go() -> None:
    point = EntryPoint("broken", "serinus.steps.nowhere:Plugin", GROUP)
    with pytest.raises(SerinusError, match="cannot be loaded") as caught:
        load_step_plugin("broken", (point,))
    assert "Go" not in str(caught.value)
