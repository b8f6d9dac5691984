"""Admission reviews: refused with all errors at once, warned, and let pass where they must be."""

from __future__ import annotations

from typing import Any

import pytest

from api.worlds import World, put
from serinus.api.reviewing import UnreadableReview, answer, request_of
from serinus.core.analysis.checks import LANGUAGE

Json = dict[str, Any]


def asked(value: Json | None, old: Json | None = None, **more: Any) -> Json:
    request = {"uid": "u-1", "namespace": "prod", "object": value, "oldObject": old, **more}
    body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
    answered = answer(request_of(body), more.pop("world", None), LANGUAGE)
    assert (answered["apiVersion"], answered["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    response: Json = answered["response"]
    assert response.pop("uid") == "u-1"
    return response


def bad() -> Json:
    world = World()
    put(world.rollout, "spec.replicas", -1)
    put(world.rollout, "spec.strategy.canary.steps.0.setWeight", 500)
    return world.rollout


def test_a_sound_object_is_allowed_without_a_word() -> None:
    for kind in ("Rollout", "AnalysisTemplate", "Service"):
        assert asked(World().of(kind)) == {"allowed": True}


def test_all_errors_are_in_one_message() -> None:
    assert asked(bad()) == {
        "allowed": False,
        "status": {
            "code": 422,
            "reason": "Invalid",
            "message": 'the Rollout "shop" is invalid: spec.replicas: -1 must be 0 or more; '
            "spec.strategy.canary.steps[0].setWeight: 500 must be 0 to 100",
        },
    }


def test_values_of_a_wrong_type_are_errors_and_unknown_fields_warn() -> None:
    world = World()
    put(world.rollout, "spec.rollbackWindows", {"revisions": 1})
    assert asked(world.rollout) == {
        "allowed": True,
        "warnings": ["spec.rollbackWindows: unknown field; did you mean spec.rollbackWindow?"],
    }
    put(world.rollout, "spec.replicas", "many")
    response = asked(world.rollout)
    assert not response["allowed"]
    assert "spec.replicas: must be a whole number" in response["status"]["message"]
    assert len(response["warnings"]) == 1


def test_what_was_wrong_before_warns_and_what_is_newly_wrong_refuses() -> None:
    labelled = bad()
    put(labelled, "metadata.labels", {"a": "b"})
    response = asked(labelled, bad(), operation="UPDATE")
    assert response["allowed"]
    assert response["warnings"] == [
        "spec.replicas: -1 must be 0 or more",
        "spec.strategy.canary.steps[0].setWeight: 500 must be 0 to 100",
    ]
    put(labelled, "spec.minReadySeconds", -1)
    assert not asked(labelled, bad(), operation="UPDATE")["allowed"]


@pytest.mark.parametrize(
    "more",
    [
        {"subResource": "status"},
        {"operation": "DELETE", "object": None},
        {"object": {**bad(), "metadata": {"deletionTimestamp": "2024-01-01T00:00:00Z"}}},
        {"object": {**bad(), "apiVersion": "other/v1"}},
    ],
    ids=["status", "delete", "going", "foreign"],
)
def test_what_is_not_its_business_is_allowed(more: Json) -> None:
    assert asked(more.pop("object", bad()), **more) == {"allowed": True}


def test_references_are_judged_only_with_a_view_of_the_cluster_and_only_warn() -> None:
    world = World()
    world.remove("Service", "shop-canary")
    put(world.of("Service", "shop-stable"), "spec.selector", {"app": "web"})
    assert asked(world.rollout) == {"allowed": True}
    response = asked(world.rollout, world=world)
    assert response["allowed"]
    assert response["warnings"] == [
        "spec.strategy.canary.stableService: Service shop-stable selects app=web, which the pods "
        "of spec.template do not carry; it would select none of them",
        "spec.strategy.canary.canaryService: waiting for Service shop-canary in namespace prod",
    ]


def test_a_workload_that_is_not_known_refuses_nothing() -> None:
    world = World()
    put(world.rollout, "spec.template", ...)
    put(world.rollout, "spec.workloadRef", {"apiVersion": "apps/v1", "kind": "Deployment"})
    assert "spec.workloadRef.name: is missing" in asked(world.rollout)["status"]["message"]
    put(world.rollout, "spec.workloadRef.name", "shop")
    assert asked(world.rollout) == {"allowed": True}


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"request": {}},
        {"request": {"uid": "1"}, "apiVersion": "admission.k8s.io/v1beta1"},
    ],
)
def test_what_is_no_review_is_told(body: Any) -> None:
    with pytest.raises(UnreadableReview):
        request_of(body)


@pytest.mark.parametrize("metadata", ["x", 5, ["x"], None, {}])
def test_metadata_of_any_form_is_answered(metadata: Any) -> None:
    value = {**bad(), "metadata": metadata}
    response = asked(value)
    assert not response["allowed"]
    assert "spec.replicas: -1 must be 0 or more" in response["status"]["message"]


def test_an_old_object_of_another_kind_excuses_nothing() -> None:
    assert not asked(bad(), {**bad(), "kind": "Deployment"})["allowed"]
    assert asked(bad(), bad())["allowed"]
