"""Where things stand: who is who among the revisions, and which parts of the world play a role.

Reads a snapshot once, so that no other file has to look roles up. Decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from serinus.api.argo import (
    AntiAffinity,
    BlueGreenStrategy,
    CanaryStrategy,
    RolloutSpec,
    RolloutStatus,
)
from serinus.api.hashes import pod_hash
from serinus.api.kubernetes import PodTemplateMetadata
from serinus.core.rollout.adoption import made_of
from serinus.core.rollout.rules import Rule, Rules
from serinus.core.rollout.snapshot import Revision, ServiceSeen, Snapshot
from serinus.core.routing import RouterSeen, Routing, Unknown

_NO_CANARY = CanaryStrategy()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A snapshot, and the roles in it."""

    snapshot: Snapshot
    rules: Rules
    strategy: CanaryStrategy
    """Without anything in it for a blue-green rollout."""
    blue_green: BlueGreenStrategy | None
    replicas: int
    """spec.replicas, 1 where it is not written yet."""
    total: int
    """What a weight is a part of."""
    current: Revision | None
    """The revision of the template that is wanted now; None until it is created."""
    current_hash: str
    stable: Revision | None
    stable_hash: str
    """"" while no revision was ever promoted, or if the promoted one is gone."""
    others: tuple[Revision, ...]
    collided: bool
    """Another template already carries the hash of ours."""
    invalid: bool
    routers: tuple[RouterSeen, ...]
    canary_service: ServiceSeen | None
    stable_service: ServiceSeen | None
    active_service: ServiceSeen | None
    preview_service: ServiceSeen | None

    @property
    def spec(self) -> RolloutSpec:
        return self.snapshot.rollout.spec

    @property
    def status(self) -> RolloutStatus:
        return self.snapshot.rollout.status

    @property
    def first(self) -> bool:
        """No revision is stable yet."""
        return not self.stable_hash

    @property
    def by_pods(self) -> bool:
        """A canary without a router: each pod gets its share."""
        return self.blue_green is None and self.strategy.traffic_routing is None

    @property
    def promoted(self) -> bool:
        """The wanted revision is the stable one: nothing is on trial."""
        return bool(self.stable_hash) and self.stable_hash == self.current_hash

    @property
    def base_hash(self) -> str:
        """Whom the stable Service should select: stable, or the first revision."""
        return self.stable_hash or self.current_hash

    @property
    def trial_metadata(self) -> PodTemplateMetadata | None:
        """Ephemeral metadata of the revision on trial."""
        blue_green = self.blue_green
        return blue_green.preview_metadata if blue_green else self.strategy.canary_metadata

    @property
    def trusted_metadata(self) -> PodTemplateMetadata | None:
        """Ephemeral metadata of stable."""
        blue_green = self.blue_green
        return blue_green.active_metadata if blue_green else self.strategy.stable_metadata

    @property
    def anti_affinity(self) -> AntiAffinity | None:
        """What keeps the revision on trial from the nodes of stable; None if nothing does."""
        found = (self.blue_green or self.strategy).anti_affinity
        asks = found is not None and (found.preferred or found.required)
        return found if asks and not (self.first or self.promoted) else None

    @property
    def frozen(self) -> bool:
        """Safety rule S6."""
        return self.invalid or self.spec.paused


def stand(snapshot: Snapshot, rules: Rules) -> Standing:
    """The roles in `snapshot`."""
    spec, status = snapshot.rollout.spec, snapshot.rollout.status
    strategy = spec.strategy.canary or _NO_CANARY
    blue_green = None if spec.strategy.canary else spec.strategy.blue_green
    routing = strategy.traffic_routing
    total = (routing.max_traffic_weight if routing else None) or 100
    current, current_hash, collided = _current(snapshot)
    by_hash = {revision.hash: revision for revision in snapshot.revisions if revision.hash}
    stable_hash = status.stable_rs
    if stable_hash not in by_hash and stable_hash != current_hash:
        stable_hash = ""
    return Standing(
        snapshot=snapshot,
        rules=rules,
        strategy=strategy,
        blue_green=blue_green,
        replicas=1 if spec.replicas is None else spec.replicas,
        total=total,
        current=current,
        current_hash=current_hash,
        stable=by_hash.get(stable_hash) if stable_hash else None,
        stable_hash=stable_hash,
        others=tuple(r for r in snapshot.revisions if r.hash not in (current_hash, stable_hash)),
        collided=collided,
        invalid=bool(snapshot.problems),
        routers=snapshot.routers if Rule.S4 in rules else _believed_zero(snapshot, total),
        canary_service=snapshot.services.get(strategy.canary_entry),
        stable_service=snapshot.services.get(strategy.stable_entry),
        active_service=_named(snapshot, blue_green.active_service if blue_green else ""),
        preview_service=_named(snapshot, blue_green.preview_service if blue_green else ""),
    )


def _named(snapshot: Snapshot, name: str) -> ServiceSeen | None:
    return snapshot.services.get(name) if name else None


def _current(snapshot: Snapshot) -> tuple[Revision | None, str, bool]:
    """The wanted revision, its hash, and whether its hash is taken: by another template, or its
    name by somebody else's ReplicaSet.

    Under an invalid spec the one that the status remembers goes on, but for an undo to the stable
    template (rule S6).
    """
    status = snapshot.rollout.status
    by_hash = {revision.hash: revision for revision in snapshot.revisions if revision.hash}
    found = made_of(snapshot, tuple(by_hash.values()))
    if snapshot.problems and status.current_pod_hash:
        undone = found is not None and found.hash == status.stable_rs
        if not undone:
            found = by_hash.get(status.current_pod_hash)
            return found, status.current_pod_hash, False
    if found is None:
        name = f"{snapshot.rollout.metadata.name}-{snapshot.template_hash}"
        return None, snapshot.template_hash, name in snapshot.taken
    return found, found.hash, _collides(snapshot, found)


def _collides(snapshot: Snapshot, found: Revision) -> bool:
    """Two templates, one hash. A template that a webhook changed after us is no collision: it does
    not give the hash that it carries, and creating another one would never end.
    """
    if found.template == snapshot.template or found.hash != snapshot.template_hash:
        return False
    count = snapshot.rollout.status.collision_count
    return pod_hash(found.template, count) == found.hash


def _believed_zero(snapshot: Snapshot, total: int) -> tuple[RouterSeen, ...]:
    """What a planner without rule S4 would take an unreadable router for."""
    return tuple(
        replace(seen, routing=Routing(0, total)) if isinstance(seen.routing, Unknown) else seen
        for seen in snapshot.routers
    )


def ready_pods(revision: Revision | None) -> int:
    """Ready pods of a revision that stay, by the lower of what its ReplicaSet and its pods say."""
    if revision is None:
        return 0
    ready = sum(pod.ready and not pod.deleting for pod in revision.pods)
    return min(revision.replicas, revision.ready, ready)
