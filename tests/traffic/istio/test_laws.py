"""The Istio router: the laws over worlds that Hypothesis makes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.core.routing import Routing
from traffic.istio.objects import ROUTER, RULE, by_subset, http, route, rule, service, to, virtual
from traffic.istio.objects import world as world_of
from traffic.laws import LAWS, Law, World

_extra = st.fixed_dictionaries(
    {},
    optional={
        "match": st.just([{"uri": {"prefix": "/api"}}]),
        "timeout": st.just("5s"),
        "retries": st.just({"attempts": 3}),
        "rewrite": st.just({"uri": "/"}),
    },
)
_idle = st.lists(st.sampled_from([to("cart", 0), to("search")]), max_size=1)


@st.composite
def split(draw: st.DrawFn, name: str, subsets: bool) -> dict[str, Any]:
    weight = draw(st.integers(0, 100))
    if subsets:
        rows = by_subset(weight=weight)["route"]
        rows += [to("web", draw(st.integers(0, 5)), subset="beta")] if draw(st.booleans()) else []
    else:
        stable = draw(st.sampled_from(["web-stable", "web-stable.shop", "web-stable.shop.svc"]))
        rows = [to(stable, 100 - weight, port={"number": 80}), to("web-canary", weight)]
    rows = draw(st.permutations(rows + draw(_idle)))
    return http(name, *rows, **draw(_extra))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    subsets = draw(st.booleans())
    names = draw(st.lists(st.sampled_from(["web", "api", "admin"]), min_size=1, unique=True))
    objects, named = [], []
    for name in names:
        routes = draw(st.lists(st.sampled_from(["a", "b", "c"]), unique=True, max_size=3))
        made = [draw(split(one, subsets)) for one in routes] or [draw(split("", subsets))]
        others = [http("other", to("cart", 100))] if routes and draw(st.booleans()) else []
        sections: dict[str, Any] = {}
        if draw(st.booleans()):
            tcp = draw(split("", subsets))
            sections["tcp"] = [{"match": [{"port": 9000}], "route": tcp["route"]}]
        objects.append(service(*made, *others, name=name, **sections))
        named.append(virtual(name, routes=tuple(routes)))
    held = [*objects, rule(stable="s1", canary="c1")] if subsets else objects
    used = route(*named, rule=RULE if subsets else None, services=not subsets)
    return world_of(*held, to=used)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@given(at=worlds(), one=st.integers(0, 95), two=st.integers(0, 95))
@settings(max_examples=80, deadline=None, derandomize=True)
def test_law(law: Law, at: World, one: int, two: int) -> None:
    law(ROUTER, at, Routing(one), Routing(two))
