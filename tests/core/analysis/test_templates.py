"""Templates to runs: flattening, arguments, fieldRefs, and every fault at once with its place."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.analysis.story import metric
from serinus.api.analysis import AnalysisRun, AnalysisTemplateRef, AnalysisTemplateSpec
from serinus.api.argo import RolloutAnalysis
from serinus.api.wire import decode
from serinus.core.analysis.build import build_run
from serinus.core.analysis.fieldref import field_value
from serinus.core.analysis.subject import RunIdentity, Subject
from serinus.core.analysis.templates import Prepared, needed, prepare

ROLLOUT: dict[str, Any] = {
    "metadata": {"name": "shop", "namespace": "prod", "uid": "u1", "labels": {"a/b": "c"}},
    "spec": {
        "replicas": 5,
        "paused": False,
        "template": {"spec": {"containers": [{"image": "x"}]}},
    },
    "status": {"ratio": 0.5, "big": 3.0, "nested": [[1, 2]]},
}
SUBJECT = Subject(document=ROLLOUT, latest_hash="new123", stable_hash="old456")
PATH = "spec.strategy.canary.steps[2].analysis"


def ref(name: str, *, cluster: bool = False) -> AnalysisTemplateRef:
    return AnalysisTemplateRef(template_name=name, cluster_scope=cluster)


def template(*metrics: dict[str, Any], **spec: Any) -> AnalysisTemplateSpec:
    return decode(AnalysisTemplateSpec, {"metrics": list(metrics), **spec})


def prepared(
    templates: dict[AnalysisTemplateRef, AnalysisTemplateSpec],
    *,
    endless: bool = False,
    **analysis: Any,
) -> Prepared:
    names = analysis.pop("names", [r.template_name for r in templates if not r.cluster_scope])
    body = {"templates": [{"templateName": name} for name in names], **analysis}
    asked = decode(RolloutAnalysis, body)
    options = {"endless": True} if endless else {}
    return prepare(asked, templates, SUBJECT, path=PATH, **options)


def query(text: str) -> dict[str, Any]:
    return {"provider": {"prometheus": {"query": text}}}


def shown(made: Prepared) -> list[str]:
    return [str(problem) for problem in made.problems]


def values(made: Prepared) -> dict[str, str | None]:
    return {arg.name: arg.value for arg in made.spec.args}


def test_metrics_of_several_templates_are_joined() -> None:
    made = prepared({ref("a"): template(metric("one")), ref("b"): template(metric("two"))})
    assert [m.name for m in made.spec.metrics] == ["one", "two"]
    assert made.problems == ()


def test_nested_templates_come_once_and_a_circle_ends() -> None:
    made = prepared(
        {
            ref("a"): template(metric("one"), templates=[{"templateName": "b"}]),
            ref("b"): template(
                metric("two"),
                templates=[{"templateName": "a"}, {"templateName": "c", "clusterScope": True}],
            ),
            ref("c", cluster=True): template(metric("three")),
        },
        names=["a", "b", "a"],
    )
    assert [m.name for m in made.spec.metrics] == ["one", "two", "three"]
    assert made.problems == ()


def test_all_templates_that_are_needed_are_named() -> None:
    known = {ref("a"): template(templates=[{"templateName": "b"}]), ref("z"): template()}
    assert needed([ref("a")], known) == {ref("a"), ref("b")}


def test_arguments_passed_win_over_those_of_the_template() -> None:
    made = prepared(
        {
            ref("a"): template(
                metric(**query("{{args.x}} {{args.y}} {{args.hash}} {{args.old}} {{args.z}}")),
                args=[{"name": "x", "value": "own"}, {"name": "y", "value": "own"}]
                + [{"name": name} for name in ("hash", "old", "z", "image", "label")]
                + [{"name": "mine", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
            )
        },
        args=[
            {"name": "x", "value": "passed"},
            {"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}},
            {"name": "old", "valueFrom": {"podTemplateHashValue": "Stable"}},
            {"name": "z", "value": ""},
            {
                "name": "image",
                "valueFrom": {"fieldRef": {"fieldPath": "spec.template.spec.containers[0].image"}},
            },
            {"name": "label", "valueFrom": {"fieldRef": {"fieldPath": "metadata.labels['a/b']"}}},
            {"name": "nobody-declares", "value": "ignored"},
        ],
    )
    assert made.problems == ()
    assert values(made) == {
        "x": "passed", "y": "own", "hash": "new123", "old": "old456", "z": "", "image": "x",
        "label": "c", "mine": "shop",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("metadata.name", "shop"), ("metadata.namespace", "prod"), ("metadata.uid", "u1"),
        ("metadata.labels['a/b']", "c"), ("metadata.labels['none']", ""),
        ("metadata.annotations['x']", ""), ("spec.replicas", "5"), ("spec.paused", "false"),
        ("status.ratio", "0.5"), ("status.big", "3"), ("status.nested[0][1]", "2"),
    ],
)  # fmt: skip
def test_a_field_is_a_text(path: str, text: str) -> None:
    assert field_value(ROLLOUT, path) == text


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("metadata.labels", "no path of the downward API"), ("metadata.foo", "downward API"),
        ("spec.none", "there is no none"), ("spec.replicas.x", "there is no x"),
        ("status.nested[4]", "there is no element 4"),
        ("spec.template", "not a part of the object"),
        ("status.nested", "not a part of the object"), ("spec..x", "is no path"),
        ("", "not a part of the object"),
    ],
)  # fmt: skip
def test_a_field_that_is_none_says_so(path: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        field_value(ROLLOUT, path)


def test_the_first_template_that_gives_an_argument_a_value_wins() -> None:
    secret = {"secretKeyRef": {"name": "s", "key": "k"}}
    made = prepared(
        {
            ref("a"): template(
                metric("a"),
                args=[
                    {"name": "x"},
                    {"name": "y", "value": "1"},
                    {"name": "z", "valueFrom": secret},
                ],
            ),
            ref("b"): template(
                metric("b"),
                args=[
                    {"name": "x", "value": "2"},
                    {"name": "y", "value": "1"},
                    {"name": "z", "value": "plain"},
                ],
            ),
        }
    )
    assert made.problems == ()
    assert values(made) == {"x": "2", "y": "1", "z": None}


def test_a_metric_is_checked_with_its_arguments_filled_in() -> None:
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    spec = template(
        metric("m", count="{{args.n}}", interval="{{args.every}}"),
        metric("s", successCondition="result[0] < {{args.secret}}"),
        args=[
            {"name": "n", "value": "x"},
            {"name": "every", "value": "1m"},
            {"name": "secret", "valueFrom": source},
        ],
    )
    assert shown(prepared({ref("a"): spec})) == [
        "AnalysisTemplate a: spec.metrics[0].count: 'x' is no whole number",
        "AnalysisTemplate a: spec.metrics[1].successCondition: {{args.secret}} is a secret; pass "
        "it by value",
    ]


def test_a_missing_template_is_named() -> None:
    made = prepared({}, names=["error-rate"])
    assert shown(made) == [
        f"{PATH}.templates[0].templateName: AnalysisTemplate error-rate does not exist (yet)"
    ]
    nested = prepared({ref("a"): template(templates=[{"templateName": "b", "clusterScope": True}])})
    assert shown(nested) == [
        "AnalysisTemplate a: spec.templates[0].templateName: ClusterAnalysisTemplate b does not "
        "exist (yet)"
    ]


def test_an_argument_without_value_is_named_with_how_to_pass_it() -> None:
    made = prepared(
        {ref("a"): template(metric(**query("{{args.revision}}")), args=[{"name": "revision"}])}
    )
    assert shown(made) == [
        f"{PATH}.args: args.revision of AnalysisTemplate a has no value: add `- name: revision` "
        "with `valueFrom: {podTemplateHashValue: Latest}`"
    ]


def test_a_placeholder_that_nobody_declares_is_named_with_how_to_declare_it() -> None:
    made = prepared({ref("a"): template(metric(**query("up{r='{{ args.revision }}'}")))})
    (text,) = shown(made)
    assert text.startswith("AnalysisTemplate a: spec.metrics[0]: it uses {{args.revision}}, which ")
    assert "add `- name: revision` to spec.args of the template" in text
    assert text.endswith(f"`valueFrom: {{podTemplateHashValue: Latest}}` to {PATH}.args")


def test_every_fault_is_told_at_once() -> None:
    made = prepared(
        {
            ref("a"): template(
                metric("m", interval="1m"),
                metric("bad", successCondition="result[", count="x"),
                metric("tag", **query("{{namespace}}")),
                args=[{"name": "same", "value": "1"}],
            ),
            ref("b"): template(metric("m"), args=[{"name": "same", "value": "2"}]),
            ref("c"): template(),
        },
        names=["a", "b", "c", "gone"],
        args=[
            {"name": "h", "valueFrom": {"podTemplateHashValue": "Newest"}},
            {"name": "f", "valueFrom": {"fieldRef": {"fieldPath": "spec.nope"}}},
            {"name": "e", "valueFrom": {}},
        ],
        dryRun=[{"metricName": "nothing"}],
    )
    text = "\n".join(shown(made))
    for part in (
        "templates[3].templateName: AnalysisTemplate gone does not exist (yet)",
        "args[0].valueFrom.podTemplateHashValue: 'Newest' is not known; use Latest or Stable",
        "args[1].valueFrom.fieldRef.fieldPath: spec.nope: there is no nope in the object",
        "args[2].valueFrom: it says nothing",
        "AnalysisTemplate b: spec.args[0]: argument same has different values in several templates",
        "AnalysisTemplate a: spec.metrics[0]: it repeats without end",
        "AnalysisTemplate a: spec.metrics[1].count: 'x' is no whole number",
        "AnalysisTemplate a: spec.metrics[1].successCondition: unexpected end of expression",
        "AnalysisTemplate a: spec.metrics[2]: failed to resolve {{namespace}}: only",
        "AnalysisTemplate b: spec.metrics[0]: two metrics have the same name 'm', the other is in "
        "AnalysisTemplate a",
        "AnalysisTemplate c: spec.metrics: no metrics specified",
        f"{PATH}.dryRun[0]: Rule didn't match any metric name(s)",
    ):
        assert part in text


def test_only_a_background_analysis_may_repeat_without_end() -> None:
    templates = {ref("a"): template(metric(interval="1m"))}
    assert shown(prepared(templates, endless=True)) == []
    assert len(shown(prepared(templates))) == 1


def test_an_analysis_needs_a_template() -> None:
    assert shown(prepared({}, names=[])) == [
        f"{PATH}.templates: name at least one AnalysisTemplate"
    ]


def test_a_secret_stays_where_it_is() -> None:
    source = {"secretKeyRef": {"name": "s", "key": "k"}}
    spec = template(
        metric(**query("{{args.token}}")), args=[{"name": "token", "valueFrom": source}]
    )
    made = prepared({ref("a"): spec})
    assert made.problems == ()
    manifest = build_run(made.spec, RunIdentity(name="r", namespace="prod", owner={}))
    assert manifest["spec"]["args"] == [{"name": "token", "valueFrom": source}]
    assert manifest["spec"]["metrics"][0]["provider"]["prometheus"]["query"] == "{{args.token}}"


def test_the_manifest_of_a_run_reads_back_as_what_was_prepared() -> None:
    spec = template(
        metric("m", count=3, interval="30s", failureLimit=0, **query("{{args.x}}")),
        args=[{"name": "x", "value": ""}],
        dryRun=[{"metricName": "m"}],
        measurementRetention=[{"metricName": "m", "limit": 3}],
    )
    made = prepared({ref("a"): spec})
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "shop", "uid": "u1"}
    identity = RunIdentity(name="shop-1", namespace="prod", owner=owner, labels={"step-index": "2"})
    manifest = build_run(made.spec, identity)
    assert manifest["metadata"] == {
        "name": "shop-1", "namespace": "prod", "labels": {"step-index": "2"},
        "ownerReferences": [owner],
    }  # fmt: skip
    assert decode(AnalysisRun, manifest).spec == made.spec
    assert manifest["spec"]["metrics"][0]["failureLimit"] == 0


def test_the_checkout_of_the_seed_is_told_what_it_lacks() -> None:
    folder = Path(os.environ.get("SERINUS_REFERENCE", "../shared")) / "seeds"
    if not folder.exists():
        pytest.skip("the reference seeds are not beside this checkout (SERINUS_REFERENCE)")
    documents = list(yaml.safe_load_all((folder / "001-checkout.yaml").read_text()))
    templates = {
        ref(d["metadata"]["name"]): decode(AnalysisTemplateSpec, d["spec"])
        for d in documents
        if d["kind"] == "AnalysisTemplate"
    }
    made = prepared(templates)
    assert [p.path for p in made.problems] == [
        "AnalysisTemplate error-rate: spec.metrics[0]",
        "AnalysisTemplate latency-p99: spec.metrics[0]",
    ]
    assert all("{{args.revision}}" in p.message for p in made.problems)
