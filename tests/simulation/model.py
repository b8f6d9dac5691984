"""A small pure world: frozen, comparable, cheap to copy. It carries no rule and no judgement.

What is written and what is obeyed are two things here: a Service's slices follow its selector
late, the data plane follows both late, the ReplicaSet controller follows `replicas` late. The one
promise that the world keeps is that of the settle time: a router that cannot be asked, and what a
Service's slices show, are obeyed when the settle time since the write is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from serinus.api.argo import RolloutStatus
from simulation.parts import Call, Router, Run, Told, Trial
from simulation.shape import SETTLE, Shape, hash_of, version_of

LONG_AGO = -(10**15)
DOUBT = "InconclusiveAnalysisRun"
"""Why a rollout is paused whose run beside the steps says neither yes nor no."""


@dataclass(frozen=True, slots=True)
class Pods:
    """One ReplicaSet and its pods; a dead pod is pending again."""

    version: str
    number: int
    replicas: int = 0
    ready: int = 0
    pending: int = 0
    old: int = 0
    """How many of them are older than the restart that was asked for; ready ones first."""
    shown: int = 0
    """Dead pods that the slices of Services are late to drop."""
    written: int = 1
    """Its resourceVersion."""
    deadline: int | None = None
    set_for: str = ""
    proven: bool = False
    """It carries the mark that it was stable once."""
    reached: int = LONG_AGO
    """Ghost: when production could reach it last."""

    @property
    def lasting(self) -> int:
        """Ready pods that stay when its controller has acted."""
        return min(self.ready, self.replicas)

    @property
    def name(self) -> str:
        return f"app-{hash_of(self.version)}"


@dataclass(frozen=True, slots=True)
class Service:
    selector: str = ""
    """A version; "" selects all."""
    shown: str = ""
    """The selector that its slices show."""
    lagging: tuple[str, ...] = ()
    """Earlier selectors that the data plane may still obey."""
    written_at: int | None = None
    written: int = 1


@dataclass(frozen=True, slots=True)
class Lender:
    """The workload of a workloadRef, and its ready pods; behind a Service that selects all."""

    replicas: int
    ready: int
    noted: int | None = None
    scaled_by: str = ""
    written: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything at one instant."""

    shape: Shape
    now: int = 0
    version: str = "A"
    replicas: int
    paused: bool = False
    invalid: bool = False
    revision: str = ""
    sets: tuple[Pods, ...] = ()
    stable: Service = Service()
    canary: Service = Service()
    router: Router = field(default_factory=Router)
    runs: tuple[Run, ...] = ()
    trials: tuple[Trial, ...] = ()
    lender: Lender | None = None
    restart: int | None = None
    """spec.restartAt."""
    status: RolloutStatus = field(default_factory=RolloutStatus)
    attempt: int = 0
    """Ghost: raised by whatever starts the steps anew."""
    let_go: int = -1
    """Ghost: the step whose pause a user has ended."""
    trusted: frozenset[str] = frozenset()
    """Ghost: the versions that a status ever called stable."""
    calls: tuple[Call, ...] = ()
    told: tuple[Told, ...] = ()
    """Ghost: the memory of step plugins, the latest last."""
    won: tuple[int, ...] = ()
    """Ghost: the attempts that ended in a promotion."""
    moved: int = LONG_AGO
    """Ghost: when the release got on last."""

    def pods(self, version: str) -> Pods | None:
        return next((one for one in self.sets if one.version == version), None)

    def ready(self, version: str) -> int:
        """Ready pods that a selector gives requests to; "" selects all."""
        lent = self.lender.ready if self.lender and not version else 0
        return lent + sum(one.ready for one in self.sets if version in ("", one.version))

    @property
    def base(self) -> str:
        """The version that the status calls stable; "" before the first promotion."""
        return version_of(self.status.stable_rs)

    @property
    def recorded(self) -> str:
        """The version that the status calls the current one."""
        return version_of(self.status.current_pod_hash)

    @property
    def entry(self) -> Service:
        """The Service that users come through."""
        return self.stable

    @property
    def lends(self) -> str:
        return self.shape.lends

    @property
    def surge_limit(self) -> int | None:
        return self.shape.surge_limit

    @property
    def unavailable(self) -> int:
        """The pods that may be missing without a router; with one, a restart takes one."""
        return 1 if self.shape.routed else self.shape.unavailable(self.replicas)

    @property
    def broken(self) -> frozenset[str]:
        return self.shape.broken

    def may_be_missed(self, version: str) -> bool:
        """The last pod of a version may go in a restart: nobody asks it, or there is no room."""
        if not self.shape.routed:
            one = self.pods(version)
            tight = self.replicas + self.shape.surge(self.replicas) <= 1
            return tight or one is None or one.ready <= 1
        asked = ((self.canary, self.router.weight), (self.stable, 100 - self.router.weight))
        return not any(
            service.lagging
            or self.router.lagging
            or self.router.apart
            or (weight and {service.selector, service.shown} & {"", version})
            for service, weight in asked
        )

    def has_to_wait(self, version: str) -> bool:
        """The single pod behind a Service, in mid-release, that may get no second one: all that
        may surge is used, or nothing is added to a canary in doubt."""
        one = self.pods(version)
        single = one is not None and one.replicas == 1
        doubt = any(pause.reason == DOUBT for pause in self.status.pause_conditions)
        full = not self.shape.routed or (doubt and version == self.version)
        return full and single and self.base != self.version

    @property
    def index(self) -> int:
        index = self.status.current_step_index
        return self.shape.step_count if index is None else index


