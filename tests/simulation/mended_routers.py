"""Rows of docs/defects.md about routers beside nginx and Istio, and what notices the mistake put
back. The other rows are in `mended.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import takewhile
from typing import Any

from serinus.core.routing import Routing
from serinus.traffic import ambassador, owned, traefik
from serinus.traffic.alb.ingress import views_of
from serinus.traffic.alb.router import AlbRouter
from serinus.traffic.router import Objects, Route, RoutingError, Write
from simulation.mended import Mended
from traffic import test_alb, test_ambassador, test_traefik
from traffic.laws import putting_what_is_there_is_no_patch

ROUTED = Routing(10)
Writes = Callable[[AlbRouter, Route, Objects, Routing, datetime], Sequence[Write]]
_alb_write: Writes = AlbRouter.write


class _Entry(dict[str, Any]):
    """An entry that is never the same as the one that is there."""

    def __eq__(self, other: object) -> bool:
        return False

    __hash__ = None  # type: ignore[assignment]


def also_without_change(entry: Mapping[str, Any], due: Mapping[str, int]) -> dict[str, Any]:
    """The object is written in every pass."""
    return _Entry(entry, weight=due[str(entry["name"])])


def until_one_is_unchanged(
    self: AlbRouter, route: Route, objects: Objects, routing: Routing, at: datetime
) -> Sequence[Write]:
    """An Ingress that is up to date ends the loop over all of them."""
    writes = {one.ref: one for one in _alb_write(self, route, objects, routing, at)}
    turns = (view.ref for view in views_of(route, objects))
    return [writes[ref] for ref in takewhile(writes.__contains__, turns)]


def without_errors(
    self: AlbRouter, route: Route, objects: Objects, routing: Routing, at: datetime
) -> Sequence[Write]:
    """Whatever goes wrong is nobody's business."""
    try:
        return _alb_write(self, route, objects, routing, at)
    except RoutingError:
        return []


def unowned(
    route: Route, live: Mapping[str, Any], spec: Mapping[str, Any], at: datetime
) -> dict[str, Any]:
    """What was left without an owner stays when its Rollout goes."""
    notes = {"resourceVersion": live["metadata"]["resourceVersion"], "annotations": owned.stamp(at)}
    return {"metadata": notes, "spec": spec}


_MAPPED = test_ambassador.world(test_ambassador.BASE)
_told_first = (
    test_ambassador.test_weight_0_is_told_first_and_what_is_empty_is_deleted_later_without_a_sleep
)

OF_ROUTERS: tuple[Mended, ...] = (
    Mended(
        "traefik-no-diff",
        partial(
            putting_what_is_there_is_no_patch,
            *(test_traefik.ROUTER, test_traefik.world(), ROUTED, ROUTED),
        ),
        ((traefik, "_with_weight", also_without_change),),
    ),
    Mended(
        "alb-first-only",
        test_alb.test_an_ingress_that_is_up_to_date_does_not_keep_the_next_from_its_turn,
        ((AlbRouter, "write", until_one_is_unchanged),),
    ),
    Mended(
        "alb-swallowed",
        partial(
            test_alb.test_what_is_not_there_or_not_obeyed_is_unknown_and_is_not_raised,
            next(iter(test_alb.BROKEN)),
        ),
        ((AlbRouter, "write", without_errors),),
    ),
    Mended(
        "ambassador-sleep",
        partial(_told_first.hypothesis.inner_test, _MAPPED, 10),  # type: ignore[attr-defined]
        ((ambassador, "_is_over", lambda pair, at: True),),
    ),
    Mended(
        "ambassador-leak",
        test_ambassador.test_one_that_argo_rollouts_made_is_read_and_taken_in_by_the_next_write,
        ((owned, "change", unowned),),
    ),
)
