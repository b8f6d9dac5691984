"""Manifests that are wrong: what kubectl warns of, what is held, and that a mend goes on."""

from __future__ import annotations

import json
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from e2e.product import Product
from e2e.shop import (
    NAME,
    Json,
    Shop,
    at_rest,
    condition,
    ingress,
    opened,
    phase,
    rollout,
    service,
    template,
)

REVISION = [{"name": "revision", "valueFrom": {"podTemplateHashValue": "Latest"}}]
MISPLACED = {"rollbackWindow": {"revisions": 3}, "analysis": {"successfulRunHistoryLimit": 5}}
ASKS_REVISION = 'http_requests_total{revision="{{args.revision}}"}'


def add(path: str, value: Any) -> Json:
    return {"op": "add", "path": path, "value": value}


def problems(version: Json) -> str:
    """The message of InvalidSpec; "" if the spec holds nothing against it."""
    invalid = condition(version, "InvalidSpec")
    return str(invalid["message"]) if invalid.get("status") == "True" else ""


def test_fields_at_the_wrong_level_and_references_that_are_missing_are_told_and_mended_one_by_one(
    shop: Shop,
) -> None:
    steps = [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "errors"}]}}]
    warned = shop.ok("apply -f -", stdin=[rollout(steps=steps, **MISPLACED)]).err
    canary = "spec.strategy.canary"
    for text in (
        f"{canary}.rollbackWindow: unknown field; did you mean spec.rollbackWindow?",
        f"{canary}.analysis.successfulRunHistoryLimit: unknown field; "
        "did you mean spec.analysis.successfulRunHistoryLimit?",
        f"{canary}.trafficRouting.nginx.stableIngress: waiting for Ingress shop",
        f"{canary}.stableService: waiting for Service shop-stable",
        f"{canary}.canaryService: waiting for Service shop-canary",
        f"{canary}.steps[1].analysis.templates[0]: waiting for AnalysisTemplate errors",
    ):
        assert f"Warning: {text}" in warned
    with shop.followed() as seen:
        seen.until(lambda version: "AnalysisTemplate errors" in problems(version))
        shop.ok("apply -f -", stdin=[template("errors", "result[0] < 1", ASKS_REVISION)])
        text = problems(
            seen.until(
                lambda v: (
                    "missing arg `revision`, used by metric errors of AnalysisTemplate errors"
                    in problems(v)
                )
            )
        )
        assert "declare it in the template (spec.args: `- name: revision`)" in text
        assert "`- name: revision` with `valueFrom: {podTemplateHashValue: Latest}`" in text
        assert "did you mean spec.rollbackWindow?" in text
        shop.ok("patch analysistemplate errors --type json -p", patch(DECLARED))
        seen.until(lambda version: "declare it" not in problems(version))
        shop.patch(add("/spec/strategy/canary/steps/1/analysis/args", REVISION))
        seen.until(lambda version: "missing arg" not in problems(version))
        shop.ok("apply -f -", stdin=[service("shop-stable"), service("shop-canary")])
        waiting = seen.until(lambda version: "Service" not in problems(version))
        assert "waiting for Ingress shop" in problems(waiting)
        assert phase(waiting) == "Degraded"
        shop.ok("apply -f -", stdin=[ingress(shop.host)])
        end = seen.until(lambda version: phase(version) == "Healthy")
    assert problems(end) == ""
    move = [add(f"/spec/{name}", value) for name, value in MISPLACED.items()]
    gone = [{"op": "remove", "path": f"/spec/strategy/canary/{name}"} for name in MISPLACED]
    assert shop.ok(f"patch rollout {NAME} --type json -p", patch(*move, *gone)).warnings == []


DECLARED = add("/spec/args", [{"name": "revision"}])


def patch(*changes: Json) -> str:
    return json.dumps(changes)


