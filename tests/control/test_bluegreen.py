"""Blue-green releases end to end, in virtual time, through a real API server."""

from __future__ import annotations

from typing import Any

from control import scenes, switch_scenes
from control.analysis_world import Network
from control.scenes import command, condition, release, status, until_phase
from control.switch_scenes import BOTH, MANUAL, line, lines, told, until_active, where
from serinus.control.kinds import ANALYSIS_RUNS, ROLLOUTS
from serinus.core.rollout import commands
from serinus.kube.resource import PODS, REPLICASETS, SERVICES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual


async def pods_die(cluster: PaperCluster, image: str) -> None:
    for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
        if pod["spec"]["containers"][0]["image"] == image:
            await cluster.set_ready(pod["metadata"]["name"], False)


async def patch(cluster: PaperCluster, spec: dict[str, Any]) -> None:
    await cluster.admin.patch(ROLLOUTS, "web", {"spec": spec}, NAMESPACE)


def test_a_release_is_measured_before_and_behind_the_switch() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        seen = await lines(cluster, 120)
        items = (await cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items
        kinds = {run["metadata"]["labels"]["rollout-type"] for run in items}
        return seen, kinds, sorted(run["metadata"]["name"][-5:] for run in items), len(network.sent)

    seen, kinds, names, asked = told(story, BOTH)
    assert seen[-1] == "active=v2 preview=v2 stable=v2 v1:0 v2:2 Healthy"
    assert kinds == {"PrePromotion", "PostPromotion"}
    assert names == ["-post", "2-pre"]
    assert asked == 6


def test_a_failure_behind_the_switch_goes_back_although_the_new_pods_are_gone() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_active(cluster, "v2")
        network.answer = lambda request, number: scenes.BAD
        await until_phase(cluster, "Degraded")
        await pods_die(cluster, "web:v2")
        await until_active(cluster, "v1")
        return await lines(cluster, 40), await scenes.reasons(cluster)

    seen, reasons = told(story, BOTH)
    assert seen[-1] == "active=v1 preview=v2 stable=v1 v1:2 v2:0 Degraded"
    assert reasons.count("RolloutAborted") == 1


def test_a_full_promotion_skips_pause_and_analyses() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Progressing")
        await scenes.until(cluster, lambda: _knows(cluster, "v2"))
        await command(cluster, commands.promote_fully)
        await until_phase(cluster, "Healthy")
        return line(await where(cluster)), await status(cluster), len(network.sent)

    end, now, asked = told(story, MANUAL + BOTH)
    assert end.startswith("active=v2 preview=v2 stable=v2")
    assert now["duration"]["completionStatus"] == "FastPromoted"
    assert asked <= 1


async def _knows(cluster: PaperCluster, version: str) -> bool:
    return version in (await where(cluster))["pods"]


def test_an_undo_while_the_old_pods_are_there_is_at_once() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        await command(cluster, commands.promote)
        await until_active(cluster, "v2")
        await until_phase(cluster, "Healthy")
        await release(cluster, "web:v1")
        return await lines(cluster, 30), await status(cluster)

    seen, now = told(story, MANUAL + BOTH)
    assert seen[-1] == "active=v1 preview=v1 stable=v1 v1:2 v2:0 Healthy"
    assert not any("Paused" in one for one in seen)
    assert now["duration"]["completionStatus"] == "FastRolledBack"


def test_a_paused_spec_holds_the_switch_and_going_on_needs_nothing_else() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await patch(cluster, {"paused": True})
        await release(cluster, "web:v2")
        held = (await lines(cluster, 20))[-1]
        await patch(cluster, {"paused": False})
        await until_active(cluster, "v2")
        await until_phase(cluster, "Healthy")
        return held

    assert told(story) == "active=v1 preview=v1 stable=v1 v1:2 v2:0 Paused"


def test_services_that_come_later_are_waited_for_and_wake_the_rollout() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            rollout_only, _template, *services = switch_scenes.objects().split("---")
            await cluster.apply(rollout_only)
            await until_phase(cluster, "Degraded")
            held = (await status(cluster))["message"]
            await cluster.apply("---".join(services))
            await until_phase(cluster, "Healthy")
            return held, line(await where(cluster))

    held, end = run_virtual(story())
    assert "Service web-active" in held
    assert "Service web-preview" in held
    assert end == "active=v1 preview=v1 stable=v1 v1:2 Healthy"


def test_a_rollout_at_rest_writes_nothing_and_is_healthy_in_every_word() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_active(cluster, "v2")
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(30)
        versions = await _versions(cluster)
        await cluster.clock.sleep(600)
        return versions == await _versions(cluster), await status(cluster)

    silent, now = told(story)
    assert silent
    for kind in ("Healthy", "Available", "Completed", "Progressing"):
        assert condition(now, kind)["status"] == "True"
    assert now["blueGreen"]["activeSelector"] == now["blueGreen"]["previewSelector"]
    assert now["selector"] == f"app=web,rollouts-pod-template-hash={now['stableRS']}"
    assert (now["HPAReplicas"], now["availableReplicas"], now["replicas"]) == (2, 2, 2)


async def _versions(cluster: PaperCluster) -> list[str]:
    kinds = (ROLLOUTS, REPLICASETS, SERVICES, ANALYSIS_RUNS)
    items = [one for kind in kinds for one in (await cluster.admin.list(kind, NAMESPACE)).items]
    return [one["metadata"]["resourceVersion"] for one in items]
