"""What pages show as YAML is accepted whole; what they show of `serinus lint` is what it says."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from serinus.api.linting import NOTE, lint
from serinus.expr.condition import compile_expression
from tidy.source import ROOT

PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("examples/*/*.md"))]
CANARY = {"canaryService": "shop-canary", "stableService": "shop-stable"}
BLOCKS = [
    pytest.param(block, id=f"{page.name}-{number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^ *```yaml\n(.*?)^ *```", page.read_text(), re.M | re.S)
    )
]


def whole(part: Any) -> Any:
    """A Rollout around a part of one; what is whole by itself as it is, None for other things."""
    match part:
        case {"kind": _}:
            return part
        case {"strategy": strategy}:
            kind = next(iter(strategy))
            if kind == "canary":
                strategy = {"canary": CANARY | strategy["canary"]}
        case {"plugins": _}:
            strategy = {"canary": CANARY | {"trafficRouting": part}}
        case {"steps": _} | {"trafficRouting": _}:
            strategy = {"canary": CANARY | part}
        case _:
            return None
    labels = {"app": "shop"}
    pod = {"containers": [{"name": "shop", "image": "shop:v1", "ports": [{"containerPort": 80}]}]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": "shop"},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
            "strategy": strategy,
        },
    }


@pytest.mark.parametrize("block", BLOCKS)
def test_a_manifest_of_a_page_is_accepted_with_all_its_fields(block: str) -> None:
    manifest = whole(yaml.safe_load(block))
    if manifest is None:
        return
    report = lint([("page", yaml.safe_dump(manifest))], strict=True)
    assert [str(remark) for remark in report.remarks if remark.severity != NOTE] == []


def test_there_are_manifests_in_the_pages() -> None:
    seen = [whole(yaml.safe_load(block.values[0])) for block in BLOCKS]
    assert len([one for one in seen if one]) >= 8


def test_the_conditions_of_the_page_of_analysis_compile() -> None:
    page = (ROOT / "docs/analysis.md").read_text()
    shown = re.findall(r"```\n(result.*?)```", page, re.S)[0].splitlines()
    assert len(shown) >= 4
    for condition in shown:
        compile_expression(condition)


def test_the_remarks_on_the_page_of_manifests_are_those_of_lint() -> None:
    page = (ROOT / "docs/manifests.md").read_text()
    shown = re.findall(r"^deploy/rollout.yaml:\d+: (.*)$", page, re.M)
    assert len(shown) == 3
    steps = [{"setWeight": 10}, {"setWeight": 500}]
    manifest = whole({"steps": steps, "trafficRouting": {"nginx": {"stableIngress": "shop"}}})
    manifest["spec"]["strategy"]["canary"]["rollbackWindow"] = {"revisions": 3}
    report = lint([("deploy/rollout.yaml", yaml.safe_dump(manifest))])
    said = [str(remark).split(": ", 1)[1] for remark in report.remarks]
    assert [text for text in shown if text not in said] == []
