"""The traefik router: the laws over worlds that Hypothesis makes, and each rule of its format."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.api.argo import TraefikTrafficRouting
from serinus.core.routing import HeaderRoute, Routing, Unknown
from serinus.traffic.router import ObjectRef, Patch, Route, RoutingError
from serinus.traffic.traefik import TraefikRouter
from traffic.laws import LAWS, NOON, Law, World

ROUTER = TraefikRouter()
REF = ObjectRef("traefik.io/v1alpha1", "traefikservices", "TraefikService", "shop", "split")


def route(name: str = "split") -> Route:
    return Route(
        owner_name="checkout",
        owner_uid="uid-1",
        namespace="shop",
        stable_service="stable",
        canary_service="canary",
        spec=TraefikTrafficRouting(weighted_traefik_service_name=name),
    )


def entry(name: str, weight: int | None = None, **more: Any) -> dict[str, Any]:
    made = {"name": name, "port": 80, **more}
    return made if weight is None else {**made, "weight": weight}


def split(*entries: dict[str, Any], **spec: Any) -> dict[str, Any]:
    services = list(entries) or [entry("stable", 100), entry("canary", 0)]
    return {
        "apiVersion": "traefik.io/v1alpha1",
        "kind": "TraefikService",
        "metadata": {"name": "split", "namespace": "shop", "resourceVersion": "7"},
        "spec": {"weighted": {"services": services, "sticky": {"cookie": {"name": "s"}}}, **spec},
    }


def world(found: dict[str, Any] | None = None) -> World:
    return World(route(), {REF: found or split()})


def seen(at: World) -> Any:
    return ROUTER.read(at.route, at.read(ROUTER)).routing


def write(at: World, routing: Routing) -> list[Any]:
    return list(ROUTER.write(at.route, at.read(ROUTER), routing, NOON))


_others = st.lists(
    st.sampled_from(
        [
            entry("audit", 3),
            entry("canary", 5, kind="TraefikService"),
            entry("stable", 2, namespace="elsewhere"),
        ]
    ),
    max_size=2,
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    entries = [entry("stable", draw(st.integers(0, 100))), entry("canary", 1), *draw(_others)]
    return world(split(*draw(st.permutations(entries))))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@given(at=worlds(), one=st.integers(0, 100), two=st.integers(0, 100))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_law(law: Law, at: World, one: int, two: int) -> None:
    law(ROUTER, at, Routing(one), Routing(two))


def test_only_the_two_entries_get_a_weight_and_the_list_is_written_whole() -> None:
    at = world(split(entry("audit", 3), entry("stable"), entry("canary", 0, sticky={"x": 1})))
    (patch,) = write(at, Routing(20))
    assert isinstance(patch, Patch)
    assert patch.patch["spec"] == {
        "weighted": {
            "services": [
                entry("audit", 3),
                entry("stable", 80),
                entry("canary", 20, sticky={"x": 1}),
            ]
        }
    }


def test_an_entry_without_a_weight_counts_as_one() -> None:
    assert seen(world(split(entry("stable"), entry("canary")))) == Routing(1, 2)


BROKEN = {
    "there is no such object": ({}, "TraefikService split does not exist"),
    "no canary": (split(entry("stable", 100)), "Service canary must be once"),
    "the canary twice": (
        split(entry("stable", 100), entry("canary", 0), entry("canary", 1, port=81)),
        "Service canary must be once",
    ),
    "nobody gets anything": (split(entry("stable", 0), entry("canary", 0)), "have weight 0"),
    "no split at all": ({**split(), "spec": {"mirroring": {"name": "stable"}}}, "must be once"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_understood_is_unknown_and_is_not_raised(name: str) -> None:
    body, told = BROKEN[name]
    at = World(route(), {REF: body} if body else {})
    shown = seen(at)
    assert isinstance(shown, Unknown)
    assert told in shown.why
    assert write(at, Routing(0)) == []
    with pytest.raises(RoutingError, match="TraefikService split"):
        write(at, Routing(5))


def test_no_name_is_told_and_header_routes_are_refused() -> None:
    nameless = World(route(""), {})
    assert "names no TraefikService" in seen(nameless).why
    headers = (HeaderRoute("testers", (("X", "exact", "y"),)),)
    with pytest.raises(RoutingError, match="no header routes"):
        write(world(), Routing(0, header_routes=headers))
