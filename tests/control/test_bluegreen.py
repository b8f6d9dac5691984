"""Blue-green releases end to end, in virtual time, through a real API server."""

from __future__ import annotations

from typing import Any

from control import scenes, switch_scenes
from control.analysis_world import Network
from control.scenes import command, condition, release, rollout, status, until_phase
from control.switch_scenes import BOTH, MANUAL, line, lines, told, until_active, where
from serinus.api.argo import Rollout
from serinus.api.wire import decode
from serinus.control.kinds import ANALYSIS_RUNS, ROLLOUTS
from serinus.core.rollout import commands
from serinus.kube.resource import PODS, REPLICASETS, SERVICES
from serinus.present.phase import phase_of
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual


async def pods_die(cluster: PaperCluster, image: str) -> None:
    for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
        if pod["spec"]["containers"][0]["image"] == image:
            await cluster.set_ready(pod["metadata"]["name"], False)


async def patch(cluster: PaperCluster, spec: dict[str, Any]) -> None:
    await cluster.admin.patch(ROLLOUTS, "web", {"spec": spec}, NAMESPACE)


def test_a_release_is_switched_when_it_is_ready_and_the_old_one_waits_its_delay() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        return await lines(cluster, 60)

    assert told(story) == [
        "active=v1 preview=v2 stable=v1 v1:2 v2:2 Progressing",
        "active=v2 preview=v2 stable=v1 v1:2 v2:2 Progressing",
        "active=v2 preview=v2 stable=v2 v1:2 v2:2 Healthy",
        "active=v2 preview=v2 stable=v2 v1:0 v2:2 Healthy",
    ]


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


def test_a_failure_before_the_switch_leaves_production_alone() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        return await lines(cluster, 60), await status(cluster)

    seen, now = told(story, BOTH, scenes.BAD)
    assert seen[-1] == "active=v1 preview=v2 stable=v1 v1:2 v2:0 Degraded"
    assert not any("active=v2" in one for one in seen)
    assert "Pre-promotion analysis phase error/failed" in now["message"]


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


def test_a_person_promotes_and_the_phase_says_so_all_the_way() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        paused = decode(Rollout, await rollout(cluster))
        await command(cluster, commands.promote)
        after = decode(Rollout, await rollout(cluster))
        await until_phase(cluster, "Healthy")
        return phase_of(paused), phase_of(after), line(await where(cluster))

    paused, after, end = told(story, MANUAL)
    assert str(paused) == "Paused - BlueGreenPause"
    assert str(after) == "Progressing - waiting for rollout to unpause"
    assert end == "active=v2 preview=v2 stable=v2 v1:2 v2:2 Healthy"


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


def test_an_abort_of_a_paused_release_takes_its_pods_away_after_the_delay() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        await command(cluster, commands.abort)
        return await lines(cluster, 30), await status(cluster)

    seen, now = told(story, MANUAL)
    assert seen == [
        "active=v1 preview=v2 stable=v1 v1:2 v2:2 Degraded",
        "active=v1 preview=v2 stable=v1 v1:2 v2:0 Degraded",
    ]
    assert now["message"] == "RolloutAborted: Rollout aborted update to revision 2"
    assert now["duration"]["completionStatus"] == "Aborted"


def test_an_abort_that_comes_after_promotion_is_answered_with_undo() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_active(cluster, "v2")
        await until_phase(cluster, "Healthy")
        await command(cluster, commands.abort())
        await cluster.clock.sleep(3)
        kept = commands.abort(decode(Rollout, await rollout(cluster)))
        return await status(cluster), await scenes.reasons(cluster), kept

    now, reasons, kept = told(story)
    assert not now.get("abort", False)
    assert now["phase"] == "Healthy"
    assert "RolloutNotAborted" in reasons
    assert kept == ()


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


def test_a_third_revision_behind_the_switch_goes_back_to_stable_first() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_active(cluster, "v2")
        await release(cluster, "web:v3")
        return await lines(cluster, 120)

    seen = told(story, BOTH)
    assert seen[0].startswith("active=v1 preview=v3 stable=v1")
    assert seen[-1] == "active=v3 preview=v3 stable=v3 v1:0 v2:0 v3:2 Healthy"


def test_a_small_preview_grows_when_it_was_let_through() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        small = line(await where(cluster))
        await command(cluster, commands.promote)
        await until_phase(cluster, "Healthy")
        return small, line(await where(cluster))

    small, end = told(story, MANUAL + "previewReplicaCount: 1\n")
    assert small == "active=v1 preview=v2 stable=v1 v1:2 v2:1 Paused"
    assert end.startswith("active=v2 preview=v2 stable=v2 v1:2 v2:2")


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


def test_replicas_that_change_in_mid_update_change_on_both_sides() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_phase(cluster, "Paused")
        await patch(cluster, {"replicas": 4})
        grown = (await lines(cluster, 15))[-1]
        await command(cluster, commands.promote)
        await until_active(cluster, "v2")
        return grown, (await lines(cluster, 30))[-1]

    grown, end = told(story, MANUAL)
    assert grown == "active=v1 preview=v2 stable=v1 v1:4 v2:4 Paused"
    assert end == "active=v2 preview=v2 stable=v2 v1:0 v2:4 Healthy"


def test_a_release_that_never_gets_ready_times_out_and_is_aborted_if_asked() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        cluster.gets_ready = lambda pod: pod["spec"]["containers"][0]["image"] != "web:v2"
        await patch(cluster, {"progressDeadlineSeconds": 30, "progressDeadlineAbort": True})
        await release(cluster, "web:v2")
        return (await lines(cluster, 90))[-1], await status(cluster)

    end, now = told(story)
    assert end == "active=v1 preview=v2 stable=v1 v1:2 v2:0 Degraded"
    assert now["message"].endswith("has timed out progressing.")


def test_an_active_revision_that_dies_untested_is_left_for_stable() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await release(cluster, "web:v2")
        await until_active(cluster, "v2")
        await pods_die(cluster, "web:v2")
        await until_active(cluster, "v1")
        return await status(cluster)

    now = told(story, BOTH)
    assert not now.get("abort", False)
    assert now["message"] == "updated replicas are still becoming available"


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


def test_a_rollout_that_is_deleted_frees_both_services() -> None:
    async def story(cluster: PaperCluster, network: Network) -> Any:
        await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
        await cluster.clock.sleep(5)
        return [
            one["spec"]["selector"] for one in (await cluster.admin.list(SERVICES, NAMESPACE)).items
        ]

    assert told(story) == [{"app": "web"}, {"app": "web"}]
