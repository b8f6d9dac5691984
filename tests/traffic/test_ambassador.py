"""The ambassador router: the laws over worlds that Hypothesis makes, and its own rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.api.argo import AmbassadorTrafficRouting
from serinus.core.routing import HeaderRoute, Routing, Unknown
from serinus.traffic.ambassador import EMPTY_FOR, AmbassadorRouter
from serinus.traffic.router import Create, Delete, ObjectRef, Route, RoutingError, at_version
from traffic import laws
from traffic.laws import LATER, LAWS, NOON, Law, World, after, merge_patch, put

ROUTER = AmbassadorRouter()
OWNER = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "name": "checkout",
    "uid": "uid-1",
    "controller": True,
    "blockOwnerDeletion": True,
}


def ref(name: str, version: str = "v2") -> ObjectRef:
    return ObjectRef(f"getambassador.io/{version}", "mappings", "Mapping", "shop", name)


def route(*mappings: str, uid: str = "uid-1") -> Route:
    return Route(
        owner_name="checkout",
        owner_uid=uid,
        namespace="shop",
        stable_service="stable",
        canary_service="canary",
        spec=AmbassadorTrafficRouting(mappings=mappings or ("web",)),
    )


def mapping(name: str, service: str, owners: Any = (), **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "getambassador.io/v2",
        "kind": "Mapping",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "resourceVersion": "7",
            "ownerReferences": list(owners),
        },
        "spec": {"prefix": "/shop/", "service": service, **spec},
    }


BASE = mapping("web", "stable:80")


def canary(weight: Any, owners: Any = (OWNER,), **spec: Any) -> dict[str, Any]:
    return mapping("web-canary", "canary:80", owners, weight=weight, **spec)


def world(*bodies: dict[str, Any], at: Route | None = None) -> World:
    return World(at or route(), {ref(body["metadata"]["name"]): body for body in bodies})


def seen(at: World) -> Any:
    return ROUTER.read(at.route, at.read(ROUTER))


def write(at: World, routing: Routing, now: datetime = NOON) -> list[Any]:
    return list(ROUTER.write(at.route, at.read(ROUTER), routing, now))


def spec(at: World) -> Any:
    found = at.objects.get(ref("web-canary"))
    return None if found is None else found["spec"]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    bodies = []
    for name in ("web", "api")[: draw(st.integers(1, 2))]:
        more = draw(st.sampled_from([{}, {"rewrite": "/", "retry_policy": {"retry_on": "5xx"}}]))
        bodies.append(mapping(name, "https://stable.shop:443", **more))
        if draw(st.booleans()):
            weight = draw(st.integers(1, 100))
            owners = draw(st.sampled_from([(), (OWNER,)]))
            bodies.append(mapping(f"{name}-canary", "canary", owners, weight=weight))
    names = [body["metadata"]["name"] for body in bodies]
    return world(*bodies, at=route(*(n for n in names if not n.endswith("-canary"))))


EMPTIED = (
    laws.what_was_put_is_what_is_got,
    laws.putting_what_is_there_is_no_patch,
    laws.release_restores,
)
"""Not of weight 0: a canary Mapping that is empty goes by and by, see below."""


@pytest.mark.parametrize("law", [one for one in LAWS if one not in EMPTIED])
@given(at=worlds(), one=st.integers(0, 100), two=st.integers(0, 100))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_law(law: Law, at: World, one: int, two: int) -> None:
    law(ROUTER, at, Routing(one), Routing(two))


@pytest.mark.parametrize("law", EMPTIED[:2])
@given(at=worlds(), one=st.integers(1, 100), two=st.integers(1, 100))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_law_of_weights(law: Law, at: World, one: int, two: int) -> None:
    law(ROUTER, at, Routing(one), Routing(two))


@given(at=worlds(), weight=st.integers(1, 100))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_weight_0_is_told_first_and_what_is_empty_is_deleted_later_without_a_sleep(
    at: World, weight: int
) -> None:
    bases = {name: body for name, body in at.objects.items() if not name.name.endswith("-canary")}
    at = put(ROUTER, put(ROUTER, at, Routing(weight)), Routing(0), LATER)
    assert (seen(at).routing, seen(at).drifted) == (Routing(0), True)
    assert seen(at).written_at == LATER
    assert {b["spec"]["weight"] for n, b in at.objects.items() if n not in bases} == {0}
    soon = LATER + EMPTY_FOR - timedelta(seconds=1)
    assert write(at, Routing(0), soon) == []
    over = write(at, Routing(0), LATER + EMPTY_FOR)
    assert {type(one) for one in over} == {Delete}
    left = after(at, over)
    assert left.objects == bases, "the user's own are as they were"
    assert (seen(left).routing, seen(left).drifted) == (Routing(0), False)
    assert write(left, Routing(0), LATER) == []


def test_the_canary_mapping_is_the_base_with_another_service_and_a_weight_and_is_owned() -> None:
    labels = {"metadata": {"labels": {"team": "shop"}, "annotations": {"a": "b"}}}
    at = world(merge_patch(mapping("web", "https://stable.shop:443", rewrite="/"), labels))
    (create,) = write(at, Routing(20))
    assert isinstance(create, Create)
    assert create.reason == "CanaryMappingWeightUpdate"
    made = after(at, [create])
    assert spec(made) == {
        "prefix": "/shop/",
        "rewrite": "/",
        "service": "https://canary.shop:443",
        "weight": 20,
    }
    metadata = made.objects[ref("web-canary")]["metadata"]
    assert metadata["ownerReferences"] == [OWNER]
    assert "labels" not in metadata
    assert "a" not in metadata["annotations"]
    assert seen(made).routing == Routing(20)


SERVICES = {
    "stable": "canary",
    "stable:80": "canary:80",
    "stable.shop": "canary.shop",
    "http://stable.shop.svc.cluster.local:8080": "http://canary.shop.svc.cluster.local:8080",
}


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_name_of_the_service_is_another(service: str) -> None:
    at = put(ROUTER, world(mapping("web", service)), Routing(5))
    assert spec(at)["service"] == SERVICES[service]


def test_a_name_is_cut_as_in_the_original_and_the_version_is_that_of_the_cluster() -> None:
    router = at_version(ROUTER, {"getambassador.io": "v3alpha1"})
    base, made = router.references(route("m" * 253))
    assert made.name == "m" * 246 + "-canary"
    assert {base.api_version, made.api_version} == {"getambassador.io/v3alpha1"}


def test_what_changes_in_the_base_is_copied_and_what_goes_goes() -> None:
    base = mapping("web", "stable:80", tls={"a": 1, "b": 2}, host="shop.example.com")
    at = put(ROUTER, world(base), Routing(20))
    changed = merge_patch(base, {"spec": {"tls": {"b": None}, "host": None, "rewrite": "/"}})
    at = replace(at, objects={**at.objects, ref("web"): changed})
    assert (seen(at).routing, seen(at).drifted) == (Routing(20), True)
    (patch,) = write(at, Routing(20), LATER)
    assert patch.patch["spec"] == {"tls": {"b": None}, "host": None, "rewrite": "/"}
    assert not seen(after(at, [patch])).drifted


def test_mappings_that_differ_may_give_either() -> None:
    at = world(BASE, canary(30), mapping("api", "stable"), at=route("web", "api"))
    shown = seen(at)
    assert "web-canary says 30, api-canary says 0" in shown.routing.why
    assert shown.weights == (0, 30)


STRANGER = {"kind": "Rollout", "name": "basket", "uid": "uid-9", "controller": True}
BROKEN = {
    "there is no base": ((canary(5),), "Mapping web does not exist", 0),
    "the base has a weight": (
        (merge_patch(BASE, {"spec": {"weight": 10}}), canary(5)),
        "Mapping web has a weight of its own",
        0,
    ),
    "another's base": (
        (mapping("web", "stable.elsewhere"), canary(5)),
        "leads to stable.elsewhere, not to the stable Service stable",
        0,
    ),
    "no weight": ((BASE, canary(None)), "spec.weight None is not a weight", 0),
    "half a weight": ((BASE, canary(0.5)), "spec.weight 0.5 is not a weight", 0),
    "another's": ((BASE, canary(5, [STRANGER])), "belongs to Rollout basket", None),
    "nobody's": (
        (BASE, mapping("web-canary", "audit", weight=5)),
        "belongs to nobody that it names",
        None,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_relied_on_is_unknown_and_only_what_is_ours_is_taken_back(name: str) -> None:
    bodies, told, back = BROKEN[name]
    at = world(*bodies)
    shown = seen(at)
    assert isinstance(shown.routing, Unknown)
    assert told in shown.routing.why
    if "is not a weight" not in told:  # that one is written whole
        with pytest.raises(RoutingError, match="Mapping web"):
            write(at, Routing(50))
    writes = write(at, Routing(0))
    assert [one.patch["spec"].get("weight") for one in writes] == [] if back is None else [back]


def test_one_that_argo_rollouts_made_is_read_and_taken_in_by_the_next_write() -> None:
    at = world(BASE, canary(40, owners=()))
    assert (seen(at).routing, seen(at).drifted) == (Routing(40), True)
    (patch,) = write(at, Routing(40))
    assert patch.patch["metadata"]["ownerReferences"] == [OWNER]
    assert "spec" not in patch.patch
    (gone,) = write(world(BASE, canary(0, owners=())), Routing(0))
    assert isinstance(gone, Delete), "it leaks them: one that is empty goes"


def test_of_a_rollout_that_is_gone_it_goes_too_unless_it_goes_with_its_owner() -> None:
    gone = route(uid="")
    (left,) = write(world(BASE, canary(40, owners=()), at=gone), Routing(0))
    assert left == Delete(ref("web-canary"), "7")
    assert write(world(BASE, canary(40), at=gone), Routing(0)) == []
    assert write(world(BASE, at=gone), Routing(0)) == []


def test_no_name_is_told_and_header_routes_are_refused() -> None:
    nameless = World(replace(route(), spec=AmbassadorTrafficRouting()), {})
    assert "names no Mapping" in seen(nameless).routing.why
    headers = (HeaderRoute("testers", (("X", "exact", "y"),)),)
    with pytest.raises(RoutingError, match="no header routes"):
        write(world(BASE), Routing(0, header_routes=headers))
