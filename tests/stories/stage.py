"""Where stories are told: a shop at rest, and a script of what people, clouds and fate do to it.

A script is one line a deed: a verb of VERBS and its words. What users see meanwhile is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from typing import Any

import yaml

from control import scenes
from control.analysis_world import Network
from serinus.api.kubernetes import ReplicaSet
from serinus.api.wire import decode
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.core.rollout import commands
from serinus.kube.resource import DEPLOYMENTS, INGRESSES, PODS, REPLICASETS, SERVICES, Resource
from stories.recorder import Recorder
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster

Json = dict[str, Any]
Verb = Callable[["Stage", str], Awaitable[None]]
ANSWERS = {"good": scenes.GOOD, "bad": scenes.BAD, "nothing": scenes.NOTHING, "broken": b"{"}
KINDS: dict[str, Resource] = {
    "rollout": ROLLOUTS,
    "service": SERVICES,
    "ingress": INGRESSES,
    "run": ANALYSIS_RUNS,
    "experiment": EXPERIMENTS,
    "deployment": DEPLOYMENTS,
}
REST_SECONDS = 10


class Stage:
    """One shop, its controller, and the means to do something to it."""

    def __init__(self, cluster: PaperCluster, network: Network, extra: dict[str, str]) -> None:
        self.cluster, self.network, self.extra = cluster, network, extra
        self.recorder = Recorder(cluster)
        self.broken: set[str] = set()
        self.stuck = 0
        self.later: list[asyncio.Task[None]] = []
        self.controller = AsyncExitStack()
        cluster.gets_ready = self._gets_ready

    def _gets_ready(self, pod: Json) -> bool:
        if version(pod) in self.broken:
            return False
        self.stuck, stuck = max(0, self.stuck - 1), self.stuck
        return not stuck

    async def start_controller(self) -> None:
        self.controller = AsyncExitStack()
        await self.controller.enter_async_context(controlled(self.cluster, asker=self.network))

    async def patch(self, patch: Json, of: Resource = ROLLOUTS, subresource: str = "") -> None:
        await self.cluster.admin.patch(of, "web", patch, NAMESPACE, subresource=subresource or None)

    async def pods(self, of: str) -> list[Json]:
        """The pods of a version (or all) that are not on their way out, by name."""
        found = (await self.cluster.admin.list(PODS, NAMESPACE)).items
        return [
            pod
            for pod in sorted(found, key=lambda pod: str(pod["metadata"]["name"]))
            if of in ("all", version(pod)) and "deletionTimestamp" not in pod["metadata"]
        ]


def version(pod: Json) -> str:
    """The tag of its image."""
    return str(pod["spec"]["containers"][0]["image"]).rpartition(":")[2]


async def told(
    manifests: str, script: str, extra: dict[str, str] | None = None, *, at_rest: bool = True
) -> str:
    """The timeline of a script, played to a shop that is at rest (else: from its first manifest).

    What stands before a line `---` is done before the story begins. `extra` are manifests by name
    for the verb `apply`.
    """
    deployments = "kind: Deployment" in manifests
    async with paper_cluster(deployments=deployments) as cluster:
        stage = Stage(cluster, scenes.network(cluster), extra or {})
        watching = asyncio.create_task(stage.recorder.run())
        await stage.start_controller()
        try:
            if not at_rest:
                stage.recorder.begin()
            await cluster.apply(manifests)
            if at_rest:
                await scenes.until_phase(cluster, "Healthy")
                await cluster.clock.sleep(REST_SECONDS)
                stage.recorder.begin()
            before, _, story = ("", "", script) if "---" not in script else script.partition("---")
            await _play(stage, before)
            if before:
                stage.recorder.begin()
            await _play(stage, story)
            stage.recorder.settle()
        finally:
            for task in (watching, *stage.later):
                task.cancel()
            await asyncio.gather(watching, *stage.later, return_exceptions=True)
            await stage.controller.aclose()
        return "\n".join(stage.recorder.lines)


async def _play(stage: Stage, script: str) -> None:
    for line in filter(None, map(str.strip, script.splitlines())):
        if not line.startswith(("wait", "until")):
            stage.recorder.say(f"> {line}")
        verb, _, words = line.partition(" ")
        await VERBS[verb](stage, words)


# --- What people do -------------------------------------------------------------------------------


async def _release(stage: Stage, words: str) -> None:
    await scenes.release(stage.cluster, f"web:{words}")


async def _promote(stage: Stage, words: str) -> None:
    make = commands.promote_fully if words == "full" else commands.promote
    await scenes.command(stage.cluster, make)


async def _abort(stage: Stage, words: str) -> None:
    await scenes.command(stage.cluster, commands.abort())


async def _retry(stage: Stage, words: str) -> None:
    await scenes.command(stage.cluster, commands.retry)


async def _pause(stage: Stage, words: str) -> None:
    await scenes.command(stage.cluster, commands.pause())


async def _resume(stage: Stage, words: str) -> None:
    await stage.patch({"spec": {"paused": False}})


async def _undo(stage: Stage, words: str) -> None:
    found = (await stage.cluster.admin.list(REPLICASETS, NAMESPACE)).items
    revisions = [decode(ReplicaSet, one) for one in found if "argoproj" in str(one)]
    number = int(words.removeprefix("to ") or 0)
    await scenes.command(stage.cluster, lambda seen: commands.undo(seen, revisions, number))


async def _scale(stage: Stage, words: str) -> None:
    """As an autoscaler does: through the subresource."""
    await stage.patch({"spec": {"replicas": int(words)}}, subresource="scale")


async def _restart(stage: Stage, words: str) -> None:
    at = stage.cluster.clock.now() + timedelta(seconds=float(words.strip("ins ") or 0))
    await stage.patch({"spec": {"restartAt": f"{at:%Y-%m-%dT%H:%M:%SZ}"}})


async def _edit(stage: Stage, words: str) -> None:
    """A merge patch of the spec, in YAML."""
    await stage.patch({"spec": yaml.safe_load(words)})


async def _strategy(stage: Stage, words: str) -> None:
    """A merge patch of the strategy, in YAML."""
    await stage.patch({"spec": {"strategy": yaml.safe_load(words)}})


async def _image(stage: Stage, words: str) -> None:
    """The image of the Deployment that lends its template."""
    containers = [{"name": "web", "image": f"web:{words}", "ports": [{"containerPort": 8080}]}]
    await stage.patch({"spec": {"template": {"spec": {"containers": containers}}}}, DEPLOYMENTS)


async def _apply(stage: Stage, words: str) -> None:
    await stage.cluster.apply(stage.extra[words])


async def _delete(stage: Stage, words: str) -> None:
    kind, _, name = words.partition(" ")
    await stage.cluster.admin.delete(KINDS[kind], name, NAMESPACE)


async def _terminate(stage: Stage, words: str) -> None:
    """A run or an experiment, ended by a person: the youngest of its kind."""
    kind = KINDS[words]
    name = stage.recorder.all(kind)[-1]["metadata"]["name"]
    await stage.cluster.admin.patch(kind, name, {"spec": {"terminate": True}}, NAMESPACE)


# --- What fate does -------------------------------------------------------------------------------


async def _metrics(stage: Stage, words: str) -> None:
    """What Prometheus answers from now on."""
    body = ANSWERS.get(words) or scenes.vector(float(words))
    stage.network.answer = lambda request, number: body


async def _bad(stage: Stage, words: str) -> None:
    """A version whose pods, all from the start, never get ready."""
    stage.broken.add(words)


async def _stuck(stage: Stage, words: str) -> None:
    """So many of the next pods never get ready, whatever their version."""
    stage.stuck = int(words)


async def _break(stage: Stage, words: str) -> None:
    """All pods of a version stop being ready, and new ones never get so."""
    stage.broken.add(words)
    await _set_ready(stage, words, ready=False)


async def _mend(stage: Stage, words: str) -> None:
    stage.broken.discard(words)
    await _set_ready(stage, words, ready=True)


async def _set_ready(stage: Stage, words: str, *, ready: bool) -> None:
    for pod in await stage.pods(words):
        await stage.cluster.set_ready(pod["metadata"]["name"], ready)


async def _kill(stage: Stage, words: str) -> None:
    """`kill v1 2`: so many pods of a version are deleted."""
    of, _, count = words.partition(" ")
    for pod in (await stage.pods(of))[: int(count or 99)]:
        await stage.cluster.admin.delete(PODS, pod["metadata"]["name"], NAMESPACE)


async def _lose(stage: Stage, words: str) -> None:
    """Every second pod stood on a node that is gone: not ready now, deleted after five minutes."""
    lost = [pod["metadata"]["name"] for pod in (await stage.pods("all"))[::2]]
    for name in lost:
        await stage.cluster.set_ready(name, False)

    async def evicted() -> None:
        await stage.cluster.clock.sleep(300)
        for name in lost:
            with suppress(Exception):
                await stage.cluster.admin.delete(PODS, name, NAMESPACE)

    stage.later.append(asyncio.create_task(evicted()))


async def _slow(stage: Stage, words: str) -> None:
    """How long pods take to get ready from now on."""
    stage.cluster.start_seconds = float(words.removesuffix("s"))


async def _controller(stage: Stage, words: str) -> None:
    """`controller dies` or `controller starts`."""
    if words == "dies":
        await stage.controller.aclose()
    else:
        await stage.start_controller()


# --- How time passes ------------------------------------------------------------------------------


async def _wait(stage: Stage, words: str) -> None:
    minutes, _, seconds = words.rpartition("m")
    await stage.cluster.clock.sleep(
        60 * float(minutes or 0) + float(seconds.removesuffix("s") or 0)
    )


async def _until(stage: Stage, words: str) -> None:
    phase, _, step = words.partition(" ")
    await scenes.until_phase(stage.cluster, phase, int(step) if step else None)


async def _look(stage: Stage, words: str) -> None:
    """`look at labels KEY` and the like: what a line does not show."""
    stage.recorder.lines += [f"           {line}" for line in await LOOKS[words](stage)]


async def _waiting(stage: Stage) -> list[str]:
    status = await scenes.status(stage.cluster)
    return [
        stage.recorder.plain(str(scenes.condition(status, "Waiting").get("message", "for nothing")))
    ]


async def _conditions(stage: Stage) -> list[str]:
    status = await scenes.status(stage.cluster)
    return [f"{one['type']} {one['status']} {one['reason']}" for one in status["conditions"]]


async def _queries(stage: Stage) -> list[str]:
    """What Prometheus was asked, each query once."""
    return sorted(
        {
            dict(request.query or request.form or ()).get("query", "")
            for request in stage.network.sent
        }
    )


async def _labels(stage: Stage) -> list[str]:
    counts: dict[str, int] = {}
    for pod in await stage.pods("all"):
        labels = pod["metadata"]["labels"]
        text = f"{version(pod)} {labels.get('role', '-')}"
        counts[text] = counts.get(text, 0) + 1
    return [f"{count} of {text}" for text, count in sorted(counts.items())]


async def _revisions(stage: Stage) -> list[str]:
    found = stage.recorder.all(REPLICASETS)
    return [stage.recorder.plain(one["metadata"]["name"]) for one in found]


async def _affinity(stage: Stage) -> list[str]:
    found = []
    for one in stage.recorder.all(REPLICASETS):
        rules = one["spec"]["template"]["spec"].get("affinity", {}).get("podAntiAffinity", {})
        terms = [
            term["labelSelector"]["matchExpressions"][0] for rule in rules.values() for term in rule
        ]
        others = ", ".join(str(term["values"][0]) for term in terms) or "nobody"
        found.append(stage.recorder.plain(f"{one['metadata']['name']} keeps away from {others}"))
    return found


LOOKS = {
    "queries": _queries,
    "waiting": _waiting,
    "conditions": _conditions,
    "labels": _labels,
    "revisions": _revisions,
    "affinity": _affinity,
}
VERBS: dict[str, Verb] = {
    "release": _release, "promote": _promote, "abort": _abort, "retry": _retry, "pause": _pause,
    "resume": _resume, "undo": _undo, "scale": _scale, "restart": _restart, "edit": _edit,
    "strategy": _strategy, "image": _image, "apply": _apply, "delete": _delete,
    "terminate": _terminate, "metrics": _metrics, "bad": _bad, "stuck": _stuck,
    "break": _break, "mend": _mend, "kill": _kill, "lose": _lose, "slow": _slow,
    "controller": _controller, "wait": _wait, "until": _until, "look": _look,
}  # fmt: skip
