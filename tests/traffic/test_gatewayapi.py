"""The Gateway API router: the laws over worlds that Hypothesis makes, and what it writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.api.names import ADDED_DESTINATIONS, HEADER_ROUTES
from serinus.core.routing import Additional, HeaderRoute, Routing, Unknown
from serinus.traffic.gatewayapi.router import GatewayApiRouter
from serinus.traffic.router import ObjectRef, Patch, Route, RoutingError
from traffic.laws import (
    LATER,
    LAWS,
    NOON,
    Law,
    World,
    after,
    fields_of_others_survive,
    merge_patch,
    put,
)

ROUTER = GatewayApiRouter()
TESTERS = HeaderRoute("testers", (("X-Tester", "exact", "yes"),))
STAFF = HeaderRoute("staff", (("X-Staff", "prefix", "a.b"), ("X-Site", "regex", "x|y")))
KINDS = {"HTTPRoute": "v1", "GRPCRoute": "v1", "TCPRoute": "v1alpha2", "TLSRoute": "v1alpha2"}


def ref(name: str, kind: str = "HTTPRoute", namespace: str = "shop") -> ObjectRef:
    version = f"gateway.networking.k8s.io/{KINDS[kind]}"
    return ObjectRef(version, f"{kind.lower()}s", kind, namespace, name)


def route(total: int = 100, **spec: Any) -> Route:
    return Route(
        owner_name="checkout",
        owner_uid="uid-1",
        namespace="shop",
        stable_service="stable",
        canary_service="canary",
        spec=spec or {"httpRoute": "web"},
        total=total,
        managed=("testers", "staff"),
    )


def backend(service: str, weight: int | None = None, **more: Any) -> dict[str, Any]:
    found = {"group": "", "kind": "Service", "name": service, "port": 80, **more}
    return found if weight is None else found | {"weight": weight}


def match(path: str = "/", **more: Any) -> dict[str, Any]:
    return {"path": {"type": "PathPrefix", "value": path}, **more}


def split(stable: int | None = 100, canary: int | None = 0, **more: Any) -> dict[str, Any]:
    refs = [backend("stable", stable), backend("canary", canary)]
    return {"matches": [match()], "backendRefs": refs, **more}


def http(name: str = "web", *rules: Mapping[str, Any], kind: str = "HTTPRoute") -> dict[str, Any]:
    return {
        "apiVersion": "gateway.networking.k8s.io/" + KINDS[kind],
        "kind": kind,
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": "7"},
        "spec": {"parentRefs": [{"name": "edge"}], "rules": list(rules) or [split()]},
    }


def world(*objects: Mapping[str, Any], to: Route | None = None) -> World:
    found = objects or (http(),)
    return World(to or route(), {ref(o["metadata"]["name"], o["kind"]): o for o in found})


def seen(at: World) -> Any:
    return ROUTER.read(at.route, at.read(ROUTER))


def write(at: World, routing: Routing) -> list[Any]:
    return list(ROUTER.write(at.route, at.read(ROUTER), routing, NOON))


def rules_of(at: World, name: str = "web", kind: str = "HTTPRoute") -> list[Any]:
    return list(at.objects[ref(name, kind)]["spec"]["rules"])


# --- The laws ------------------------------------------------------------------------------------

_others = st.sampled_from(
    [
        {"matches": [match("/cart")], "backendRefs": [backend("cart", 1)]},
        {"matches": [match("/preview")], "backendRefs": [backend("canary", 1)]},
        {"matches": [match("/old")], "filters": [{"type": "RequestRedirect"}]},
        {"backendRefs": [backend("stable", 1)]},
    ]
)
_weights = st.sampled_from([None, 0, 1, 30])
_splits = st.builds(
    lambda stable, canary, more: split(stable, canary, **more),
    st.sampled_from([None, 1, 70]),
    _weights,
    st.sampled_from([{}, {"name": "all"}, {"matches": [match("/a"), match("/b", method="GET")]}]),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = draw(st.lists(st.sampled_from(["web", "api", "admin"]), min_size=1, unique=True))
    found = []
    for name in names:
        rules = [*draw(st.lists(_others, max_size=2)), *draw(st.lists(_splits, max_size=1))]
        found.append(http(name, *draw(st.permutations([*rules, split()]))))
    spec: dict[str, Any] = {
        "httpRoutes": [{"name": n, "useHeaderRoutes": draw(st.booleans())} for n in names]
    }
    spec["httpRoutes"][0]["useHeaderRoutes"] = True
    if len(names) == 1 and draw(st.booleans()):
        spec = {"httpRoute": names[0], "configMap": "unused"}
    return world(*found, to=route(draw(st.sampled_from([100, 1000])), **spec))


_routes = st.sampled_from([(), (TESTERS,), (STAFF,), (TESTERS, STAFF)])
_routings = st.tuples(st.integers(0, 100), _routes)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@given(at=worlds(), one=_routings, two=_routings)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_law(law: Law, at: World, one: Any, two: Any) -> None:
    total = at.route.total
    made = [Routing(w * total // 100, total, header_routes=routes) for w, routes in (one, two)]
    if law is fields_of_others_survive:  # it counts places in lists, and a header route moves them
        made[1] = replace(made[1], header_routes=made[0].header_routes)
    law(ROUTER, at, made[0], made[1])


# --- Weights -------------------------------------------------------------------------------------


def test_a_route_as_people_write_it_without_weights_shows_the_half() -> None:
    assert seen(world(http("web", split(None, None)))).routing == Routing(1, 2)


def test_both_backends_of_every_rule_that_holds_both_get_their_weight_and_no_other() -> None:
    other = {"matches": [match("/cart")], "backendRefs": [backend("cart", 5)]}
    third = split(100, 0, backendRefs=[*split()["backendRefs"], backend("audit", 3)])
    at = put(ROUTER, world(http("web", split(), other, third)), Routing(20))
    weights = [[r["weight"] for r in rule["backendRefs"]] for rule in rules_of(at)]
    assert weights == [[80, 20], [5], [80, 20, 3]]
    assert seen(at).routing == Routing(20)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_route_is_split(kind: str) -> None:
    spec = {f"{kind[:-5].lower()}Route": "web"}
    at = world(http("web", split(), kind=kind), to=route(**spec))
    at = put(ROUTER, at, Routing(35))
    assert seen(at).routing == Routing(35)
    assert at.objects[ref("web", kind)]["spec"]["rules"][0]["backendRefs"][1]["weight"] == 35


def test_a_route_in_another_namespace_leads_to_the_services_of_the_rollout() -> None:
    refs = [backend(n, w, namespace="shop") for n, w in (("stable", 1), ("canary", 0))]
    to = route(httpRoute="web", namespace="edge")
    at = World(to, {ref("web", namespace="edge"): http("web", {"backendRefs": refs})})
    assert seen(put(ROUTER, at, Routing(10))).routing == Routing(10)
    near = World(to, {ref("web", namespace="edge"): http()})
    assert "no rule with both Services" in seen(near).routing.why


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (http("api"), "HTTPRoute web does not exist"),
        (http("web", split(100, "x")), "must be once in a rule"),  # type: ignore[arg-type]
        (http("web", split(0, 0)), "both Services have weight 0"),
        (http("web", {"backendRefs": [backend("stable", 1)]}), "no rule with both Services"),
        (merge_patch(http(), {"spec": {"rules": [7]}}), "cannot be read"),
        (
            merge_patch(http(), {"metadata": {"annotations": {HEADER_ROUTES: "{"}}}),
            "cannot be read",
        ),
        (merge_patch(http(), {"metadata": {"deletionTimestamp": "x"}}), "is being deleted"),
    ],
)
def test_what_cannot_be_understood_is_unknown_and_is_not_raised(
    found: dict[str, Any], why: str
) -> None:
    at = world(found)
    assert isinstance(seen(at).routing, Unknown)
    assert why in seen(at).routing.why
    assert seen(at).weights == ()
    with pytest.raises(RoutingError, match=why.split(" ")[0]):
        write(at, Routing(10))
    assert write(at, Routing(0)) == []


def test_routes_that_differ_are_unknown_with_all_that_they_show() -> None:
    to = route(httpRoutes=[{"name": "web", "useHeaderRoutes": True}, {"name": "api"}])
    at = put(ROUTER, world(http("web"), http("api"), to=to), Routing(20, header_routes=(TESTERS,)))
    assert seen(at).routing == Routing(20, header_routes=(TESTERS,))
    assert len(rules_of(at, "web")) == 2
    assert len(rules_of(at, "api")) == 1
    (patch,) = write(at, Routing(50, header_routes=(TESTERS,)))[:1]
    half = after(at, [patch])
    assert seen(half).weights == (20, 50)
    assert seen(half).header_routes == (TESTERS,)
    assert "HTTPRoute web says 50 of 100, testers; HTTPRoute api says 20 of 100" in (
        seen(half).routing.why
    )
    lost = replace(at, objects={r: o for r, o in at.objects.items() if r.name == "web"})
    assert isinstance(seen(lost).routing, Unknown)
    (left,) = write(lost, Routing(0))
    assert left.ref.name == "web"
    with pytest.raises(RoutingError, match="HTTPRoute api does not exist"):
        write(lost, Routing(60, header_routes=(TESTERS,)))


# --- Header routes -------------------------------------------------------------------------------


def test_a_header_route_copies_every_rule_that_splits_and_asks_for_the_headers_too() -> None:
    keep = {"filters": [{"type": "ResponseHeaderModifier"}], "timeouts": {"request": "5s"}}
    first = split(100, 0, matches=[match("/a", method="GET"), match("/b")], **keep)
    bare = {"backendRefs": split()["backendRefs"], "name": "rest"}
    at = put(ROUTER, world(http("web", first, bare)), Routing(0, header_routes=(TESTERS,)))
    one, two, three, four = rules_of(at)
    header = {"name": "X-Tester", "type": "Exact", "value": "yes"}
    assert one == {
        "matches": [match("/a", method="GET", headers=[header]), match("/b", headers=[header])],
        "backendRefs": [backend("canary", 1)],
        **keep,
    }
    assert two == {"matches": [match(headers=[header])], "backendRefs": [backend("canary", 1)]}
    assert (three["matches"], four["name"]) == (first["matches"], "rest")


def test_the_ways_to_match() -> None:
    at = put(ROUTER, world(), Routing(0, header_routes=(TESTERS, STAFF)))
    headers = [rule["matches"][0]["headers"] for rule in rules_of(at)[:2]]
    assert headers == [
        [{"name": "X-Tester", "type": "Exact", "value": "yes"}],
        [
            {"name": "X-Staff", "type": "RegularExpression", "value": r"^a\.b.*"},
            {"name": "X-Site", "type": "RegularExpression", "value": "x|y"},
        ],
    ]


def test_a_rule_of_the_users_own_to_the_canary_is_no_header_route() -> None:
    header = {"name": "X-Tester", "type": "Exact", "value": "yes"}
    preview = {"matches": [match(headers=[header])], "backendRefs": [backend("canary", 1)]}
    at = world(http("web", preview, split()))
    assert seen(at).routing == Routing(0, 100)
    assert rules_of(put(ROUTER, at, Routing(30)))[0] == preview


def test_what_somebody_applied_over_it_is_written_again() -> None:
    wanted = Routing(20, header_routes=(TESTERS,))
    at = put(ROUTER, world(), wanted)
    applied = {ref("web"): merge_patch(at.objects[ref("web")], {"spec": {"rules": [split()]}})}
    lost = replace(at, objects=applied)
    assert seen(lost).routing == Routing(0)
    assert seen(put(ROUTER, lost, wanted)).routing == wanted
    moved = split(80, 20, matches=[match("/new")])
    rules = [rules_of(at)[0], moved]
    edited = {ref("web"): merge_patch(at.objects[ref("web")], {"spec": {"rules": rules}})}
    stale = replace(at, objects=edited)
    assert seen(stale).drifted
    assert seen(stale).routing == wanted
    mended = put(ROUTER, stale, wanted)
    assert rules_of(mended)[0]["matches"][0]["path"]["value"] == "/new"


def test_a_header_that_a_rule_asks_for_already_is_refused() -> None:
    taken = match(headers=[{"name": "x-tester", "type": "Exact", "value": "no"}])
    at = world(http("web", split(matches=[taken])))
    with pytest.raises(RoutingError, match="can match x-tester only once"):
        write(at, Routing(0, header_routes=(TESTERS,)))
    assert seen(put(ROUTER, at, Routing(10))).routing == Routing(10)


def test_without_a_route_for_headers_they_are_refused_and_an_unread_spec_names_no_route() -> None:
    at = world(to=route(httpRoutes=[{"name": "web"}]))
    with pytest.raises(RoutingError, match="set useHeaderRoutes"):
        write(at, Routing(0, header_routes=(TESTERS,)))
    for spec in ({"configMap": "x"}, {"httpRoutes": 7}):
        assert "names no route" in seen(world(to=route(**spec))).routing.why


def test_the_events_tell_what_is_written() -> None:
    (patch,) = write(world(), Routing(5, header_routes=(TESTERS,)))
    assert isinstance(patch, Patch)
    assert patch.reason == "PatchingHTTPRoute"
    assert patch.message == "Updating HTTPRoute web to desiredWeight '5' and testers"
    assert list(ROUTER.write(route(), {ref("web"): None}, Routing(0), LATER)) == []


@given(at=worlds(), one=_routings)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_header_route_leaves_the_users_rules_as_they_are_and_goes_without_a_trace(
    at: World, one: Any
) -> None:
    total = at.route.total
    before = put(ROUTER, at, Routing(0, total))
    during = put(ROUTER, before, Routing(0, total, header_routes=one[1]))
    for found, kept in zip(during.objects.values(), before.objects.values(), strict=True):
        theirs = kept["spec"]["rules"]
        assert found["spec"]["rules"][-len(theirs) :] == theirs
    gone = put(ROUTER, during, Routing(0, total))
    assert [o["spec"] for o in gone.objects.values()] == [
        o["spec"] for o in before.objects.values()
    ]
    assert not any(
        HEADER_ROUTES in o["metadata"].get("annotations", {}) for o in gone.objects.values()
    )


# --- Experiments ---------------------------------------------------------------------------------

TRIED = (Additional("trial-old", 5, 8080), Additional("trial-new", 10, 8081))


def test_an_experiment_takes_its_parts_from_stable_and_leaves_the_rule_as_it_was() -> None:
    other = {"matches": [match("/cart")], "backendRefs": [backend("cart", 5)]}
    before = put(ROUTER, world(http("web", split(), other)), Routing(20))
    given = put(ROUTER, before, Routing(20, additional=TRIED))
    shown = seen(given).routing
    assert shown == Routing(20, additional=TRIED)
    rule, kept = given.objects[ref("web")]["spec"]["rules"]
    assert [(one["name"], one["port"], one["weight"]) for one in rule["backendRefs"]] == [
        *(("stable", 80, 65), ("canary", 80, 20)),
        *(("trial-old", 8080, 5), ("trial-new", 8081, 10)),
    ]
    assert kept == other
    back = put(ROUTER, given, Routing(20), LATER)
    assert back.objects[ref("web")]["spec"] == before.objects[ref("web")]["spec"]
    assert ADDED_DESTINATIONS not in back.objects[ref("web")]["metadata"]["annotations"]


def test_a_service_of_an_experiment_without_a_port_gets_nothing() -> None:
    with pytest.raises(RoutingError, match="Service trial has no port"):
        write(world(), Routing(20, additional=(Additional("trial", 5),)))


def test_an_experiments_backend_that_somebody_took_out_is_seen_and_put_back() -> None:
    given = put(ROUTER, world(), Routing(20, additional=TRIED))
    body = given.objects[ref("web")]
    rule = body["spec"]["rules"][0]
    fewer = {**rule, "backendRefs": rule["backendRefs"][:3]}
    cut = merge_patch(body, {"spec": {"rules": [fewer]}})
    world_cut = World(given.route, {ref("web"): cut})
    assert seen(world_cut).routing.additional == TRIED[:1]
    assert seen(put(ROUTER, world_cut, Routing(20, additional=TRIED))).routing.additional == TRIED
