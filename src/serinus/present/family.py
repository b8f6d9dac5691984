"""A Rollout, or an Experiment, and all that belongs to it, as read from a cluster; who plays which
part.

Works on API objects alone; knows neither client nor screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import ObjectMeta, Pod, ReplicaSet
from serinus.api.names import POD_HASH, REVISION
from serinus.api.pingpong import OTHER, stable_role


@dataclass(frozen=True, slots=True)
class Trial:
    """What `get experiment` shows. Only objects that the Experiment owns, directly or not."""

    experiment: Experiment
    replica_sets: tuple[ReplicaSet, ...] = ()
    pods: tuple[Pod, ...] = ()
    runs: tuple[AnalysisRun, ...] = ()


@dataclass(frozen=True, slots=True)
class Family:
    """What `get rollout` shows. Only objects that the Rollout owns, directly or not."""

    rollout: Rollout
    replica_sets: tuple[ReplicaSet, ...] = ()
    pods: tuple[Pod, ...] = ()
    runs: tuple[AnalysisRun, ...] = ()
    trials: tuple[Trial, ...] = ()


@dataclass(frozen=True, slots=True)
class Relatives:
    """All objects of a namespace that may belong to a Rollout or an Experiment."""

    replica_sets: tuple[ReplicaSet, ...] = ()
    pods: tuple[Pod, ...] = ()
    runs: tuple[AnalysisRun, ...] = ()
    experiments: tuple[Experiment, ...] = ()


def family_of(rollout: Rollout, among: Relatives) -> Family:
    """The family of `rollout`."""
    sets, pods, runs = _belongings(rollout.metadata, among)
    mine = (one for one in among.experiments if _owned(one.metadata, {rollout.metadata.uid}))
    return Family(rollout, sets, pods, runs, tuple(trial_of(one, among) for one in mine))


def trial_of(experiment: Experiment, among: Relatives) -> Trial:
    """The Experiment with its own."""
    return Trial(experiment, *_belongings(experiment.metadata, among))


def _belongings(
    owner: ObjectMeta, among: Relatives
) -> tuple[tuple[ReplicaSet, ...], tuple[Pod, ...], tuple[AnalysisRun, ...]]:
    sets = tuple(one for one in among.replica_sets if _owned(one.metadata, {owner.uid}))
    uids = {one.metadata.uid for one in sets}
    pods = tuple(one for one in among.pods if _owned(one.metadata, uids))
    return sets, pods, tuple(one for one in among.runs if _owned(one.metadata, {owner.uid}))


def hash_of(metadata: ObjectMeta) -> str:
    """Which revision an object belongs to."""
    return metadata.labels.get(POD_HASH, "")


def revision_of(metadata: ObjectMeta) -> int:
    """The revision number, 0 if it has none."""
    text = metadata.annotations.get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def roles(rollout: Rollout, hash_: str) -> tuple[str, ...]:
    """What a revision is to its rollout: stable, canary, active, preview, or nothing any more.

    With pingPong also behind which of the two Services it stands.
    """
    status, strategy = rollout.status, rollout.spec.strategy
    if not hash_:
        return ()
    if strategy.blue_green:
        claims = [
            ("stable", status.stable_rs),
            ("active", status.blue_green.active_selector),
            ("preview", status.blue_green.preview_selector),
        ]
        named = tuple(name for name, owner in claims if owner == hash_)
        # Once all is switched, the preview Service selects the active revision as well.
        return tuple(n for n in named if n != "preview" or "active" not in named)
    role = stable_role(rollout)
    if hash_ == status.stable_rs:
        return ("stable", role) if role else ("stable",)
    if hash_ != status.current_pod_hash:
        return ()
    return ("canary", OTHER[role]) if role else ("canary",)


def newest_first(replica_sets: Iterable[ReplicaSet]) -> Sequence[ReplicaSet]:
    """By revision number, the latest first."""
    return sorted(replica_sets, key=lambda one: (-revision_of(one.metadata), one.metadata.name))


def _owned(metadata: ObjectMeta, uids: set[str]) -> bool:
    return any(owner.controller and owner.uid in uids for owner in metadata.owner_references)
