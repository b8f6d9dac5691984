"""Releases without a router, end to end in virtual time: the pods divide the traffic."""

from __future__ import annotations

from typing import Any

from control import scenes
from control.basic_world import Bounds, edit, ready, replicas, shop, told
from control.scenes import command, condition, end_state, release, status, until_phase
from serinus.control.kinds import ROLLOUTS
from serinus.core.rollout import commands
from serinus.kube.resource import PODS, REPLICASETS
from support.cluster import NAMESPACE, PaperCluster

SERVICES = scenes.STABLE_SERVICE + "---" + scenes.CANARY_SERVICE
NAMED = """
      canaryService: web-canary
      stableService: web-stable
      steps:
      - setWeight: 50
      - pause: {}
"""
MEASURED = """
      steps:
      - setWeight: 20
      - analysis: {templates: [{templateName: errors}]}
      - pause: {duration: 10s}
"""

GATE = """
      steps:
      - setWeight: 20
      - pause: {}
"""


def healthy(image: str, **fields: Any) -> dict[str, Any]:
    return {
        "phase": "Healthy",
        "step": 4,
        "stable": image,
        "current": image,
        "abort": False,
        "weight": 0,
        "services": {"web": ""},
        "pods": [image] * 10,
        "revisions": ["web:v1", "web:v2"],
        "runs": [],
        **fields,
    }


def test_an_abort_scales_back_at_once_within_the_bounds() -> None:
    async def story(cluster: PaperCluster) -> Any:
        bounds = Bounds(cluster)
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 3)
        await command(cluster, commands.abort())
        await bounds.watch(10)
        return bounds, await end_state(cluster), await status(cluster)

    bounds, end, now = told(story)
    assert bounds.fewest >= 8
    assert end == healthy("web:v1", phase="Degraded", step=0, current="web:v2", abort=True)
    assert now["message"] == "RolloutAborted: Rollout aborted update to revision 2"


def test_a_good_analysis_lets_the_pods_go_on() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await cluster.clock.sleep(90)
        return await end_state(cluster)

    end = told(story, shop(MEASURED) + "---" + scenes.TEMPLATE)
    assert end == healthy("web:v2", step=3, runs=["Successful"])


def test_a_third_revision_in_mid_update_takes_the_place_of_the_second() -> None:
    async def story(cluster: PaperCluster) -> Any:
        bounds = Bounds(cluster)
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 3)
        await release(cluster, "web:v3")
        await bounds.watch(20)
        return bounds

    bounds = told(story)
    assert (bounds.most, bounds.fewest) == (13, 8)
    assert bounds.seen[-1] == ("Paused", 1, "v1:8 v3:2")


def test_a_return_to_stable_needs_no_steps() -> None:
    async def story(cluster: PaperCluster) -> Any:
        bounds = Bounds(cluster)
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 3)
        await release(cluster, "web:v1")
        await bounds.watch(20)
        return bounds, await end_state(cluster)

    bounds, end = told(story)
    assert bounds.fewest >= 8
    assert {phase for phase, _, _ in bounds.seen} == {"Progressing", "Healthy"}
    assert end == healthy("web:v1")


def test_inside_the_rollback_window_an_old_version_needs_no_steps() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 3)
        await command(cluster, commands.promote_fully)
        await until_phase(cluster, "Healthy")
        await edit(cluster, rollbackWindow={"revisions": 1})
        await release(cluster, "web:v1")
        seen = Bounds(cluster)
        await seen.watch(30)
        return seen, await end_state(cluster)

    seen, end = told(story)
    assert "Paused" not in {phase for phase, _, _ in seen.seen}
    assert end == healthy("web:v1")


def test_an_abort_beside_a_full_promotion_wins() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        patch = {"status": {"promoteFull": True, "abort": True}}
        await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE, subresource="status")
        await cluster.clock.sleep(20)
        return await end_state(cluster)

    end = told(story)
    assert (end["phase"], end["pods"]) == ("Degraded", ["web:v1"] * 10)


def test_paused_by_its_user_the_canary_keeps_its_pods_and_stable_takes_new_ones() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        await edit(cluster, paused=True)
        await cluster.clock.sleep(60)
        await edit(cluster, replicas=15)
        await cluster.clock.sleep(20)
        held = await replicas(cluster), (await status(cluster))["message"]
        await edit(cluster, paused=False)
        await until_phase(cluster, "Paused", 3)
        return held, await replicas(cluster)

    held, after = told(story)
    assert held == ({"v1": 13, "v2": 2}, "manually paused")
    assert after == {"v1": 6, "v2": 9}


