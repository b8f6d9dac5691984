"""Whom production traffic can reach, with what share, and whether that is settled.

Judges every mix of what was written and what is seen (docs/safety.md). Writes nothing.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from serinus.core.rollout.rules import Rule
from serinus.core.rollout.snapshot import Revision, ServiceSeen
from serinus.core.rollout.standing import Standing, ready_pods
from serinus.core.routing import RouterSeen, Routing, Unknown

Share = tuple[int, int]
"""A part of all requests: numerator, denominator."""

PATIENCE = 40
NOTHING: Share = (0, 1)
EVERYTHING: Share = (1, 1)


def part(count: int, share: Share) -> int:
    """`count` x `share`, rounded up."""
    return -(-count * share[0] // share[1])


def greater(one: Share, other: Share) -> Share:
    """The larger of two shares."""
    return one if one[0] * other[1] >= other[0] * one[1] else other


def endpoints(service: ServiceSeen | None, pod_hash: str) -> int | None:
    """Ready endpoints of a revision behind a Service; None if that is not known."""
    if service is None or isinstance(service.endpoints, Unknown):
        return None
    return service.endpoints.get(pod_hash, 0)


def lasting(standing: Standing, service: ServiceSeen | None, pod_hash: str) -> int | None:
    """The same without those that go as soon as the ReplicaSet's controller has acted, and without
    those that slices show still although their pods are known to be dead.
    """
    count = endpoints(service, pod_hash)
    revisions = standing.snapshot.revisions
    kept = ready_pods(next((r for r in revisions if r.hash == pod_hash), None))
    return None if count is None else min(count, kept)


def ready_behind(standing: Standing, revision: Revision) -> int:
    """Ready pods of a revision that stay, as few as any Service that selects it shows of them."""
    counts = [ready_pods(revision)]
    for service in (standing.active_service, standing.preview_service):
        if service is not None and service.selector_hash == revision.hash:
            counts.append(lasting(standing, service, revision.hash) or 0)
    return min(counts)


def all_endpoints(service: ServiceSeen | None) -> int | None:
    """Ready endpoints behind a Service, whosever they are; None if that is not known."""
    if service is None or isinstance(service.endpoints, Unknown):
        return None
    return sum(service.endpoints.values())


def is_on(service: ServiceSeen, pod_hash: str) -> bool:
    """A Service selects a revision, in written and, as far as slices are known, in seen value."""
    if service.selector_hash != pod_hash:
        return False
    return isinstance(service.endpoints, Unknown) or service.endpoints.keys() <= {pod_hash}


def settles_at(standing: Standing, part: RouterSeen | ServiceSeen) -> datetime | None:
    """When what is written there counts as obeyed; None if it does already."""
    instants = [at for at in (part.written_at, part.seen_since) if at is not None]
    if not instants or Rule.SETTLE not in standing.rules:
        return None
    instant = max(instants) + standing.snapshot.settings.settle
    return instant if instant > standing.snapshot.now else None


def router_settled(standing: Standing, router: RouterSeen) -> bool:
    """The routing that is written is read back, and every data plane obeys it.

    As the data plane tells itself; where it cannot be asked, it is given the settle time.
    """
    if isinstance(router.routing, Unknown) or router.verified is False:
        return False
    return router.verified is True or settles_at(standing, router) is None


def service_settled(standing: Standing, service: ServiceSeen | None) -> bool:
    """The selector that is written is what the Service's slices show."""
    if service is None or isinstance(service.endpoints, Unknown):
        return False
    if settles_at(standing, service) is not None or not service.agreed:
        return False
    selected = service.selector_hash
    if not selected:
        return True
    if service.endpoints:
        return service.endpoints.keys() == {selected}
    # Empty slices say that it is followed only if there is nothing that they could show.
    return not any(ready_pods(r) for r in standing.snapshot.revisions if r.hash == selected)


def routing_settled(standing: Standing) -> bool:
    """Every router is read back and obeyed; false without any router."""
    return bool(standing.routers) and all(router_settled(standing, r) for r in standing.routers)


def routing_drained(standing: Standing) -> bool:
    """Settled, and requests that were under way had the settle time to come to their end."""
    over = all(settles_at(standing, router) is None for router in standing.routers)
    return over and routing_settled(standing)


