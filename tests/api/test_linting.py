"""Objects in files: every error at once with its line, references among the files, notes."""

from __future__ import annotations

import pytest

from api.worlds import SOUND
from serinus.api.linting import Report, lint
from serinus.core.analysis.checks import LANGUAGE

BAD = """\
# a comment before all
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata:
  name: shop
spec:
  replicas: -1
  rollbackWindows: {revisions: 2}
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: shop
        image: shop:v1
  strategy:
    canary:
      canaryService: shop-canary
      stableService: shop-stable
      trafficRouting:
        nginx: {stableIngress: shop}
      steps:
      - setWeight: 5
      - setWeight: 500
      - pause:
          duration: soon
"""


def told(report: Report) -> list[str]:
    return [str(remark) for remark in report.remarks]


def looked(text: str, *more: str, strict: bool = False, namespace: str = "") -> list[str]:
    files = [(f"{index}.yaml", one) for index, one in enumerate((text, *more))]
    return told(lint(files, LANGUAGE, strict=strict, namespace=namespace))


def test_sound_files_have_nothing_to_say_in_any_order_of_their_objects() -> None:
    documents = SOUND.split("---")
    assert looked("---".join(reversed(documents))) == []
    assert looked(*documents) == []


def test_every_error_is_told_with_its_line() -> None:
    assert looked(BAD) == [
        "0.yaml:7: error: Rollout shop: spec.replicas: -1 must be 0 or more",
        "0.yaml:8: warning: Rollout shop: spec.rollbackWindows: unknown field; did you mean "
        "spec.rollbackWindow?",
        "0.yaml:18: note: Rollout shop: spec.strategy.canary.canaryService: Service shop-canary is "
        "not in these files",
        "0.yaml:19: note: Rollout shop: spec.strategy.canary.stableService: Service shop-stable is "
        "not in these files",
        "0.yaml:21: note: Rollout shop: spec.strategy.canary.trafficRouting.nginx.stableIngress: "
        "Ingress shop is not in these files",
        "0.yaml:24: error: Rollout shop: spec.strategy.canary.steps[1].setWeight: 500 must be 0 to "
        "100",
        "0.yaml:26: error: Rollout shop: spec.strategy.canary.steps[2].pause.duration: 'soon' is "
        "not a duration; write for example 30s, 5m or 1h30m; a number alone is seconds",
    ]


def test_a_missing_field_is_told_at_the_line_of_what_holds_it() -> None:
    text = BAD.replace("        image: shop:v1\n", "")
    assert any(
        line.startswith("0.yaml:14: error: Rollout shop: spec.template.spec.containers[0].image")
        for line in looked(text)
    )


def test_strict_makes_unknown_fields_errors() -> None:
    report = lint([("a", BAD)], LANGUAGE, strict=True)
    assert (report.count("error"), report.count("warning"), report.count("note")) == (4, 0, 3)


def test_references_are_looked_for_in_all_files_and_must_fit() -> None:
    first, *others = SOUND.split("---")
    wrong = "---".join(others).replace("selector: {app: shop}", "selector: {app: web}")
    assert looked(first, wrong) == [
        "0.yaml:18: error: Rollout shop: spec.strategy.canary.canaryService: Service shop-canary "
        "selects app=web, which the pods of spec.template do not carry; it would select none of "
        "them",
        "0.yaml:19: error: Rollout shop: spec.strategy.canary.stableService: Service shop-stable "
        "selects app=web, which the pods of spec.template do not carry; it would select none of "
        "them",
    ]


def test_an_object_without_a_namespace_goes_with_those_of_any() -> None:
    assert looked(SOUND.replace("shop-canary, namespace: prod", "shop-canary")) == []
    elsewhere = SOUND.replace("shop-canary, namespace: prod", "shop-canary, namespace: test")
    assert [line.split(": ")[-1] for line in looked(elsewhere)] == [
        "Service shop-canary in namespace prod is not in these files"
    ]
    moved = SOUND.replace(
        "metadata: {name: shop, namespace: prod}\nspec:\n  replicas",
        "metadata: {name: shop}\nspec:\n  replicas",
    )
    assert looked(moved, namespace="prod") == []
    assert len(looked(moved)) == 4


