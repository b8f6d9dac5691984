"""Argo CD's health checks over every version of our objects, while releases go on.

What it waits for is that nothing is called healthy while the new version is not everywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from clients.argocd import health, health_of_trial, older_health
from control import scenes, switch_scenes
from control.scenes import Json, release, until_phase
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.core.rollout.commands import promote
from serinus.kube.informer import Informer
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

KINDS = (ROLLOUTS, ANALYSIS_RUNS, EXPERIMENTS)
TRIED = scenes.ALL.replace(
    "      - setWeight: 50\n",
    """      - experiment:
          duration: 20s
          templates: [{name: a, specRef: canary}, {name: b, specRef: stable}]
      - setWeight: 50
      - pause: {}
""",
)
Versions = dict[str, list[Json]]


@asynccontextmanager
async def followed(cluster: PaperCluster) -> AsyncIterator[Versions]:
    """Every version of every object of ours, by kind, in the order in which they came."""
    versions: Versions = {kind.kind: [] for kind in KINDS}
    tasks = []
    for kind in KINDS:
        informer: Informer[Json] = Informer(
            cluster.client("argocd"), kind, dict, cluster.clock, jitter=cluster.chance
        )
        keep = versions[kind.kind].append
        informer.on_change(lambda old, new, keep=keep: keep(new) if new else None)  # type: ignore[misc]
        tasks.append(asyncio.create_task(informer.run()))
    try:
        yield versions
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def each_once(told: Iterable[str]) -> list[str]:
    """Without what repeats its predecessor."""
    kept: list[str] = []
    for word in told:
        if not kept or kept[-1] != word:
            kept.append(word)
    return kept


def told(
    objects: str, story: Callable[[PaperCluster, Any], Any], answer: bytes = scenes.GOOD
) -> Versions:
    async def run() -> Versions:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster, answer)
            async with followed(cluster) as versions, controlled(cluster, asker=network):
                await cluster.apply("---".join(reversed(objects.split("---"))))  # it comes last
                await until_phase(cluster, "Healthy")
                await story(cluster, network)
                await cluster.clock.sleep(60)
            return versions

    return run_virtual(run())


def is_new_everywhere(rollout: Json) -> bool:
    """The version of the spec is that of all users."""
    status = rollout.get("status", {})
    return bool(status.get("stableRS")) and status["stableRS"] == hash_of_spec(rollout)


def hash_of_spec(rollout: Json) -> str:
    """The revision of the image that the spec names; known from versions that tell it."""
    status = rollout.get("status", {})
    seen = status.get("observedGeneration") == str(rollout["metadata"]["generation"])
    return str(status.get("currentPodHash", "")) if seen else ""


async def good_then_bad(cluster: PaperCluster, network: Any) -> None:
    await release(cluster, "web:v2")
    await until_phase(cluster, "Paused")
    await scenes.command(cluster, promote)
    await until_phase(cluster, "Progressing")
    await until_phase(cluster, "Healthy")
    await cluster.clock.sleep(30)  # until the older pods are gone, as the older rules want it
    network.answer = lambda request, number: scenes.BAD
    await release(cluster, "web:v3")
    await until_phase(cluster, "Paused")
    await scenes.command(cluster, promote)
    await until_phase(cluster, "Degraded")
    await release(cluster, "web:v2")
    await until_phase(cluster, "Healthy")


@pytest.fixture(scope="module")
def releases() -> Versions:
    """One release with an experiment, a pause and an analysis; a failed one; the way back."""
    return told(TRIED, good_then_bad)


WHOLE = ["Progressing", "Healthy"]
"""As it is deployed."""
HELD = ["Progressing", "Suspended"]


def test_a_release_is_progressing_suspended_at_its_pauses_and_healthy_at_its_end(
    releases: Versions,
) -> None:
    seen = each_once(map(health, releases["Rollout"]))
    good = [*HELD, "Progressing", "Suspended", "Progressing", "Healthy"]
    bad = [*HELD, "Progressing", "Degraded"]
    assert seen == [*WHOLE, *good, *bad, "Progressing", "Healthy"]


def test_nothing_is_healthy_while_the_new_version_is_not_everywhere(releases: Versions) -> None:
    rollouts = releases["Rollout"]
    assert len(rollouts) > 50
    for judge in (health, older_health):
        healthy = [one for one in rollouts if judge(one) == "Healthy"]
        assert healthy
        assert all(map(is_new_everywhere, healthy))


def test_the_older_rules_come_to_the_same_ends(releases: Versions) -> None:
    seen = each_once(map(older_health, releases["Rollout"]))
    assert [word for word in seen if word in ("Healthy", "Degraded")] == [
        *("Healthy", "Healthy", "Degraded", "Healthy"),
    ]
    assert seen.count("Suspended") == each_once(map(health, releases["Rollout"])).count("Suspended")


def test_what_we_say_besides_changes_no_judgement(releases: Versions) -> None:
    waiting = [one for one in releases["Rollout"] if _waits(one)]
    assert waiting
    for one in waiting:
        status = one["status"]
        others = [c for c in status["conditions"] if c["type"] != "Waiting"]
        plain = one | {"status": status | {"conditions": others}}
        assert (health(plain), older_health(plain)) == (health(one), older_health(one))


def test_runs_and_experiments_go_from_progressing_to_their_verdict(releases: Versions) -> None:
    seen = {
        kind: {
            name: each_once(health_of_trial(v) for v in versions if v["metadata"]["name"] == name)
            for name in dict.fromkeys(v["metadata"]["name"] for v in versions)
        }
        for kind, versions in releases.items()
        if kind != "Rollout"
    }
    assert list(seen["AnalysisRun"].values()) == [
        ["Progressing", "Healthy"],
        ["Progressing", "Degraded"],
    ]
    assert list(seen["Experiment"].values()) == [["Progressing", "Healthy"]] * 2


async def promoted_by_hand(cluster: PaperCluster, network: Any) -> None:
    await release(cluster, "web:v2")
    await until_phase(cluster, "Paused")
    await scenes.command(cluster, promote)
    await until_phase(cluster, "Healthy")


def test_a_blue_green_release_is_suspended_until_somebody_promotes_it() -> None:
    rollouts = told(switch_scenes.objects(switch_scenes.MANUAL), promoted_by_hand)["Rollout"]
    seen = each_once(map(health, rollouts))
    assert seen == [*WHOLE, *HELD, "Progressing", "Healthy"]
    for judge in (health, older_health):
        assert all(is_new_everywhere(one) for one in rollouts if judge(one) == "Healthy")
    older = each_once(map(older_health, rollouts))
    assert (older[-1], "Suspended" in older) == ("Healthy", True)


async def broken_and_mended(cluster: PaperCluster, network: Any) -> None:
    for service in ("nowhere", "web-canary"):
        spec = {"strategy": {"canary": {"canaryService": service}}}
        await cluster.admin.patch(ROLLOUTS, "web", {"spec": spec}, NAMESPACE)
        await cluster.clock.sleep(30)


def test_an_invalid_spec_is_degraded_and_healthy_again_once_it_is_mended() -> None:
    rollouts = told(scenes.ALL, broken_and_mended)["Rollout"]
    for judge in (health, older_health):
        ends = [word for word in each_once(map(judge, rollouts)) if word != "Progressing"]
        assert ends == ["Healthy", "Degraded", "Healthy"]


def _waits(rollout: Json) -> bool:
    conditions = rollout.get("status", {}).get("conditions", ())
    return any((c["type"], c["status"]) == ("Waiting", "True") for c in conditions)
