"""Looks at one Rollout through the caches and makes the Observation that a plan is made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from serinus.api import names
from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.experiment import Experiment, ExperimentStatus
from serinus.api.kubernetes import EndpointSlice, ObjectMeta, Pod, ReplicaSet
from serinus.api.validation.labels import matches
from serinus.base.clock import Clock
from serinus.base.errors import FieldProblem
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS
from serinus.control.looking.caches import ROUTED, Caches, Unlisted
from serinus.control.looking.checked import Checked, Checker
from serinus.control.looking.entries import Side, sides_of
from serinus.control.looking.in_force import InForce
from serinus.control.looking.interest import Key, Reference, reference
from serinus.control.looking.left import (
    Found,
    is_at_rest,
    is_meant,
    left_over,
    of_one_note,
    with_left,
)
from serinus.control.looking.lookup import CacheLookup, NamedTemplates
from serinus.control.looking.objects import RoutedObjects, looked_at
from serinus.control.looking.readings import Readings
from serinus.control.looking.seen import Observation, revision_seen, routes_of, service_seen
from serinus.control.looking.sightings import Sightings
from serinus.control.steps.calling import StepPlugins
from serinus.control.telling.unreadable import stand_in
from serinus.core.rollout.edits import left_behind
from serinus.core.rollout.gates import all_noted
from serinus.core.rollout.snapshot import Orphan, ServiceSeen, Settings, Snapshot
from serinus.core.routing import RouterSeen, Unknown
from serinus.kube.resource import SERVICES
from serinus.traffic.router import ObjectRef, Objects, Route, Router

_SOON_WALL_SECONDS = 1.0
_LONG_WALL_SECONDS = 60.0
"""A routing write that is older than this has arrived and is obeyed."""

Pods = Mapping[str, tuple[Pod, ...]]
"""The pods of each ReplicaSet, by its uid."""
Routes = dict[str, tuple[Router, Route, Objects]]


@dataclass(frozen=True, slots=True)
class NotYet:
    """Nothing can be decided now; an event wakes the key, and time does in any case."""

    why: str
    look_at: datetime


class _Routed(NamedTuple):
    """A Rollout with the routing that it is looked at with, and all that was looked at for it."""

    checked: Checked
    routes: Routes
    routers: tuple[RouterSeen, ...]
    found: Mapping[Reference, Any]
    left: tuple[Found, ...]
    """What it was routed by and names no more, while that is led back."""
    named: frozenset[Reference]
    """What its spec names."""


class Observer:
    """Reads the caches only: an observation costs no request and cannot be half of two worlds."""

    def __init__(
        self,
        caches: Caches,
        objects: RoutedObjects,
        routers: Mapping[str, Router],
        settings: Settings,
        clock: Clock,
        *,
        in_force: InForce,
        plugins: StepPlugins,
    ) -> None:
        self._caches, self._objects, self._routers = caches, objects, routers
        self._settings, self._clock = settings, clock
        self._checker, self._sightings = Checker(caches), Sightings()
        self._in_force, self._readings = in_force, Readings()
        self._plugins = plugins

    def observe(self, key: Key) -> Observation | NotYet | None:
        """None if the Rollout is gone or going: its objects follow their owner by themselves.

        Raises ValueError if nothing can be made of the Rollout.
        """
        partial = self._caches.rollouts.store.get(*key)
        if partial is None or partial.metadata.deletion_timestamp is not None:
            self.forget(key)
            return None
        lookup = CacheLookup(self._caches, self._objects)
        checked = self._checker.check(key, partial, lookup)
        looked = self._routed(key, checked)
        checked, routes, routers, found = (
            looked.checked,
            looked.routes,
            looked.routers,
            looked.found,
        )
        sides = sides_of(checked.rollout.spec.strategy, routes)
        named = {name for side in sides for name in side.services()}
        named.update(_of_trials(self._experiments(checked.rollout)))
        services = {reference(SERVICES, key[0], name) for name in named}
        self._caches.interest.look(
            key, {*found, *services, *_measured(checked.rollout), *_tried(checked.rollout)}
        )
        if any(isinstance(one, Unlisted) and not one.problem for one in found.values()):
            return self._not_yet("a kind is being listed for the first time")
        if self._caches.behind(key):
            return self._not_yet("a write of ours is not in the caches yet")
        asked = tuple(self._in_force.of_router(key, r, *routes[r.router][1:]) for r in routers)
        return Observation(
            snapshot=replace(self._snapshot(key, checked, asked, sides), leaving=bool(looked.left)),
            routes=routes,
            templates=NamedTemplates(lookup, key[0]),
            left=looked.left,
            named=looked.named | services,
        )

    def _routed(self, key: Key, checked: Checked) -> _Routed:
        """By what the Rollout is routed: as its spec says, or as it was before something was left.

        What is left and gives nothing is only named no more.
        """
        routes, routers, found = self._routing(key, checked.rollout)
        found |= checked.found
        named = frozenset(found)
        left = left_over(self._caches.marked(ROUTED, *key), named)
        if left and is_meant(checked):
            before = with_left(checked, left)
            old = self._routing(key, before.rollout)
            found = {**found, **old[2]}
            long_ago = self._clock.now() - self._clock.span(_LONG_WALL_SECONDS)
            if not is_at_rest(checked.rollout, old[1], long_ago):
                return _Routed(before, old[0], old[1], found, of_one_note(left, old[2]), named)
        return _Routed(checked, routes, routers, found, (), named)

    def forget(self, key: Key) -> None:
        """The Rollout is gone."""
        self._caches.forget(key)
        self._checker.forget(key)
        self._sightings.forget(key)
        self._in_force.forget(key)
        self._readings.forget(key)

    def _not_yet(self, why: str) -> NotYet:
        return NotYet(why, self._clock.now() + self._clock.span(_SOON_WALL_SECONDS))

    def _snapshot(
        self, key: Key, checked: Checked, routers: tuple[RouterSeen, ...], sides: tuple[Side, ...]
    ) -> Snapshot:
        rollout, now = checked.rollout, self._clock.now()
        uid = rollout.metadata.uid
        experiments = self._experiments(rollout)
        items = self._caches.revisions.store.by_index("owner", uid)
        pods = {
            item.metadata.uid: self._caches.pods.store.by_index("owner", item.metadata.uid)
            for item in items
        }
        alive = (item for item in items if item.metadata.deletion_timestamp is None)
        return Snapshot(
            now=now,
            rollout=rollout,
            template=checked.template,
            template_hash=checked.template_hash,
            step_hash=checked.step_hash,
            revisions=tuple(revision_seen(item, pods[item.metadata.uid]) for item in alive),
            orphans=self._orphans(rollout),
            services={
                name: self._sightings.of_service(key, seen, now)
                for name, seen in self._services(
                    key[0], sides, _of_trials(experiments), _serving(items, pods)
                ).items()
            },
            routers=tuple(self._sightings.of_router(key, seen, now) for seen in routers),
            runs=(*self._caches.runs.store.by_index("owner", uid), *self._unreadable(rollout)),
            workload=checked.workload,
            experiments=experiments,
            problems=(
                *checked.problems,
                *left_behind(rollout),
                *self._unlisted(rollout),
                *self._plugins.problems(rollout),
            ),
            settings=self._settings,
        )

    def _orphans(self, rollout: Rollout) -> tuple[Orphan, ...]:
        """Revisions that nobody owns and that the selector takes in, with their own hash."""
        selector = rollout.spec.selector
        if selector is None or not (selector.match_labels or selector.match_expressions):
            return ()
        found = self._caches.revisions.store.by_index("orphaned", rollout.metadata.namespace)
        return tuple(
            Orphan(item.metadata.name, item.metadata.resource_version)
            for item in found
            if matches(selector, item.metadata.labels)
        )

    def _unreadable(self, rollout: Rollout) -> Iterator[AnalysisRun]:
        """The run that is waited for, if nothing can be made of it: it counts as an error."""
        for _, namespace, name in _measured(rollout):
            found = self._caches.runs.unreadable.get((namespace, name))
            if found is not None and self._caches.runs.store.get(namespace, name) is None:
                yield stand_in(found)

    def _experiments(self, rollout: Rollout) -> tuple[Experiment, ...]:
        """Those of a Rollout; one of which nothing can be made counts as an error."""
        namespace, name = rollout.metadata.namespace, rollout.status.canary.current_experiment
        mine = self._caches.experiments.store.by_index("owner", rollout.metadata.uid)
        found = self._caches.experiments.unreadable.get((namespace, name))
        if found is None or self._caches.experiments.store.get(namespace, name) is not None:
            return mine
        metadata = ObjectMeta(namespace=namespace, name=name, uid=found.uid)
        message = f"the experiment cannot be read: {found.error}"
        status = ExperimentStatus(phase="Error", message=message)
        return (*mine, Experiment(metadata=metadata, status=status))

    def _unlisted(self, rollout: Rollout) -> Iterator[FieldProblem]:
        """Experiments that cannot be seen must not be started: they may be there already."""
        informer = self._caches.experiments
        if not informer.has_synced and _tried(rollout):
            why = informer.problem or "not done yet"
            yield FieldProblem("spec.strategy.canary.steps", f"Experiments cannot be listed: {why}")

    def _services(
        self,
        namespace: str,
        sides: tuple[Side, ...],
        of_trials: Iterable[str],
        serving: Mapping[str, str],
    ) -> dict[str, ServiceSeen]:
        tried = {name: self._service(namespace, name, serving) for name in of_trials}
        found = {name: seen for name, seen in tried.items() if seen is not None}
        for side in sides:
            known = {
                name: self._service(namespace, name, serving)
                for name in dict.fromkeys(side.services())
            }
            if (seen := side.seen(known)) is not None:
                found[side.name] = seen
        return found

    def _service(self, namespace: str, name: str, serving: Mapping[str, str]) -> ServiceSeen | None:
        service = self._caches.services.store.get(namespace, name)
        if service is None:
            return None
        slices = self._caches.slices.store.by_index("service", f"{namespace}/{name}")
        strangers = self._strangers(namespace, slices)
        return service_seen(service, slices, {**strangers, **serving})

    def _strangers(self, namespace: str, slices: Iterable[EndpointSlice]) -> dict[str, str]:
        """The living pods behind a Service, whosever they are, by name."""
        targets = (e.target_ref for item in slices for e in item.endpoints if e.target_ref)
        pods = (self._caches.pods.store.get(namespace, target.name) for target in targets)
        alive = (pod for pod in pods if pod and pod.metadata.deletion_timestamp is None)
        return {pod.metadata.name: pod.metadata.labels.get(names.POD_HASH, "") for pod in alive}

    def _routing(
        self, key: Key, rollout: Rollout
    ) -> tuple[Routes, tuple[RouterSeen, ...], dict[Reference, Any]]:
        routes: Routes = {}
        seen: list[RouterSeen] = []
        found: dict[Reference, Any] = {}
        for name, (router, route) in routes_of(rollout, self._routers).items():
            states = {ref: self._objects.state(ref) for ref in router.references(route)}
            found |= {looked_at(ref): state for ref, state in states.items()}
            unlisted = _first_unlisted(states)
            if unlisted is None:
                seen.append(self._readings.of(key, router, route, states))
                routes[name] = (router, route, states)
            else:
                unread = Unknown(str(unlisted))
                seen.append(RouterSeen(router=name, routing=unread, able=router.abilities))
                routes[name] = (router, route, {})
        return routes, tuple(seen), found


def _measured(rollout: Rollout) -> tuple[Reference, ...]:
    """The runs that the status waits for."""
    namespace = rollout.metadata.namespace
    return tuple(reference(ANALYSIS_RUNS, namespace, name) for name in all_noted(rollout.status))


def _of_trials(experiments: Iterable[Experiment]) -> Iterator[str]:
    """The Services of the pods of experiments, as far as there are some."""
    for experiment in experiments:
        for template in experiment.status.template_statuses:
            if template.service_name:
                yield template.service_name


def _tried(rollout: Rollout) -> tuple[Reference, ...]:
    """The experiment that a step waits for, or would."""
    canary, namespace = rollout.spec.strategy.canary, rollout.metadata.namespace
    name = rollout.status.canary.current_experiment
    if not name and not (canary and any(step.experiment for step in canary.steps)):
        return ()
    return (reference(EXPERIMENTS, namespace, name),)


def _first_unlisted(states: Mapping[ObjectRef, Any]) -> Unlisted | None:
    return next((state for state in states.values() if isinstance(state, Unlisted)), None)


def _serving(items: tuple[ReplicaSet, ...], pods: Pods) -> dict[str, str]:
    """The revision's hash of each pod that may get requests, by the pod's name."""
    return {
        pod.metadata.name: pod.metadata.labels.get(names.POD_HASH, "")
        for item in items
        for pod in pods[item.metadata.uid]
        if pod.metadata.deletion_timestamp is None
    }
