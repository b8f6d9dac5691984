"""What the objects said of traffic and pods at every moment of a release, in the server's order.

An ingress may answer from stable where the canary has no endpoint, so that no request is lost: what
is promised about capacity is judged here by the objects themselves. Versions of different kinds are
put in order by their resourceVersion, which one server counts up for all of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil

from e2e.product import Followed
from e2e.shop import Json, Shop

WEIGHT = "nginx.ingress.kubernetes.io/canary-weight"


@dataclass(frozen=True)
class Moment:
    """A weight, and how many ready endpoints the two Services have."""

    weight: int
    canary: int
    stable: int


@dataclass
class Witness:
    """Ingresses and EndpointSlices of one shop, as they are told."""

    ingresses: Followed
    slices: Followed
    since: int
    """What is older was there before the look began, and comes object by object."""

    def testify(self) -> list[Moment]:
        """Every moment up to now, in order; each differs from the one before."""
        for seen in (self.ingresses, self.slices):
            seen._take()
        found: list[Moment] = []
        for moment in _moments([*self.ingresses.versions, *self.slices.versions], self.since):
            if not found or found[-1] != moment:
                found.append(moment)
        return found


@contextmanager
def witness(shop: Shop) -> Iterator[Witness]:
    """Looks on while the block runs."""
    at = f"-n {shop.namespace}"
    listed = json.loads(shop.ok(f"get --raw /api/v1/namespaces/{shop.namespace}/services").out)
    since = int(listed["metadata"]["resourceVersion"])
    with (
        shop.product.follow(f"ingress {at} --output-watch-events", each=True) as ingresses,
        shop.product.follow(f"endpointslice {at} --output-watch-events", each=True) as slices,
    ):
        yield Witness(ingresses, slices, since)


def _moments(events: Iterable[Json], since: int) -> Iterator[Moment]:
    """What holds after each version that is newer than `since`."""
    weights: dict[str, int] = {}
    ready: dict[str, dict[str, int]] = {"shop-canary": {}, "shop-stable": {}}
    for event in sorted(events, key=lambda one: int(_metadata(one)["resourceVersion"])):
        name, value = _metadata(event)["name"], event["object"]
        gone = event["type"] == "DELETED"
        if value["kind"] == "Ingress":
            text = _metadata(event).get("annotations", {}).get(WEIGHT, "0")
            weights[name] = 0 if gone else int(text)
        else:
            of = _metadata(event)["labels"]["kubernetes.io/service-name"]
            ready.setdefault(of, {})[name] = 0 if gone else _ready(value)
        if int(_metadata(event)["resourceVersion"]) > since:
            counts = {of: sum(slices.values()) for of, slices in ready.items()}
            heaviest = max(weights.values(), default=0)
            yield Moment(heaviest, counts["shop-canary"], counts["shop-stable"])


def _metadata(event: Json) -> Json:
    found: Json = event["object"]["metadata"]
    return found


def _ready(piece: Json) -> int:
    endpoints = piece.get("endpoints") or []
    return sum(one.get("conditions", {}).get("ready") is not False for one in endpoints)


def without_room(moments: Iterable[Moment], replicas: int) -> list[Moment]:
    """Those in which a side got a part of the traffic that it had no room for."""
    return [
        one
        for one in moments
        if one.canary < ceil(replicas * one.weight / 100)
        or one.stable < ceil(replicas * (100 - one.weight) / 100)
    ]
