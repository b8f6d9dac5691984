"""Warnings about unknown fields in the pod templates of custom kinds."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.local.apiserver.admission import StoreView
from serinus.local.apiserver.kinds.podtemplates import admit_pod_templates
from serinus.local.apiserver.storing.store import Store

POD: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "web:v1", "env": [{"name": "A"}]}]},
}


def told(spec: dict[str, Any], api_version: str = "example.com/v1", kind: str = "Web") -> list[str]:
    body = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "web"}, "spec": spec}
    warnings, problems = admit_pod_templates(body, StoreView(Store()))
    assert problems == ()
    return list(warnings)


def test_a_known_template_is_not_spoken_of_whatever_stands_around_it() -> None:
    assert told({"template": POD, "anything": {"containers": []}}) == []


def test_a_typo_is_named_with_the_field_that_is_near() -> None:
    container = {**POD["spec"]["containers"][0], "imagePullPolcy": "Always"}
    assert told({"template": {"spec": {"containers": [container]}}}) == [
        'unknown field "spec.template.spec.containers[0].imagePullPolcy" '
        '(did you mean "spec.template.spec.containers[0].imagePullPolicy"?)'
    ]


def test_a_field_at_the_wrong_level_is_named_with_its_right_one() -> None:
    container = {**POD["spec"]["containers"][0], "terminationGracePeriodSeconds": 3}
    template = {"spec": {"containers": [container]}}
    found = 'spec.containers[0].terminationGracePeriodSeconds"'
    meant = 'spec.terminationGracePeriodSeconds"?)'
    assert told({"template": template}) == [
        f'unknown field "spec.template.{found} (did you mean "spec.template.{meant}'
    ]
    assert told({"templates": [{"name": "a", "template": template}]}) == [
        f'unknown field "spec.templates[0].template.{found} '
        f'(did you mean "spec.templates[].template.{meant}'
    ]


@pytest.mark.parametrize(
    "spec",
    [None, "text", {"template": "text"}, {"template": {"spec": {"url": "x"}}}, {"templates": "x"}],
)
def test_what_is_no_pod_template_is_not_spoken_of(spec: Any) -> None:
    assert told(spec) == []


def test_built_in_kinds_are_left_to_their_own_schema() -> None:
    template = {"spec": {"containers": [], "typo": 1}}
    assert told({"template": template}, "apps/v1", "Deployment") == []
