"""What the Istio router reads: every way in which a VirtualService can be other than written."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from serinus.api.argo import TcpRoute, TlsRoute
from serinus.core.routing import Additional, HeaderRoute, MirrorMatch, MirrorRoute, Routing, Unknown
from traffic.istio.objects import (
    RULE,
    by_subset,
    http,
    route,
    rule,
    rule_ref,
    seen,
    service,
    to,
    virtual,
    vs_ref,
    world,
)


def why(*objects: Any, to: Any = None) -> str:
    found = seen(world(*objects, to=to)).routing
    assert isinstance(found, Unknown)
    return found.why


def test_the_objects_that_it_reads_are_the_services_and_the_rule() -> None:
    from traffic.istio.objects import ROUTER

    found = ROUTER.references(route("web", "api.edge", rule=RULE))
    assert list(found) == [vs_ref("web"), vs_ref("api", "edge"), rule_ref()]


@pytest.mark.parametrize(
    ("stable", "canary", "weight"),
    [
        (to("web-stable", 75), to("web-canary", 25), 25),
        (to("web-stable.shop", 75), to("web-canary.shop", 25), 25),
        (to("web-stable.shop.svc.cluster.local", 75), to("web-canary.shop.svc", 25), 25),
        (to("web-stable", 100), to("web-canary"), 0),
        (to("web-stable"), to("web-canary", 100), 100),
        (to("web-stable", 99.0), to("web-canary", 1.0), 1),
    ],
)
def test_the_weight_of_the_canarys_host_is_read(stable: Any, canary: Any, weight: int) -> None:
    assert seen(world(service(http("", stable, canary)))).routing == Routing(weight)


def test_the_weight_of_the_canarys_subset_is_read() -> None:
    to_rule = route(rule=RULE, services=False)
    assert seen(world(service(by_subset("", 30)), rule(), to=to_rule)).routing == Routing(30)


def test_with_services_and_a_rule_a_subset_counts_before_the_host() -> None:
    rows = (to("web", 60, subset="stable"), to("web", 40, subset="canary"))
    found = seen(world(service(http("", *rows)), rule(), to=route(rule=RULE)))
    assert found.routing == Routing(40)


def test_an_additional_subset_takes_its_part_from_stable() -> None:
    rows = (
        to("web", 50, subset="stable"),
        to("web", 20, subset="canary"),
        to("web", 30, subset="beta"),
    )
    to_rule = route(rule=RULE, services=False)
    assert seen(world(service(http("", *rows)), rule(), to=to_rule)).routing == Routing(20)


@pytest.mark.parametrize(
    ("other", "host"),
    [
        (to("web-canary.other", 0), "a Service of another namespace"),
        (to("web-canary.example.com", 0), "a host outside"),
        (to("web-canary", 0, subset="x"), "a subset of the canary's host is the canary"),
    ],
)
def test_which_hosts_are_the_canarys(other: Any, host: str) -> None:
    found = seen(world(service(http("", to("web-stable", 100), to("web-canary", 0), other))))
    if "subset" in host:
        assert "has 2 destinations to the host web-canary; keep one" in str(found.routing)
    else:
        assert found.routing == Routing(0), host


def test_a_short_host_belongs_to_the_namespace_of_the_virtual_service() -> None:
    short = service(name="web", namespace="edge")
    assert "has no destination to the host web-canary; it has host web-stable, host web-canary" in (
        why(short, to=route("web.edge"))
    )
    rows = (to("web-stable.shop", 90), to("web-canary.shop.svc.cluster.local", 10))
    long = service(http("", *rows), namespace="edge")
    assert seen(world(long, to=route("web.edge"))).routing == Routing(10)


def test_a_subset_of_another_host_is_not_ours() -> None:
    rows = (to("cart", 100, subset="stable"), to("cart", 0, subset="canary"))
    text = why(service(http("", *rows)), rule(), to=route(rule=RULE, services=False))
    assert "http[0] has no destination to the subset stable; it has host cart subset stable" in text


@pytest.mark.parametrize(
    ("made", "named", "text"),
    [
        (service(http("a"), http("b")), {}, "has several http routes (route 'a', route 'b'): name"),
        (service(http("a")), {"routes": ("b",)}, "has no http route 'b'; it has route 'a'"),
        (service(http("a"), http("a")), {"routes": ("a",)}, "has 2 http routes 'a'"),
        (service(http("", to("cart", 100))), {}, "http[0] has no destination to the host web-st"),
        (service(http("", to("web-stable", 1))), {}, "no destination to the host web-canary"),
        (service(tcp=[]), {}, "has no route to split in http, tls or tcp"),
        (service(http="text"), {}, "its http is no list of objects"),
        (service(http=[7]), {}, "its http is no list of objects"),
        (
            service(http("", to("web-stable", "many"), to("web-canary", 1))),
            {},
            "has the weight 'many', which is no whole number",
        ),
        (
            service(http("", to("web-stable", 50), to("web-canary", 20))),
            {},
            "gives the canary 20 and stable 50, which should have 80",
        ),
        (
            service(http("", to("web-stable", 70), to("web-canary", 20), to("cart", 10))),
            {},
            "gives 10 to host cart, which is not this Rollout's: set that weight to 0, or list",
        ),
        (service(tls=[http()]), {"tls_routes": (TlsRoute(port=1),)}, "has no tls route of port 1"),
        (service(tcp=[http()]), {"tcp_routes": (TcpRoute(port=1),)}, "has no tcp route of port 1"),
        (service(tcp=[http(), http()]), {}, "has several tcp routes (tcp[0], tcp[1])"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_what_cannot_be_relied_on_is_unknown_and_says_why(made: Any, named: Any, text: str) -> None:
    found = why(made, to=route(virtual("web", **named)))
    assert found.startswith("VirtualService web")
    assert text in found


def test_a_missing_or_leaving_service_is_unknown() -> None:
    gone = seen(world(to=route("api")))
    assert gone.routing == Unknown(
        "VirtualService api does not exist; create it, or correct virtualService.name"
    )
    assert gone.weights == ()
    leaving = service()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert why(leaving) == "VirtualService web is being deleted"


def test_a_router_that_names_no_service_says_what_to_set() -> None:
    bare = route()
    bare = replace(bare, spec=type(bare.spec)())
    assert "set virtualService.name" in why(to=bare)


@pytest.mark.parametrize(
    ("rows", "weights"),
    [
        ((to("web-stable", 50), to("web-canary", 20)), (29,)),
        ((to("web-stable", 0), to("web-canary", 7)), (100,)),
        ((to("web-stable"), to("web-canary")), (0, 100)),
        ((to("web-stable", 70), to("web-canary", 20), to("cart", 10)), (20,)),
        ((to("cart", 100),), ()),
    ],
)
def test_what_the_canary_may_get_of_it_is_told_rounded_up(rows: Any, weights: Any) -> None:
    found = seen(world(service(http("", *rows))))
    assert isinstance(found.routing, Unknown)
    assert found.weights == weights


def test_routes_that_differ_are_unknown_with_all_their_weights() -> None:
    rows = [
        http(name, to("web-stable", 100 - w), to("web-canary", w))
        for name, w in (("a", 5), ("b", 20))
    ]
    found = seen(world(service(*rows), to=route(virtual("web", routes=("a", "b")))))
    assert found.weights == (5, 20)
    assert found.routing == Unknown(
        "VirtualService web: its routes differ in what the canary gets: route 'a' 5, route 'b' 20"
    )


def test_services_that_differ_are_unknown_with_all_their_weights_and_routes() -> None:
    header = {"name": "testers", "match": [{"headers": {"x": {"exact": "1"}}}]}
    testers = {**header, "route": [to("web-canary", 100)]}
    one = service(testers, http("", to("web-stable", 80), to("web-canary", 20)))
    other = service(http("", to("web-stable", 95), to("web-canary", 5)), name="api")
    found = seen(world(one, other, to=route("web", "api")))
    assert found.routing == Unknown(
        "the VirtualServices differ: web gives the canary 20 with the routes testers, "
        "api gives the canary 5"
    )
    assert found.weights == (5, 20)
    assert found.header_routes == (HeaderRoute("testers", (("x", "exact", "1"),)),)


# --- Routes --------------------------------------------------------------------------------------


def test_tls_and_tcp_routes_are_chosen_by_one_port_and_exact_hosts() -> None:
    def tls(port: int, *hosts: str, weight: int) -> Any:
        rows = http("", to("web-stable", 100 - weight), to("web-canary", weight))
        return {"match": [{"port": port, "sniHosts": list(hosts)}], **rows}

    made = service(
        tls=[tls(443, "a", "b", weight=10), tls(443, "a", weight=20), tls(8443, "a", weight=30)]
    )
    for port, hosts, weight in ((443, ("b", "a"), 10), (443, ("a",), 20), (8443, ("a",), 30)):
        named = virtual("web", tls_routes=(TlsRoute(port=port, sni_hosts=hosts),))
        assert seen(world(made, to=route(named))).routing == Routing(weight)
    two_ports = {**tls(1, "a", weight=5), "match": [{"port": 1}, {"port": 2}]}
    tcp = service(tcp=[two_ports, tls(2, weight=7)])
    named = virtual("web", tcp_routes=(TcpRoute(port=2),))
    assert seen(world(tcp, to=route(named))).routing == Routing(7)


HEADER = {
    "name": "testers",
    "match": [{"headers": {"x-who": {"exact": "me"}}}, {"headers": {"x-who": {"regex": "y.*"}}}],
    "route": [to("web-canary", 100)],
}
MIRROR = {
    "name": "shadow",
    "match": [
        {"method": {"exact": "GET"}, "uri": {"prefix": "/a"}, "headers": {"h": {"exact": "1"}}}
    ],
    "route": [to("web-stable", 90), to("web-canary", 10)],
    "mirror": {"host": "web-canary"},
    "mirrorPercentage": {"value": 35},
}
SPLIT = http("", to("web-stable", 90), to("web-canary", 10))
HEADER_ROUTE = HeaderRoute("testers", (("x-who", "exact", "me"), ("x-who", "regex", "y.*")))
MIRROR_ROUTE = MirrorRoute(
    "shadow",
    (MirrorMatch(("exact", "GET"), ("prefix", "/a"), (("h", "exact", "1"),)),),
    35,
)


def test_routes_with_managed_names_are_read_as_they_were_asked_for() -> None:
    found = seen(world(service(HEADER, MIRROR, SPLIT)))
    assert found.routing == Routing(10, 100, (HEADER_ROUTE,), (MIRROR_ROUTE,))
    assert not found.drifted


def test_managed_routes_that_do_not_stand_first_and_in_order_have_drifted() -> None:
    for routes in ((SPLIT, HEADER, MIRROR), (MIRROR, HEADER, SPLIT)):
        assert seen(world(service(*routes))).drifted


def test_routes_with_other_names_are_the_users() -> None:
    named = route(virtual("web", routes=("a",)), managed=("testers",))
    found = seen(world(service({**HEADER, "name": "theirs"}, http("a")), to=named))
    assert found.routing == Routing(0)


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ({**HEADER, "route": [to("web-stable", 100)]}, "it does not lead to the canary alone"),
        ({**HEADER, "match": [{"uri": {"exact": "/"}}]}, "'headers'"),
        (
            {**HEADER, "match": [{**HEADER["match"][0], "uri": {}}]},  # type: ignore[index]
            "it matches more than headers",
        ),
        ({**HEADER, "match": [{"headers": {"x": {"like": "y"}}}]}, "'like' is no way to match"),
        ({**MIRROR, "mirror": {"host": "cart"}}, "its copies do not go to the canary"),
        ({**MIRROR, "mirrorPercentage": {"value": 0.5}}, "mirrorPercentage 0.5 is not whole"),
        ({**MIRROR, "match": [{"port": 5}]}, "it matches more than method, uri and headers"),
        (
            {**MIRROR, "route": [to("web-stable", 60), to("web-canary", 40)]},
            "route 'shadow' has other weights than the rest",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_managed_route_that_somebody_changed_is_unknown(broken: Any, text: str) -> None:
    found = seen(world(service(broken, SPLIT)))
    assert isinstance(found.routing, Unknown)
    assert text in found.routing.why
    assert 10 in found.weights


def test_destinations_that_are_noted_as_added_belong_to_an_experiment() -> None:
    rows = (to("web-stable", 70), to("web-canary", 10), to("trial-b", 15), to("trial-a", 5))
    made = service(http("", *rows))
    made["metadata"]["annotations"] = {"serinus.dev/added-destinations": "trial-a,trial-b"}
    extra = (Additional("trial-a", 5), Additional("trial-b", 15))
    assert seen(world(made)).routing == Routing(10, additional=extra)