def test_replicas_edited_in_mid_update_are_divided_at_once() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 3)
        found = []
        for count in (20, 5, 0, 10):
            await edit(cluster, replicas=count)
            await cluster.clock.sleep(20)
            found.append((await replicas(cluster), (await status(cluster))["phase"]))
        return found

    assert told(story) == [
        ({"v1": 8, "v2": 12}, "Paused"),
        ({"v1": 2, "v2": 3}, "Paused"),
        ({"v1": 0, "v2": 0}, "Healthy"),
        ({"v1": 0, "v2": 10}, "Healthy"),
    ]


def test_a_version_that_never_gets_ready_times_out_with_eight_pods_answering() -> None:
    async def story(cluster: PaperCluster) -> Any:
        cluster.gets_ready = lambda pod: pod["spec"]["containers"][0]["image"] != "web:v2"
        await edit(cluster, progressDeadlineSeconds=60, progressDeadlineAbort=True)
        bounds = Bounds(cluster)
        await release(cluster, "web:v2")
        await bounds.watch(80)
        return bounds, await end_state(cluster), condition(await status(cluster), "Progressing")

    bounds, end, progressing = told(story)
    assert bounds.fewest == 8
    assert end == healthy("web:v1", phase="Degraded", step=0, current="web:v2", abort=True)
    assert "has timed out progressing" in progressing["message"]


def test_ephemeral_labels_follow_the_roles_of_the_pods() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        before = await _roles(cluster)
        await command(cluster, commands.promote_fully)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(5)
        return before, await _roles(cluster)

    labelled = """
      canaryMetadata: {labels: {role: canary}}
      stableMetadata: {labels: {role: stable}}
    """
    before, after = told(story, shop(labelled.rstrip() + GATE))
    assert before == {("web:v1", "stable"): 8, ("web:v2", "canary"): 2}
    assert after == {("web:v2", "stable"): 10}


async def _roles(cluster: PaperCluster) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
        name = pod["spec"]["containers"][0]["image"], pod["metadata"]["labels"].get("role", "")
        found[name] = found.get(name, 0) + 1
    return found


def test_services_that_are_named_follow_their_revisions() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        at_pause = (await end_state(cluster))["services"]
        await command(cluster, commands.promote)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(5)
        return at_pause, await end_state(cluster)

    at_pause, end = told(story, shop(NAMED) + "---" + SERVICES)
    assert at_pause == {"web": "", "web-stable": "web:v1", "web-canary": "web:v2"}
    services = {"web": "", "web-stable": "web:v2", "web-canary": "web:v2"}
    assert end == healthy("web:v2", step=2, services=services)


def test_an_abort_gives_the_canary_service_back_to_stable() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused", 1)
        await command(cluster, commands.abort())
        await cluster.clock.sleep(15)
        return await end_state(cluster)

    end = told(story, shop(NAMED) + "---" + SERVICES)
    assert set(end["services"].values()) == {"", "web:v1"}
    assert end["pods"] == ["web:v1"] * 10


def test_a_first_version_is_stable_when_all_of_its_pods_answer() -> None:
    async def story(cluster: PaperCluster) -> Any:
        now = await status(cluster)
        return now["stableRS"] == now["currentPodHash"], await ready(cluster), now["phase"]

    assert told(story) == (True, 10, "Healthy")


def test_pods_that_die_at_rest_come_back_and_nothing_else_moves() -> None:
    async def story(cluster: PaperCluster) -> Any:
        pods = (await cluster.admin.list(PODS, NAMESPACE)).items[:4]
        for pod in pods:
            await cluster.admin.delete(PODS, pod["metadata"]["name"], NAMESPACE)
        await cluster.clock.sleep(10)
        return await end_state(cluster)

    assert told(story) == healthy("web:v1", revisions=["web:v1"])


def test_setting_a_scale_of_the_canary_is_refused_without_a_router() -> None:
    async def story(cluster: PaperCluster) -> Any:
        strategy = {"canary": {"steps": [{"setCanaryScale": {"replicas": 1}}]}}
        await edit(cluster, strategy=strategy)
        await cluster.clock.sleep(5)
        return condition(await status(cluster), "InvalidSpec")

    message = told(story)["message"]
    assert "spec.strategy.canary.steps[0].setCanaryScale: works only with trafficRouting" in message


def test_old_revisions_past_the_limit_are_deleted() -> None:
    async def story(cluster: PaperCluster) -> Any:
        await edit(cluster, revisionHistoryLimit=1)
        for version in ("v2", "v3", "v4"):
            await release(cluster, f"web:{version}")
            await cluster.clock.sleep(40)
        sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
        return sorted(s["spec"]["template"]["spec"]["containers"][0]["image"] for s in sets)

    assert told(story, shop("{}")) == ["web:v3", "web:v4"]
