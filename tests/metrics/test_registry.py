"""Providers by name: one door for ours and for others', and no fallback."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from serinus.base.errors import SerinusError
from serinus.metrics.prometheus import PrometheusProvider
from serinus.metrics.registry import GROUP, load_provider


def test_ours_are_found_without_an_installation() -> None:
    assert isinstance(load_provider("prometheus"), PrometheusProvider)


def test_others_come_through_the_same_door() -> None:
    point = EntryPoint("mine", "serinus.metrics.prometheus:PrometheusProvider", GROUP)
    assert isinstance(load_provider("mine", [point]), PrometheusProvider)


@pytest.mark.parametrize(
    ("name", "points", "message"),
    [
        ("web", None, "no metric provider is named 'web'; known: prometheus"),
        ("web", [], "known: none"),
        ("x", [EntryPoint("x", "serinus.nowhere:Y", GROUP)], "cannot be loaded from serinus.nowh"),
        ("x", [EntryPoint("x", "serinus.metrics.prometheus:Y", GROUP)], "cannot be loaded"),
        ("x", [EntryPoint("x", "a:b", GROUP), EntryPoint("x", "c:d", GROUP)], "more than once: a"),
    ],
)
def test_a_name_without_a_provider_is_an_error(
    name: str, points: list[EntryPoint] | None, message: str
) -> None:
    with pytest.raises(SerinusError, match=message):
        load_provider(name, points)