# --- Changes that the world makes by itself -------------------------------------------------------


def with_pods(world: World, new: Pods) -> World:
    sets = tuple(new if one.version == new.version else one for one in world.sets)
    return replace(world, sets=sets)


def controlled(world: World, version: str) -> World:
    """The ReplicaSet controller acts: creates, or removes the pending before the ready."""
    one = world.pods(version)
    assert one is not None
    ready = min(one.ready, one.replicas)
    old = min(one.old, one.ready + one.pending, one.replicas)
    return with_pods(world, replace(one, ready=ready, pending=one.replicas - ready, old=old))


def readied(world: World, version: str, count: int = 1000) -> World:
    one = world.pods(version)
    assert one is not None
    count = min(count, one.pending)
    return with_pods(world, replace(one, ready=one.ready + count, pending=one.pending - count))


def died(world: World, version: str, count: int = 1000, *, shown: bool = False) -> World:
    """Pods stop being ready; they may get ready again. `shown`: slices are late to drop them."""
    one = world.pods(version)
    assert one is not None
    count = min(count, one.ready)
    late = one.shown + count * shown
    new = replace(one, ready=one.ready - count, pending=one.pending + count, shown=late)
    return with_pods(world, new)


def noticed(world: World, version: str) -> World:
    """The slices drop the dead of a revision."""
    one = world.pods(version)
    assert one is not None
    return with_pods(world, replace(one, shown=0))


def lent(world: World) -> World:
    """The controller of the lending workload acts, and its pods are ready."""
    assert world.lender is not None
    return replace(world, lender=replace(world.lender, ready=world.lender.replicas))


def obeyed(world: World, part: str) -> World:
    """The data plane follows what is written to `part` (a Service's as its slices show it)."""
    if part == "router":
        return replace(world, router=replace(world.router, lagging=()))
    service: Service = getattr(world, part)
    return replace(world, **{part: replace(service, shown=service.selector, lagging=())})


def sliced(world: World, part: str) -> World:
    """The slices of a Service follow its selector; the data plane does not yet."""
    service: Service = getattr(world, part)
    late = service.written_at is None or world.now >= service.written_at + SETTLE
    return replace(
        world,
        **{part: replace(service, shown=service.selector, lagging=() if late else service.lagging)},
    )


def passed(world: World, until: int) -> World:
    """Time passes; what had to be obeyed by then is."""
    world = replace(world, now=until)
    at = world.router.written_at
    late = at is not None and until >= at + SETTLE
    if world.router.lagging and late and not world.shape.verifying:
        world = obeyed(world, "router")
    for part in ("stable", "canary"):
        service: Service = getattr(world, part)
        at = service.written_at
        late = at is not None and until >= at + SETTLE
        if service.lagging and service.shown == service.selector and late:
            world = obeyed(world, part)
    return world
