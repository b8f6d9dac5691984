"""Experiments in an unkind world: bad input, taken names, lost answers, a killed controller."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from control import scenes
from control.trials import TRIAL, Shop, shop, trial
from serinus.api import names
from serinus.control.kinds import ANALYSIS_TEMPLATES, EXPERIMENTS
from serinus.kube.errors import NoAnswer
from support.cluster import NAMESPACE, controlled, paper_cluster
from support.virtual import run_virtual

SLOW = scenes.TEMPLATE.replace("count: 3", "count: 40")


def timeline(manifest: str, seconds: int, **world: Any) -> list[str]:
    async def story() -> list[str]:
        async with shop(**world) as seen:
            await seen.cluster.apply(manifest)
            return await seen.watch(seconds)

    return run_virtual(story())


def test_an_invalid_experiment_makes_nothing_and_goes_on_when_it_is_mended() -> None:
    async def story() -> Any:
        async with shop() as seen:
            analyses = [
                {"name": "errors", "templateName": "errors"},
                {"name": "errors", "templateName": "latency"},
            ]
            await seen.cluster.apply(trial(duration="long", analyses=analyses))
            await seen.watch(5)
            before = await seen.status(), await seen.sets()
            await seen.patch({"spec": {"duration": "5s", "analyses": analyses[:1]}})
            return before, await seen.watch(60)

    (status, sets), lines = run_virtual(story())
    assert sets == {}
    (told,) = status["conditions"]
    assert told["type"] == "InvalidSpec", "nothing makes progress, and nothing was created"
    assert told["message"] == (
        "The Experiment \"trial\" is invalid: spec.duration: 'long' is not a duration; write for "
        "example 30s, 5m or 1h30m; spec.analyses[1].name: 'errors' is empty or repeated; "
        "spec.analyses[1].templateName: waiting for AnalysisTemplate latency in namespace shop"
    )
    assert lines[-1].endswith("Successful Successful Successful Successful pods=0")


def test_an_experiment_waits_for_a_template_that_comes_later() -> None:
    async def story() -> Any:
        async with shop() as seen:
            later = [{"name": "late", "templateName": "late"}]
            await seen.cluster.apply(trial(duration="5s", analyses=later))
            lines = list(await seen.watch(10))
            named = scenes.TEMPLATE.replace("{name: errors,", "{name: late,")
            await seen.cluster.apply(named)
            return lines, await seen.until("Successful"), await seen.runs()

    lines, status, runs = run_virtual(story())
    assert lines[-1].endswith("Pending pods=0")
    assert [c["type"] for c in status["conditions"]] == ["Progressing"]
    assert list(runs) == ["trial-late"]


def test_a_template_that_is_gone_when_it_is_needed_is_an_error_and_no_pass() -> None:
    async def story() -> Any:
        async with shop() as seen:
            await seen.cluster.apply(trial(duration="5s"))
            await seen.watch(1)
            await seen.cluster.admin.delete(ANALYSIS_TEMPLATES, "errors", NAMESPACE)
            return await seen.until("Error")

    status = run_virtual(story())
    assert status["message"].startswith("Failed to create AnalysisRun for analysis 'errors':")
    assert "AnalysisTemplate errors does not exist" in status["message"]


def test_a_replica_set_of_somebody_else_is_left_alone_and_another_name_is_found() -> None:
    strange = """
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: trial-baseline, namespace: shop}
spec:
  replicas: 0
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: web, image: "other:v1"}]}
"""

    async def story() -> Any:
        async with shop() as seen:
            await seen.cluster.apply(strange)
            await seen.cluster.apply(trial(duration="5s"))
            return await seen.until("Successful"), await seen.sets()

    status, sets = run_virtual(story())
    assert sorted(sets) == ["trial-baseline", "trial-baseline-1", "trial-candidate"]
    assert status["templateStatuses"][0]["collisionCount"] == 1
    assert sets["trial-baseline"]["metadata"].get("ownerReferences") is None


def test_a_service_of_somebody_else_is_never_taken_over() -> None:
    async def story() -> Any:
        async with shop() as seen:
            await seen.cluster.apply(scenes.STABLE_SERVICE)
            templates = yaml.safe_load(TRIAL)["spec"]["templates"]
            templates[0]["service"] = {"name": "web-stable"}
            await seen.cluster.apply(trial(templates=templates))
            return await seen.until("Error"), await seen.services()

    status, services = run_virtual(story())
    assert "Service 'web-stable' for template 'baseline': it exists" in status["message"]
    assert services["web-stable"]["spec"]["selector"] == {"app": "web"}


def test_a_retried_experiment_starts_anew_and_does_not_take_up_its_old_verdict() -> None:
    async def story() -> Any:
        async with shop(answer=scenes.BAD) as seen:
            await seen.cluster.apply(TRIAL)
            await seen.until("Failed")
            await seen.cluster.clock.sleep(30)
            seen.network.answer = lambda request, number: scenes.GOOD
            await seen.patch({"status": None})
            return await seen.until("Successful"), await seen.runs(), await seen.sets()

    status, runs, sets = run_virtual(story())
    assert status["analysisRuns"][0]["analysisRun"] == "trial-errors.1"
    assert {name: run["status"]["phase"] for name, run in runs.items()} == {
        "trial-errors": "Failed",
        "trial-errors.1": "Successful",
    }
    assert sorted(sets) == ["trial-baseline", "trial-candidate"]


def test_a_retry_within_the_delay_takes_the_pods_back_before_they_go() -> None:
    async def story() -> Any:
        async with shop(answer=scenes.BAD) as seen:
            await seen.cluster.apply(TRIAL)
            await seen.until("Failed")
            await seen.cluster.clock.sleep(3)
            seen.network.answer = lambda request, number: scenes.GOOD
            await seen.patch({"status": None})
            await seen.watch(30)
            return seen.lines, await seen.sets()

    lines, sets = run_virtual(story())
    assert all(line.endswith("pods=3") for line in lines)
    notes = [one["metadata"]["annotations"] for one in sets.values()]
    assert not any(names.SCALE_DOWN_DEADLINE in note for note in notes)


def test_with_no_delay_the_pods_go_with_the_verdict() -> None:
    lines = timeline(trial(duration="5s", scaleDownDelaySeconds=0), 30)
    assert lines[-1].startswith("00:0")
    assert lines[-1].endswith("pods=0")


def test_a_deleted_experiment_takes_everything_with_it() -> None:
    async def story() -> Any:
        async with shop(templates=SLOW) as seen:
            await seen.cluster.apply(TRIAL)
            await seen.until("Running")
            await seen.cluster.clock.sleep(5)
            await seen.cluster.admin.delete(EXPERIMENTS, "trial", NAMESPACE)
            await seen.cluster.clock.sleep(10)
            return await seen.runs(), await seen.sets(), await seen.services(), await seen.pods()

    assert run_virtual(story()) == ({}, {}, {}, [])


def test_one_that_has_ended_is_at_rest_and_nothing_is_written() -> None:
    written: list[str] = []

    class Counting:
        def __init__(self, inner: Any) -> None:
            self._inner = inner
            self.stream, self.close = inner.stream, inner.close

        async def send(self, request: Any) -> Any:
            if request.method != "GET":
                written.append(f"{request.method} {request.path}")
            return await self._inner.send(request)

    async def story() -> int:
        async with shop(wrap=Counting) as seen:
            await seen.cluster.apply(trial(duration="5s"))
            await seen.until("Successful")
            await seen.cluster.clock.sleep(60)
            before = len(written)
            await seen.cluster.clock.sleep(3600)
            return len(written) - before

    assert run_virtual(story()) == 0


@pytest.mark.parametrize("lost", range(1, 16))
def test_an_answer_that_is_lost_doubles_nothing(lost: int) -> None:
    """Each write in turn takes effect and its answer is lost: the end is the same."""
    count = 0

    class Losing:
        def __init__(self, inner: Any) -> None:
            self._inner = inner
            self.stream, self.close = inner.stream, inner.close

        async def send(self, request: Any) -> Any:
            nonlocal count
            answer = await self._inner.send(request)
            if request.method != "GET" and "/events" not in request.path:
                count += 1
                if count == lost:
                    raise NoAnswer("lost", sent=True)
            return answer

    async def story() -> Any:
        async with shop(wrap=Losing) as seen:
            await seen.cluster.apply(trial(duration="15s"))
            status = await seen.until("Successful")
            await seen.cluster.clock.sleep(60)
            return status, sorted(await seen.sets()), sorted(await seen.runs()), await seen.pods()

    status, sets, runs, pods = run_virtual(story())
    assert (sets, runs, pods) == (["trial-baseline", "trial-candidate"], ["trial-errors"], [])
    assert [t.get("collisionCount") for t in status["templateStatuses"]] == [None, None]


@pytest.mark.parametrize("after", range(1, 14))
def test_a_controller_that_is_killed_after_any_write_is_continued_by_the_next(after: int) -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster)
            await cluster.apply(scenes.TEMPLATE)
            count = 0

            class Dying:
                def __init__(self, inner: Any) -> None:
                    self._inner = inner
                    self.stream, self.close = inner.stream, inner.close

                async def send(self, request: Any) -> Any:
                    nonlocal count
                    if request.method != "GET" and "/events" not in request.path:
                        count += 1
                        if count > after:
                            raise NoAnswer("the process is gone", sent=False)
                    return await self._inner.send(request)

            seen = Shop(cluster, network)
            async with controlled(cluster, Dying, asker=network):
                await cluster.apply(trial(duration="15s"))
                await cluster.clock.sleep(8)
            async with controlled(cluster, asker=network):
                await seen.until("Successful")
                await cluster.clock.sleep(60)
            return sorted(await seen.sets()), sorted(await seen.runs()), await seen.pods()

    assert run_virtual(story()) == (
        ["trial-baseline", "trial-candidate"],
        ["trial-errors"],
        [],
    )
