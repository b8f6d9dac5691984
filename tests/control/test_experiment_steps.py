"""Canaries with an experiment among their steps, in virtual time: what a person sees and does."""

from __future__ import annotations

from typing import Any

import yaml

from control import scenes
from control.scenes import command, condition, end_state, release, until, until_phase
from control.trials import Shop
from serinus.api import names
from serinus.control.kinds import EXPERIMENTS, ROLLOUTS
from serinus.core.rollout.commands import abort, pause, promote, promote_fully, retry
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

STEP = {
    "duration": "30s",
    "scaleDownDelaySeconds": 5,
    "templates": [
        {"name": "baseline", "specRef": "stable", "metadata": {"labels": {"role": "baseline"}}},
        {
            "name": "candidate",
            "specRef": "canary",
            "service": {},
            "metadata": {"labels": {"role": "candidate"}},
        },
    ],
    "analyses": [
        {
            "name": "errors",
            "templateName": "errors",
            "args": [
                {"name": "old", "valueFrom": {"podTemplateHashValue": "Stable"}},
                {"name": "new", "valueFrom": {"podTemplateHashValue": "Latest"}},
                {"name": "try", "value": "{{templates.candidate.podTemplateHash}}"},
                {"name": "app", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
        }
    ],
}


def manifests(step: dict[str, Any] = STEP, **spec: Any) -> str:
    """The shop with an experiment before its first weight."""
    documents = list(yaml.safe_load_all(scenes.ALL))
    documents[0]["spec"]["strategy"]["canary"]["steps"] = [
        {"experiment": step},
        {"setWeight": 50},
    ]
    documents[0]["spec"] |= spec
    names_of_args = ("old", "new", "try", "app")
    documents[1]["spec"]["args"] = [{"name": name, "value": "none"} for name in names_of_args]
    return yaml.safe_dump_all(documents)


async def released(cluster: PaperCluster, text: str | None = None) -> Shop:
    """A shop at rest on v1, and then v2."""
    await cluster.apply(text or manifests())
    await until_phase(cluster, "Healthy")
    await release(cluster, "web:v2")
    return Shop(cluster, scenes.network(cluster))


async def experiments(cluster: PaperCluster) -> dict[str, Any]:
    items = (await cluster.admin.list(EXPERIMENTS, NAMESPACE)).items
    return {item["metadata"]["name"]: item for item in items}


async def phases(cluster: PaperCluster) -> list[str]:
    found = await experiments(cluster)
    return [found[name].get("status", {}).get("phase", "") for name in sorted(found)]


def told(story: Any, answer: bytes = scenes.GOOD) -> Any:
    """What `story(cluster, network)` gives, beside our controller."""

    async def run() -> Any:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster, answer)
            async with controlled(cluster, asker=network):
                return await story(cluster, network)

    return run_virtual(run())


def test_a_good_experiment_is_passed_and_the_canary_goes_on() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        seen = await released(cluster)

        async def started() -> bool:
            return (await phases(cluster)) == ["Running"]

        await until(cluster, started)
        during = await scenes.weight(cluster), sorted(await seen.pods()), await experiments(cluster)
        status = await scenes.status(cluster)
        waiting = condition(status, "Waiting")["message"]
        services = await seen.services()
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(60)
        return (
            during,
            status,
            waiting,
            services,
            await end_state(cluster),
            await seen.events("Rollout"),
        )

    (weight, pods, found), status, waiting, services, end, events = told(story)
    assert (weight, pods) == (0, ["web:v1", "web:v1", "web:v1", "web:v2"])
    (name,) = found
    hash_ = status["currentPodHash"]
    assert name == f"web-{hash_}-2-0" == status["canary"]["currentExperiment"]
    assert waiting.endswith(f"experiment {name} is Running")
    spec = found[name]["spec"]
    first = spec["templates"][0]
    assert first["template"]["metadata"]["labels"] == {"app": "web", "role": "baseline"}
    assert first["selector"]["matchLabels"] == {"app": "web", "role": "baseline"}
    own = found[name]["status"]["templateStatuses"][1]["podTemplateHash"]
    assert own not in (hash_, status["stableRS"]), "the canary Service must not select its pods"
    assert services[f"{name}-candidate"]["spec"]["selector"][names.POD_HASH] == own
    assert spec["analyses"][0]["args"] == [
        {"name": "old", "value": status["stableRS"]},
        {"name": "new", "value": hash_},
        {"name": "try", "value": "{{templates.candidate.podTemplateHash}}"},
        {"name": "app", "value": "web"},
    ]
    assert (end["phase"], end["stable"], end["pods"]) == ("Healthy", "web:v2", ["web:v2"] * 2)
    reasons = [reason for reason, _ in events]
    assert {"ExperimentCreated", "ExperimentRunning", "ExperimentSuccessful"} <= set(reasons)


def test_a_retry_runs_a_new_experiment_and_never_takes_up_the_old_verdict() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        await released(cluster)
        await until_phase(cluster, "Degraded")
        network.answer = lambda request, number: scenes.GOOD
        await command(cluster, retry)
        await until_phase(cluster, "Healthy")
        return await end_state(cluster), await phases(cluster), sorted(await experiments(cluster))

    end, found, called = told(story, scenes.BAD)
    assert end["stable"] == "web:v2"
    assert found == ["Failed", "Successful"]
    assert called[1] == f"{called[0]}-1"


def test_an_inconclusive_experiment_pauses_and_a_promotion_leaves_the_step() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        step = STEP | {"analyses": [{"name": "errors", "templateName": "unsure"}]}
        unsure = scenes.TEMPLATE.replace("{name: errors,", "{name: unsure,").replace(
            "successCondition: result[0] < 0.1",
            "successCondition: result[0] < -1\n    failureCondition: result[0] > 5",
        )
        await cluster.apply(unsure)
        await released(cluster, manifests(step))
        await until_phase(cluster, "Paused")
        status = await scenes.status(cluster)
        await command(cluster, promote)
        await until_phase(cluster, "Healthy")
        return status, await end_state(cluster), await phases(cluster)

    status, end, found = told(story)
    assert [one["reason"] for one in status["pauseConditions"]] == ["InconclusiveExperiment"]
    assert (status["message"], status["controllerPause"]) == ("InconclusiveExperiment", True)
    assert (end["stable"], found) == ("web:v2", ["Inconclusive"])


def test_who_ends_an_experiment_by_hand_has_not_passed_it() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        seen = await released(cluster)

        async def running() -> bool:
            return (await phases(cluster)) == ["Running"]

        await until(cluster, running)
        (name,) = await experiments(cluster)
        await seen.patch({"spec": {"terminate": True}}, name)
        await until_phase(cluster, "Paused")
        await cluster.admin.patch(
            ROLLOUTS, "web", {"status": {"pauseConditions": None}}, NAMESPACE, subresource="status"
        )
        await until_phase(cluster, "Healthy")
        return await phases(cluster), await end_state(cluster)

    found, end = told(story)
    assert found == ["Successful", "Successful"], "let go on without a word, it is run again"
    assert end["stable"] == "web:v2"


def test_an_abort_ends_the_experiment_and_its_pods() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        await released(cluster)
        await cluster.clock.sleep(10)
        await command(cluster, abort())
        await cluster.clock.sleep(60)
        found = await experiments(cluster)
        return [one["spec"]["terminate"] for one in found.values()], await end_state(cluster)

    terminated, end = told(story)
    assert terminated == [True]
    assert (end["phase"], end["pods"]) == ("Degraded", ["web:v1"] * 2)


def test_a_new_revision_in_mid_experiment_ends_it_and_has_one_of_its_own() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        await released(cluster)
        await cluster.clock.sleep(10)
        await release(cluster, "web:v3")
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(60)
        return await experiments(cluster), await end_state(cluster)

    found, end = told(story)
    ended = {one["metadata"]["annotations"][names.REVISION]: one["spec"] for one in found.values()}
    assert {number: spec.get("terminate", False) for number, spec in ended.items()} == {
        "2": True,
        "3": False,
    }
    assert (end["stable"], end["pods"]) == ("web:v3", ["web:v3"] * 2)


def test_a_full_promotion_skips_the_experiment_and_ends_it() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        await released(cluster)
        await cluster.clock.sleep(10)
        await command(cluster, promote_fully)
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(60)
        found = await experiments(cluster)
        return [one["spec"]["terminate"] for one in found.values()], await end_state(cluster)

    terminated, end = told(story)
    assert (terminated, end["pods"]) == ([True], ["web:v2"] * 2)


def test_a_paused_rollout_starts_no_experiment_and_a_bad_one_still_aborts_it() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        await cluster.apply(manifests())
        await until_phase(cluster, "Healthy")
        await command(cluster, pause())
        await release(cluster, "web:v2")
        await cluster.clock.sleep(30)
        before = await experiments(cluster)
        await cluster.admin.patch(ROLLOUTS, "web", {"spec": {"paused": False}}, NAMESPACE)

        async def started() -> bool:
            return bool(await experiments(cluster))

        await until(cluster, started)
        await command(cluster, pause())
        await until_phase(cluster, "Degraded")
        return before, await end_state(cluster)

    before, end = told(story, scenes.BAD)
    assert before == {}
    assert end["abort"] is True


def test_a_first_deploy_and_a_return_to_stable_need_no_experiment() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        await released(cluster)
        await cluster.clock.sleep(10)
        first = len(await experiments(cluster))
        await release(cluster, "web:v1")
        await until_phase(cluster, "Healthy")
        await cluster.clock.sleep(60)
        return first, await experiments(cluster), await end_state(cluster)

    first, found, end = told(story)
    assert (first, len(found), end["stable"]) == (1, 1, "web:v1")
    assert [one["spec"]["terminate"] for one in found.values()] == [True]


def test_old_experiments_go_with_the_history_limits() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        limits = {"successfulRunHistoryLimit": 1, "unsuccessfulRunHistoryLimit": 0}
        await released(cluster, manifests(analysis=limits))
        for number in (2, 3, 4):
            await release(cluster, f"web:v{number}")
            await cluster.clock.sleep(150)
        return await experiments(cluster), await end_state(cluster)

    found, end = told(story)
    assert end["stable"] == "web:v4"
    assert [one["metadata"]["annotations"][names.REVISION] for one in found.values()] == ["4"]


def test_weights_of_templates_are_refused_where_the_router_cannot_give_them() -> None:
    async def story(cluster: PaperCluster, network: Any) -> Any:
        weighted = [{**STEP["templates"][0], "weight": 5}]  # type: ignore[index]
        await cluster.apply(manifests(STEP | {"templates": weighted}))
        await cluster.clock.sleep(5)
        return await scenes.status(cluster)

    status = told(story)
    message = condition(status, "InvalidSpec")["message"]
    assert "steps[0].experiment.templates[0].weight: works only with istio" in message