def test_a_template_is_checked_for_itself_and_its_undeclared_arguments_are_named() -> None:
    template = SOUND.split("---")[1].replace("args: [{name: revision}]", "args: []")
    assert looked(template.replace("count: 3", "count: x")) == [
        "0.yaml:8: warning: AnalysisTemplate errors: spec.metrics[0]: uses {{args.revision}}; "
        "declare it in spec.args as `- name: revision`",
        "0.yaml:10: error: AnalysisTemplate errors: spec.metrics[0].count: 'x' is no whole number",
    ]


def test_items_of_a_list_are_objects() -> None:
    inner = "\n".join("  " + line for line in BAD.splitlines()[1:])
    text = "apiVersion: v1\nkind: List\nitems:\n-" + inner[1:]
    assert "0.yaml:9: error: Rollout shop: spec.replicas: -1 must be 0 or more" in looked(text)


def test_an_experiment_has_its_templates_looked_for() -> None:
    text = """\
apiVersion: argoproj.io/v1alpha1
kind: Experiment
metadata: {name: e}
spec:
  templates:
  - name: one
    selector: {matchLabels: {app: e}}
    template:
      metadata: {labels: {app: x}}
      spec: {containers: [{name: c, image: i}]}
  analyses:
  - {name: a, templateName: errors}
"""
    found = [line for line in looked(text) if "spec: nothing acts" not in line]
    assert found == [
        "0.yaml:9: error: Experiment e: spec.templates[0].template.metadata.labels: do not match "
        "the selector; add the labels it names",
        "0.yaml:12: note: Experiment e: spec.analyses[0].templateName: AnalysisTemplate errors is "
        "not in these files",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [", "0.yaml:1: error: is no YAML: "),
        ("kind: A\nkind: B\n", "0.yaml:2: error: kind: is written twice; the last one holds"),
        ("a: {{ .Values.x }}\n", "0.yaml:1: error: is no YAML: "),
        ("a: &a [*a]\n", "0.yaml:1: error: is too large or too deep"),
        ("[" * 5000, "0.yaml:1: error: is too large or too deep"),
    ],
    ids=["open", "twice", "helm", "circle", "deep"],
)
def test_what_is_no_document_is_told_and_the_other_files_go_on(text: str, expected: str) -> None:
    found = looked(text, BAD)
    assert found[0].startswith(expected)
    assert sum(line.startswith("1.yaml") for line in found) == 7


def test_documents_before_a_broken_one_are_looked_at() -> None:
    found = looked(BAD + "---\n}\n")
    assert len(found) == 8
    assert found[-1].startswith("0.yaml:28: error: is no YAML")


def test_times_stay_text_and_empty_documents_are_nothing() -> None:
    text = "---\n---\n" + SOUND.replace(
        "replicas: 4", "replicas: 4\n  restartAt: 2020-01-01T00:00:00Z"
    )
    assert [line for line in looked(text) if "supported" not in line] == []


def test_an_object_twice_without_a_name_and_of_another_version() -> None:
    twice = SOUND + "---\n" + SOUND.split("---")[1]
    assert looked(twice) == [
        "0.yaml:65: warning: AnalysisTemplate errors: metadata.name: is there already, at "
        "0.yaml:29",
    ]
    wrong = SOUND.split("---")[1].replace("v1alpha1", "v1").replace("name: errors, ", "", 1)
    assert looked(wrong) == [
        "0.yaml:2: error: AnalysisTemplate : apiVersion: must be argoproj.io/v1alpha1",
        "0.yaml:4: error: AnalysisTemplate : metadata.name: is missing",
    ]


def test_kinds_without_rules_are_counted_only() -> None:
    report = lint([("a", SOUND)], LANGUAGE)
    assert (report.checked, report.others) == (2, 3)
