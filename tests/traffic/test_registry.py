"""Routers are found by name, by one door for ours and for those of others."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from serinus.base.errors import SerinusError
from serinus.traffic.nginx import NginxRouter
from serinus.traffic.registry import BUILT_IN, GROUP, load_router


def test_our_own_routers_are_there_without_an_installation() -> None:
    assert isinstance(load_router("nginx"), NginxRouter)


@pytest.mark.parametrize("point", BUILT_IN, ids=lambda point: point.name)
def test_every_router_of_ours_answers_to_the_name_it_is_registered_under(point: EntryPoint) -> None:
    assert load_router(point.name).name == point.name


def test_another_packages_router_is_loaded_by_the_same_door() -> None:
    other = EntryPoint("edge", "serinus.traffic.nginx:NginxRouter", GROUP)
    assert isinstance(load_router("edge", [*BUILT_IN, other]), NginxRouter)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        SerinusError, match=r"no traffic router is named 'envoy'; known: .*istio, nginx"
    ):
        load_router("envoy", BUILT_IN)


def test_a_name_that_two_packages_claim_is_an_error() -> None:
    rival = EntryPoint("nginx", "rival:Router", GROUP)
    with pytest.raises(SerinusError, match=r"registered more than once: rival:Router, serinus"):
        load_router("nginx", [*BUILT_IN, rival])


def test_a_router_that_cannot_be_imported_says_from_where() -> None:
    broken = EntryPoint("edge", "no_such_package:Router", GROUP)
    with pytest.raises(SerinusError, match="cannot be loaded from no_such_package:Router"):
        load_router("edge", [broken])
