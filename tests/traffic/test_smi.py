"""The smi router: the laws over worlds that Hypothesis makes, and each rule of its format."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.api.argo import SmiTrafficRouting
from serinus.api.names import WRITTEN_AT
from serinus.core.routing import Additional, HeaderRoute, Routing, Unknown
from serinus.traffic.router import Create, ObjectRef, Patch, Route, RoutingError, at_version
from serinus.traffic.smi import SmiRouter
from traffic.laws import LAWS, NOON, Law, World, after, merge_patch, put

ROUTER = SmiRouter()
GROUP = "split.smi-spec.io"
OWNER = {
    "apiVersion": "argoproj.io/v1alpha1",
    "kind": "Rollout",
    "name": "checkout",
    "uid": "uid-1",
    "controller": True,
    "blockOwnerDeletion": True,
}


def ref(version: str = "v1alpha1", name: str = "checkout") -> ObjectRef:
    return ObjectRef(f"{GROUP}/{version}", "trafficsplits", "TrafficSplit", "shop", name)


def route(uid: str = "uid-1", **spec: str) -> Route:
    return Route(
        owner_name="checkout",
        owner_uid=uid,
        namespace="shop",
        stable_service="stable",
        canary_service="canary",
        spec=SmiTrafficRouting(**spec),
    )


def split(
    *weights: tuple[str, Any], service: str = "stable", owners: Any = (OWNER,)
) -> dict[str, Any]:
    rows = weights or (("canary", "0"), ("stable", "100"))
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": "TrafficSplit",
        "metadata": {
            "name": "checkout",
            "namespace": "shop",
            "resourceVersion": "7",
            "ownerReferences": list(owners),
        },
        "spec": {
            "service": service,
            "backends": [{"service": name, "weight": weight} for name, weight in rows],
        },
    }


def world(found: dict[str, Any] | None = None, at: Route | None = None) -> World:
    return World(at or route(), {} if found is None else {ref(): found})


def seen(at: World, router: SmiRouter = ROUTER) -> Any:
    return router.read(at.route, at.read(router))


def write(at: World, routing: Routing, router: SmiRouter = ROUTER) -> list[Any]:
    return list(router.write(at.route, at.read(router), routing, NOON))


def backends(at: World, of: ObjectRef | None = None) -> list[tuple[str, Any]]:
    spec = at.objects[of or ref()]["spec"]
    return [(one["service"], one["weight"]) for one in spec["backends"]]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    canary = draw(st.integers(0, 100))
    form = draw(st.sampled_from([str, int]))
    rows = [("canary", form(canary)), ("stable", form(100 - canary))]
    there = split(*draw(st.permutations(rows)), service=draw(st.sampled_from(["stable", "web"])))
    return world(draw(st.sampled_from([None, there])))


@pytest.mark.parametrize("version", ["v1alpha1", "v1alpha3"])
@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@given(at=worlds(), one=st.integers(0, 100), two=st.integers(0, 100))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_law(law: Law, version: str, at: World, one: int, two: int) -> None:
    router = ROUTER.of_version(version)
    moved = {ref(version): body for body in at.objects.values()}
    law(router, World(at.route, moved), Routing(one), Routing(two))


def test_it_is_created_with_weight_0_and_owned_then_told_the_weight() -> None:
    at = world(at=route(root_service="web", traffic_split_name="checkout"))
    (create,) = write(at, Routing(20))
    assert isinstance(create, Create)
    assert create.reason == "TrafficSplitCreated"
    made = after(at, [create])
    assert made.objects[ref()]["metadata"]["ownerReferences"] == [OWNER]
    assert made.objects[ref()]["spec"]["service"] == "web"
    assert backends(made) == [("canary", "0"), ("stable", "100")]
    (patch,) = write(made, Routing(20))
    assert (patch.reason, patch.ref) == ("TrafficSplitModified", ref())
    assert backends(after(made, [patch])) == [("canary", "20"), ("stable", "80")]


@pytest.mark.parametrize(
    ("version", "shown"),
    [
        ("v1alpha1", ["5", "1e3", "995"]),
        ("v1alpha2", [5, 1000, 995]),
        ("v1alpha3", [5, 1000, 995]),
        ("v1alpha4", [5, 1000, 995]),
    ],
)
def test_a_weight_is_a_decimal_exponent_quantity_in_the_first_version_only(
    version: str, shown: list[Any]
) -> None:
    router = at_version(ROUTER, {GROUP: version})
    assert isinstance(router, SmiRouter)
    routing = Routing(5, 2000, additional=(Additional("trial", 1000),))
    at = put(router, world(), routing)
    assert backends(at, ref(version)) == list(
        zip(["canary", "trial", "stable"], shown, strict=True)
    )
    assert at_version(ROUTER, {"getambassador.io": "v2"}) is ROUTER


def test_an_experiment_gets_backends_between_the_two_and_loses_them_again() -> None:
    given_to = (Additional("trial-a", 5, 8080), Additional("trial-b", 15))
    at = put(ROUTER, world(), Routing(10, additional=given_to))
    assert backends(at) == [
        ("canary", "10"),
        ("trial-a", "5"),
        ("trial-b", "15"),
        ("stable", "70"),
    ]
    assert seen(at).routing == Routing(10, additional=given_to)
    assert backends(put(ROUTER, at, Routing(10))) == [("canary", "10"), ("stable", "90")]


def test_quantities_of_any_form_are_read_as_parts_of_a_whole() -> None:
    at = world(split(("canary", "250m"), ("stable", "0.75")))
    assert (seen(at).routing, seen(at).drifted) == (Routing(1, 4), True)
    assert seen(world(split(("canary", "1e1"), ("stable", 90)))).routing == Routing(10)


def test_one_that_is_missing_gives_nothing_as_far_as_it_is_known() -> None:
    shown = seen(world())
    assert isinstance(shown.routing, Unknown)
    assert shown.routing.why == "TrafficSplit checkout does not exist; it is created"
    assert shown.weights == (0,)


def test_one_of_another_root_service_may_split_or_not_until_it_is_written_again() -> None:
    at = world(split(("canary", "30"), ("stable", "70"), service="elsewhere"))
    assert "is not of Service stable" in seen(at).routing.why
    assert seen(at).weights == (0, 30)
    assert seen(put(ROUTER, at, Routing(30))).routing == Routing(30)


STRANGER = {"kind": "Rollout", "name": "basket", "uid": "uid-9", "controller": True}
BROKEN = {
    "another's": (split(owners=[STRANGER]), "belongs to Rollout basket, not to this Rollout"),
    "nobody's, and it splits otherwise": (
        split(("canary", "1"), ("other", "9"), owners=()),
        "belongs to nobody that it names",
    ),
    "going": (
        merge_patch(split(), {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}}),
        "is being deleted; it is made anew",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_not_ours_is_unknown_and_is_never_written(name: str) -> None:
    body, told = BROKEN[name]
    at = world(body)
    assert isinstance(seen(at).routing, Unknown)
    assert told in seen(at).routing.why
    assert write(at, Routing(0)) == []
    for routing in (Routing(5), Routing(0, additional=(Additional("trial", 5),))):
        with pytest.raises(RoutingError, match="TrafficSplit checkout"):
            write(at, routing)


UNREADABLE = {
    "no backends": {"service": "stable"},
    "no quantity": {"service": "stable", "backends": [{"service": "canary", "weight": "much"}]},
    "no stable": {"service": "stable", "backends": [{"service": "canary", "weight": "1"}]},
    "nobody gets anything": split(("canary", 0), ("stable", 0))["spec"],
    "less than nothing": split(("canary", -5), ("stable", 105))["spec"],
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_one_of_ours_that_cannot_be_read_is_unknown_and_the_next_write_mends_it(name: str) -> None:
    at = world(split() | {"spec": UNREADABLE[name]})
    shown = seen(at)
    assert isinstance(shown.routing, Unknown)
    assert shown.weights == ()
    (patch,) = write(at, Routing(0))
    assert isinstance(patch, Patch)
    assert seen(after(at, [patch])).routing == Routing(0)


def test_one_that_a_deleted_rollout_left_is_read_and_taken_in_by_the_next_write() -> None:
    at = world(split(("canary", "40"), ("stable", "60"), owners=()))
    assert (seen(at).routing, seen(at).drifted) == (Routing(40), True)
    (patch,) = write(at, Routing(40))
    assert patch.patch["metadata"]["ownerReferences"] == [OWNER]
    assert "spec" not in patch.patch


def test_of_a_rollout_that_is_gone_it_is_led_to_stable_without_an_owner() -> None:
    left = split(("canary", "40"), ("stable", "60"), owners=())
    at = world(left, at=route(uid=""))
    (patch,) = write(at, Routing(0))
    assert set(patch.patch["metadata"]) == {"resourceVersion", "annotations"}
    assert set(patch.patch["metadata"]["annotations"]) == {WRITTEN_AT}
    assert write(World(at.route, {}), Routing(0)) == [], "nothing is created for it"
    assert write(world(split(), at=route(uid="")), Routing(0)) == []


def test_header_routes_are_refused() -> None:
    headers = (HeaderRoute("testers", (("X", "exact", "y"),)),)
    with pytest.raises(RoutingError, match="no header routes"):
        write(world(split()), Routing(0, header_routes=headers))