def test_the_reference_checkout_as_printed_is_held_by_name_and_goes_on_once_mended(
    product: Product, reference: Path
) -> None:
    product.ok(product.kubectl("create namespace production"))
    at = Shop(product, "production")
    warned = at.ok("apply -f", str(reference / "seeds/001-checkout.yaml")).warnings
    for text in (
        "spec.strategy.canary.rollbackWindow: unknown field; did you mean spec.rollbackWindow?",
        "spec.strategy.canary.analysis.successfulRunHistoryLimit: unknown field; "
        "did you mean spec.analysis.successfulRunHistoryLimit?",
        "spec.strategy.canary.trafficRouting.nginx.stableIngress: waiting for Ingress "
        "checkout-ingress in namespace production",
    ):
        assert text in warned
    of = "-n production rollout checkout-service"
    with product.follow(of) as seen:
        text = problems(
            seen.until(lambda v: "latency-p99" in problems(v) and "Service" not in problems(v))
        )
        for named in (
            "metric error-rate of AnalysisTemplate error-rate",
            "metric latency of AnalysisTemplate latency-p99",
            "waiting for Ingress checkout-ingress",
            "did you mean spec.rollbackWindow?",
            "did you mean spec.analysis.unsuccessfulRunHistoryLimit?",
        ):
            assert named in text
        steps = "/spec/strategy/canary/steps"
        for name in ("error-rate", "latency-p99"):
            at.ok(f"patch analysistemplate {name} --type json -p", patch(DECLARED))
        given = [add(f"{steps}/{index}/analysis/args", REVISION) for index in (2, 5, 8)]
        at.ok("patch rollout checkout-service --type json -p", patch(*given))
        seen.until(lambda version: "missing arg" not in problems(version))
        route = yaml.safe_load(yaml.safe_dump(ingress("checkout.example.com")))
        route["metadata"]["name"] = "checkout-ingress"
        (path,) = route["spec"]["rules"][0]["http"]["paths"]
        path["backend"]["service"]["name"] = "checkout-stable"
        at.ok("apply -f -", stdin=[route])
        end = seen.until(lambda version: phase(version) == "Healthy")
    assert problems(end) == ""
    assert end["status"]["readyReplicas"] == 5
    at.ok("delete rollout checkout-service")


NOTHING = (
    ("absent_series_of_nobody", "Inconclusive", "no data: the query returned no series"),
    ("vector(0) / vector(0)", "Inconclusive", "no data: the answer is [NaN]"),
    ("sum(rate(http_requests_total[1m])", "Error", "parse error: unclosed left parenthesis"),
)


def test_a_query_that_returns_nothing_nan_or_an_error_is_never_a_pass(
    product: Product,
) -> None:
    steps = [{"setWeight": 50}, {"analysis": {"templates": [{"templateName": "silent"}]}}]
    with ExitStack() as stack:
        shops = [stack.enter_context(opened(product, f"silent-{n}")) for n in range(len(NOTHING))]
        for shop, (query, _, _) in zip(shops, NOTHING, strict=True):
            silent = template("silent", "result[0] < 1", query, count=1, interval="2s")
            shop.ok("apply -f -", stdin=[silent])
            shop.deploy(replicas=1, steps=steps)
        for shop in shops:
            shop.release("v2")
        for shop, (_, verdict, why) in zip(shops, NOTHING, strict=True):
            with shop.followed() as seen:
                held = seen.until(partial(at_rest, tag="v2", word=RESTS[verdict]), verdict)
            assert held["status"]["stableRS"] != held["status"]["currentPodHash"]
            (run,) = shop.runs()
            assert run["status"]["phase"] == verdict
            assert why in run["status"]["message"]
            (metric,) = run["status"]["metricResults"]
            assert metric.get("successful", 0) == 0
            assert len(metric["measurements"]) == 5


RESTS = {"Inconclusive": "Paused", "Error": "Degraded"}


def test_a_template_that_is_deleted_in_mid_run_ends_neither_the_run_nor_the_release(
    shop: Shop,
) -> None:
    gate = {"analysis": {"templates": [{"templateName": "success"}]}}
    shop.deploy(replicas=1, steps=[{"setWeight": 50}, gate, {"pause": {}}, {"setWeight": 75}, gate])
    manifest = bare(shop.get("analysistemplate success"))
    manifest["spec"]["metrics"][0]["count"] = 8
    shop.ok("apply -f -", stdin=[manifest])
    with shop.load(), shop.followed() as seen:
        shop.release("v2")
        watched = f"-n {shop.namespace} analysisrun"
        with shop.product.follow(watched, each=True) as runs:
            runs.until(lambda run: run.get("status", {}).get("metricResults"), "a measurement")
            shop.ok("delete analysistemplate success")
            first = runs.until(lambda run: phase(run) == "Successful", "the end of the run")
            missing = "waiting for AnalysisTemplate success"
            held = seen.until(lambda v: missing in problems(v), "the missing template told")
            assert held["status"]["stableRS"] != held["status"]["currentPodHash"]
            shop.ok("apply -f -", stdin=[manifest])
        seen.until(lambda v: at_rest(v, "v2", "Paused") and not problems(v), "the pause")
        shop.product.ok(shop.serinus("promote shop"))
        seen.until(lambda version: at_rest(version, "v2"), "v2 promoted")
    ended = shop.runs()
    assert [phase(run) for run in ended] == ["Successful", "Successful"]
    assert ended[0]["metadata"]["uid"] == first["metadata"]["uid"]


def bare(manifest: Json) -> Json:
    """An object as a person would write it."""
    kept = {key: manifest[key] for key in ("apiVersion", "kind", "spec")}
    return {**kept, "metadata": {"name": manifest["metadata"]["name"]}}
