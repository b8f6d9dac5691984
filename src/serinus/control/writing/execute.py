"""Carries out a plan: each action is one conditional write, the status comes last.

Decides nothing. A write that lost a race or whose fate is unknown ends the plan (the rest may be
lost by design) and the key looks again. What the server refuses for good must not keep the others
from going: an abort would wait behind a template that no server accepts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.routed import routing_note
from serinus.base.errors import SerinusError
from serinus.control import kinds
from serinus.control.looking.caches import Caches
from serinus.control.looking.objects import routed
from serinus.control.looking.seen import Observation
from serinus.control.retry import is_refusal
from serinus.control.telling import answers
from serinus.control.telling.announcer import Announcer
from serinus.control.writing import manifests, trials
from serinus.control.writing.doubts import Doubts, Place
from serinus.control.writing.patches import struct_patch
from serinus.control.writing.runs import analysis_run
from serinus.control.writing.sending import Sender, key_of
from serinus.core.rollout.actions import (
    Action,
    Adopt,
    Annotate,
    Announce,
    CallStep,
    CreateRevision,
    EditRollout,
    Evict,
    KeepApart,
    LabelPods,
    LetGo,
    MarkExperiment,
    Plan,
    PointService,
    Retire,
    Scale,
    ScaleWorkload,
    SetRouting,
    StartExperiment,
    StartRun,
    StopExperiment,
    StopRun,
)
from serinus.kube.client import Client
from serinus.kube.errors import Conflict, NotFound, TooManyRequests
from serinus.kube.resource import PODS, REPLICASETS, SERVICES, Resource
from serinus.traffic.router import Create, Delete, Patch, SelectsPods, Write, annotated

_RETIRED: Mapping[str, Resource] = {
    "ReplicaSet": REPLICASETS,
    "AnalysisRun": kinds.ANALYSIS_RUNS,
    "Experiment": kinds.EXPERIMENTS,
}
_CREATES = (CreateRevision, StartRun, StartExperiment)
_TOLD_WITH: Mapping[type, str] = {
    CreateRevision: "NewReplicaSetCreated",
    Scale: "ScalingReplicaSet",
    ScaleWorkload: "ScalingReplicaSet",
    PointService: "SwitchService",
}
"""The event that goes with an action: it is not told if the action was refused."""


@dataclass(frozen=True, slots=True)
class Done:
    """How many writes were sent, and what the server (or an adapter) refused of them."""

    writes: int
    refusals: tuple[Exception, ...] = ()


class Executor:
    """Writes through one client; answers go into the caches, so no later look is older."""

    def __init__(
        self, client: Client, caches: Caches, doubts: Doubts, announcer: Announcer
    ) -> None:
        self._client, self._doubts, self._announcer = client, doubts, announcer
        self._sender = Sender(client, caches, doubts, waits=True)

    async def carry_out(self, seen: Observation, plan: Plan) -> Done:
        """All of `plan`. Raises the first error that is no refusal; the status is not written then.

        The status says what was seen, not what was just written: it is true beside a refusal.
        """
        writes, refusals, told = 0, list[Exception](), list[Announce]()
        silent = ""
        for action in plan.actions:
            if isinstance(action, Announce):
                told += () if action.reason == silent else (action,)
                silent = ""
                continue
            silent = ""
            try:
                writes += await self._write(seen, action)
            except SerinusError as error:
                if not is_refusal(error, creates=isinstance(action, _CREATES)):
                    raise
                refusals.append(error)
                told.append(answers.refused(action, error))
                silent = _TOLD_WITH.get(type(action), "")
        writes += await self._status(seen.snapshot.rollout, plan)
        for announce in told:
            self._announce(seen.snapshot.rollout, announce)
        return Done(writes, tuple(refusals))

    async def _write(self, seen: Observation, action: Action) -> int:
        rollout, send = seen.snapshot.rollout, self._sender
        whose = rollout.metadata
        match action:
            case CreateRevision():
                await self._create_revision(rollout, action)
            case Adopt(name, version):
                patch = manifests.at(version, manifests.adopted(rollout))
                await send.patch(whose, REPLICASETS, name, patch)
            case Scale(name, version, replicas):
                patch = manifests.scale(rollout, replicas)
                await send.patch(whose, REPLICASETS, name, manifests.at(version, patch))
            case Annotate(name, version, notes):
                patch = {"metadata": {"annotations": dict(notes)}}
                await send.patch(whose, REPLICASETS, name, manifests.at(version, patch))
            case KeepApart(name):
                await send.patch(whose, REPLICASETS, name, manifests.kept_apart(rollout, action))
            case LabelPods():
                return await self._label_pods(seen, action)
            case SetRouting():
                return await self._route(seen, action)
            case PointService():
                return await self._point(seen, action)
            case StartRun():
                manifest = analysis_run(rollout, action, seen.templates)
                await send.create(whose, kinds.ANALYSIS_RUNS, manifest)
            case StopRun(name):
                run = next(run for run in seen.snapshot.runs if run.metadata.name == name)
                patch = {"spec": {"terminate": True}}
                version = run.metadata.resource_version
                await send.patch(whose, kinds.ANALYSIS_RUNS, name, manifests.at(version, patch))
            case StartExperiment():
                revisions = {one.hash: one for one in seen.snapshot.revisions}
                made = trials.experiment(rollout, action, revisions)
                await send.create(whose, kinds.EXPERIMENTS, made)
                text = f"Created Experiment '{action.name}'"
                self._announce(rollout, Announce("ExperimentCreated", text))
            case StopExperiment(name, version):
                patch = manifests.at(version, {"spec": {"terminate": True}})
                await send.patch(whose, kinds.EXPERIMENTS, name, patch)
            case MarkExperiment(name):
                await send.patch(whose, kinds.EXPERIMENTS, name, trials.marked(rollout, action))
            case EditRollout():
                await send.patch(whose, kinds.ROLLOUTS, whose.name, manifests.edit(rollout, action))
            case LetGo():
                return await self._let_go(seen)
            case ScaleWorkload(kind, name):
                patch = manifests.scaled_workload(rollout, action)
                await send.patch(whose, kinds.SCALED_WORKLOADS[kind], name, patch)
            case Retire():
                resource = _RETIRED[action.kind]
                version = action.resource_version
                await send.delete(whose, resource, action.name, version)
            case Evict():
                return await self._evict(rollout, action)
            case Announce() | CallStep():  # called by the reconciler, which hears the answer
                return 0
        return 1

    async def _create_revision(self, rollout: Rollout, action: CreateRevision) -> None:
        """People hear what the server dropped of the template: it does not drop it from theirs."""
        body = manifests.replica_set(rollout, action)

        def warned(warnings: tuple[str, ...]) -> None:
            self._announce(rollout, answers.warned(action, warnings, body))

        await self._sender.create(rollout.metadata, REPLICASETS, body, warned)

    async def _label_pods(self, seen: Observation, action: LabelPods) -> int:
        """Pods first: the ReplicaSet notes what was put there, and is what a repetition goes by.

        A pod that went meanwhile is no failure; one that came is seen by the next look.
        """
        rollout, writes = seen.snapshot.rollout, 1
        revision = next(r for r in seen.snapshot.revisions if r.name == action.revision)
        for pod in revision.pods:
            change = manifests.labelled_pod(pod, revision.injected, action)
            if not change or pod.deleting:
                continue
            writes += 1
            with suppress(NotFound):
                patch = manifests.at(pod.resource_version, change)
                await self._sender.patch(rollout.metadata, PODS, pod.name, patch)
        patch = manifests.labelled_revision(revision, action)
        await self._sender.patch(rollout.metadata, REPLICASETS, action.revision, patch)
        return writes

    async def _point(self, seen: Observation, action: PointService) -> int:
        """The Service, and what routers of their own choose for the same side."""
        rollout, done = seen.snapshot.rollout, 0
        canary = rollout.spec.strategy.canary
        subset = canary is not None and action.service not in (
            canary.canary_service,
            canary.stable_service,
        )
        if not subset:
            patch = manifests.pointed_service(rollout, action)
            await self._sender.patch(rollout.metadata, SERVICES, action.service, patch)
            done = 1
        for router, route, objects in seen.routes.values():
            if canary is None or not isinstance(router, SelectsPods):
                continue
            to_canary = action.service == canary.canary_entry
            writes = router.point(route, objects, action.hash, action.at, canary=to_canary)
            done += await self._send(seen, writes)
        return done

    async def _route(self, seen: Observation, action: SetRouting) -> int:
        router, route, objects = seen.routes[action.router]
        writes = router.write(route, objects, action.routing, action.at)
        note = {names.ROUTED_FOR: routing_note(seen.snapshot.rollout)}
        return await self._send(seen, [annotated(write, note) for write in writes])

    async def _let_go(self, seen: Observation) -> int:
        for resource, item in seen.left:
            metadata = item["metadata"]
            name, namespace = metadata["name"], metadata.get("namespace", "")
            patch = {"metadata": {"annotations": {names.ROUTED_FOR: None}}}
            patch = manifests.at(metadata["resourceVersion"], patch)
            sending = self._client.patch(resource, name, patch, namespace)
            place = Place(resource, namespace, name)
            await self._sender.sent(seen.snapshot.rollout.metadata, place, sending)
        return len(seen.left)

    async def _send(self, seen: Observation, writes: Sequence[Write]) -> int:
        for write in writes:
            ref = write.ref
            place = Place(routed(ref), ref.namespace, ref.name)
            match write:
                case Create(manifest=manifest):
                    sending = self._client.create(place.resource, manifest, ref.namespace)
                case Patch(patch=patch):
                    sending = self._client.patch(place.resource, ref.name, patch, ref.namespace)
                case Delete(resource_version=version):
                    metadata = seen.snapshot.rollout.metadata
                    await self._sender.delete(metadata, place.resource, ref.name, version)
                    continue
            await self._sender.sent(seen.snapshot.rollout.metadata, place, sending)
            if write.reason:
                self._announce(seen.snapshot.rollout, Announce(write.reason, write.message))
        return len(writes)

    # --- Requests ---------------------------------------------------------------------------------

    async def _evict(self, rollout: Rollout, action: Evict) -> int:
        """A budget may say no, and the pod may be gone or another one: the next look sees it."""
        namespace = rollout.metadata.namespace
        body = manifests.eviction(namespace, action)
        self._doubts.note(key_of(rollout.metadata), Place(PODS, namespace, action.pod))
        try:
            await self._client.evict(PODS, action.pod, namespace, body)
        except (Conflict, NotFound, TooManyRequests):
            return 0
        return 1

    async def _status(self, rollout: Rollout, plan: Plan) -> int:
        """One patch, conditional on what the decision saw: commands that came meanwhile win."""
        change = struct_patch(rollout.status, plan.status) if plan.status is not None else {}
        if not change:
            return 0
        metadata = rollout.metadata
        patch = manifests.at(metadata.resource_version, {"status": change})
        await self._sender.patch(metadata, kinds.ROLLOUTS, metadata.name, patch, "status")
        return 1

    def _announce(self, rollout: Rollout, action: Announce) -> None:
        about = manifests.reference("Rollout", rollout.metadata)
        kind = "Warning" if action.warning else "Normal"
        self._announcer.tell(about, kind, action.reason, action.message)