def all_settled(standing: Standing) -> bool:
    """Routers and both Services: nothing is under way."""
    return (
        routing_drained(standing)
        and service_settled(standing, standing.canary_service)
        and service_settled(standing, standing.stable_service)
    )


def settle_wake(standing: Standing) -> datetime | None:
    """When to look again at what is not settled; None if only an event can tell."""
    services = [s for s in (standing.canary_service, standing.stable_service) if s]
    parts: list[RouterSeen | ServiceSeen] = [*standing.routers, *services]
    instants = [at for at in (settles_at(standing, part) for part in parts) if at]
    if any(_unconfirmed(router) for router in standing.routers):
        instants.append(retry_at(standing))
    return min(instants, default=None)


def _unconfirmed(router: RouterSeen) -> bool:
    return router.verified is False or isinstance(router.routing, Unknown)


def quiet(standing: Standing) -> bool:
    """No router gives the canary Service anything, seen and settled."""
    return routing_settled(standing) and all(
        isinstance(r.routing, Routing) and r.routing.is_nothing for r in standing.routers
    )


def canary_share(standing: Standing) -> Share:
    """The largest share that a router may give to the canary Service now.

    Nobody knows how many requests carry the header of a route: it may be all of them.
    """
    return EVERYTHING if has_header_routes(standing) else weight_share(standing)


def has_header_routes(standing: Standing) -> bool:
    """A router shows header routes to the canary Service."""
    known = [r.routing for r in standing.routers if isinstance(r.routing, Routing)]
    return any(routing.header_routes for routing in known)


def weight_share(standing: Standing) -> Share:
    """The largest share that a weight may give to the canary Service now."""
    if not routing_settled(standing):
        return EVERYTHING
    share = NOTHING
    for router in standing.routers:
        if isinstance(router.routing, Routing):
            share = greater(share, (router.routing.weight, max(router.routing.total, 1)))
    return share


def stable_share(standing: Standing) -> Share:
    """The largest share that a router may give to the stable Service now."""
    if not routing_settled(standing):
        return EVERYTHING
    share = NOTHING
    for router in standing.routers:
        if isinstance(router.routing, Routing):
            total = max(router.routing.total, 1)
            share = greater(share, (total - router.routing.weight, total))
    return share


def stable_is_missed(standing: Standing) -> bool:
    """Stable has no ready endpoint, although a router may give it a part."""
    service = standing.stable_service
    if standing.first or service is None or not standing.replicas:
        return False
    ready = all_endpoints(service)
    if service.selector_hash == standing.base_hash:
        ready = lasting(standing, service, standing.base_hash)
    return ready == 0 and stable_share(standing)[0] > 0


def greatest_share(standing: Standing, pod_hash: str) -> Share:
    """The largest share of production that a revision may get, under any mix not yet settled."""
    services = (
        (standing.canary_service, canary_share(standing)),
        (standing.stable_service, stable_share(standing)),
    )
    numerator, denominator = NOTHING
    for service, share in services:
        if not service_settled(standing, service):
            return EVERYTHING
        if service is not None and service.selector_hash in (pod_hash, ""):
            numerator = numerator * share[1] + share[0] * denominator
            denominator *= share[1]
    return (1, 1) if numerator >= denominator else (numerator, denominator)


def last_write(standing: Standing, pod_hash: str) -> datetime | None:
    """Our last write that can have changed what a revision gets."""
    production = (standing.canary_service, standing.stable_service, standing.active_service)
    services = [s for s in production if s]
    writes = [service.written_at for service in services]
    if any(service.selector_hash in (pod_hash, "") for service in services):
        writes += [router.written_at for router in standing.routers]
    return max((at for at in writes if at is not None), default=None)


def retry_at(standing: Standing) -> datetime:
    """When to look again at what could not be read or is not obeyed: ever more rarely.

    Half as long again as it has been so, between `verify_retry` and PATIENCE times that.
    """
    now, shortest = standing.snapshot.now, standing.snapshot.settings.verify_retry
    since = [r.seen_since for r in standing.routers if _unconfirmed(r) and r.seen_since]
    waited: timedelta = now - max(since, default=now)
    return now + min(max(shortest, waited / 2), PATIENCE * shortest)
