"""Background analysis of real releases in virtual time: passed, failed, in doubt, tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from control import scenes
from control.analysis_world import Network
from control.scenes import command, condition, end_state, release, status, until, until_phase
from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.kubernetes import ReplicaSet
from serinus.api.wire import decode
from serinus.control.kinds import ANALYSIS_RUNS, ROLLOUTS
from serinus.core.rollout import commands
from serinus.kube.resource import REPLICASETS
from serinus.kube.transport.wire import Request, Response, Transport
from serinus.present.family import Relatives, family_of
from serinus.present.tree import tree
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

STEPS = """
      analysis: {startingStep: 1, templates: [{templateName: errors}]}
      steps:
      - setWeight: 50
      - pause: {}
      - setWeight: 80
      - pause: {duration: 20s}
"""
STEP = "      - analysis: {templates: [{templateName: errors}]}\n"
PLAIN = scenes.SMALL.replace(STEP, "").split("      steps:")[0] + STEPS.removeprefix("\n")
ENDLESS = scenes.TEMPLATE.replace("    count: 3\n", "")
WITHOUT_ROUTER = (
    PLAIN.replace("      trafficRouting: {nginx: {stableIngress: web}}\n", "")
    .replace("      canaryService: web-canary\n", "")
    .replace("      scaleDownDelaySeconds: 10\n", "")
)
BESIDE = (scenes.STABLE_SERVICE, scenes.CANARY_SERVICE, scenes.INGRESS)

Tell = Callable[[PaperCluster, Network], Awaitable[Any]]


@asynccontextmanager
async def shop(rollout: str, template: str) -> AsyncIterator[tuple[PaperCluster, Network]]:
    """The shop, deployed and at rest; every answer is good until the story says otherwise."""
    async with paper_cluster() as cluster:
        network = scenes.network(cluster, scenes.GOOD)
        async with controlled(cluster, asker=network):
            await cluster.apply("---".join((rollout, template, *BESIDE)))
            await until_phase(cluster, "Healthy")
            yield cluster, network


def told(story: Tell, rollout: str = PLAIN, template: str = ENDLESS) -> Any:
    async def run() -> Any:
        async with shop(rollout, template) as (cluster, network):
            return await story(cluster, network)

    return run_virtual(run())


def answers(network: Network, body: bytes) -> None:
    """From now on."""
    network.answer = lambda request, number: body


async def until_runs(cluster: PaperCluster, *phases: str) -> dict[str, str]:
    async def so() -> bool:
        return sorted((await scenes.runs(cluster)).values()) == sorted(phases)

    await until(cluster, so)
    return await scenes.runs(cluster)


async def the_run(cluster: PaperCluster) -> dict[str, Any]:
    """The newest one."""
    items = (await cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items
    return dict(max(items, key=lambda one: str(one["metadata"]["creationTimestamp"])))


async def until_over(cluster: PaperCluster, attempt: str) -> None:
    """The release is taken back by the run whose name ends so."""

    async def so() -> bool:
        now = await status(cluster)
        noted = now["canary"].get("currentBackgroundAnalysisRunStatus") or {}
        return now["phase"] == "Degraded" and str(noted.get("name")).endswith(attempt)

    await until(cluster, so)


async def paused_under_watch(cluster: PaperCluster) -> None:
    await release(cluster, "web:v2")
    await until_phase(cluster, "Paused", 1)
    await until_runs(cluster, "Running")


def test_an_endless_run_watches_a_good_release_and_is_ended_with_its_promotion() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await paused_under_watch(cluster)
        run = await the_run(cluster)
        await cluster.clock.sleep(60)
        during = len(network.sent)
        await command(cluster, commands.promote)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(30)
        asked = len(network.sent)
        await cluster.clock.sleep(60)
        return run, during, asked == len(network.sent), await end_state(cluster)

    run, during, silent, end = told(story)
    labels = run["metadata"]["labels"]
    hash_ = labels["rollouts-pod-template-hash"]
    assert labels == {
        "app": "web",
        "rollouts-pod-template-hash": hash_,
        "rollout-type": "Background",
    }
    assert run["metadata"]["name"] == f"web-{hash_}-2"
    assert [o["name"] for o in run["metadata"]["ownerReferences"]] == ["web"]
    assert (during >= 12, silent) == (True, True)
    assert end["stable"] == "web:v2"
    assert end["runs"] == ["Successful"], "cancelled reads so for its readers"


def test_a_release_that_turns_bad_in_an_endless_pause_is_taken_back() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await paused_under_watch(cluster)
        await cluster.clock.sleep(60)
        answers(network, scenes.BAD)
        await until_phase(cluster, "Degraded")
        at_once = await scenes.weight(cluster)
        await cluster.clock.sleep(60)
        return (
            at_once,
            await status(cluster),
            await end_state(cluster),
            await scenes.reasons(cluster),
        )

    at_once, now, end, reasons = told(story)
    assert at_once == 0
    assert condition(now, "Progressing")["reason"] == "RolloutAborted"
    assert "Background analysis phase error/failed: Metric" in now["message"]
    assert now["canary"]["currentBackgroundAnalysisRunStatus"]["status"] == "Failed"
    assert (end["stable"], end["weight"], end["pods"]) == ("web:v1", 0, ["web:v1", "web:v1"])
    assert end["services"] == {"web-stable": "web:v1", "web-canary": "web:v1"}
    assert [r for r in reasons if r.startswith("AnalysisRun") or r == "RolloutAborted"] == [
        "AnalysisRunRunning",
        "AnalysisRunFailed",
        "AnalysisRunFailed",
        "RolloutAborted",
    ], "of the rollout and of the run itself"


def test_a_finite_run_that_passed_holds_nothing() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_runs(cluster, "Successful")
        answers(network, scenes.BAD)
        await cluster.clock.sleep(60)
        still = await status(cluster)
        await command(cluster, commands.promote)
        await until_phase(cluster, "Healthy")
        return still, len(network.sent), await end_state(cluster)

    still, asked, end = told(story, template=scenes.TEMPLATE)
    assert (still["phase"], asked) == ("Paused", 3)
    assert (end["stable"], end["runs"]) == ("web:v2", ["Successful"])


def test_no_data_pauses_and_who_resumes_has_it_measured_again() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        answers(network, scenes.NOTHING)
        await release(cluster, "web:v2")
        await until_runs(cluster, "Inconclusive")
        await cluster.clock.sleep(60)
        doubt = await status(cluster)
        answers(network, scenes.GOOD)
        await command(cluster, commands.promote)
        runs = await until_runs(cluster, "Inconclusive", "Running")
        await until_phase(cluster, "Healthy")
        return doubt, runs, await end_state(cluster)

    doubt, runs, end = told(story)
    reasons = [pause["reason"] for pause in doubt["pauseConditions"]]
    assert reasons == ["CanaryPauseStep", "InconclusiveAnalysisRun"]
    assert doubt["currentStepIndex"] == 1
    first, second = sorted(runs)
    assert second == f"{first}.1"
    assert end["stable"] == "web:v2"


def test_a_retry_and_a_new_revision_have_runs_of_their_own() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        answers(network, scenes.BAD)
        await release(cluster, "web:v2")
        await until_phase(cluster, "Degraded")
        answers(network, scenes.GOOD)
        await command(cluster, commands.retry)
        retried = await until_runs(cluster, "Failed", "Running")
        await until_phase(cluster, "Paused", 1)
        await release(cluster, "web:v3")
        newest = await until_runs(cluster, "Failed", "Successful", "Running")
        await until_phase(cluster, "Paused", 1)
        await command(cluster, commands.promote_fully)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(60)
        return retried, newest, await end_state(cluster)

    retried, newest, end = told(story)
    first, second = sorted(retried)
    assert (second, retried[first]) == (f"{first}.1", "Failed")
    (third,) = set(newest) - set(retried)
    assert third.endswith("-3")
    assert (end["stable"], end["runs"]) == ("web:v3", ["Failed", "Successful", "Successful"])


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
def test_a_run_that_somebody_else_ends_leaves_no_release_unwatched(how: str) -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await paused_under_watch(cluster)
        name = (await the_run(cluster))["metadata"]["name"]
        if how == "cancelled":
            stop = {"spec": {"terminate": True}}
            await cluster.admin.patch(ANALYSIS_RUNS, name, stop, NAMESPACE)
        else:
            await cluster.admin.delete(ANALYSIS_RUNS, name, NAMESPACE)
        await cluster.clock.sleep(60)
        return name, await status(cluster), await scenes.runs(cluster)

    name, now, runs = told(story)
    reasons = [pause["reason"] for pause in now["pauseConditions"]]
    if how == "cancelled":
        assert reasons == ["CanaryPauseStep", "InconclusiveAnalysisRun"]
    else:
        assert (reasons, runs) == (["CanaryPauseStep"], {name: "Running"})


def test_without_a_router_a_release_that_turns_bad_gives_its_pods_back() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await paused_under_watch(cluster)
        during = await end_state(cluster)
        answers(network, scenes.BAD)
        await until_phase(cluster, "Degraded")
        await cluster.clock.sleep(60)
        return during, await end_state(cluster)

    during, end = told(story, rollout=WITHOUT_ROUTER)
    assert during["pods"] == ["web:v1", "web:v2"]
    assert (end["phase"], end["pods"]) == ("Degraded", ["web:v1", "web:v1"])


def test_runs_are_kept_up_to_the_history_limits() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        limits = {"spec": {"analysis": {"unsuccessfulRunHistoryLimit": 1}}}
        await cluster.admin.patch(ROLLOUTS, "web", limits, NAMESPACE)
        answers(network, scenes.BAD)
        await release(cluster, "web:v2")
        for attempt in ("-2", ".1", "-2"):  # the names of runs that were deleted are free
            await until_over(cluster, attempt)
            await command(cluster, commands.retry)
        await until_over(cluster, ".1")
        await cluster.clock.sleep(30)
        return await scenes.runs(cluster)

    runs = told(story)
    assert set(runs.values()) == {"Failed"}
    assert len(runs) == 2, "one of before, and the one that the status tells of"


def test_the_tree_of_the_rollout_shows_the_run_with_its_metric() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await paused_under_watch(cluster)
        await cluster.clock.sleep(12)
        rollout = decode(Rollout, await scenes.rollout(cluster))
        sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
        runs = (await cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items
        among = Relatives(
            replica_sets=tuple(decode(ReplicaSet, one) for one in sets),
            runs=tuple(decode(AnalysisRun, one) for one in runs),
        )
        return tree(family_of(rollout, among), cluster.clock.now())

    root = told(story)
    newest = root.children[0]
    (run,) = [node for node in newest.children if node.kind == "AnalysisRun"]
    assert (run.state, [metric.name for metric in run.children]) == ("Running", ["errors"])


# --- A controller that dies at the run's birth ---------------------------------------------------


class Dying:
    """Gone for good at the first creation of a run: before the server has it, or after."""

    def __init__(self, inner: Transport, *, done: bool) -> None:
        self._inner, self._done, self.dead = inner, done, asyncio.Event()
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        if self.dead.is_set():
            await asyncio.Event().wait()
        if request.method == "POST" and request.path.endswith("/analysisruns"):
            if self._done:
                await self._inner.send(request)
            self.dead.set()
            await asyncio.Event().wait()
        return await self._inner.send(request)


@pytest.mark.parametrize("done", [False, True], ids=["run not made", "run made"])
def test_a_controller_that_dies_between_name_and_run_is_succeeded_with_one_run(done: bool) -> None:
    made: list[Dying] = []

    def wrap(inner: Transport) -> Dying:
        made.append(Dying(inner, done=done))
        return made[-1]

    async def story() -> Any:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster, scenes.GOOD)
            async with controlled(cluster, asker=network):
                await cluster.apply("---".join((PLAIN, ENDLESS, *BESIDE)))
                await until_phase(cluster, "Healthy")
            async with controlled(cluster, wrap, asker=network):
                await release(cluster, "web:v2")
                await made[0].dead.wait()
            noted = (await status(cluster))["canary"]["currentBackgroundAnalysisRunStatus"]
            left = await scenes.runs(cluster)
            async with controlled(cluster, asker=network):
                await until_phase(cluster, "Paused", 1)
                runs = await until_runs(cluster, "Running")
                answers(network, scenes.BAD)
                await until_phase(cluster, "Degraded")
                await cluster.clock.sleep(5)  # to a new process everything is unsettled
                return noted, left, runs, await end_state(cluster)

    noted, left, runs, end = run_virtual(story())
    assert (noted["status"], len(left)) == ("Pending", int(done))
    assert list(runs) == [noted["name"]]
    assert (end["weight"], end["runs"]) == (0, ["Failed"])
