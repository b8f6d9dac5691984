"""Which of the objects that are named no more are led back together, and which need nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import replace

from serinus.api.argo import Rollout, RolloutStatus
from serinus.api.names import ROUTED_FOR, WRITTEN_AT
from serinus.api.routed import routing_note
from serinus.api.wire import decode
from serinus.control.kinds import VIRTUAL_SERVICES
from serinus.control.looking.interest import reference
from serinus.control.looking.left import Found, is_at_rest, left_over, of_one_note
from serinus.core.routing import Additional, RouterSeen, Routing, Unknown
from serinus.kube.resource import INGRESSES

NOW = datetime(2026, 1, 1, tzinfo=UTC)
AGO = NOW - timedelta(minutes=1)


def rollout(**routing: Any) -> Rollout:
    canary = {"canaryService": "c", "stableService": "s", "trafficRouting": routing}
    metadata = {"name": "web", "namespace": "shop"}
    return decode(Rollout, {"metadata": metadata, "spec": {"strategy": {"canary": canary}}})


BY_INGRESS = rollout(nginx={"stableIngress": "web"})
BY_MESH = rollout(istio={"virtualService": {"name": "web"}})


def found(resource: Any, name: str, of: Rollout, at: str) -> Found:
    notes = {ROUTED_FOR: routing_note(of), WRITTEN_AT: at}
    return resource, {"metadata": {"namespace": "shop", "name": name, "annotations": notes}}


INGRESS = found(INGRESSES, "web-web-canary", BY_INGRESS, "2026-01-01T00:00:01Z")
MESH = found(VIRTUAL_SERVICES, "web", BY_MESH, "2026-01-01T00:00:02Z")
COPY = found(VIRTUAL_SERVICES, "copy", BY_MESH, "2026-01-01T00:00:00Z")
OF_MESH = frozenset({reference(VIRTUAL_SERVICES, "shop", "web")})


def test_a_note_speaks_for_its_own_objects_only() -> None:
    """Else the note of an object that nobody looked at would be taken off with those."""
    left = left_over((INGRESS, MESH), frozenset())
    assert left == (MESH, INGRESS), "what was written last comes first"
    assert of_one_note(left, OF_MESH) == (MESH,)


def test_a_copy_with_its_note_goes_with_its_original() -> None:
    assert of_one_note((MESH, COPY), OF_MESH) == (MESH, COPY)


# --- At rest -------------------------------------------------------------------------------------


def status(**fields: Any) -> Rollout:
    return replace(BY_MESH, status=decode(RolloutStatus, {"stableRS": "a", **fields}))


RESTING, ON_TRIAL = status(currentPodHash="a"), status(currentPodHash="b")


def rests(of: Rollout, routing: Any, written: datetime | None = NOW, **seen: Any) -> bool:
    shown = RouterSeen(router="istio", routing=routing, written_at=written, **seen)
    return is_at_rest(of, (shown,), AGO)


def test_what_gives_nothing_needs_no_leading_back_while_nothing_is_on_trial() -> None:
    assert rests(RESTING, Routing(0))
    assert rests(RESTING, Unknown("gone"), weights=(0,))
    assert not rests(RESTING, Unknown("gone"))
    assert not rests(RESTING, Routing(1))
    assert not rests(RESTING, Routing(0, additional=(Additional("trial", 5),)))


def test_beside_a_trial_it_must_have_given_nothing_for_long() -> None:
    assert rests(ON_TRIAL, Routing(0), AGO - timedelta(seconds=1))
    assert not rests(ON_TRIAL, Routing(0), NOW)
    assert not rests(ON_TRIAL, Routing(0), None)


def test_what_the_status_tells_of_it_has_to_be_forgotten_first() -> None:
    told = {"weights": {"canary": {"weight": 50}, "stable": {"weight": 50}}}
    taken_out = replace(status(currentPodHash="a", canary=told), spec=rollout().spec)
    assert not rests(taken_out, Routing(0))
