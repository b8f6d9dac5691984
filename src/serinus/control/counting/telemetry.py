"""What the controller counts of itself, under the names that dashboards of Argo Rollouts know.

Hears of work and reads the caches when it is asked; decides nothing. The series of an object go
with the object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from serinus import __version__
from serinus.api.kubernetes import PartialObject
from serinus.control.counting.exposition import Family, Histogram, text
from serinus.control.looking.caches import Caches
from serinus.control.looking.interest import Key
from serinus.core.rollout.reasons import Hold
from serinus.kube.informer import Informer
from serinus.kube.leader import Elector
from serinus.kube.transport.counted import write_kind
from serinus.kube.transport.wire import Request

RECONCILE_BOUNDS = (0.01, 0.15, 0.25, 0.5, 1.0)
PHASES = ("Healthy", "Progressing", "Paused", "Degraded")
_OF_KIND = {"Rollout": "rollout", "AnalysisRun": "analysis_run", "Experiment": "experiment"}


class _Status(msgspec.Struct, rename="camel"):
    phase: str = ""
    updated_replicas: int = 0
    available_replicas: int = 0
    replicas: int = 0


class _Spec(msgspec.Struct, rename="camel"):
    replicas: int = 1
    strategy: dict[str, Any] = {}


class Telemetry:
    """Counters as they go up, gauges as the caches are at the moment of asking."""

    def __init__(self) -> None:
        self._reconciles = {
            kind: Histogram(f"{stem}_reconcile", f"Seconds that a look at one {kind} took.",
                            RECONCILE_BOUNDS)
            for kind, stem in _OF_KIND.items()
        }  # fmt: skip
        self._errors = {
            kind: Family(f"{stem}_reconcile_error", "counter", f"Looks at a {kind} that failed.")
            for kind, stem in _OF_KIND.items()
        }
        self._events = Family("rollout_events_total", "counter", "Events that were told.")
        self._requests = Family(
            "controller_clientset_k8s_request_total", "counter", "Requests to the API server."
        )
        self._broken = Family(
            "serinus_invariant_broken_total", "counter", "Plans that were not sound: bugs of ours."
        )
        self._pruned = Family(
            "serinus_pruned_field", "gauge", "1: the cluster's definitions drop this field of ours."
        )
        self._holds: dict[Key, tuple[Hold, ...]] = {}
        self._caches: Caches | None = None
        self._queues: Mapping[str, Callable[[], int]] = {}
        self._lost: Callable[[], int] = lambda: 0
        self._elector: Elector | None = None
        self._neighbour = ""

    # --- What it hears ----------------------------------------------------------------------------

    def watch(
        self, caches: Caches, queues: Mapping[str, Callable[[], int]], lost: Callable[[], int]
    ) -> None:
        """Whose state the gauges show: objects, ready keys by queue, lost events."""
        self._caches, self._queues, self._lost = caches, queues, lost

    def elect(self, elector: Elector) -> None:
        """Whether this process works or stands by."""
        self._elector = elector

    def neighbour(self, words: str) -> None:
        """Argo Rollouts' controller is at work, and who says so; "" when it is not."""
        self._neighbour = words

    def worked(self, kind: str, key: Key, seconds: float, error: Exception | None) -> None:
        """One reconcile is over; that of an object that is gone ends its series."""
        if self._is_gone(kind, key):
            self._forget(kind, key)
            return
        namespace, name = key
        self._reconciles[kind].observe(seconds, namespace=namespace, name=name)
        if error is not None:
            self._errors[kind].add(namespace=namespace, name=name)

    def held(self, key: Key, holds: Iterable[Hold]) -> None:
        """What holds a Rollout back now."""
        now = tuple(dict.fromkeys(holds))
        before = self._holds.get(key, ())
        if Hold.INVARIANT in now and Hold.INVARIANT not in before:
            self._broken.add(namespace=key[0], name=key[1])
        self._holds[key] = now

    def told(self, type: str, reason: str) -> None:
        """An event."""
        self._events.add(type=type, reason=reason)

    def pruned(self, kind: str, fields: Iterable[str]) -> None:
        """The fields of ours that the cluster's definition of a kind drops."""
        for field in fields:
            self._pruned.set(1, kind=kind, field=field)

    def requested(self, request: Request, status: int) -> None:
        """A request was answered (status 0: it was not)."""
        kind = write_kind(request)
        verb, resource = (kind.verb, kind.resource) if kind else ("read", "")
        self._requests.add(verb=verb, kind=resource, status_code=str(status))

    def _is_gone(self, kind: str, key: Key) -> bool:
        if self._caches is None:
            return False
        caches: dict[str, Informer[Any]] = {
            "Rollout": self._caches.rollouts,
            "AnalysisRun": self._caches.runs,
            "Experiment": self._caches.experiments,
        }
        of_kind = caches[kind]
        return of_kind.store.get(*key) is None and key not in of_kind.unreadable

    def _forget(self, kind: str, key: Key) -> None:
        namespace, name = key
        self._reconciles[kind].drop(namespace=namespace, name=name)
        self._errors[kind].drop(namespace=namespace, name=name)
        if kind == "Rollout":
            self._holds.pop(key, None)

    # --- What it tells ----------------------------------------------------------------------------

    def missing(self) -> tuple[str, ...]:
        """What keeps the controller from working, in words; to stand by is not such a thing."""
        if self._elector is not None and not self._elector.leads:
            return (self._elector.problem,) if self._elector.problem else ()
        if self._neighbour:
            return ()
        return self._caches.missing() if self._caches else ("the controller has not started yet",)

    def standing_by(self) -> str:
        """Who leads, if not this process; "" if this one works."""
        if self._elector is None or self._elector.leads:
            return self._neighbour and f"standing by; {self._neighbour}"
        return f"standing by; {self._elector.seat} is held by {self._elector.holder or 'nobody'}"

    def page(self, *, empty: bool = False) -> str:
        """Everything, as Prometheus reads it; with `empty` also what was never counted."""
        return text(
            (
                self._info(),
                self._leads(),
                self._beside(),
                *self._reconciles.values(),
                *self._errors.values(),
                self._events,
                self._requests,
                self._broken,
                self._pruned,
                self._held(),
                *self._objects(),
                *self._machinery(),
            ),
            empty=empty,
        )

    def _info(self) -> Family:
        family = Family("serinus_controller_info", "gauge", "The version that runs.")
        family.set(1, version=__version__)
        return family

    def _leads(self) -> Family:
        family = Family(
            "leader_election_master_status", "gauge", "1: this process leads, 0: it stands by."
        )
        if self._elector is not None:
            family.set(float(self._elector.leads), name=self._elector.seat.name)
        return family

    def _beside(self) -> Family:
        family = Family(
            "serinus_argo_rollouts_at_work", "gauge", "1: its controller works too: ours waits."
        )
        family.set(float(bool(self._neighbour)))
        return family

    def _held(self) -> Family:
        family = Family("serinus_reasons", "gauge", "Rollouts that are held back, by reason.")
        counted = Counter(hold for holds in self._holds.values() for hold in holds)
        for hold in Hold:
            family.set(counted[hold], hold=hold.value)
        return family

    def _objects(self) -> tuple[Family, ...]:
        if self._caches is None:
            return ()
        runs = Family("analysis_run_info", "gauge", "AnalysisRuns and their phases.")
        for run in self._caches.runs.store.all():
            where = {"namespace": run.metadata.namespace, "name": run.metadata.name}
            runs.set(1, **where, phase=run.status.phase or "Pending")
        trials = Family("experiment_info", "gauge", "Experiments and their phases.")
        for trial in self._caches.experiments.store.all():
            where = {"namespace": trial.metadata.namespace, "name": trial.metadata.name}
            trials.set(1, **where, phase=trial.status.phase or "Pending")
        return (*_rollouts(self._caches.rollouts.store.all()), runs, trials)

    def _machinery(self) -> tuple[Family, ...]:
        depth = Family("workqueue_depth", "gauge", "Keys that are ready and not yet worked on.")
        for name, length in self._queues.items():
            depth.set(length(), name=name)
        lost = Family("serinus_events_lost_total", "counter", "Events that did not fit the queue.")
        lost.set(self._lost())
        behind = Family("serinus_cache_behind", "gauge", "1: this kind cannot be followed now.")
        for informer in self._caches.all() if self._caches else ():
            behind.set(float(informer.problem is not None), kind=informer.resource.full_name)
        return depth, lost, behind


