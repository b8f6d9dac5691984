"""Experiments from apply to end, in virtual time: what a person sees, second by second."""

from __future__ import annotations

from typing import Any

from control import scenes
from control.trials import TRIAL, shop, trial
from serinus.api import names
from serinus.kube.resource import PODS
from support.cluster import NAMESPACE
from support.virtual import run_virtual

REQUIRED = [{"name": "errors", "templateName": "errors", "requiredForCompletion": True}]
SLOW = scenes.TEMPLATE.replace("count: 3", "count: 40")


def timeline(manifest: str, seconds: int, **world: Any) -> list[str]:
    async def story() -> list[str]:
        async with shop(**world) as seen:
            await seen.cluster.apply(manifest)
            return await seen.watch(seconds)

    return run_virtual(story())


def test_an_experiment_runs_its_pods_for_its_duration_measures_and_cleans_up() -> None:
    assert timeline(TRIAL, 120) == [
        "00:00  pods=0",
        "00:00 Pending Progressing Progressing pods=3",
        "00:03 Running Running Running Running pods=3",
        "00:13 Running Running Running Successful pods=3",
        "01:03 Successful Successful Successful Successful pods=3",
        "01:13 Successful Successful Successful Successful pods=0",
    ]


def test_a_bad_measurement_ends_the_experiment_at_once_with_its_words() -> None:
    async def story() -> Any:
        async with shop(answer=scenes.BAD) as seen:
            await seen.cluster.apply(TRIAL)
            return await seen.watch(60), await seen.status(), await seen.events()

    lines, status, events = run_virtual(story())
    assert lines == [
        "00:00  pods=0",
        "00:00 Pending Progressing Progressing pods=3",
        "00:03 Failed Successful Successful Failed pods=3",
        "00:13 Failed Successful Successful Failed pods=0",
    ]
    assert (
        status["message"] == 'Metric "errors" assessed Failed due to failed (1) > failureLimit (0)'
    )
    assert ("ExperimentFailed", "Experiment transitioned from Running -> Failed") in events


def test_pods_that_never_get_ready_fail_it_at_the_progress_deadline() -> None:
    async def story() -> Any:
        async with shop() as seen:
            seen.cluster.gets_ready = lambda pod: pod["metadata"]["labels"]["role"] == "baseline"
            await seen.cluster.apply(trial(progressDeadlineSeconds=30))
            return await seen.watch(60), await seen.status(), await seen.runs()

    lines, status, runs = run_virtual(story())
    assert lines[2:] == [
        "00:03 Pending Running Progressing pods=3",
        "00:30 Failed Successful Failed pods=3",
        "00:40 Failed Successful Failed pods=0",
    ]
    assert status["message"] == "Template 'candidate' exceeded its progressDeadlineSeconds (30)"
    assert status["conditions"][0]["reason"] == "ProgressDeadlineExceeded"
    assert runs == {}, "nothing was measured before all was available"


def test_who_terminates_an_experiment_gets_its_pods_and_runs_ended() -> None:
    async def story() -> Any:
        async with shop(templates=SLOW) as seen:
            await seen.cluster.apply(trial(duration=None))
            await seen.watch(20)
            await seen.patch({"spec": {"terminate": True}})
            lines = await seen.watch(30)
            return lines, await seen.runs(), await seen.services(), await seen.events()

    lines, runs, services, events = run_virtual(story())
    assert ("AnalysisRunTerminating", "Terminating errors (trial-errors)") in events
    assert lines[-3:] == [
        "00:03 Running Running Running Running pods=3",
        "00:20 Successful Successful Successful Successful pods=3",
        "00:30 Successful Successful Successful Successful pods=0",
    ]
    assert runs["trial-errors"]["status"]["message"] == "Run Terminated"
    assert services == {}


def test_pods_that_a_router_may_ask_stay_until_the_note_is_taken_off() -> None:
    async def story() -> Any:
        async with shop() as seen:
            await seen.cluster.apply(trial(analyses=None, duration="20s"))
            await seen.until("Running")
            await seen.patch({"metadata": {"annotations": {names.IN_TRAFFIC: "web"}}})
            await seen.until("Successful")
            await seen.cluster.clock.sleep(100)
            held = len(await seen.pods())
            await seen.patch({"metadata": {"annotations": {names.IN_TRAFFIC: None}}})
            return held, await seen.watch(15)

    held, lines = run_virtual(story())
    assert held == 3
    assert [line.partition(" ")[2] for line in lines] == [
        "Successful Successful Successful pods=3",
        "Successful Successful Successful pods=0",
    ], "the delay begins when the note is gone"


def test_terminated_before_it_was_available_it_measures_nothing() -> None:
    async def story() -> Any:
        async with shop() as seen:
            await seen.cluster.apply(TRIAL)
            await seen.watch(1)
            await seen.patch({"spec": {"terminate": True}})
            return await seen.watch(30), await seen.runs()

    lines, runs = run_virtual(story())
    assert lines[-1] == "00:11 Successful Successful Successful pods=0"
    assert runs == {}


def test_a_required_analysis_ends_it_before_its_duration() -> None:
    assert timeline(trial(duration="10m", analyses=REQUIRED), 60)[3:] == [
        "00:13 Successful Successful Successful Successful pods=3",
        "00:23 Successful Successful Successful Successful pods=0",
    ]


def test_a_required_analysis_keeps_the_pods_beyond_the_duration() -> None:
    lines = timeline(trial(duration="5s", analyses=REQUIRED), 60)
    assert lines[2:] == [
        "00:03 Running Running Running Running pods=3",
        "00:13 Successful Successful Successful Successful pods=3",
        "00:23 Successful Successful Successful Successful pods=0",
    ]


