"""Stands between the controller's faulty line and the server: every write that arrives is judged by
the oracle, over every look at pods and commands that the controller may have had.

What is wrong under all of them is a fault: no late look excuses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from serinus.api.argo import RolloutAnalysis, RolloutStatus
from serinus.core.rollout import actions as act
from serinus.core.routing import Routing
from serinus.kube.transport.counted import VERBS
from serinus.kube.transport.wire import Request, Response, StreamResponse, Transport
from simulation.cluster.store import CANARY_INGRESS
from simulation.cluster.witness import Witness
from simulation.doing import Write
from simulation.model import World
from simulation.oracle import faults
from simulation.shape import START


@dataclass(slots=True)
class Verdicts:
    """What was found, and how much was written."""

    faults: list[str] = field(default_factory=list)
    writes: int = 0
    log: list[str] = field(default_factory=list)


class JudgedTransport:
    """`witness` sees the store that `inner` leads to."""

    def __init__(self, inner: Transport, witness: Witness, verdicts: Verdicts) -> None:
        self._inner, self._witness, self._verdicts = inner, witness, verdicts

    async def send(self, request: Request) -> Response:
        if request.method not in VERBS:
            return await self._inner.send(request)
        self._verdicts.writes += 1
        before = self._witness.look()
        answer = await self._inner.send(request)
        after = self._witness.look()
        if answer.status < 300:
            self._judge(request, before, after)
        return answer

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamResponse]:
        return self._inner.stream(request)

    async def close(self) -> None:
        await self._inner.close()

    def _judge(self, request: Request, before: World, after: World) -> None:
        changed = change(request.path, before, after)
        if changed is None:
            return
        write, apply = changed
        verdicts = [
            faults(late, (write,) if write else (), apply(late))
            for late in self._witness.late(before, conditional=isinstance(write, RolloutStatus))
        ]
        words = f"{self._witness.clock.now():%H:%M:%S.%f} {request.method} {request.path}"
        self._verdicts.log.append(words)
        if all(verdicts):
            shortest = min(verdicts, key=len)
            self._verdicts.faults.append(f"{words}: {'; '.join(shortest)}")
        if before.status != after.status:
            self._witness.noted(before.status, after.status)


class Apply:
    """The change of one write, put upon any world."""

    def __init__(self, path: str, after: World) -> None:
        self._path, self._after = path, after

    def __call__(self, world: World) -> World:
        after, kind, name = self._after, *_target(self._path)
        match kind:
            case "replicasets":
                wanted = {one.version: one.replicas for one in after.sets}
                changed = name.removeprefix("web-")
                sets = tuple(
                    replace(one, replicas=wanted[one.version]) if one.version == changed else one
                    for one in world.sets
                    if one.version in wanted
                )
                return replace(world, sets=sets)
            case "services":
                return replace(world, stable=after.stable, canary=after.canary)
            case "destinationrules":
                return replace(world, stable=after.stable, canary=after.canary)
            case "ingresses" | "virtualservices":
                return replace(world, router=after.router)
            case "deployments":
                return replace(world, lender=after.lender)
            case _:
                return replace(world, status=after.status)


def change(path: str, before: World, after: World) -> tuple[Write | None, Apply] | None:
    """What a write was, as an action; None if it is of no concern."""
    kind, name = _target(path)
    apply = Apply(path, after)
    match kind:
        case "replicasets":
            return None, apply
        case "deployments" if name:
            return None, apply
        case "services":
            part = "stable" if name == "web-stable" else "canary"
            selector = getattr(after, part).selector
            return act.PointService(part, "", selector, START), apply
        case "destinationrules" if before.stable.selector != after.stable.selector:
            return act.PointService("stable", "", after.stable.selector, START), apply
        case "destinationrules":
            return act.PointService("canary", "", after.canary.selector, START), apply
        case "virtualservices":
            weight = max(one.weight for one in after.router.written)
            return act.SetRouting("istio", Routing(weight), START), apply
        case "ingresses" if name in ("", CANARY_INGRESS):
            return act.SetRouting("nginx", Routing(after.router.weight), START), apply
        case "rollouts" if path.endswith("/status"):
            return after.status, apply
        case "analysisruns" if not path.endswith("/status"):
            started = [run for run in after.runs if run.name not in {r.name for r in before.runs}]
            return (_started(started[0].name), apply) if started else None
    return None


def _started(name: str) -> act.StartRun:
    return act.StartRun(name, RolloutAnalysis(), 0, "", "")


def _target(path: str) -> tuple[str, str]:
    """Plural and name of a namespaced request's path; "" for what it lacks."""
    _, _, rest = path.partition("/namespaces/")
    parts: Iterator[str] = iter(rest.split("/")[1:])
    return next(parts, ""), next(parts, "")
