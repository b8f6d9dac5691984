"""The subsets of a DestinationRule as selectors of pods."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from serinus.traffic.router import Patch, RoutingError, Selection, SelectsPods
from traffic.istio.objects import ROUTER, RULE, route, rule, rule_ref, service, world
from traffic.laws import NOON, World, after

TO = route(rule=RULE, services=False)


def chosen(at: World, *, canary: bool) -> Selection | None:
    return ROUTER.selection(at.route, at.read(ROUTER), canary=canary)


def point(at: World, pod_hash: str, *, canary: bool) -> list[Any]:
    return list(ROUTER.point(at.route, at.read(ROUTER), pod_hash, NOON, canary=canary))


def test_the_router_chooses_pods_only_with_a_rule() -> None:
    assert isinstance(ROUTER, SelectsPods)
    assert chosen(world(), canary=True) is None
    assert point(world(), "new", canary=True) == []


def test_the_hash_in_a_subsets_labels_is_whom_it_selects() -> None:
    at = world(service(), rule(canary="new"), to=TO)
    there = {"service": "web", "resource_version": "4", "written_at": None}
    assert chosen(at, canary=True) == Selection(hash="new", **there)  # type: ignore[arg-type]
    assert chosen(at, canary=False) == Selection(hash="", **there)  # type: ignore[arg-type]


def test_a_point_changes_one_label_and_keeps_all_other_subsets() -> None:
    """Argo Rollouts drops every subset that it does not know."""
    at = world(service(), rule(canary="old", stable="old"), to=TO)
    (only,) = point(at, "new", canary=True)
    assert only == Patch(
        rule_ref(),
        {
            "metadata": {
                "resourceVersion": "4",
                "annotations": {
                    "argo-rollouts.argoproj.io/managed-by-rollouts": "checkout",
                    "serinus.dev/routing-written-at": "2026-01-01T12:00:00.123456Z",
                },
            },
            "spec": {"subsets": rule(canary="new", stable="old")["spec"]["subsets"]},
        },
    )
    told = (only.reason, only.message)
    text = f"DestinationRule {rule_ref().name} subset updated (canary: new, stable: old)"
    assert told == ("UpdatedDestinationRule", text)
    pointed = chosen(after(at, [only]), canary=True)
    assert pointed is not None
    assert pointed.hash == "new"
    assert pointed.written_at == datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
    stable = chosen(after(at, [only]), canary=False)
    assert stable is not None
    assert stable.hash == "old"


def changed(**fields: Any) -> World:
    made = rule()
    made["spec"] |= fields
    return world(service(), made, to=TO)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (world(service(), to=TO), "DestinationRule web-rule does not exist; create it"),
        (changed(subsets=[]), "DestinationRule web-rule has no subset 'canary'; it has none"),
        (changed(subsets=[{"name": "v1"}]), "has no subset 'canary'; it has v1"),
        (changed(subsets=[{"name": "canary"}] * 2), "has 2 subsets 'canary'; keep one"),
        (changed(subsets=7), "its subsets is no list of objects"),
        (changed(host="web.other"), "'web.other'; it must be a Service of namespace shop"),
        (changed(host="api.example.com"), "it must be a Service of namespace shop"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_that_cannot_be_read_is_an_error_that_says_why(at: World, text: str) -> None:
    with pytest.raises(RoutingError, match=text.replace("'", ".")):
        chosen(at, canary=True)


def test_a_rule_that_is_being_deleted_is_not_pointed() -> None:
    leaving = rule()
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    with pytest.raises(RoutingError, match="is being deleted"):
        point(world(service(), leaving, to=TO), "new", canary=False)