def _rollouts(items: Iterable[PartialObject]) -> tuple[Family, ...]:
    info = Family("rollout_info", "gauge", "Rollouts, their strategy, router and phase.")
    phase = Family("rollout_phase", "gauge", "1 for the phase that a Rollout is in.")
    counts = {
        name: Family(f"rollout_info_replicas_{name}", "gauge", f"Replicas that are {name}.")
        for name in ("desired", "available", "unavailable", "updated")
    }
    for item in items:
        where = {"namespace": item.metadata.namespace, "name": item.metadata.name}
        try:
            status = msgspec.json.decode(item.status, type=_Status)
            spec = msgspec.json.decode(item.spec, type=_Spec)
        except msgspec.DecodeError:
            continue  # InvalidSpec tells of it; there is no number to show
        strategy, router = _strategy(spec)
        info.set(1, **where, strategy=strategy, traffic_router=router, phase=status.phase)
        for known in PHASES:
            phase.set(float(known == status.phase), **where, strategy=strategy, phase=known)
        available = status.available_replicas
        shown = (spec.replicas, available, status.replicas - available, status.updated_replicas)
        for family, value in zip(counts.values(), shown, strict=True):
            family.set(value, **where)
    return (info, phase, *counts.values())


def _strategy(spec: _Spec) -> tuple[str, str]:
    """The strategy's name, and the routers of a canary joined by commas."""
    name, body = next(iter(spec.strategy.items()), ("", None))
    routing = body.get("trafficRouting") if isinstance(body, dict) else None
    known = {"managedRoutes", "maxTrafficWeight"}
    routers = (
        [key for key in routing or () if key not in known] if isinstance(routing, dict) else []
    )
    return name, ",".join(sorted(routers))
