"""The apisix router: the laws over worlds that Hypothesis makes, and each rule of its format."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.api.argo import ApisixRouteRef, ApisixTrafficRouting
from serinus.api.names import HEADER_ROUTES, WRITTEN_AT
from serinus.core.routing import HeaderRoute, Routing, Unknown
from serinus.traffic.apisix.router import ApisixRouter
from serinus.traffic.router import Create, Delete, ObjectRef, Patch, Route, RoutingError
from traffic.laws import LATER, LAWS, NOON, Law, World, after, merge_patch, put

ROUTER = ApisixRouter()
TESTERS = HeaderRoute("testers", (("X-Tester", "exact", "yes"),))
STAFF = HeaderRoute("staff", (("X-Staff", "prefix", "a.b"), ("X-Site", "regex", "x|y")))
OWNER = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "name": "checkout",
    "uid": "uid-1",
    "controller": True,
    "blockOwnerDeletion": True,
}


def ref(name: str = "web") -> ObjectRef:
    return ObjectRef("apisix.apache.org/v2", "apisixroutes", "ApisixRoute", "shop", name)


def route(name: str = "web", *rules: str, uid: str = "uid-1") -> Route:
    named = ApisixRouteRef(name=name, rules=rules) if name else None
    return Route(
        owner_name="checkout",
        owner_uid=uid,
        namespace="shop",
        stable_service="stable",
        canary_service="canary",
        spec=ApisixTrafficRouting(route=named),
        managed=("testers", "staff"),
    )


def backend(service: str, weight: Any = None, **more: Any) -> dict[str, Any]:
    made = {"serviceName": service, "servicePort": 80, **more}
    return made if weight is None else {**made, "weight": weight}


def rule(*backends: dict[str, Any], name: str = "web", **more: Any) -> dict[str, Any]:
    found = list(backends) or [backend("stable", 100), backend("canary", 0)]
    return {"name": name, "match": {"paths": ["/*"]}, "backends": found, **more}


def apisix(*rules: dict[str, Any], name: str = "web", **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apisix.apache.org/v2",
        "kind": "ApisixRoute",
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": "7"},
        "spec": {"ingressClassName": "apisix", "http": list(rules) or [rule()], **spec},
    }


def world(found: dict[str, Any] | None = None, to: Route | None = None, **more: Any) -> World:
    others = {ref(name): body for name, body in more.items()}
    return World(to or route(), {ref(): found or apisix(), **others})


def seen(at: World) -> Any:
    return ROUTER.read(at.route, at.read(ROUTER))


def write(at: World, routing: Routing) -> list[Any]:
    return list(ROUTER.write(at.route, at.read(ROUTER), routing, NOON))


def rules_of(at: World, name: str = "web") -> Any:
    return at.objects[ref(name)]["spec"]["http"]


_others = st.lists(
    st.sampled_from(
        [
            rule(name="else"),
            {"name": "up", "match": {"paths": ["/up"]}, "upstreams": [{"name": "far"}]},
            rule(backend("audit", 3), name="audit", plugins=[{"name": "cors", "enable": True}]),
        ]
    ),
    max_size=2,
    unique_by=lambda one: one["name"],
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    backends = [backend("stable", draw(st.integers(1, 100))), backend("canary", 1)]
    backends += draw(st.sampled_from([[], [backend("audit", 4)], [backend("audit")]]))
    split = [rule(*draw(st.permutations(backends)))]
    names = draw(st.sampled_from([(), ("web",), ("web", "api")]))
    if "api" in names:
        split.append(rule(*backends, name="api", priority=5))
    rules = draw(st.permutations([*split, *draw(_others)]))
    return world(apisix(*rules), route("web", *names))


_headers = st.sampled_from([(), (TESTERS,), (STAFF,), (TESTERS, STAFF)])


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@given(at=worlds(), one=st.integers(0, 100), two=st.integers(0, 100), headers=_headers)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_law(law: Law, at: World, one: int, two: int, headers: Any) -> None:
    law(ROUTER, at, Routing(one, header_routes=headers), Routing(two, header_routes=headers))


@given(at=worlds(), one=_headers, two=_headers, weight=st.integers(0, 100))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_header_routes_come_and_go_without_a_trace_and_any_part_of_that_is_mended(
    at: World, one: Any, two: Any, weight: int
) -> None:
    bare = put(ROUTER, at, Routing(weight))
    wanted = Routing(weight, header_routes=two)
    given_one = put(ROUTER, bare, Routing(weight, header_routes=one))
    writes = write(given_one, wanted)
    for kept in range(len(writes) + 1):
        part = after(given_one, writes[:kept])
        shown = seen(part).routing
        assert isinstance(shown, Routing)
        assert shown.weight == weight
        assert set(shown.header_routes) <= {*one, *two}
        assert seen(put(ROUTER, part, wanted)).routing == wanted
    gone = put(ROUTER, given_one, Routing(weight), LATER)
    assert set(gone.objects) == {ref()}
    assert rules_of(gone) == rules_of(bare)
    if one:
        assert seen(gone).written_at == LATER, "the object that is left tells when it was"


def test_only_the_rules_that_are_named_get_a_weight_and_the_list_is_written_whole() -> None:
    rules = [rule(name="api"), rule(backend("stable"), backend("canary", 0, subset="x"))]
    rules += [rule(backend("audit", 3), name="audit")]
    (patch,) = write(world(apisix(*rules)), Routing(20))
    assert isinstance(patch, Patch)
    changed = rule(backend("stable", 80), backend("canary", 20, subset="x"))
    assert patch.patch["spec"] == {"http": [rules[0], changed, rules[2]]}
    both = put(ROUTER, world(apisix(*rules), route("web", "api", "web")), Routing(30))
    assert [one["backends"][1]["weight"] for one in rules_of(both)[:2]] == [30, 30]


def test_a_backend_without_a_weight_counts_as_a_hundred() -> None:
    assert seen(world(apisix(rule(backend("stable"), backend("canary"))))).routing == Routing(
        100, 200
    )


def test_rules_that_differ_are_unknown_with_all_that_they_show() -> None:
    other = rule(backend("stable", 3), backend("canary", 1), name="api")
    at = world(apisix(rule(), other), route("web", "web", "api"))
    assert seen(at).routing.why == "ApisixRoute web: the rules give the canary 0 of 100, 1 of 4"
    assert seen(at).weights == (0, 25)
    assert seen(put(ROUTER, at, Routing(10))).routing == Routing(10)


BROKEN = {
    "there is no such object": ({}, "ApisixRoute web does not exist"),
    "no canary": (apisix(rule(backend("stable", 1))), "Service canary must be once"),
    "twice": (
        apisix(rule(*rule()["backends"], backend("canary", 1))),
        "Service canary must be once",
    ),
    "nobody": (apisix(rule(backend("stable", 0), backend("canary", 0))), "have weight 0"),
    "no number": (apisix(rule(backend("stable", "x"), backend("canary", 0))), "'x' of Service"),
    "no such rule": (apisix(rule(name="other")), "rule web must be once in spec.http"),
    "two such rules": (apisix(rule(), rule()), "rule web must be once in spec.http"),
    "no rules": ({**apisix(), "spec": {"stream": []}}, "rule web must be once"),
    "no list": ({**apisix(), "spec": {"http": [7]}}, "cannot be read"),
    "going": (merge_patch(apisix(), {"metadata": {"deletionTimestamp": "x"}}), "being deleted"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_understood_is_unknown_and_is_not_raised(name: str) -> None:
    body, told = BROKEN[name]
    at = World(route(), {ref(): body} if body else {})
    shown = seen(at)
    assert isinstance(shown.routing, Unknown)
    assert told in shown.routing.why
    assert shown.weights == ()
    assert write(at, Routing(0)) == []
    for routing in (Routing(5), Routing(0, header_routes=(TESTERS,))):
        with pytest.raises(RoutingError, match="ApisixRoute web"):
            write(at, routing)


# --- Header routes -------------------------------------------------------------------------------


def test_a_header_route_is_an_owned_object_with_the_rules_that_split() -> None:
    first = rule(
        *(backend("stable", 100, resolveGranularity="service"), backend("audit", 3)),
        backend("canary", 0, resolveGranularity="service"),
        match={"paths": ["/a"], "exprs": [{"subject": {"scope": "Path"}, "op": "In", "set": []}]},
        plugins=[{"name": "cors", "enable": True}],
        priority=4,
        upstreams=[{"name": "far"}],
    )
    at = world(apisix(first, rule(name="else"), stream=[{"name": "tcp"}]))
    (made,) = write(at, Routing(0, header_routes=(TESTERS,)))
    assert isinstance(made, Create)
    assert made.ref == ref("testers")
    metadata = dict(made.manifest["metadata"])
    assert metadata.pop("annotations").keys() == {HEADER_ROUTES, WRITTEN_AT}
    assert metadata == {"name": "testers", "namespace": "shop", "ownerReferences": [OWNER]}
    subject = {"scope": "Header", "name": "X-Tester"}
    exprs = [*first["match"]["exprs"], {"subject": subject, "op": "Equal", "value": "yes"}]
    wanted = {
        "name": "web",
        "match": {"paths": ["/a"], "exprs": exprs},
        "backends": [backend("canary", 100, resolveGranularity="service")],
        "plugins": [{"name": "cors", "enable": True}],
        "priority": 6,
    }
    assert made.manifest["spec"] == {"ingressClassName": "apisix", "http": [wanted]}


def test_the_ways_to_match_and_the_first_managed_route_comes_first() -> None:
    at = put(ROUTER, world(), Routing(0, header_routes=(TESTERS, STAFF)))
    (staff,), (testers,) = rules_of(at, "staff"), rules_of(at, "testers")
    assert [(one["op"], one["value"]) for one in staff["match"]["exprs"]] == [
        ("RegexMatch", r"^a\.b.*"),
        ("RegexMatch", "x|y"),
    ]
    assert (testers["priority"], staff["priority"]) == (2, 1)


def test_what_the_rule_or_somebody_else_changes_is_written_again() -> None:
    wanted = Routing(20, header_routes=(TESTERS,))
    at = put(ROUTER, world(), wanted)
    (split,) = rules_of(at)
    moved = merge_patch(
        at.objects[ref()], {"spec": {"http": [{**split, "timeout": {"read": "3s"}}]}}
    )
    stale = replace(at, objects={**at.objects, ref(): moved})
    assert seen(stale).routing == wanted
    assert seen(stale).drifted
    assert rules_of(put(ROUTER, stale, wanted), "testers")[0]["timeout"] == {"read": "3s"}
    lost = replace(at, objects={ref(): at.objects[ref()]})
    assert seen(lost).routing == Routing(20)
    other = HeaderRoute("testers", (("X-Other", "exact", "1"),))
    swapped = put(ROUTER, at, Routing(20, header_routes=(other,)))
    assert seen(swapped).routing.header_routes == (other,)


def test_an_object_of_somebody_else_is_told_and_never_touched() -> None:
    taken = apisix(name="testers")
    at = world(testers=taken)
    assert "ApisixRoute testers belongs to nobody that it names" in seen(at).routing.why
    with pytest.raises(RoutingError, match="rename one of them"):
        write(at, Routing(0, header_routes=(TESTERS,)))
    (patch,) = write(put(ROUTER, at, Routing(0)), Routing(10))
    assert patch.ref == ref()


def test_one_that_goes_and_one_without_its_note_are_unknown_and_still_taken_away() -> None:
    at = put(ROUTER, world(), Routing(0, header_routes=(TESTERS,)))
    for change, told in (
        ({"deletionTimestamp": "x"}, "ApisixRoute testers is being deleted"),
        ({"annotations": {HEADER_ROUTES: "{"}}, "annotation serinus.dev/header-routes cannot be"),
    ):
        body = merge_patch(at.objects[ref("testers")], {"metadata": change})
        broken = replace(at, objects={**at.objects, ref("testers"): body})
        assert told in seen(broken).routing.why
        deleted = [one for one in write(broken, Routing(0)) if isinstance(one, Delete)]
        assert len(deleted) == ("annotations" in change)


def test_what_a_deleted_rollout_left_is_deleted_or_taken_over() -> None:
    at = put(ROUTER, world(), Routing(0, header_routes=(TESTERS,)))
    owned = replace(at, route=route(uid=""))
    assert write(owned, Routing(0)) == [], "the cluster deletes what is owned"
    body = merge_patch(at.objects[ref("testers")], {"metadata": {"ownerReferences": None}})
    objects = {**at.objects, ref("testers"): body}
    left = World(route(uid=""), objects)
    assert [type(one) for one in write(left, Routing(0))] == [Patch, Delete]
    mine = put(ROUTER, World(route(uid="uid-1"), objects), Routing(0, header_routes=(TESTERS,)))
    assert mine.objects[ref("testers")]["metadata"]["ownerReferences"] == [OWNER]


def test_no_name_is_told_and_a_route_that_is_not_managed_is_refused() -> None:
    nameless = World(route(""), {})
    assert ROUTER.references(nameless.route) == []
    assert "names no ApisixRoute" in seen(nameless).routing.why
    with pytest.raises(RoutingError, match="header route others is not in managedRoutes"):
        write(world(), Routing(0, header_routes=(HeaderRoute("others", TESTERS.matches),)))
