"""What several objects choose together for one side of a strategy."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from serinus.control.looking.entries import Side, subset_seen, together
from serinus.core.rollout.snapshot import ServiceSeen
from serinus.core.routing import Unknown
from serinus.traffic.router import Selection

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def service(selector: str, endpoints: Any, name: str = "web-canary") -> ServiceSeen:
    return ServiceSeen(
        name=name,
        resource_version="1",
        selector_hash=selector,
        written_at=NOON,
        endpoints=endpoints,
    )


def selection(pod_hash: str) -> Selection:
    later = NOON + timedelta(seconds=3)
    return Selection(service="web", hash=pod_hash, resource_version="9", written_at=later)


@pytest.mark.parametrize(
    ("chosen", "endpoints"), [("a", {"a": 2}), ("c", {}), ("", {"a": 2, "b": 3})]
)
def test_a_subset_has_the_endpoints_of_its_service_that_it_chooses(
    chosen: str, endpoints: dict[str, int]
) -> None:
    found = subset_seen("rule/new", selection(chosen), service("", {"a": 2, "b": 3}, "web"))
    assert (found.name, found.selector_hash, found.endpoints) == ("rule/new", chosen, endpoints)
    assert found.resource_version == "9"


def test_the_endpoints_of_a_service_that_is_not_there_are_unknown() -> None:
    found = subset_seen("rule/new", selection("a"), None)
    assert found.endpoints == Unknown("Service web does not exist")


@pytest.mark.parametrize(
    ("own", "subset", "agreed", "selector", "endpoints"),
    [
        (("a", {"a": 2}), ("a", {"a": 3}), True, "a", {"a": 2}),
        (("a", {"a": 3}), ("a", {}), True, "a", {}),
        (("a", {"a": 2, "b": 1}), ("a", {"a": 2}), True, "a", {"a": 2, "b": 1}),
        (("a", {"a": 2}), ("b", {"b": 1}), False, "a+b", {"a": 2, "b": 1}),
        (("", {"a": 2, "b": 1}), ("a", {"a": 2}), False, "all+a", {"a": 2, "b": 1}),
        (("a", {}), ("b", {}), False, "a+b", {}),
    ],
)
def test_of_two_that_choose_what_either_gets_wrong_is_wrong(
    own: Any, subset: Any, agreed: bool, selector: str, endpoints: dict[str, int]
) -> None:
    found = together([service(*own), service(*subset, "rule/new")])
    assert (found.name, found.agreed, found.selector_hash) == ("web-canary", agreed, selector)
    assert found.endpoints == endpoints


def test_what_one_of_them_does_not_know_is_unknown() -> None:
    found = together([service("a", {"a": 1}), service("a", Unknown("no slices"))])
    assert found.endpoints == Unknown("no slices")


def test_a_side_is_there_when_all_that_choose_for_it_are() -> None:
    canary, root = service("a", {"a": 2}), service("", {"a": 2, "b": 1}, "web")
    both = Side("web-canary", "web-canary", (selection("a"),))
    assert both.services() == ("web-canary", "web")
    seen = both.seen({"web-canary": canary, "web": root})
    assert seen is not None
    assert seen.written_at == NOON + timedelta(seconds=3)
    assert both.seen({"web-canary": None, "web": root}) is None
    assert Side("web-canary", "web-canary", None).seen({"web-canary": canary}) is None