def test_an_analysis_that_goes_on_is_cut_by_the_end_of_the_duration() -> None:
    lines = timeline(trial(duration="20s"), 60, templates=SLOW)
    assert lines[2:] == [
        "00:03 Running Running Running Running pods=3",
        "00:23 Successful Successful Successful Successful pods=3",
        "00:33 Successful Successful Successful Successful pods=0",
    ]


def test_without_a_duration_it_ends_with_its_analyses() -> None:
    lines = timeline(trial(duration=None), 60)
    assert lines[2:] == [
        "00:03 Running Running Running Running pods=3",
        "00:13 Successful Successful Successful Successful pods=3",
        "00:23 Successful Successful Successful Successful pods=0",
    ]


def test_without_a_duration_and_analyses_it_runs_until_somebody_ends_it() -> None:
    lines = timeline(trial(duration=None, analyses=None), 3600)
    assert lines[-1] == "00:03 Running Running Running pods=3"


def test_a_pod_that_is_lost_is_replaced_and_the_experiment_goes_on() -> None:
    async def story() -> list[str]:
        async with shop() as seen:
            await seen.cluster.apply(TRIAL)
            await seen.watch(20)
            pods = (await seen.cluster.admin.list(PODS, NAMESPACE)).items
            await seen.cluster.set_ready(pods[0]["metadata"]["name"], False)
            await seen.watch(5)
            await seen.cluster.admin.delete(PODS, pods[0]["metadata"]["name"], NAMESPACE)
            return await seen.watch(90)

    lines = run_virtual(story())
    assert lines[-1].endswith("Successful Successful Successful Successful pods=0")
    assert any(" Pending " in line and "00:2" in line for line in lines)


def test_the_pods_of_an_experiment_carry_a_hash_of_their_own_and_its_service_selects_them() -> None:
    async def story() -> Any:
        async with shop() as seen:
            same = TRIAL.replace("web:v2", "web:v1").replace("role: candidate", "role: baseline")
            await seen.cluster.apply(same)
            await seen.until("Running")
            return await seen.sets(), await seen.services(), await seen.status()

    sets, services, status = run_virtual(story())
    hashes = {name: one["metadata"]["labels"][names.POD_HASH] for name, one in sets.items()}
    assert len(set(hashes.values())) == 2, "equal pods, and yet no Service may mix them"
    service = services["trial-baseline"]
    assert service["spec"]["selector"] == {
        "app": "web",
        "role": "baseline",
        names.POD_HASH: hashes["trial-baseline"],
    }
    assert [(p["port"], p["targetPort"]) for p in service["spec"]["ports"]] == [(8080, 8080)]
    assert [t.get("serviceName", "") for t in status["templateStatuses"]] == ["trial-baseline", ""]
    assert set(services) == {"trial-baseline"}


def test_arguments_know_the_hashes_and_names_of_the_templates() -> None:
    template = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors, namespace: shop}
spec:
  args: [{name: hash}, {name: set}, {name: since}, {name: until}, {name: plain, value: "7"}]
  metrics:
  - name: errors
    successCondition: result[0] < 0.1
    provider:
      prometheus:
        address: http://prometheus.monitoring:9090
        query: errors{hash="{{args.hash}}",set="{{args.set}}",plain="{{args.plain}}"}
"""
    passed = [
        {"name": "hash", "value": "{{templates.candidate.podTemplateHash}}"},
        {"name": "set", "value": "rs/{{ templates.baseline.replicaset.name }}"},
        {"name": "since", "value": "{{experiment.availableAt}}"},
        {"name": "until", "value": "{{experiment.finishedAt}}"},
    ]

    async def story() -> Any:
        async with shop(templates=template) as seen:
            analyses = [{"name": "errors", "templateName": "errors", "args": passed}]
            await seen.cluster.apply(trial(analyses=analyses))
            await seen.until("Running")
            await seen.cluster.clock.sleep(5)
            return await seen.runs(), await seen.sets()

    runs, sets = run_virtual(story())
    args = {arg["name"]: arg["value"] for arg in runs["trial-errors"]["spec"]["args"]}
    assert args == {
        "hash": sets["trial-candidate"]["metadata"]["labels"][names.POD_HASH],
        "set": "rs/trial-baseline",
        "since": "2026-01-01T00:00:03Z",
        "until": "2026-01-01T00:01:03Z",
        "plain": "7",
    }
    assert runs["trial-errors"]["status"]["phase"] == "Successful"


def test_rules_for_dry_runs_and_metadata_reach_the_runs_they_are_meant_for() -> None:
    other = scenes.TEMPLATE.replace("errors", "latency")

    async def story() -> Any:
        async with shop(answer=scenes.BAD, templates=scenes.TEMPLATE + "---" + other) as seen:
            both = [{"name": name, "templateName": name} for name in ("errors", "latency")]
            rules = {
                "dryRun": [{"metricName": "errors"}, {"metricName": "latency"}],
                "measurementRetention": [{"metricName": "latency", "limit": 1}],
                "analysisRunMetadata": {"labels": {"team": "shop"}},
            }
            await seen.cluster.apply(trial(duration="30s", analyses=both, **rules))
            return await seen.until("Successful"), await seen.runs()

    status, runs = run_virtual(story())
    assert [one["phase"] for one in status["analysisRuns"]] == ["Successful", "Successful"]
    spec = {name: run["spec"] for name, run in runs.items()}
    assert spec["trial-errors"]["dryRun"] == [{"metricName": "errors"}]
    assert spec["trial-latency"]["measurementRetention"] == [{"metricName": "latency", "limit": 1}]
    assert runs["trial-errors"]["metadata"]["labels"] == {"team": "shop"}
