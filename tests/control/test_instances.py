"""Several controllers in one cluster: each takes only the objects that are labelled for it."""

from __future__ import annotations

from typing import Any

from control import scenes
from control.trials import TRIAL
from serinus.api.names import INSTANCE_ID
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.kube.resource import PODS, REPLICASETS, SERVICES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

LABEL = f"metadata: {{name: web, namespace: shop, labels: {{{INSTANCE_ID}: blue}}}}"
LABELLED = scenes.ALL.replace("metadata: {name: web, namespace: shop}", LABEL, 1)


async def selectors(cluster: PaperCluster) -> list[str]:
    services = (await cluster.admin.list(SERVICES, NAMESPACE)).items
    return [one["spec"]["selector"].get("rollouts-pod-template-hash", "") for one in services]


async def labelled(cluster: PaperCluster, value: str | None) -> None:
    await cluster.admin.patch(
        ROLLOUTS, "web", {"metadata": {"labels": {INSTANCE_ID: value}}}, NAMESPACE
    )


def test_a_rollout_of_another_instance_is_left_alone_and_its_own_takes_it() -> None:
    async def story() -> tuple[Any, Any, Any]:
        async with paper_cluster() as cluster:
            await cluster.apply(LABELLED)
            async with controlled(cluster):
                await cluster.clock.sleep(30)
                left = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
            async with controlled(cluster, instance_id="green"):
                await cluster.clock.sleep(30)
                left += (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
            async with controlled(cluster, instance_id="blue"):
                await cluster.clock.sleep(30)
                return left, await scenes.status(cluster), await selectors(cluster)

    left, status, selected = run_virtual(story())
    assert left == ()
    assert status["phase"] == "Healthy"
    assert selected == [status["stableRS"]] * 2


def test_what_a_labelled_rollout_starts_is_labelled_too() -> None:
    async def story() -> list[Any]:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster)
            async with controlled(cluster, asker=network, instance_id="blue"):
                await cluster.apply(LABELLED)
                await scenes.until_phase(cluster, "Healthy")
                await scenes.release(cluster, "web:v2")
                await cluster.clock.sleep(60)
                await scenes.until_phase(cluster, "Healthy")
                return list((await cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items)

    (run,) = run_virtual(story())
    assert run["metadata"]["labels"][INSTANCE_ID] == "blue"
    assert run["status"]["phase"] == "Successful"


def test_an_experiment_and_its_runs_are_those_of_one_instance() -> None:
    async def story() -> tuple[Any, Any]:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster)
            label = f"labels: {{{INSTANCE_ID}: blue}}, name: trial"
            await cluster.apply(scenes.TEMPLATE)
            await cluster.apply(TRIAL.replace("name: trial", label, 1))
            async with controlled(cluster, asker=network):
                await cluster.clock.sleep(20)
                before = await cluster.admin.get(EXPERIMENTS, "trial", NAMESPACE)
            async with controlled(cluster, asker=network, instance_id="blue"):
                await cluster.clock.sleep(40)
                runs = (await cluster.admin.list(ANALYSIS_RUNS, NAMESPACE)).items
                return before.get("status", {}), runs

    before, (run,) = run_virtual(story())
    assert before == {}
    assert run["metadata"]["labels"][INSTANCE_ID] == "blue"
    assert run["status"]["phase"] == "Successful"


def test_a_rollout_that_is_given_to_another_instance_keeps_its_services_and_pods() -> None:
    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(scenes.other_shop("web"))
            await cluster.clock.sleep(30)
            selected = await selectors(cluster)
            pods = {p["metadata"]["uid"] for p in (await cluster.admin.list(PODS)).items}
            assert all(selected)
            await labelled(cluster, "blue")
            await cluster.clock.sleep(30)
            assert await selectors(cluster) == selected
            assert "RolloutDeleted" not in await scenes.reasons(cluster)
            async with controlled(cluster, instance_id="blue"):
                await cluster.clock.sleep(30)
                assert await selectors(cluster) == selected
                await labelled(cluster, None)
                await cluster.clock.sleep(30)
            assert await selectors(cluster) == selected
            assert {p["metadata"]["uid"] for p in (await cluster.admin.list(PODS)).items} == pods
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.clock.sleep(30)
            assert await selectors(cluster) == ["", ""]
            assert "RolloutDeleted" in await scenes.reasons(cluster)

    run_virtual(story())
