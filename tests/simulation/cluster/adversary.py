"""What happens to the stage: users, deaths, crashes and bad lines, drawn from the stage's seed.

Then all turns good, and what is left is to rest and to be silent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from serinus.control.kinds import ROLLOUTS
from serinus.core.rollout.commands import Edit, abort, pause, promote, promote_fully, retry
from serinus.kube.errors import ApiError
from serinus.kube.resource import DEPLOYMENTS, INGRESSES, PODS
from serinus.kube.transport.faulty import Faults
from simulation.cluster.stage import Stage, staged
from simulation.cluster.store import CANARY_INGRESS, REPLICAS, STEPS, TRIED, WEIGHT, rollout_of
from simulation.rest import unwanted
from simulation.shape import Shape
from support.cluster import NAMESPACE
from support.virtual import run_virtual

PLAIN = Shape(name="plain", steps=STEPS, replicas=REPLICAS)
DYNAMIC = Shape(name="dynamic", steps=STEPS, replicas=REPLICAS, dynamic=True)
BASIC = Shape(name="without router", steps=STEPS, replicas=REPLICAS, routed=False)
TRIAL = Shape(name="experiment", steps=TRIED, replicas=REPLICAS)
LENT = Shape(name="workloadRef", steps=STEPS, replicas=REPLICAS, lends="progressively")
MESH = Shape(
    name="subsets, two VirtualServices",
    steps=STEPS,
    replicas=REPLICAS,
    router="istio",
    subsets=True,
    objects=2,
)
SHAPES = (MESH, PLAIN, DYNAMIC, BASIC, TRIAL, LENT)

LATENCY_SECONDS = 0.7
"""One way. With the data plane's second it stays below the settle time of two seconds."""
CALM = Faults()
REST_SECONDS, PATIENCE_SECONDS = 400, 4800
Act = Callable[[Stage], Awaitable[str]]


async def act(stage: Stage) -> str:
    """One thing happens; told in words."""
    weights = [weight for _, weight in ACTS]
    (chosen,) = stage.rng.choices([one for one, _ in ACTS], weights)
    try:
        return await chosen(stage)
    except ApiError as error:
        return f"refused: {error}"


async def hostilities(stage: Stage, count: int) -> list[str]:
    """`count` things, some seconds apart."""
    told = []
    for _ in range(count):
        await stage.cluster.clock.sleep_wall(stage.rng.choice((0.3, 1.0, 3.0, 8.0, 20.0)))
        told.append(f"{stage.cluster.clock.now():%H:%M:%S.%f} {await act(stage)}")
    return told


# --- Users ---------------------------------------------------------------------------------------


async def _patched(stage: Stage, edits: tuple[Edit, ...]) -> None:
    for edit in edits:
        await stage.cluster.admin.patch(
            *(ROLLOUTS, "web", edit.patch, NAMESPACE), subresource=edit.subresource or None
        )


async def _command(stage: Stage) -> str:
    rollout = rollout_of(stage.cluster.server.view)
    commands: dict[str, tuple[Edit, ...]] = {
        "abort": abort(),
        "retry": retry(rollout),
        "promote": promote(rollout),
        "full promote": promote_fully(rollout),
        "pause": pause(),
    }
    name = stage.rng.choice([*commands, "promote", "promote"])
    await _patched(stage, commands[name])
    return f"user: {name}"


async def _release(stage: Stage) -> str:
    image = f"acme/web:v{stage.rng.randint(1, 3)}"
    containers = [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]
    spec = {"template": {"spec": {"containers": containers}}}
    kind = DEPLOYMENTS if stage.witness.shape.lends else ROLLOUTS
    await stage.cluster.admin.patch(kind, "web", {"spec": spec}, NAMESPACE)
    return f"user: {image}"


async def _resize(stage: Stage) -> str:
    replicas = stage.rng.choice((1, 2, 4, 6))
    await stage.cluster.admin.patch(ROLLOUTS, "web", {"spec": {"replicas": replicas}}, NAMESPACE)
    return f"user: replicas {replicas}"


async def _autoscale(stage: Stage) -> str:
    """An autoscaler, by the scale subresource; to nothing and back, too."""
    replicas = stage.rng.choice((0, 2, 3, 5, 6))
    patch = {"spec": {"replicas": replicas}}
    await stage.cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE, subresource="scale")
    return f"autoscaler: replicas {replicas}"


async def _restart(stage: Stage) -> str:
    at = f"{stage.cluster.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    await stage.cluster.admin.patch(ROLLOUTS, "web", {"spec": {"restartAt": at}}, NAMESPACE)
    return "user: restart"


# --- Misfortune ----------------------------------------------------------------------------------


def _labels(pod: Any) -> Any:
    return pod["metadata"].get("labels", {})


