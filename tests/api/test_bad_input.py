"""What bad input gets for an answer: everything at once, with paths, and how to mend it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from api.worlds import View, World, put
from serinus.api.admission import admit
from serinus.api.findings import describe
from serinus.core.analysis.checks import LANGUAGE

ROOT = Path(__file__).resolve().parents[2]
SEEDS = Path(os.environ.get("SERINUS_REFERENCE", ROOT.parent / "shared")) / "seeds"
CANARY = "spec.strategy.canary"
seeds = pytest.mark.skipif(not SEEDS.is_dir(), reason=f"no seeds in {SEEDS}")


def as_printed() -> World:
    """What the first release of a team looks like: fields a level too deep, things forgotten."""
    world = World()
    put(world.rollout, f"{CANARY}.rollbackWindow", {"revisions": 3})
    put(world.rollout, f"{CANARY}.analysis", {"successfulRunHistoryLimit": 5})
    put(world.rollout, f"{CANARY}.steps.2.analysis.args", ...)
    put(world.of("AnalysisTemplate"), "spec.args", ...)
    world.remove("Ingress", "shop")
    return world


def test_a_sound_rollout_has_no_findings() -> None:
    assert World().told() == []
    assert World().findings().problems() == ()


def test_everything_is_told_at_once_with_the_way_out() -> None:
    text = describe(as_printed().findings().problems())
    assert f"{CANARY}.rollbackWindow: unknown field; did you mean spec.rollbackWindow?" in text
    assert (
        f"{CANARY}.analysis.successfulRunHistoryLimit: unknown field; "
        "did you mean spec.analysis.successfulRunHistoryLimit?" in text
    )
    assert (
        f"{CANARY}.trafficRouting.nginx.stableIngress: waiting for Ingress shop in namespace prod"
        in text
    )
    assert (
        f"{CANARY}.steps[2].analysis.args: missing arg `revision`, used by metric errors of "
        "AnalysisTemplate errors: declare it in the template (spec.args: `- name: revision`), and "
        "add it under steps[2].analysis.args, for example `- name: revision` with "
        "`valueFrom: {podTemplateHashValue: Latest}`" in text
    )


def test_once_mended_only_the_unknown_fields_are_left_and_they_do_not_hold() -> None:
    world = as_printed()
    sound = World()
    world.documents.append(sound.of("Ingress"))
    put(world.of("AnalysisTemplate"), "spec.args", [{"name": "revision"}])
    put(world.rollout, f"{CANARY}.steps.2.analysis.args", [{"name": "revision", "value": "x"}])
    found = world.findings()
    assert [problem.path for problem in found.warnings] == [
        f"{CANARY}.rollbackWindow",
        f"{CANARY}.analysis.successfulRunHistoryLimit",
    ]
    assert found.problems() == ()


def test_what_several_steps_wait_for_is_told_once() -> None:
    world = World()
    steps = world.rollout["spec"]["strategy"]["canary"]["steps"]
    put(world.rollout, f"{CANARY}.steps.1", steps[2])
    world.remove("AnalysisTemplate", "errors")
    assert world.told() == [
        f"{CANARY}.steps[1].analysis.templates[0]: waiting for AnalysisTemplate errors in "
        "namespace prod (also steps[2].analysis.templates[0])"
    ]


def test_the_server_warns_in_single_lines_and_refuses_nothing() -> None:
    world = as_printed()
    warnings, errors = admit(world.rollout, View(world))
    assert not errors
    assert len(warnings) == 4
    assert not any("\n" in warning for warning in warnings)


def test_the_server_says_nothing_about_what_is_not_ours() -> None:
    world = World()
    for kind in ("Service", "Ingress"):
        assert admit(world.of(kind), View(world)) == ((), ())
    application = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "spec": {}}
    assert admit(application, View(world)) == ((), ())


@seeds
def test_seed_001_as_printed() -> None:
    world = World((SEEDS / "001-checkout.yaml").read_text())
    for document in world.documents:
        document["metadata"].setdefault("namespace", "production")
    text = describe(world.findings().problems())
    for part in (
        f"{CANARY}.rollbackWindow: unknown field; did you mean spec.rollbackWindow?",
        "did you mean spec.analysis.successfulRunHistoryLimit?",
        "did you mean spec.analysis.unsuccessfulRunHistoryLimit?",
        "waiting for Ingress checkout-ingress in namespace production",
        "missing arg `revision`, used by metric error-rate of AnalysisTemplate error-rate",
        "missing arg `revision`, used by metric latency of AnalysisTemplate latency-p99",
        "steps[2].analysis.args and steps[5].analysis.args and steps[8].analysis.args",
    ):
        assert part in text
    assert text.count("AnalysisTemplate") == 2


@seeds
def test_seed_000_is_accepted_unchanged() -> None:
    assert World((SEEDS / "000-canary-nginx.yaml").read_text()).told() == []


@seeds
def test_the_seed_that_asks_nginx_for_a_header_route_is_told_who_can_do_it() -> None:
    text = describe(World((SEEDS / "000-header-nginx.yaml").read_text()).findings().problems())
    assert f"{CANARY}.steps[1].setHeaderRoute: works only with istio or " in text
    assert "plugins/argoproj-labs/gatewayAPI" in text


def test_apply_tells_all_that_is_wrong_with_an_experiment() -> None:
    pods = {"metadata": {"labels": {"app": "b"}}, "spec": {"containers": [{"name": "a"}]}}
    selector = {"matchLabels": {"app": "a"}}
    template = {"name": "a", "selector": selector, "template": pods, "service": {}}
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"namespace": "prod"},
        "spec": {
            "templates": [template],
            "analyses": [{"name": "x", "templateName": "not-there"}],
        },
    }
    warnings, errors = admit(body, View(World()))
    assert errors == ()
    assert [text for text in warnings if text.startswith("spec.")] == [
        "spec.templates[0].template.spec.containers[0].image: is missing",
        "spec.templates[0].template.metadata.labels: do not match the selector; add the labels it "
        "names",
        "spec.templates[0].service: needs a container with ports; a Service without ports is "
        "refused",
        "spec.analyses[0].templateName: waiting for AnalysisTemplate not-there in namespace prod",
    ]


def test_apply_warns_of_what_is_no_condition_and_no_pattern_to_who_knows_the_language() -> None:
    world = World()
    template = world.of("AnalysisTemplate")
    put(template, "spec.metrics.0.successCondition", "result[0")
    put(template, "spec.dryRun", [{"metricName": "(?=errors)"}])
    warnings, errors = admit(template, View(world), LANGUAGE)
    assert errors == ()
    assert [text.partition(":")[0] for text in warnings] == [
        "spec.dryRun[0].metricName",
        "spec.metrics[0].successCondition",
    ]
    assert admit(template, View(world)) == ((), ())


@seeds
def test_the_seed_of_blue_green_waits_for_its_template_alone() -> None:
    text = (SEEDS / "000-blue-green.yaml").read_text()
    told = World(text).told()
    assert [one for one in told if "AnalysisTemplate success-rate" not in str(one)] == []
    assert len(told) == 1
