"""The alb router: the laws over worlds that Hypothesis makes, and each rule of its format."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.api.alb import MANAGED
from serinus.api.argo import AlbStickinessConfig, AlbTrafficRouting
from serinus.api.names import WRITTEN_AT
from serinus.core.routing import Additional, HeaderRoute, Routing, Unknown
from serinus.traffic.alb.router import AlbRouter
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

ROUTER = AlbRouter()
PREFIX = "alb.ingress.kubernetes.io"
ACTION = f"{PREFIX}/actions.root"
TESTERS = HeaderRoute("testers", (("X-Tester", "exact", "yes"), ("X-Tester", "exact", "1")))
STAFF = HeaderRoute("staff", (("X-Staff", "exact", "a"), ("X-Site", "exact", "b")))


def ref(name: str) -> ObjectRef:
    return ObjectRef("networking.k8s.io/v1", "ingresses", "Ingress", "shop", name)


def route(**spec: Any) -> Route:
    told: dict[str, Any] = {"ingress": "web", "service_port": 80, "root_service": "root", **spec}
    return Route(
        owner_name="checkout",
        owner_uid="uid-1",
        namespace="shop",
        stable_service="stable",
        canary_service="canary",
        spec=AlbTrafficRouting(**told),
        managed=("testers", "staff"),
    )


def path(service: str, port: Any = "use-annotation", at: str = "/*") -> dict[str, Any]:
    named = {"name": port} if isinstance(port, str) else {"number": port}
    backend = {"service": {"name": service, "port": named}}
    return {"path": at, "pathType": "ImplementationSpecific", "backend": backend}


def rule(*paths: Mapping[str, Any], host: str = "shop.example.com") -> dict[str, Any]:
    return {"host": host, "http": {"paths": list(paths) or [path("root")]}}


def forward(canary: int, stable: int, *others: Mapping[str, Any], **config: Any) -> str:
    groups = [
        {"ServiceName": "canary", "ServicePort": "80", "Weight": canary},
        *others,
        {"ServiceName": "stable", "ServicePort": "80", "Weight": stable},
    ]
    told = {"Type": "forward", "ForwardConfig": {"TargetGroups": groups, **config}}
    return json.dumps(told, separators=(",", ":"))


def ingress(
    name: str = "web", notes: Mapping[str, str] | None = None, *rules: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "resourceVersion": "7",
            "annotations": dict(notes or {}),
        },
        "spec": {"ingressClassName": "alb", "rules": list(rules) or [rule()]},
    }


def world(*objects: Mapping[str, Any], to: Route | None = None) -> World:
    found = objects or (ingress(),)
    return World(to or route(), {ref(one["metadata"]["name"]): one for one in found})


def seen(at: World) -> Any:
    return ROUTER.read(at.route, at.read(ROUTER))


def write(at: World, routing: Routing) -> list[Any]:
    return list(ROUTER.write(at.route, at.read(ROUTER), routing, NOON))


def notes_of(at: World, name: str = "web") -> dict[str, Any]:
    found = dict(at.objects[ref(name)]["metadata"]["annotations"])
    found.pop(WRITTEN_AT, None)
    return found


# --- The laws ------------------------------------------------------------------------------------

_actions = st.sampled_from(
    [
        {},
        {ACTION: forward(10, 90)},
        {ACTION: forward(1, 1, {"ServiceName": "old", "ServicePort": "80", "Weight": 5})},
        {ACTION: '{"type":"redirect","redirectConfig":{"host":"x"}}'},
        {ACTION: forward(0, 100), MANAGED: json.dumps({"cart": [f"{PREFIX}/actions.cart"]})},
    ]
)
_rules = st.sampled_from(
    [
        rule(path("cart")),
        rule(path("canary", 80, "/preview"), host="preview"),
        {"host": "bare"},
        rule(path("root"), path("cart", at="/cart"), host="other"),
    ]
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = draw(st.lists(st.sampled_from(["web", "api", "admin"]), min_size=1, unique=True))
    found = []
    for name in names:
        rules = draw(st.permutations([*draw(st.lists(_rules, max_size=2)), rule()]))
        found.append(ingress(name, draw(_actions), *rules))
    sticky = AlbStickinessConfig(enabled=draw(st.booleans()), duration_seconds=60)
    return world(*found, to=route(ingress="", ingresses=tuple(names), stickiness_config=sticky))


_routes = st.sampled_from([(), (TESTERS,), (STAFF,), (TESTERS, STAFF)])
_extras = st.sampled_from([(), (Additional("trial", 5),), (Additional("b", 3, 81),)])
_routings = st.builds(
    lambda weight, routes, extras: Routing(weight, header_routes=routes, additional=extras),
    st.integers(0, 90),
    _routes,
    _extras,
)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@given(at=worlds(), one=_routings, two=_routings)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_law(law: Law, at: World, one: Routing, two: Routing) -> None:
    if law is fields_of_others_survive:  # it counts places in lists, and a header route moves them
        two = replace(two, header_routes=one.header_routes)
    law(ROUTER, at, one, two)


# --- Weights -------------------------------------------------------------------------------------


def test_the_action_and_the_books_are_written_as_the_original_writes_them() -> None:
    at = put(ROUTER, world(), Routing(20))
    assert notes_of(at) == {
        ACTION: forward(20, 80),
        MANAGED: json.dumps({"checkout": [ACTION]}, separators=(",", ":")),
    }
    assert at.objects[ref("web")]["spec"] == ingress()["spec"]


def test_without_a_root_service_the_action_is_named_after_the_stable_one_under_its_prefix() -> None:
    to = route(root_service="", annotation_prefix="alb.example.com")
    at = put(ROUTER, world(ingress("web", {}, rule(path("stable"))), to=to), Routing(20))
    assert notes_of(at)["alb.example.com/actions.stable"] == forward(20, 80)


def test_stickiness_is_said_while_it_is_enabled_and_a_change_of_it_is_a_drift() -> None:
    at = put(ROUTER, world(), Routing(20))
    sticky = AlbStickinessConfig(enabled=True, duration_seconds=3600)
    longer = replace(at, route=route(stickiness_config=sticky))
    assert (seen(longer).routing, seen(longer).drifted) == (Routing(20), True)
    longer = put(ROUTER, longer, Routing(20))
    config = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 3600}}
    assert notes_of(longer)[ACTION] == forward(20, 80, **config)
    off = AlbStickinessConfig(enabled=False, duration_seconds=3600)
    assert seen(replace(longer, route=route(stickiness_config=off))).drifted


def test_actions_and_annotations_of_others_stay_as_they_are() -> None:
    theirs = {f"{PREFIX}/actions.cart": "{", f"{PREFIX}/scheme": "internal", "note": "x"}
    books = {"cart": [f"{PREFIX}/actions.cart"]}
    at = put(ROUTER, world(ingress("web", {**theirs, MANAGED: json.dumps(books)})), Routing(5))
    notes = notes_of(at)
    assert theirs.items() <= notes.items()
    assert json.loads(notes[MANAGED]) == {**books, "checkout": [ACTION]}
    (patch,) = write(at, Routing(6))
    assert set(patch.patch["metadata"]["annotations"]) == {ACTION, WRITTEN_AT}
    assert "spec" not in patch.patch


def test_what_says_the_same_in_other_letters_and_another_order_is_not_written() -> None:
    said = (
        '{"type": "forward", "forwardConfig": {"targetGroups": ['
        '{"serviceName": "stable", "servicePort": 80, "weight": 90},'
        '{"serviceName": "canary", "servicePort": "80", "weight": 10}]}}'
    )
    at = world(ingress("web", {ACTION: said, MANAGED: f'{{"checkout": ["{ACTION}"]}}'}))
    assert (seen(at).routing, seen(at).drifted) == (Routing(10), False)
    assert write(at, Routing(10)) == []


def test_an_action_that_is_not_there_gives_the_canary_nothing_and_is_made() -> None:
    for notes in ({}, {ACTION: '{"type": "fixed-response"}'}):
        at = world(ingress("web", notes))
        assert (seen(at).routing, seen(at).drifted) == (Routing(0), True)
        assert notes_of(put(ROUTER, at, Routing(0)))[ACTION] == forward(0, 100)


def test_an_ingress_that_is_up_to_date_does_not_keep_the_next_from_its_turn() -> None:
    done = put(ROUTER, world(), Routing(30)).objects[ref("web")]
    to = route(ingress="", ingresses=("web", "api"))
    at = world(done, ingress("api", {ACTION: forward(10, 90)}), to=to)
    found = seen(at)
    assert "web says 30 of 100; api says 10 of 100" in found.routing.why
    assert found.weights == (10, 30)
    assert [one.ref.name for one in write(at, Routing(30))] == ["api"]


def test_an_experiment_gets_a_group_each_between_canary_and_stable() -> None:
    extras = (Additional("trial-a", 5, 8080), Additional("trial-b", 7))
    at = put(ROUTER, world(), Routing(20, additional=extras))
    trial = {"ServiceName": "trial-a", "ServicePort": "8080", "Weight": 5}
    other = {"ServiceName": "trial-b", "ServicePort": "80", "Weight": 7}
    assert notes_of(at)[ACTION] == forward(20, 68, trial, other)
    assert seen(at).routing == Routing(20, additional=extras)


def test_at_a_swap_of_the_roles_nothing_is_written() -> None:
    at = put(ROUTER, world(), Routing(100))
    to = replace(at.route, stable_service="canary", canary_service="stable")
    swapped = replace(at, route=to)
    assert (seen(swapped).routing, seen(swapped).drifted) == (Routing(0), False)
    assert write(swapped, Routing(0)) == []


# --- Header routes -------------------------------------------------------------------------------


def test_a_header_route_is_an_action_with_conditions_and_a_path_on_top_of_every_rule() -> None:
    rules = (rule(path("cart", 80), host="a"), rule(), {"host": "bare"})
    at = put(ROUTER, world(ingress("web", {}, *rules)), Routing(0, header_routes=(TESTERS, STAFF)))
    notes = notes_of(at)
    group = {"ServiceName": "canary", "ServicePort": "80", "Weight": 100}
    action = json.loads(notes[f"{PREFIX}/actions.testers"])
    assert action == {"Type": "forward", "ForwardConfig": {"TargetGroups": [group]}}
    config = {"HttpHeaderName": "X-Tester", "Values": ["yes", "1"]}
    condition = {"Field": "http-header", "HttpHeaderConfig": config}
    assert json.loads(notes[f"{PREFIX}/conditions.testers"]) == [condition]
    assert len(json.loads(notes[f"{PREFIX}/conditions.staff"])) == 2
    top = [path("testers"), path("staff")]
    assert at.objects[ref("web")]["spec"]["rules"] == [
        rule(*top, path("cart", 80), host="a"),
        rule(*top, path("root")),
        {"host": "bare"},
    ]
    assert json.loads(notes[MANAGED])["checkout"] == [
        ACTION,
        *(
            f"{PREFIX}/{kind}.{n}"
            for n in ("testers", "staff")
            for kind in ("actions", "conditions")
        ),
    ]
    gone = put(ROUTER, at, Routing(0))
    assert gone.objects[ref("web")]["spec"]["rules"] == list(rules)
    assert set(notes_of(gone)) == {ACTION, MANAGED}


def test_a_route_whose_path_somebody_took_away_reaches_nobody_and_is_put_back() -> None:
    wanted = Routing(10, header_routes=(TESTERS,))
    at = put(ROUTER, world(ingress("web", {}, rule(), rule(host="b"))), wanted)
    half = merge_patch(
        at.objects[ref("web")],
        {"spec": {"rules": [rule(path("testers"), path("root")), rule(host="b")]}},
    )
    assert (seen(world(half)).routing, seen(world(half)).drifted) == (wanted, True)
    bare = merge_patch(half, {"spec": {"rules": [rule(), rule(host="b")]}})
    assert (seen(world(bare)).routing, seen(world(bare)).drifted) == (Routing(10), True)
    assert (
        put(ROUTER, world(bare), wanted).objects[ref("web")]["spec"]
        == at.objects[ref("web")]["spec"]
    )


def test_a_route_with_the_name_of_another_rollouts_action_is_neither_read_nor_written() -> None:
    other = replace(route(root_service="cart"), owner_name="cart")
    rules = (rule(), rule(path("cart"), host="cart"))
    wanted = Routing(0, header_routes=(TESTERS,))
    at = put(ROUTER, world(ingress("web", {}, *rules), to=other), wanted)
    mine = replace(at, route=route())
    assert seen(mine).routing == Routing(0)
    with pytest.raises(RoutingError, match="action testers is of the Rollout cart"):
        write(mine, wanted)
    after_mine = put(ROUTER, mine, Routing(40))
    assert seen(replace(after_mine, route=other)).routing == wanted


def test_a_route_that_is_managed_no_more_is_still_seen_and_goes_with_the_next_write() -> None:
    at = put(ROUTER, world(), Routing(0, header_routes=(TESTERS, STAFF)))
    dropped = replace(at, route=replace(at.route, managed=("staff",)))
    assert seen(dropped).routing == Routing(0, header_routes=(STAFF, TESTERS))
    bare = put(ROUTER, dropped, Routing(0))
    assert set(notes_of(bare)) == {ACTION, MANAGED}
    assert bare.objects[ref("web")]["spec"] == ingress()["spec"]


def test_the_action_of_an_earlier_root_service_and_its_path_stay() -> None:
    at = put(ROUTER, world(ingress("web", {}, rule(), rule(path("next")))), Routing(0))
    later = replace(at, route=route(root_service="next"))
    moved = put(ROUTER, later, Routing(30))
    assert notes_of(moved)[ACTION] == forward(0, 100)
    assert moved.objects[ref("web")]["spec"] == at.objects[ref("web")]["spec"]


def test_a_route_that_leads_to_others_too_is_unknown() -> None:
    at = put(ROUTER, world(), Routing(0, header_routes=(TESTERS,)))
    mixed = {"metadata": {"annotations": {f"{PREFIX}/actions.testers": forward(50, 50)}}}
    found = seen(world(merge_patch(at.objects[ref("web")], mixed)))
    assert "route 'testers' does not lead to the canary alone" in found.routing.why


# --- What cannot be understood -------------------------------------------------------------------

BROKEN = {
    "no such Ingress": (ingress("other"), "Ingress web does not exist"),
    "going": (merge_patch(ingress(), {"metadata": {"deletionTimestamp": "x"}}), "being deleted"),
    "no path": (ingress("web", {}, rule(path("root", 80))), "no path to the action root"),
    "odd rules": (merge_patch(ingress(), {"spec": {"rules": [7]}}), "cannot be read"),
    "odd books": (ingress("web", {MANAGED: "[]"}), f"annotation {MANAGED} cannot be read"),
}
UNREADABLE = {
    "no JSON": ("{", "cannot be read"),
    "no object": ("[1]", "it is not an action"),
    "no type": ("{}", "it is not an action"),
    "odd type": ('{"type": "split"}', "its type is 'split'"),
    "no groups": ('{"type": "forward", "targetGroupARN": "x"}', "no ForwardConfig.TargetGroups"),
    "text": (forward(0, 100).replace("100", '"all"'), "has no Weight that is a number"),
    "no weights": (forward(5, 5).replace(',"Weight":5', ""), "has no Weight that is a number"),
    "below zero": (forward(-1, 100), "has no Weight that is a number"),
    "twice": (forward(0, 9, {"ServiceName": "canary", "Weight": 1}), "names a Service twice"),
    "nobody": (forward(0, 0), "gives everybody weight 0"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_there_or_not_obeyed_is_unknown_and_is_not_raised(name: str) -> None:
    body, told = BROKEN[name]
    at = world(body)
    assert isinstance(seen(at).routing, Unknown)
    assert told in seen(at).routing.why
    assert seen(at).weights == ()
    with pytest.raises(RoutingError, match="Ingress web"):
        write(at, Routing(5))
    down = write(at, Routing(0))
    assert all(isinstance(one, Patch) for one in down)


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_action_that_cannot_be_read_is_unknown_never_zero_and_weight_0_mends_it(
    name: str,
) -> None:
    text, told = UNREADABLE[name]
    at = world(ingress("web", {ACTION: text}))
    assert isinstance(seen(at).routing, Unknown)
    assert told in seen(at).routing.why
    assert ACTION in seen(at).routing.why
    assert seen(at).weights == ()
    assert seen(put(ROUTER, at, Routing(0))).routing == Routing(0)


def test_no_name_is_told_and_another_total_is_refused() -> None:
    nameless = World(route(ingress=""), {})
    assert "names no Ingress" in seen(nameless).routing.why
    with pytest.raises(RoutingError, match="alb divides 100"):
        write(world(), Routing(1, 1000))


def test_the_books_of_a_rollout_that_is_gone_are_closed_with_its_routes() -> None:
    at = put(ROUTER, world(), Routing(40, header_routes=(TESTERS,)))
    gone = replace(at, route=replace(at.route, owner_uid=""))
    left = after(gone, list(ROUTER.write(gone.route, gone.read(ROUTER), Routing(0), LATER)))
    assert notes_of(left) == {ACTION: forward(0, 100)}
    assert left.objects[ref("web")]["spec"] == ingress()["spec"]
