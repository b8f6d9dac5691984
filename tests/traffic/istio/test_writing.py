"""What the Istio router writes, field by field, and what it never touches."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.api.argo import TcpRoute
from serinus.core.routing import Additional, HeaderRoute, MirrorMatch, MirrorRoute, Routing
from serinus.traffic.router import Patch, RoutingError
from traffic.istio.objects import (
    ROUTER,
    RULE,
    by_subset,
    http,
    patch,
    route,
    rule,
    seen,
    service,
    to,
    virtual,
    vs_ref,
    weights,
    world,
    write,
)
from traffic.laws import LATER, NOON, after, put

HEADER = HeaderRoute("testers", (("x-who", "exact", "me"), ("x-who", "prefix", "y")))
MIRROR = MirrorRoute(
    "shadow", (MirrorMatch(path=("exact", "/a")), MirrorMatch(("exact", "GET"))), 20
)


def test_a_patch_holds_the_whole_list_the_version_and_the_instant() -> None:
    (only,) = write(world(service(http("a", match=[{"uri": {"prefix": "/"}}]))), Routing(25))
    assert only == Patch(
        vs_ref(),
        {
            "metadata": {
                "resourceVersion": "7",
                "annotations": {"serinus.dev/routing-written-at": "2026-01-01T12:00:00.123456Z"},
            },
            "spec": {
                "http": [
                    {
                        "name": "a",
                        "match": [{"uri": {"prefix": "/"}}],
                        "route": [to("web-stable", 75), to("web-canary", 25)],
                    }
                ]
            },
        },
    )
    assert only.reason == "Updated VirtualService"
    assert only.message == "VirtualService `web` set to desiredWeight '25'"


def test_only_the_chosen_routes_change_and_every_other_field_stays() -> None:
    other = {**http("b"), "fault": {"abort": {"httpStatus": 500}}}
    mine = http(
        "a", to("web-stable", 100, port={"number": 80}), to("web-canary", headers={"x": "y"})
    )
    at = put(
        ROUTER, world(service(mine, other), to=route(virtual("web", routes=("a",)))), Routing(40)
    )
    spec = at.objects[vs_ref()]["spec"]
    assert spec["http"] == [
        http(
            "a",
            to("web-stable", 60, port={"number": 80}),
            {**to("web-canary", headers={"x": "y"}), "weight": 40},
        ),
        other,
    ]
    assert spec["hosts"] == ["shop.example.com"]


def test_tcp_and_http_routes_follow_together() -> None:
    tcp = {"match": [{"port": 9000}], **http()}
    at = put(ROUTER, world(service(http(), tcp=[tcp])), Routing(30))
    assert weights(at) == weights(at, section="tcp") == [[("web-stable", 70), ("web-canary", 30)]]
    only_tcp = route(virtual("web", tcp_routes=(TcpRoute(port=9000),)))
    assert list(patch(world(service(tcp=[tcp]), to=only_tcp), Routing(1))) == ["tcp"]


def test_an_additional_subset_keeps_its_weight_and_stable_gets_the_rest() -> None:
    rows = (*by_subset()["route"], to("web", 30, subset="beta"))
    at = world(service(http("", *rows)), rule(), to=route(rule=RULE, services=False))
    assert weights(put(ROUTER, at, Routing(20))) == [[("stable", 50), ("canary", 20), ("beta", 30)]]
    full = put(ROUTER, at, Routing(100))
    assert weights(full) == [[("stable", 0), ("canary", 100), ("beta", 30)]]
    assert seen(full).routing == Routing(100)


def test_a_strangers_destination_is_never_deleted() -> None:
    """Argo Rollouts deletes it."""
    idle = world(service(http("", to("web-stable", 100), to("web-canary"), to("cart", 0))))
    assert weights(put(ROUTER, idle, Routing(10))) == [
        [("web-stable", 90), ("web-canary", 10), ("cart", 0)]
    ]
    busy = world(service(http("", to("web-stable", 70), to("web-canary", 20), to("cart", 10))))
    with pytest.raises(RoutingError, match="gives 10 to host cart, which is not this Rollout's"):
        write(busy, Routing(30))
    left = after(busy, write(busy, Routing(0)))
    assert weights(left) == [[("web-stable", 90), ("web-canary", 0), ("cart", 10)]]


# --- Routes with managed names -------------------------------------------------------------------


def test_managed_routes_stand_first_in_the_order_of_managed_routes() -> None:
    at = put(
        ROUTER,
        world(service(http("", to("web-stable", 100), to("web-canary", 0, port={"number": 8080})))),
        Routing(10, 100, (HEADER,), (MIRROR,)),
    )
    first, second, third = at.objects[vs_ref()]["spec"]["http"]
    canary = {"host": "web-canary", "port": {"number": 8080}}
    assert first == {
        "name": "testers",
        "match": [
            {"headers": {"x-who": {"exact": "me"}}},
            {"headers": {"x-who": {"prefix": "y"}}},
        ],
        "route": [{"destination": canary, "weight": 100}],
    }
    split = [to("web-stable", 90), to("web-canary", 10, port={"number": 8080})]
    assert second == {
        "name": "shadow",
        "match": [{"uri": {"exact": "/a"}}, {"method": {"exact": "GET"}}],
        "route": split,
        "mirror": canary,
        "mirrorPercentage": {"value": 20},
    }
    assert third == {"route": split}
    turned = world(at.objects[vs_ref()], to=route(managed=("shadow", "testers")))
    names = [
        one.get("name") for one in patch(turned, Routing(10, 100, (HEADER,), (MIRROR,)))["http"]
    ]
    assert names == ["shadow", "testers", None]


@pytest.mark.parametrize(
    "routing",
    [
        Routing(0, 100, (HEADER,)),
        Routing(5, 100, (), (MIRROR,)),
        Routing(60, 100, (HEADER,), (MIRROR,), (Additional("trial", 15),)),
        Routing(0, 100, additional=(Additional("b", 5), Additional("a", 10))),
    ],
)
@pytest.mark.parametrize("subsets", [False, True])
def test_what_was_put_is_what_is_got_and_nothing_of_it_stays(
    routing: Routing, subsets: bool
) -> None:
    if subsets:
        at = world(service(by_subset()), rule(), to=route(rule=RULE, services=False))
    else:
        at = world()
    told = put(ROUTER, at, routing)
    assert seen(told).routing == routing
    assert not seen(told).drifted
    moved = put(ROUTER, told, Routing(77, 100, (HEADER,)), LATER)
    assert seen(moved).routing == Routing(77, 100, (HEADER,))
    released = put(ROUTER, moved, Routing(0), LATER)
    assert released.objects[vs_ref()]["spec"] == at.objects[vs_ref()]["spec"]
    assert list(released.objects[vs_ref()]["metadata"]["annotations"]) == [
        "serinus.dev/routing-written-at"
    ]


def test_the_weights_of_a_mirror_route_follow_those_of_the_split() -> None:
    at = put(ROUTER, world(), Routing(10, 100, (), (MIRROR,)))
    assert (
        weights(put(ROUTER, at, Routing(50, 100, (), (MIRROR,)), LATER))
        == [[("web-stable", 50), ("web-canary", 50)]] * 2
    )


def test_an_experiments_service_is_found_from_another_namespace() -> None:
    rows = (to("web-stable.shop", 100), to("web-canary.shop", 0))
    at = world(service(http("", *rows), namespace="edge"), to=route("web.edge"))
    routing = Routing(0, additional=(Additional("trial", 5),))
    told = put(ROUTER, at, routing)
    added = told.objects[vs_ref("web", "edge")]["spec"]["http"][0]["route"][2]
    assert added == to("trial.shop.svc.cluster.local", 5)
    assert seen(told).routing == routing


def test_a_service_without_http_routes_is_left_out_of_header_routes() -> None:
    tcp = service(tcp=[{"match": [{"port": 1}], **http()}], name="db")
    routing = Routing(10, 100, (HEADER,))
    at = put(ROUTER, world(service(), tcp, to=route("web", "db")), routing)
    assert seen(at).routing == routing
    with pytest.raises(RoutingError, match="need an http route"):
        write(world(tcp, to=route("db")), routing)


# --- What takes away does what it can; what gives is whole or not at all --------------------------


def test_a_fall_is_written_where_it_can_be_and_a_rise_only_where_all_can() -> None:
    at = put(ROUTER, world(service(), service(name="api"), to=route("web", "api")), Routing(20))
    alone = world(at.objects[vs_ref("web")], to=at.route)
    (only,) = write(alone, Routing(0))
    assert only.ref == vs_ref("web")
    for more in (
        Routing(30),
        Routing(20, 100, (HEADER,)),
        Routing(20, additional=(Additional("t", 1),)),
    ):
        with pytest.raises(RoutingError, match="VirtualService api does not exist"):
            write(alone, more)


def test_another_total_than_100_is_refused_by_name() -> None:
    with pytest.raises(RoutingError, match="istio divides 100; take maxTrafficWeight out"):
        write(world(), Routing(5, 1000))


def test_weights_that_somebody_changed_are_written_again() -> None:
    at = world(service(http("", to("web-stable", 10), to("web-canary", 10))))
    assert weights(put(ROUTER, at, Routing(10))) == [[("web-stable", 90), ("web-canary", 10)]]


def test_a_managed_route_that_somebody_changed_is_written_again() -> None:
    at = put(ROUTER, world(), Routing(10, 100, (HEADER,)))
    spec: Any = at.objects[vs_ref()]["spec"]
    spec["http"][0]["route"] = [to("web-stable", 100)]
    assert seen(at).weights == (10,)
    assert seen(put(ROUTER, at, Routing(10, 100, (HEADER,)), NOON)).routing == Routing(
        10, 100, (HEADER,)
    )
