"""Carries out the plan of an Experiment: each action is one conditional write, status last.

What the server refuses for good does not keep the other writes from going; a lost race or an
unknown fate ends the plan, and the key looks again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any

from serinus.api.experiment import Experiment
from serinus.base.errors import SerinusError
from serinus.control import kinds
from serinus.control.experiments import manifests
from serinus.control.looking.caches import Caches
from serinus.control.looking.interest import Key
from serinus.control.retry import is_refusal
from serinus.control.writing.doubts import Doubts, Place, is_doubtful
from serinus.control.writing.manifests import at
from serinus.control.writing.patches import struct_patch
from serinus.core.experiment.actions import (
    Action,
    CreateService,
    CreateSet,
    DelaySet,
    DeleteService,
    ExperimentPlan,
    ScaleSet,
    StartRun,
    StopRun,
)
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists, NotFound
from serinus.kube.resource import REPLICASETS, SERVICES, Resource


class Taken(SerinusError):
    """An object of that name is somebody else's."""


@dataclass(slots=True)
class Outcome:
    """What became of a plan: how many writes, which names were taken, what was refused of whom."""

    writes: int = 0
    taken: set[str] = field(default_factory=set)
    refused: dict[str, SerinusError] = field(default_factory=dict)


class ExperimentExecutor:
    """Writes through one client; answers go into the caches, so no later look is older."""

    def __init__(self, client: Client, caches: Caches, doubts: Doubts) -> None:
        self._client, self._caches, self._doubts = client, caches, doubts

    async def carry_out(self, experiment: Experiment, plan: ExperimentPlan) -> Outcome:
        """All of `plan`. Raises the first error that is no refusal; the status is not written."""
        done = Outcome()
        for action in plan.actions:
            try:
                await self._write(experiment, action)
                done.writes += 1
            except Taken:
                done.taken.add(_name(action))
            except SerinusError as error:
                creates = isinstance(action, CreateSet | CreateService | StartRun)
                if not is_refusal(error, creates=creates):
                    raise
                done.refused[_whose(action)] = error
        done.writes += await self._status(experiment, plan)
        return done

    async def _write(self, experiment: Experiment, action: Action) -> None:
        match action:
            case CreateSet():
                body = manifests.replica_set(experiment, action)
                await self._create(experiment, REPLICASETS, body)
            case ScaleSet(name):
                await self._patch(experiment, REPLICASETS, name, manifests.scaled(action))
            case DelaySet(name):
                await self._patch(experiment, REPLICASETS, name, manifests.delayed(action))
            case CreateService():
                await self._create(experiment, SERVICES, manifests.service(experiment, action))
            case DeleteService(name, version):
                await self._delete(experiment, name, version)
            case StartRun():
                body = manifests.analysis_run(experiment, action)
                await self._create(experiment, kinds.ANALYSIS_RUNS, body)
            case StopRun(name, version):
                patch = at(version, {"spec": {"terminate": True}})
                await self._patch(experiment, kinds.ANALYSIS_RUNS, name, patch)

    # --- Requests ---------------------------------------------------------------------------------

    async def _create(
        self, experiment: Experiment, resource: Resource, body: dict[str, Any]
    ) -> None:
        """Finding our own is success: names are derived, a repeated create is the first one."""
        name, namespace = body["metadata"]["name"], experiment.metadata.namespace
        place = Place(resource, namespace, name)
        try:
            await self._sent(experiment, place, self._client.create(resource, body, namespace))
        except AlreadyExists:
            made = await self._client.get(resource, name, namespace)
            owners = made["metadata"].get("ownerReferences", ())
            if experiment.metadata.uid not in {owner["uid"] for owner in owners}:
                raise Taken(f"{resource.kind} {name} is somebody else's") from None
            self._caches.wrote(resource, made)

    async def _patch(
        self, experiment: Experiment, resource: Resource, name: str, patch: Mapping[str, Any]
    ) -> None:
        namespace = experiment.metadata.namespace
        sending = self._client.patch(resource, name, patch, namespace)
        await self._sent(experiment, Place(resource, namespace, name), sending)

    async def _delete(self, experiment: Experiment, name: str, version: str) -> None:
        namespace = experiment.metadata.namespace
        uid = self._caches.uid(SERVICES, namespace, name)
        try:
            left = await self._client.delete(SERVICES, name, namespace, resource_version=version)
        except NotFound:
            left = None
        except SerinusError as error:
            self._doubt(experiment, Place(SERVICES, namespace, name), error)
            raise
        if left is None:
            self._caches.gone(SERVICES, namespace, name, uid)
        else:
            self._caches.wrote(SERVICES, left)

    async def _status(self, experiment: Experiment, plan: ExperimentPlan) -> int:
        """One patch, conditional on what the decision saw.

        Experiments have no status subresource: the original's definition has none either.
        """
        change = struct_patch(experiment.status, plan.status) if plan.status is not None else {}
        if not change:
            return 0
        patch = at(experiment.metadata.resource_version, {"status": change})
        await self._patch(experiment, kinds.EXPERIMENTS, experiment.metadata.name, patch)
        return 1

    async def _sent(
        self, experiment: Experiment, place: Place, sending: Awaitable[Mapping[str, Any]]
    ) -> None:
        """Takes the answer into the caches; without one the object is in doubt."""
        try:
            made = await sending
        except SerinusError as error:
            self._doubt(experiment, place, error)
            raise
        self._caches.wrote(place.resource, made)

    def _doubt(self, experiment: Experiment, place: Place, error: SerinusError) -> None:
        if is_doubtful(error):
            self._doubts.note(_key(experiment), place)


def _name(action: Action) -> str:
    return action.name


def _whose(action: Action) -> str:
    """The template, or the run, that a refused write was for."""
    match action:
        case CreateSet(template=template) | CreateService(template=template):
            return template.name
        case ScaleSet(template=name):
            return name
    return action.name


def _key(experiment: Experiment) -> Key:
    return experiment.metadata.namespace, experiment.metadata.name
