"""Carries out the plan of an Experiment: each action is one conditional write, status last.

What the server refuses for good does not keep the other writes from going; a lost race or an
unknown fate ends the plan, and the key looks again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from serinus.api.experiment import Experiment
from serinus.base.errors import SerinusError
from serinus.control import kinds
from serinus.control.experiments import manifests
from serinus.control.looking.caches import Caches
from serinus.control.retry import is_refusal
from serinus.control.writing.doubts import Doubts
from serinus.control.writing.manifests import at
from serinus.control.writing.patches import struct_patch
from serinus.control.writing.sending import NameTaken, Sender
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
from serinus.kube.resource import REPLICASETS, SERVICES


@dataclass(slots=True)
class Outcome:
    """What became of a plan: how many writes, which names were taken, what was refused of whom."""

    writes: int = 0
    taken: set[str] = field(default_factory=set)
    refused: dict[str, SerinusError] = field(default_factory=dict)


class ExperimentExecutor:
    """Writes through one client; answers go into the caches, so no later look is older."""

    def __init__(self, client: Client, caches: Caches, doubts: Doubts) -> None:
        self._sender = Sender(client, caches, doubts, waits=False)

    async def carry_out(self, experiment: Experiment, plan: ExperimentPlan) -> Outcome:
        """All of `plan`. Raises the first error that is no refusal; the status is not written."""
        done = Outcome()
        for action in plan.actions:
            try:
                await self._write(experiment, action)
                done.writes += 1
            except NameTaken:
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
                await self._sender.create(experiment.metadata, REPLICASETS, body)
            case ScaleSet(name):
                await self._sender.patch(
                    experiment.metadata, REPLICASETS, name, manifests.scaled(action)
                )
            case DelaySet(name):
                await self._sender.patch(
                    experiment.metadata, REPLICASETS, name, manifests.delayed(action)
                )
            case CreateService():
                await self._sender.create(
                    experiment.metadata, SERVICES, manifests.service(experiment, action)
                )
            case DeleteService(name, version):
                await self._sender.delete(experiment.metadata, SERVICES, name, version)
            case StartRun():
                body = manifests.analysis_run(experiment, action)
                await self._sender.create(experiment.metadata, kinds.ANALYSIS_RUNS, body)
            case StopRun(name, version):
                patch = at(version, {"spec": {"terminate": True}})
                await self._sender.patch(experiment.metadata, kinds.ANALYSIS_RUNS, name, patch)

    async def _status(self, experiment: Experiment, plan: ExperimentPlan) -> int:
        """One patch, conditional on what the decision saw.

        Experiments have no status subresource: the original's definition has none either.
        """
        change = struct_patch(experiment.status, plan.status) if plan.status is not None else {}
        if not change:
            return 0
        patch = at(experiment.metadata.resource_version, {"status": change})
        await self._sender.patch(
            experiment.metadata, kinds.EXPERIMENTS, experiment.metadata.name, patch
        )
        return 1


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
