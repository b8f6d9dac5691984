"""A small pure world that carries out plans: pods get ready, routers obey, time is a number.

No I/O and no threads. It knows the data plane's truth (who really gets which share), so that tests
can judge by that, and nothing of the rules by which plans are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import product
from typing import Any

from msgspec.structs import replace

from core.rollout.parts import ROUTER, START, Pod, Router, Service, Set_, hash_of, template_of
from serinus.api import names
from serinus.api.analysis import AnalysisRun, AnalysisRunSpec, AnalysisRunStatus
from serinus.api.argo import Rollout, RolloutStatus
from serinus.api.hashes import pod_hash, step_hash
from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import decode
from serinus.base.errors import FieldProblem
from serinus.core.rollout import actions as act
from serinus.core.rollout.plan import plan
from serinus.core.rollout.rules import ALL, Rules
from serinus.core.rollout.snapshot import PodSeen, Revision, ServiceSeen, Settings, Snapshot
from serinus.core.routing import RouterSeen, Unknown


class World:
    """One Rollout, two Services, a router, and pods that get ready `start_seconds` after birth."""

    def __init__(self, steps: Iterable[Any], *, replicas: int = 4, **canary: Any) -> None:
        self.now = START
        self.start_seconds = 5.0
        self.broken: set[str] = set()
        """Hashes whose new pods never get ready."""
        self.sets: dict[str, Set_] = {}
        self.services = {name: Service(name) for name in ("stable", "canary")}
        self.router = Router()
        self.runs: dict[str, AnalysisRun] = {}
        self.problems: tuple[FieldProblem, ...] = ()
        self.settings = Settings()
        self.version = "v1"
        self.rollout = self._rollout(list(steps), replicas, canary)
        self.timeline: list[str] = []
        self.events: list[tuple[str, str]] = []
        self.writes = 0
        self.counter = 0
        self.rules: Rules = ALL
        self.last: act.Plan = act.Plan()

    def _rollout(self, steps: list[Any], replicas: int, canary: dict[str, Any]) -> Rollout:
        strategy = {
            "canaryService": "canary",
            "stableService": "stable",
            "trafficRouting": {
                "nginx": {"stableIngress": "main"},
                "managedRoutes": [{"name": "testers"}, {"name": "staff"}, {"name": "copies"}],
            },
            "steps": steps,
            **canary,
        }
        spec = {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "x"}},
            "strategy": {"canary": strategy},
        }
        metadata = {"name": "app", "namespace": "ns", "uid": "u", "generation": 1}
        return decode(Rollout, {"metadata": metadata, "spec": spec})

    # --- What a user does -------------------------------------------------------------------------

    @property
    def status(self) -> RolloutStatus:
        return self.rollout.status

    def command(self, **changes: Any) -> None:
        """A command that arrives as an edit of the status."""
        self.rollout = replace(self.rollout, status=replace(self.status, **changes))

    def edit(self, **changes: Any) -> None:
        """An edit of the spec."""
        generation = self.rollout.metadata.generation + 1
        metadata = replace(self.rollout.metadata, generation=generation)
        spec = replace(self.rollout.spec, **changes)
        self.rollout = replace(self.rollout, spec=spec, metadata=metadata)

    def edit_canary(self, **changes: Any) -> None:
        strategy = self.rollout.spec.strategy
        assert strategy.canary is not None
        self.edit(strategy=replace(strategy, canary=replace(strategy.canary, **changes)))

    def release(self, version: str) -> None:
        self.version = version
        self.edit()

    def finish(self, phase: str, message: str = "") -> None:
        """The verdict of the run that is under way."""
        for name, run in self.runs.items():
            if run.status.phase not in ("Successful", "Failed", "Error", "Inconclusive"):
                self.runs[name] = replace(
                    run, status=AnalysisRunStatus(phase=phase, message=message)
                )

    # --- What the world is ------------------------------------------------------------------------

    def ready(self, pod: Pod) -> bool:
        return pod.ready_at is not None and pod.ready_at <= self.now

    def set_of(self, version: str) -> Set_:
        return next(s for s in self.sets.values() if s.hash == hash_of(version))

    def endpoints(self, selector: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for item in self.sets.values():
            count = sum(self.ready(pod) for pod in item.pods)
            if selector in ("", item.hash) and count:
                found[item.hash] = count
        return found

    def kill(self, version: str, count: int = 1000, revive: bool = True) -> None:
        """Pods that are ready stop being so; they come back after a start, or never."""
        for pod in [p for p in self.set_of(version).pods if self.ready(p)][:count]:
            again = self.now + timedelta(seconds=self.start_seconds)
            pod.ready_at = again if revive else None

    def revive(self, version: str) -> None:
        for pod in self.set_of(version).pods:
            pod.ready_at = pod.ready_at or self.now

    def snapshot(self) -> Snapshot:
        canary = self.rollout.spec.strategy.canary
        template = template_of(self.version)
        seen = self.router.routing if self.router.readable else Unknown("forbidden")
        written = self.router.written_at if self.router.readable else None
        return Snapshot(
            now=self.now,
            rollout=self.rollout,
            template=template,
            template_hash=pod_hash(template, self.status.collision_count),
            step_hash=step_hash(canary.steps if canary else ()),
            revisions=tuple(self._revision(item) for item in self.sets.values()),
            services={s.name: self._service(s) for s in self.services.values()},
            routers=()
            if canary is None or canary.traffic_routing is None
            else (
                RouterSeen(
                    router=ROUTER,
                    routing=seen,
                    written_at=written,
                    verified=self.router.verified,
                    weights=self.router.weights if isinstance(seen, Unknown) else (),
                    drifted=self.router.drifted,
                ),
            ),
            runs=tuple(self.runs.values()),
            problems=self.problems,
            settings=self.settings,
        )

    def _revision(self, item: Set_) -> Revision:
        ready = sum(self.ready(pod) for pod in item.pods)
        long = timedelta(seconds=item.min_ready_seconds)
        available = sum(p.ready_at is not None and p.ready_at + long <= self.now for p in item.pods)
        text = item.annotations.get(names.SCALE_DOWN_DEADLINE)
        return Revision(
            name=item.name,
            hash=item.hash,
            number=int(item.annotations.get(names.REVISION, item.number)),
            resource_version=str(item.version),
            template=item.template,
            replicas=item.replicas,
            seen=len(item.pods),
            ready=ready,
            available=available,
            observed=True,
            min_ready_seconds=item.min_ready_seconds,
            scale_down_deadline=datetime.fromisoformat(text) if text else None,
            deadline_set_for=item.annotations.get(names.SCALE_DOWN_SET_FOR, ""),
            injected=item.injected,
            pods=tuple(
                PodSeen(
                    name=pod.name,
                    ready=self.ready(pod),
                    labels=pod.labels,
                    annotations=pod.annotations,
                )
                for pod in item.pods
            ),
            annotations=dict(item.annotations),
        )

    def _service(self, service: Service) -> ServiceSeen:
        return ServiceSeen(
            name=service.name,
            resource_version=str(service.version),
            selector_hash=service.selector,
            written_at=service.written_at,
            endpoints=self.endpoints(service.selector),
        )

    # --- What plans do ----------------------------------------------------------------------------

    def apply(self, action: act.Action) -> None:
        """Carry out one action; a write that was decided on something older has no effect."""
        match action:
            case act.CreateRevision(name, hash_, number, template):
                self.sets.setdefault(name, Set_(name, hash_, number, template))
            case act.Scale(name, version, replicas):
                self._scale(self.sets[name], version, replicas)
            case act.SetRouting(_, routing, at):
                self.router.before = self.router.routing
                self.router.drifted = False
                if self.router.weights:
                    self.router.weights, self.router.readable = (), True
                self.router.routing, self.router.written_at = routing, at
            case act.PointService(name, version, hash_, at):
                service = self.services[name]
                if version == str(service.version):
                    service.before = service.selector
                    service.selector, service.written_at = hash_, at
                    service.version += 1
            case act.StartRun(name, _, _, hash_, _):
                metadata = ObjectMeta(name=name, labels={names.POD_HASH: hash_})
                self.runs.setdefault(name, AnalysisRun(metadata=metadata))
            case act.StopRun(name):
                stopped = AnalysisRunStatus(phase="Successful", message="Run Terminated")
                spec = AnalysisRunSpec(terminate=True)
                self.runs[name] = replace(self.runs[name], spec=spec, status=stopped)
            case act.LabelPods(name, version, labels, annotations):
                self._label(self.sets[name], version, dict(labels), dict(annotations))
            case act.Annotate(name, version, annotations):
                self._annotate(self.sets[name], version, dict(annotations))
            case act.EditRollout(annotations, replicas):
                self._edited(dict(annotations), replicas)
            case act.Retire("ReplicaSet", name, _):
                del self.sets[name]
            case act.Retire(_, name, _):
                del self.runs[name]
            case act.Announce(reason, message):
                self.events.append((reason, message))
        self.writes += not isinstance(action, act.Announce)

    def _scale(self, item: Set_, version: str, replicas: int) -> None:
        if version != str(item.version):
            return
        item.version += 1
        item.replicas, item.min_ready_seconds = replicas, self.rollout.spec.min_ready_seconds
        item.pods.sort(key=lambda pod: (not self.ready(pod), pod.name))
        del item.pods[replicas:]
        while len(item.pods) < replicas:
            self.counter += 1
            ready_at = self.now + timedelta(seconds=self.start_seconds)
            fate = None if item.hash in self.broken else ready_at
            item.pods.append(Pod(f"{item.name}-{self.counter:03}", fate))
            item.pods[-1].labels = dict(item.injected.get("labels", {}))
            item.pods[-1].annotations = dict(item.injected.get("annotations", {}))

    def _label(
        self, item: Set_, version: str, labels: dict[str, str], annotations: dict[str, str]
    ) -> None:
        if version == str(item.version):
            item.version += 1
            item.injected = {"labels": labels, "annotations": annotations}
            for pod in item.pods:
                pod.labels, pod.annotations = dict(labels), dict(annotations)

    def _annotate(self, item: Set_, version: str, annotations: dict[str, str | None]) -> None:
        if version != str(item.version):
            return
        item.version += 1
        for key, value in annotations.items():
            item.annotations.pop(key, None)
            if value is not None:
                item.annotations[key] = value

    def _edited(self, annotations: dict[str, str], replicas: int | None) -> None:
        metadata = self.rollout.metadata
        merged = {**metadata.annotations, **annotations}
        self.rollout = replace(self.rollout, metadata=replace(metadata, annotations=merged))
        if replicas is not None:
            self.edit(replicas=replicas)

    def reconcile(self, keep: Callable[[act.Action], bool] = lambda _: True) -> bool:
        """Plan once and carry out what `keep` lets through; True if anything was written."""
        self.last = made = plan(self.snapshot(), self.rules)
        kept = [action for action in made.actions if keep(action)]
        for action in kept:
            self.apply(action)
        changed = made.status is not None and made.status != self.status
        if made.status is not None and changed:
            self.rollout = replace(self.rollout, status=made.status)
            self.writes += 1
        self.note()
        return bool(kept) or changed

    def settle(self, limit: int = 60) -> None:
        """Reconcile at this instant until nothing is written any more."""
        for _ in range(limit):
            if not self.reconcile() or self._only_blind():
                return
        raise AssertionError(f"never silent: {self.last.actions} {self.last.reasons}")

    def _only_blind(self) -> bool:
        """The last plan did nothing but repeat weight 0 to a router that cannot be read."""
        blind = not self.router.readable and self.router.routing.weight == 0
        return blind and all(isinstance(a, act.SetRouting) for a in self.last.actions)

    def run(self, seconds: float = 10_000, until: Callable[[World], bool] | None = None) -> None:
        """Let time pass, stopping at every instant at which something happens, until it rests."""
        end = self.now + timedelta(seconds=seconds)
        while True:
            self.settle()
            if until is not None and until(self):
                return
            instants = [self.last.wake_at, *(p.ready_at for p in self._pods())]
            for item in self.sets.values():
                long = timedelta(seconds=item.min_ready_seconds)
                instants += [p.ready_at + long for p in item.pods if p.ready_at]
            later = [at for at in instants if at is not None and at > self.now]
            if not later or min(later) > end:
                self.now = max(self.now, end) if later and seconds < 10_000 else self.now
                self.settle()
                return
            self.now = min(later)

    def _pods(self) -> list[Pod]:
        return [pod for item in self.sets.values() for pod in item.pods]

    # --- What tests look at -----------------------------------------------------------------------

    def shares(self) -> dict[str, float]:
        """Who really gets which part of production traffic, by hash."""
        part = self.router.routing.weight / self.router.routing.total
        found: dict[str, float] = {}
        for service, share in (("canary", part), ("stable", 1 - part)):
            behind = self.endpoints(self.services[service].selector)
            for hash_, count in behind.items():
                share_here = share * count / sum(behind.values())
                found[hash_] = found.get(hash_, 0) + share_here
            if share and not behind:
                found["nobody"] = found.get("nobody", 0) + share
        return found

    def lost(self) -> float:
        """The largest part of requests that may find no pod, under any mix of what is written and
        what was before, until that has settled. No write of ours may raise it."""
        fresh = self.now - self.settings.settle
        router, stable = self.router, self.services["stable"]
        routings, canary = [router.routing], self.services["canary"]
        if router.before is not None and router.written_at and router.written_at > fresh:
            routings.append(router.before)
        choices = []
        for service in (stable, canary):
            selectors = [service.selector]
            if service.before is not None and service.written_at and service.written_at > fresh:
                selectors.append(service.before)
            choices.append([sum(self.endpoints(s).values()) for s in selectors])
        worst = 0.0
        for routing, behind_stable, behind_canary in product(routings, *choices):
            # All requests may carry the header of a route.
            part = 1.0 if routing.header_routes else routing.weight / routing.total
            worst = max(worst, (1 - routing.weight / routing.total) * (not behind_stable))
            worst = max(worst, part * (not behind_canary) + (1 - part) * (not behind_stable))
        return worst

    def line(self) -> str:
        """Weight, step and wanted replicas by version, as one short line."""
        by_hash = {hash_of(f"v{n}"): f"v{n}" for n in range(1, 10)}
        counts = sorted((by_hash.get(s.hash, s.name), s.replicas) for s in self.sets.values())
        pods = " ".join(f"{version}:{count}" for version, count in counts)
        weight, step = self.router.routing.weight, self.status.current_step_index
        canary = self.rollout.spec.strategy.canary
        if canary is None or canary.traffic_routing is None:
            return f"step={step} {pods} {self.status.phase}"
        routing = self.router.routing
        names = [route.name for route in (*routing.header_routes, *routing.mirror_routes)]
        routes = f"+{','.join(names)}" if names else ""
        return f"w={weight}{routes} step={step} {pods} {self.status.phase}"

    def note(self) -> None:
        seconds = (self.now - START).total_seconds()
        line = self.line()
        if not self.timeline or self.timeline[-1].split(" ", 1)[1] != line:
            self.timeline.append(f"{seconds:g}s {line}")


def first_deploy(steps: Iterable[Any], **options: Any) -> World:
    """A world whose v1 is deployed, stable and at rest."""
    world = World(steps, **options)
    world.run()
    world.timeline.clear()
    world.events.clear()
    return world