async def _death(stage: Stage) -> str:
    """Some pods of one revision stop being ready; half of the time they come back by themselves."""
    view = stage.cluster.server.view
    label = "rollouts-pod-template-hash"
    pods: list[Any] = [p for p in view.list("", "pods", NAMESPACE) if label in _labels(p)]
    if not pods:
        return "nobody there to die"
    hash_ = stage.rng.choice(sorted({pod["metadata"]["labels"][label] for pod in pods}))
    mine = [p["metadata"]["name"] for p in pods if p["metadata"]["labels"][label] == hash_]
    dying = mine if stage.rng.random() < 0.5 else mine[:1]
    for name in dying:
        if stage.rng.random() < 0.5:
            await stage.cluster.set_ready(name, False)
        else:
            await stage.cluster.admin.delete(PODS, name, NAMESPACE)
    return f"{len(dying)} of {len(mine)} pods of {hash_} die"


async def _node(stage: Stage) -> str:
    """What stood on one node is gone at once, whosever it was."""
    view = stage.cluster.server.view
    lost = [
        pod["metadata"]["name"]
        for pod in view.list("", "pods", NAMESPACE)
        if stage.rng.random() < 0.5
    ]
    for name in lost:
        await stage.cluster.admin.delete(PODS, name, NAMESPACE)
    return f"a node is lost, with {len(lost)} pods"


async def _line(stage: Stage) -> str:
    chance = stage.rng.choice((0.0, 0.03, 0.1, 0.25))
    faults = Faults.everything(chance) if chance else CALM
    stall = chance / 4 if stage.stalls else 0.0
    stage.spoil(replace(faults, latency_seconds=LATENCY_SECONDS, stall=stall))
    return f"the line fails with chance {chance}"


async def _crash(stage: Stage) -> str:
    await stage.crash()
    await stage.cluster.clock.sleep_wall(stage.rng.choice((0.0, 2.0, 40.0)))
    await stage.start()
    return "the controller crashed and is back"


async def _metrics(stage: Stage) -> str:
    stage.metrics.bad = stage.rng.choice((0.0, 0.2, 0.6))
    return f"metrics are bad with chance {stage.metrics.bad}"


async def unreadable(stage: Stage) -> str:
    """The canary Ingress loses what marks it, for a while; the weight stays."""
    if stage.witness.shape.router != "nginx":
        return "no Ingress to be unreadable"
    note = "nginx.ingress.kubernetes.io/canary-weight-total"
    for value in ("none", None):
        patch = {"metadata": {"annotations": {note: value}}}
        await stage.cluster.admin.patch(INGRESSES, CANARY_INGRESS, patch, NAMESPACE)
        await stage.cluster.clock.sleep_wall(stage.rng.choice((1.0, 6.0)))
    return f"the {WEIGHT} could not be read for a while"


ACTS: tuple[tuple[Act, int], ...] = (
    (_command, 6),
    (_release, 5),
    (_resize, 1),
    (_autoscale, 2),
    (_restart, 1),
    (_death, 4),
    (_node, 2),
    (_line, 3),
    (_crash, 3),
    (_metrics, 1),
    (unreadable, 1),
)


# --- When all turns good -------------------------------------------------------------------------


async def healed(stage: Stage) -> None:
    """No faults any more; pods that lost their readiness get it back."""
    stage.spoil(CALM)
    stage.metrics.bad = 0.0
    for _ in range(3):
        for pod in stage.cluster.server.view.list("", "pods", NAMESPACE):
            bound = pod["spec"].get("nodeName") and "deletionTimestamp" not in pod["metadata"]
            if bound:
                await stage.cluster.set_ready(pod["metadata"]["name"], True)
        await stage.cluster.clock.sleep_wall(20)


async def rested(stage: Stage) -> tuple[str, ...]:
    """What is wrong with the rest that it comes to; waits for it."""
    clock, verdicts = stage.cluster.clock, stage.verdicts
    for _ in range(PATIENCE_SECONDS // REST_SECONDS):
        written = verdicts.writes
        await clock.sleep_wall(REST_SECONDS)
        if verdicts.writes == written:
            break
    else:
        return ("never rests",)
    wrong = unwanted(stage.witness.look())
    if wrong:
        return wrong
    await clock.sleep_wall(3600)
    more = verdicts.writes - written
    return (f"not silent: {more} writes in an hour of rest",) if more else ()


def survived(seed: int, shape: Shape, count: int = 20) -> tuple[str, ...]:
    """What went wrong in a whole schedule, with the story of it; nothing if nothing did.

    With odd seeds watches may also fall silent without an end; a look may then be minutes old.
    """

    async def story() -> tuple[str, ...]:
        async with staged(seed, shape, stalls=bool(seed % 2)) as stage:
            await stage.cluster.clock.sleep_wall(40)
            told = await hostilities(stage, count)
            if not stage.verdicts.faults:
                await healed(stage)
                stage.verdicts.faults += await rested(stage)
            if not stage.verdicts.faults:
                return ()
            return (*stage.verdicts.faults, *sorted((*told, *stage.verdicts.log)))

    return run_virtual(story())
