"""The nginx router: the laws over worlds that Hypothesis makes, and each rule of its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serinus.api.argo import NginxTrafficRouting
from serinus.api.validation.derived import canary_ingress_name
from serinus.core.routing import HeaderRoute, Routing, Unknown
from serinus.traffic.nginx import NginxRouter
from serinus.traffic.router import Create, ObjectRef, Patch, Route, RoutingError
from traffic.laws import LATER, LAWS, NOON, Law, World, after, merge_patch, put

ROUTER = NginxRouter()
PREFIX = "nginx.ingress.kubernetes.io"


def ref(name: str) -> ObjectRef:
    return ObjectRef("networking.k8s.io/v1", "ingresses", "Ingress", "shop", name)


def route(total: int = 100, **spec: Any) -> Route:
    return Route(
        owner_name="checkout",
        owner_uid="uid-1",
        namespace="shop",
        stable_service="stable",
        canary_service="canary",
        spec=NginxTrafficRouting(**(spec or {"stable_ingress": "web"})),
        total=total,
    )


def path(service: str, at: str = "/") -> dict[str, Any]:
    backend = {"service": {"name": service, "port": {"number": 80}}}
    return {"path": at, "pathType": "Prefix", "backend": backend}


def ingress(name: str = "web", **spec: Any) -> dict[str, Any]:
    rules = [{"host": "shop.example.com", "http": {"paths": [path("stable")]}}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": "7"},
        "spec": {"ingressClassName": "nginx", "rules": rules} | spec,
    }


def world(*ingresses: Mapping[str, Any], to: Route | None = None) -> World:
    found = ingresses or (ingress(),)
    return World(to or route(), {ref(one["metadata"]["name"]): one for one in found})


def seen(at: World) -> Any:
    return ROUTER.read(at.route, at.read(ROUTER))


def write(at: World, routing: Routing, when: datetime = NOON) -> list[Any]:
    return list(ROUTER.write(at.route, at.read(ROUTER), routing, when))


# --- The laws ------------------------------------------------------------------------------------

_services = st.sampled_from(["stable", "canary", "cart", "search"])
_rule = st.builds(
    lambda host, paths: {"host": host, "http": {"paths": paths}},
    st.sampled_from(["a.example.com", "b.example.com", ""]),
    st.lists(st.builds(path, _services, st.sampled_from(["/", "/cart", "/v1"])), max_size=3),
)
_bare_rule = st.just({"host": "bare.example.com"})


@st.composite
def worlds(draw: st.DrawFn) -> World:
    names = draw(st.lists(st.sampled_from(["web", "api", "admin"]), min_size=1, unique=True))
    found = []
    for name in names:
        rules = [*draw(st.lists(_rule | _bare_rule, max_size=3)), ingress()["spec"]["rules"][0]]
        made = ingress(name, rules=draw(st.permutations(rules)))
        extra = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "tls": st.just([{"hosts": ["a.example.com"], "secretName": "cert"}]),
                    "defaultBackend": st.just({"service": {"name": "fallback"}}),
                },
            )
        )
        if draw(st.booleans()):
            made["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "nginx"}
            del made["spec"]["ingressClassName"]
        made["spec"] |= extra
        found.append(made)
    spec: dict[str, Any] = {"stable_ingresses": tuple(names)}
    if len(names) == 1 and draw(st.booleans()):
        spec = {"stable_ingress": names[0]}
    spec["annotation_prefix"] = draw(st.sampled_from(["", "edge.example.com"]))
    spec["additional_ingress_annotations"] = draw(
        st.sampled_from([{}, {"canary-by-header": "X-Canary"}, {f"{PREFIX}/limit-rps": "9"}])
    )
    spec["canary_ingress_annotations"] = draw(st.sampled_from([{}, {"example.com/owner": "us"}]))
    return world(*found, to=route(draw(st.sampled_from([100, 1000])), **spec))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
@given(at=worlds(), one=st.integers(0, 100), two=st.integers(0, 100))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_law(law: Law, at: World, one: int, two: int) -> None:
    total = at.route.total
    law(ROUTER, at, Routing(one * total // 100, total), Routing(two * total // 100, total))


# --- The canary Ingress ---------------------------------------------------------------------------


def test_the_canary_ingress_is_created_with_weight_0_and_the_next_write_gives_the_weight() -> None:
    at = world()
    (create,) = write(at, Routing(25))
    assert isinstance(create, Create)
    assert create.manifest == {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {
            "name": "checkout-web-canary",
            "namespace": "shop",
            "annotations": {
                f"{PREFIX}/canary": "true",
                f"{PREFIX}/canary-weight": "0",
                "serinus.dev/routing-written-at": "2026-01-01T12:00:00.123456Z",
            },
            "ownerReferences": [
                {
                    "apiVersion": "argoproj.io/v1alpha1",
                    "kind": "Rollout",
                    "name": "checkout",
                    "uid": "uid-1",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": "shop.example.com", "http": {"paths": [path("canary")]}}],
        },
    }
    told = "Creating canary ingress `checkout-web-canary` with weight `0`"
    assert (create.reason, create.message) == ("CreatingCanaryIngress", told)
    (patch,) = write(after(at, [create]), Routing(25), LATER)
    told = "Updating Ingress `checkout-web-canary` to desiredWeight '25'"
    assert (patch.reason, patch.message) == ("PatchingCanaryIngress", told)
    assert patch == Patch(
        ref("checkout-web-canary"),
        {
            "metadata": {
                "resourceVersion": "1",
                "annotations": {
                    f"{PREFIX}/canary-weight": "25",
                    "serinus.dev/routing-written-at": "2026-01-01T12:07:00.123456Z",
                },
            }
        },
    )


def test_only_rules_with_a_path_to_the_stable_service_are_copied_and_only_it_is_renamed() -> None:
    rules = [
        {"host": "other.example.com", "http": {"paths": [path("cart")]}},
        {"host": "shop.example.com", "http": {"paths": [path("cart", "/cart"), path("stable")]}},
        {"host": "nothing.example.com"},
    ]
    at = put(ROUTER, world(ingress(rules=rules)), Routing(0))
    assert at.objects[ref("checkout-web-canary")]["spec"]["rules"] == [
        {"host": "shop.example.com", "http": {"paths": [path("cart", "/cart"), path("canary")]}}
    ]


def test_class_annotation_tls_and_the_users_annotations_are_on_the_canary_ingress() -> None:
    stable = ingress(tls=[{"hosts": ["shop.example.com"], "secretName": "cert"}])
    stable["metadata"]["annotations"] = {"kubernetes.io/ingress.class": "edge", "other": "kept off"}
    to = route(
        1000,
        stable_ingress="web",
        annotation_prefix="edge.example.com",
        additional_ingress_annotations={"canary-by-header": "X-C", "edge.example.com/rps": "9"},
        canary_ingress_annotations={"example.com/owner": "us"},
    )
    at = put(ROUTER, world(stable, to=to), Routing(5, 1000))
    made = at.objects[ref("checkout-web-canary")]
    assert made["spec"]["tls"] == [{"hosts": ["shop.example.com"], "secretName": "cert"}]
    assert made["metadata"]["annotations"] == {
        "kubernetes.io/ingress.class": "edge",
        "edge.example.com/canary": "true",
        "edge.example.com/canary-weight": "5",
        "edge.example.com/canary-weight-total": "1000",
        "edge.example.com/canary-by-header": "X-C",
        "edge.example.com/rps": "9",
        "example.com/owner": "us",
        "serinus.dev/routing-written-at": "2026-01-01T12:00:00.123456Z",
    }


def test_a_long_name_keeps_its_suffix_within_253_characters() -> None:
    name = canary_ingress_name("r" * 100, "i" * 200)
    assert len(name) == 253
    assert name == "r" * 100 + "-" + "i" * 145 + "-canary"
    assert canary_ingress_name("a", "b") == "a-b-canary"


def test_a_change_of_the_stable_ingress_reaches_the_canary_ingress() -> None:
    at = put(ROUTER, world(), Routing(25))
    moved = ingress(rules=[{"host": "new.example.com", "http": {"paths": [path("stable", "/x")]}}])
    del moved["spec"]["ingressClassName"]
    at = replace(at, objects={**at.objects, ref("web"): moved})
    assert seen(at).routing == Routing(25)
    assert seen(at).drifted
    mended = put(ROUTER, at, Routing(25), LATER)
    assert not seen(mended).drifted
    assert mended.objects[ref("checkout-web-canary")]["spec"] == {
        "rules": [{"host": "new.example.com", "http": {"paths": [path("canary", "/x")]}}]
    }


# --- Unknown is not zero -------------------------------------------------------------------------


def canary(at: World, **annotations: str | None) -> World:
    name = ref("checkout-web-canary")
    keys = {f"{PREFIX}/{key.replace('_', '-')}": value for key, value in annotations.items()}
    changed = merge_patch(at.objects[name], {"metadata": {"annotations": keys}})
    return replace(at, objects={**at.objects, name: changed})


def without(at: World, name: str) -> World:
    return replace(at, objects={k: v for k, v in at.objects.items() if k.name != name})


def test_a_missing_ingress_is_unknown_and_says_which() -> None:
    at = put(ROUTER, world(), Routing(25))
    assert seen(without(at, "web")).routing == Unknown(
        "Ingress web does not exist; create it, or correct stableIngress"
    )
    assert seen(without(at, "web")).weights == (25,)
    gone = seen(without(at, "checkout-web-canary"))
    assert gone.routing == Unknown("Ingress checkout-web-canary does not exist")
    assert gone.weights == (0,)


@pytest.mark.parametrize(
    ("annotations", "why"),
    [
        ({"canary": "false"}, 'canary is not "true"'),
        ({"canary": None}, 'canary is not "true"'),
        ({"canary_weight": "many"}, "canary-weight 'many' is not a weight from 0 to the total"),
        ({"canary_weight": "-1"}, "canary-weight '-1' is not a weight"),
        ({"canary_weight": "101"}, "canary-weight '101' is not a weight"),
        ({"canary_weight_total": ""}, "is not a weight from 0 to the total ''"),
    ],
    ids=str,
)
def test_annotations_that_make_no_sense_are_unknown_and_are_mended_by_a_write(
    annotations: Mapping[str, str | None], why: str
) -> None:
    at = canary(put(ROUTER, world(), Routing(25)), **annotations)
    routing = seen(at).routing
    assert isinstance(routing, Unknown)
    assert why in routing.why
    assert seen(at).weights == ()
    assert seen(put(ROUTER, at, Routing(10), LATER)).routing == Routing(10)


def test_an_ingress_of_someone_else_is_unknown_and_never_written() -> None:
    at = put(ROUTER, world(), Routing(25))
    name = ref("checkout-web-canary")
    theirs = [{"kind": "Rollout", "name": "cart", "uid": "uid-2", "controller": True}]
    owned = merge_patch(at.objects[name], {"metadata": {"ownerReferences": theirs}})
    at = replace(at, objects={**at.objects, name: owned})
    assert seen(at).routing == Unknown(
        "Ingress checkout-web-canary belongs to Rollout cart, not to this Rollout checkout; "
        "delete that Ingress or rename one of the two"
    )
    assert write(at, Routing(0)) == []
    with pytest.raises(RoutingError, match="belongs to Rollout cart"):
        write(at, Routing(50))


def test_an_ingress_that_is_being_deleted_is_unknown() -> None:
    at = put(ROUTER, world(), Routing(25))
    name = ref("checkout-web-canary")
    leaving = merge_patch(at.objects[name], {"metadata": {"deletionTimestamp": "2026-01-01"}})
    at = replace(at, objects={**at.objects, name: leaving})
    assert seen(at).routing == Unknown(
        "Ingress checkout-web-canary is being deleted; it is made anew when it is gone"
    )


def test_a_stable_ingress_without_a_path_to_the_stable_service_is_unknown() -> None:
    rules = [{"host": "shop.example.com", "http": {"paths": [path("cart")]}}]
    why = "Ingress web has no rule with a path to the Service stable"
    at = world(ingress(rules=rules))
    assert why in str(seen(at).routing)
    assert write(at, Routing(0)) == []
    with pytest.raises(RoutingError, match=why):
        write(at, Routing(1))


@pytest.mark.parametrize("rules", ["text", [7], [{"http": "x"}], [{"http": {"paths": [3]}}]])
def test_a_stable_ingress_that_cannot_be_read_is_unknown(rules: Any) -> None:
    assert "Ingress web cannot be read" in str(seen(world(ingress(rules=rules))).routing)


def test_a_route_that_names_no_ingress_says_what_to_set() -> None:
    at = World(route(stable_ingress=""), {})
    assert "set stableIngress" in str(seen(at).routing)
    assert write(at, Routing(0)) == []
    with pytest.raises(RoutingError, match="set stableIngress"):
        write(at, Routing(1))


# --- Several Ingresses ---------------------------------------------------------------------------


def two_ingresses(weights: tuple[int, int]) -> World:
    to = route(stable_ingresses=("web", "api"))
    at = put(ROUTER, world(ingress("web"), ingress("api"), to=to), Routing(weights[0]))
    name = ref("checkout-api-canary")
    keys = {f"{PREFIX}/canary-weight": str(weights[1])}
    changed = merge_patch(at.objects[name], {"metadata": {"annotations": keys}})
    return replace(at, objects={**at.objects, name: changed})


def test_ingresses_that_differ_are_unknown_with_all_their_weights() -> None:
    found = seen(two_ingresses((20, 5)))
    assert found.routing == Unknown(
        "the canary Ingresses differ: checkout-web-canary says 20 of 100, "
        "checkout-api-canary says 5 of 100"
    )
    assert found.weights == (5, 20)
    assert found.written_at == NOON


def test_a_write_mends_ingresses_that_differ_and_leaves_the_right_one_alone() -> None:
    (patch,) = write(two_ingresses((20, 5)), Routing(20))
    assert patch.ref == ref("checkout-api-canary")


def test_the_instant_of_several_ingresses_is_the_latest() -> None:
    at = two_ingresses((20, 5))
    at = after(at, write(at, Routing(20), LATER))
    assert seen(at).written_at == LATER


def test_weight_0_is_written_where_it_can_be_and_a_rise_only_where_all_can() -> None:
    at = without(two_ingresses((20, 20)), "checkout-api-canary")
    at = without(at, "api")
    (patch,) = write(at, Routing(0))
    assert patch.ref == ref("checkout-web-canary")
    with pytest.raises(RoutingError, match="Ingress api does not exist"):
        write(at, Routing(50))


def test_traffic_is_taken_away_even_without_the_stable_ingress() -> None:
    at = without(put(ROUTER, world(), Routing(25)), "web")
    (patch,) = write(at, Routing(0), LATER)
    assert patch.patch["metadata"]["annotations"][f"{PREFIX}/canary-weight"] == "0"
    assert "spec" not in patch.patch
    with pytest.raises(RoutingError, match="Ingress web does not exist"):
        write(at, Routing(26))


def test_header_routes_are_refused_by_name() -> None:
    routing = Routing(0, 100, (HeaderRoute("h", (("X", "exact", "1"),)),))
    with pytest.raises(RoutingError, match="nginx has no header routes"):
        write(world(), routing)


def test_an_instant_in_another_zone_is_written_in_utc_and_a_broken_one_is_none() -> None:
    at = put(ROUTER, world(), Routing(3))
    assert seen(at).written_at == datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    name = ref("checkout-web-canary")
    broken = {"metadata": {"annotations": {"serinus.dev/routing-written-at": "soon"}}}
    changed = merge_patch(at.objects[name], broken)
    assert seen(replace(at, objects={**at.objects, name: changed})).written_at is None
