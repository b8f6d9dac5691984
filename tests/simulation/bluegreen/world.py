"""A small pure blue-green world: frozen, comparable. It carries no rule and no judgement.

As in `simulation.model`, what is written and what is obeyed are two things: slices follow a
selector late, the data plane follows later still, at the latest when the settle time is over.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from serinus.api.argo import RolloutStatus
from simulation.bluegreen.shape import Shape
from simulation.model import LONG_AGO, Lender, Pods, Service
from simulation.shape import SETTLE, instant, micros, version_of

SERVICES = ("active", "preview")


@dataclass(frozen=True, slots=True)
class Run:
    name: str
    version: str
    kind: str
    phase: str = "Running"
    stopped: bool = False
    attempt: int = 0
    switch: int = 0
    """Ghosts: of which attempt, and behind which switch, it was created."""


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
    active: Service = field(default_factory=Service)
    preview: Service = field(default_factory=Service)
    runs: tuple[Run, ...] = ()
    lender: Lender | None = None
    restart: int | None = None
    """spec.restartAt."""
    status: RolloutStatus = field(default_factory=RolloutStatus)
    attempt: int = 0
    """Ghost: raised by a new revision and by a retry."""
    switch: int = 0
    """Ghost: how often the active Service was pointed elsewhere."""
    let_go: bool = False
    """Ghost: a person, or time, ended the pause of this attempt."""
    short: bool = False
    """Ghost: this attempt goes back to one that was stable and whose delay was not over."""
    trusted: frozenset[str] = frozenset()
    """Ghost: the versions that a status ever called stable."""

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
        return version_of(self.status.current_pod_hash)

    @property
    def entry(self) -> Service:
        """The Service that users come through."""
        return self.active

    @property
    def lends(self) -> str:
        return self.shape.lends

    @property
    def surge_limit(self) -> int | None:
        return None

    @property
    def unavailable(self) -> int:
        return 0

    @property
    def broken(self) -> frozenset[str]:
        return self.shape.broken

    def may_be_missed(self, version: str) -> bool:
        """The last pod of a version may go in a restart: production does not get it."""
        return not self.may_reach(version) and self.active.shown not in ("", version)

    def has_to_wait(self, version: str) -> bool:
        return False

    @property
    def reached(self) -> frozenset[str]:
        """The selectors that production may follow now."""
        return frozenset((self.active.selector, *self.active.lagging))

    def may_reach(self, version: str) -> bool:
        return bool(self.reached & {version, ""})

    @property
    def lost(self) -> bool:
        """A request may find no pod."""
        return any(not self.ready(selector) for selector in self.reached)


def with_pods(world: World, new: Pods) -> World:
    sets = tuple(new if one.version == new.version else one for one in world.sets)
    return replace(world, sets=sets)


def touched(world: World) -> World:
    """Ghost: who can be reached now, and answers, was reached now."""
    late = {
        one.version: replace(one, reached=world.now)
        for one in world.sets
        if one.ready and one.reached != world.now and world.may_reach(one.version)
    }
    if not late:
        return world
    return replace(world, sets=tuple(late.get(one.version, one) for one in world.sets))


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
    """`shown`: slices are late to drop them."""
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


def service_of(world: World, part: str) -> Service:
    return world.active if part == "active" else world.preview


def with_service(world: World, part: str, service: Service) -> World:
    if part == "active":
        return replace(world, active=service)
    return replace(world, preview=service)


def sliced(world: World, part: str) -> World:
    """The slices of a Service follow its selector; the data plane does not yet."""
    service = service_of(world, part)
    late = service.written_at is None or world.now >= service.written_at + SETTLE
    lagging = () if late else service.lagging
    return with_service(world, part, replace(service, shown=service.selector, lagging=lagging))


def obeyed(world: World, part: str) -> World:
    service = service_of(world, part)
    return with_service(world, part, replace(service, shown=service.selector, lagging=()))


def passed(world: World, until: int) -> World:
    """Time passes; what had to be obeyed by then is."""
    world = touched(replace(touched(world), now=until))
    for part in SERVICES:
        service = service_of(world, part)
        at = service.written_at
        late = at is not None and until >= at + SETTLE
        if service.lagging and service.shown == service.selector and late:
            world = obeyed(world, part)
    return world


# --- What makes two worlds the same ---------------------------------------------------------------


def key(world: World) -> tuple[object, ...]:
    """Canonical: instants are relative to now in whole seconds, numbers are ranks."""
    numbers = sorted({one.number for one in world.sets})
    status, now = world.status, world.now
    duration = status.duration
    return (
        (world.version, world.replicas, world.paused, world.invalid, world.let_go, world.short),
        world.lender and (world.lender.replicas, world.lender.ready, world.lender.noted),
        (world.restart is None, instant(world.restart) == status.restarted_at),
        tuple(_pods_key(world, one, numbers) for one in world.sets),
        *(
            (s.selector, s.shown, s.lagging, _age(now, s.written_at))
            for s in (world.active, world.preview)
        ),
        tuple(
            (
                *(run.version, run.kind, run.phase, run.stopped),
                *(run.attempt == world.attempt, run.switch == world.switch),
                run.name in noted(status),
            )
            for run in world.runs
        ),
        (status.abort, status.aborted_at is not None, status.controller_pause, status.promote_full),
        tuple(
            (p.reason, _age(now, micros(p.start_time)) if p.start_time else None)
            for p in status.pause_conditions
        ),
        (version_of(status.current_pod_hash), version_of(status.stable_rs)),
        status.blue_green.scale_up_preview_check_point,
        duration is not None and duration.finished_at is None and duration.completion_status,
        tuple(sorted(world.trusted)),
        tuple(
            (run.status, run.name in {one.name for one in world.runs}) if run else None
            for run in (
                status.blue_green.pre_promotion_analysis_run_status,
                status.blue_green.post_promotion_analysis_run_status,
            )
        ),
    )


def noted(status: RolloutStatus) -> frozenset[str]:
    """The names of the runs that the status waits for."""
    pre = status.blue_green.pre_promotion_analysis_run_status
    post = status.blue_green.post_promotion_analysis_run_status
    return frozenset(run.name for run in (pre, post) if run)


def _age(now: int, at: int | None) -> int | None:
    return None if at is None else min((now - at) // 1_000_000, 40)


def _pods_key(world: World, one: Pods, numbers: list[int]) -> tuple[object, ...]:
    left = None if one.deadline is None else max((one.deadline - world.now) // 1_000_000, -1)
    reached = 99 if one.reached == LONG_AGO else min((world.now - one.reached) // 1_000_000, 40)
    counts = (one.replicas, one.ready, one.pending, one.old, one.shown)
    marks = (one.set_for != "", one.proven)
    return (one.version, numbers.index(one.number), counts, left, marks, reached)
