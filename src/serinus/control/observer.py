"""Looks at one Rollout through the caches and makes the Observation that a plan is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.hashes import pod_hash, step_hash
from serinus.api.kubernetes import EndpointSlice, Pod
from serinus.api.reading import read
from serinus.api.template import read_template
from serinus.api.validation.check import check_rollout
from serinus.base.clock import Clock
from serinus.base.errors import FieldProblem
from serinus.control import kinds
from serinus.control.caches import Caches, Key, Reference
from serinus.control.lookup import CacheLookup, NamedTemplates
from serinus.control.objects import RoutedObjects, interest
from serinus.control.observe import Observation, revision_seen, routes_of, service_seen
from serinus.control.sightings import Sightings
from serinus.core.analysis.checks import condition_problem
from serinus.core.rollout.snapshot import Revision, ServiceSeen, Settings, Snapshot
from serinus.core.routing import RouterSeen, Unknown
from serinus.kube.resource import REPLICASETS, SERVICES
from serinus.traffic.router import Objects, Route, Router


class Observer:
    """Reads the caches only: an observation costs no request and cannot be half of two worlds."""

    def __init__(
        self,
        caches: Caches,
        objects: RoutedObjects,
        routers: Mapping[str, Router],
        settings: Settings,
        clock: Clock,
    ) -> None:
        self._caches, self._objects, self._routers = caches, objects, routers
        self._settings, self._clock = settings, clock
        self._sightings = Sightings()

    def observe(self, key: Key) -> Observation | None:
        """None if nothing can be decided: the Rollout is gone or going (its objects follow their
        owner by themselves), or a cache is not filled yet.
        """
        partial = self._caches.rollouts.store.get(*key)
        if partial is None or partial.metadata.deletion_timestamp is not None:
            self._caches.look(key, ())
            self._sightings.forget(key)
            return None
        reading = read(Rollout, partial)
        rollout = reading.object
        lookup = CacheLookup(self._caches, self._objects, key)
        found = check_rollout(rollout, lookup, reading.findings, condition=condition_problem)
        pods = self._revision_pods(rollout)
        revisions = self._revisions(rollout, pods)
        routes, routers, looked_at = self._routing(key, rollout)
        looked_at |= {*lookup.looked_at, *service_references(rollout)}
        self._caches.look(key, looked_at)
        if self._caches.behind({*looked_at, *_own(rollout, revisions)}):
            return None  # the watch will bring our own write, and wake the key
        if self._objects.awaits(key):
            return None  # a kind is being listed for the first time; the answer wakes the key
        return Observation(
            snapshot=self._snapshot(rollout, revisions, routers, pods, found.problems()),
            routes=routes,
            templates=NamedTemplates(lookup, rollout.metadata.namespace),
        )

    def _snapshot(
        self,
        rollout: Rollout,
        revisions: tuple[Revision, ...],
        routers: tuple[RouterSeen, ...],
        pods: Mapping[str, tuple[Pod, ...]],
        problems: tuple[FieldProblem, ...],
    ) -> Snapshot:
        template = read_template(rollout.spec.template)
        canary, now = rollout.spec.strategy.canary, self._clock.now()
        key, sightings = (rollout.metadata.namespace, rollout.metadata.name), self._sightings
        services = self._services(rollout, pods)
        return Snapshot(
            now=now,
            rollout=rollout,
            template=template,
            template_hash=pod_hash(template, rollout.status.collision_count),
            step_hash=step_hash(canary.steps) if canary else "",
            revisions=revisions,
            services={n: sightings.of_service(key, s, now) for n, s in services.items()},
            routers=tuple(sightings.of_router(key, seen, now) for seen in routers),
            runs=self._caches.runs.store.by_index("owner", rollout.metadata.uid),
            problems=problems,
            settings=self._settings,
        )

    def _revision_pods(self, rollout: Rollout) -> dict[str, tuple[Pod, ...]]:
        """The pods of each ReplicaSet, by its name."""
        return {
            item.metadata.name: self._caches.pods.store.by_index("owner", item.metadata.uid)
            for item in self._caches.revisions.store.by_index("owner", rollout.metadata.uid)
        }

    def _revisions(
        self, rollout: Rollout, pods: Mapping[str, tuple[Pod, ...]]
    ) -> tuple[Revision, ...]:
        items = self._caches.revisions.store.by_index("owner", rollout.metadata.uid)
        alive = (item for item in items if item.metadata.deletion_timestamp is None)
        return tuple(revision_seen(item, pods[item.metadata.name]) for item in alive)

    def _services(
        self, rollout: Rollout, pods: Mapping[str, tuple[Pod, ...]]
    ) -> dict[str, ServiceSeen]:
        serving = {
            pod.metadata.name: pod.metadata.labels.get(names.POD_HASH, "")
            for of_revision in pods.values()
            for pod in of_revision
            if pod.metadata.deletion_timestamp is None
        }
        found = {}
        for _, namespace, name in service_references(rollout):
            service = self._caches.services.store.get(namespace, name)
            slices = self._caches.slices.store.by_index("service", f"{namespace}/{name}")
            if service is not None:
                strangers = self._strangers(namespace, slices)
                found[name] = service_seen(service, slices, {**strangers, **serving})
        return found

    def _strangers(self, namespace: str, slices: Iterable[EndpointSlice]) -> dict[str, str]:
        """The living pods behind a Service, whosever they are, by name."""
        targets = (e.target_ref for item in slices for e in item.endpoints if e.target_ref)
        pods = (self._caches.pods.store.get(namespace, target.name) for target in targets)
        alive = (pod for pod in pods if pod and pod.metadata.deletion_timestamp is None)
        return {pod.metadata.name: pod.metadata.labels.get(names.POD_HASH, "") for pod in alive}

    def _routing(
        self, key: Key, rollout: Rollout
    ) -> tuple[dict[str, tuple[Router, Route, Objects]], tuple[RouterSeen, ...], set[Reference]]:
        routes: dict[str, tuple[Router, Route, Objects]] = {}
        seen: list[RouterSeen] = []
        looked_at: set[Reference] = set()
        for name, (router, route) in routes_of(rollout, self._routers).items():
            references = router.references(route)
            looked_at.update(interest(references))
            match self._objects.read(key, references):
                case Unknown() as unknown:
                    seen.append(RouterSeen(router=name, routing=unknown))
                    routes[name] = (router, route, {})
                case objects:
                    seen.append(router.read(route, objects))
                    routes[name] = (router, route, objects)
        return routes, tuple(seen), looked_at


def service_references(rollout: Rollout) -> tuple[Reference, ...]:
    """The Services that the strategy names."""
    canary = rollout.spec.strategy.canary
    named = (canary.stable_service, canary.canary_service) if canary else ()
    return tuple((SERVICES.plural, rollout.metadata.namespace, name) for name in named if name)


def _own(rollout: Rollout, revisions: tuple[Revision, ...]) -> Iterator[Reference]:
    """The objects that we write and that no other reference names."""
    namespace = rollout.metadata.namespace
    yield kinds.ROLLOUTS.plural, namespace, rollout.metadata.name
    for revision in revisions:
        yield REPLICASETS.plural, namespace, revision.name
