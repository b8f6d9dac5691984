"""A workloadRef lends pods and selector; what is wrong with it or with them is told."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from api.worlds import World, put
from serinus.api.argo import Rollout
from serinus.api.reading import read
from serinus.api.validation.workload import resolve

W = "spec.workloadRef"
REF = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"}


def lent(kind: str = "Deployment") -> World:
    """The sound world, its pods moved into a workload."""
    world = World()
    template = world.rollout["spec"].pop("template")
    selector = world.rollout["spec"].pop("selector")
    document: dict[str, Any] = {
        "apiVersion": "v1" if kind == "PodTemplate" else "apps/v1",
        "kind": kind,
        "metadata": {"name": "shop", "namespace": "prod"},
    }
    if kind == "PodTemplate":
        document["template"] = template
    else:
        document["spec"] = {"replicas": 3, "selector": selector, "template": template}
    world.documents.append(document)
    put(
        world.rollout,
        W,
        {"apiVersion": document["apiVersion"], "kind": kind, "name": "shop"},
    )
    return world


def told(world: World) -> list[str]:
    return [text for text in world.told() if "supported yet" not in text]


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "PodTemplate"])
def test_each_kind_lends_its_pods_and_a_selector(kind: str) -> None:
    world = lent(kind)
    assert told(world) == []
    resolved = resolve(read(Rollout, world.rollout).object, world).rollout.spec
    assert yaml.safe_load(bytes(resolved.template)) == yaml.safe_load(
        bytes(read(Rollout, World().rollout).object.spec.template)
    )
    assert resolved.selector is not None
    assert resolved.selector.match_labels == {"app": "shop"}


def test_a_selector_of_the_rollout_itself_is_kept() -> None:
    world = lent("PodTemplate")
    put(world.rollout, "spec.selector", {"matchLabels": {"app": "shop", "tier": "web"}})
    assert told(world) == [
        W + ": PodTemplate shop: spec.template.metadata.labels: do not match spec.selector; add "
        "the labels it names",
    ]


def test_a_workload_that_is_not_there_is_waited_for() -> None:
    world = lent()
    world.remove("Deployment", "shop")
    found = world.findings()
    assert [str(p) for p in found.missing] == [
        W + ": waiting for Deployment shop in namespace prod"
    ]
    assert told(world) == [W + ": waiting for Deployment shop in namespace prod"]


def test_what_is_wrong_with_its_pods_is_told_where_it_is_named() -> None:
    world = lent()
    put(world.of("Deployment"), "spec.template.spec.containers.0.image", "")
    put(world.of("Deployment"), "spec.template.metadata.labels", {"app": "other"})
    assert told(world) == [
        W + ": Deployment shop: spec.template.spec.containers[0].image: is missing",
        W + ": Deployment shop: spec.template.metadata.labels: do not match spec.selector; add the "
        "labels it names",
        "spec.strategy.canary.canaryService: Service shop-canary selects app=shop, which the pods "
        "of spec.template do not carry; it would select none of them",
        "spec.strategy.canary.stableService: Service shop-stable selects app=shop, which the pods "
        "of spec.template do not carry; it would select none of them",
    ]


def test_ephemeral_labels_are_held_to_the_selector_that_is_lent() -> None:
    world = lent()
    put(world.rollout, "spec.strategy.canary.canaryMetadata", {"labels": {"app": "x"}})
    assert told(world) == [
        "spec.strategy.canary.canaryMetadata.labels.app: pods are selected by it; it must not "
        "change"
    ]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"kind": "StatefulSet"}, W + ": StatefulSet of apps/v1: use Deployment (apps), ReplicaS"),
        ({"apiVersion": "v1"}, W + ": Deployment of v1: use Deployment (apps)"),
        ({"kind": "", "apiVersion": ""}, W + ": no kind of no apiVersion: use Deployment"),
        ({"name": ""}, W + ".name: is missing"),
        ({"scaleDown": "onSuccess"}, W + ".scaleDown: 'onSuccess' must be one of never, onsucc"),
    ],
)
def test_rules_of_the_reference(changed: dict[str, str], expected: str) -> None:
    world = lent()
    put(world.rollout, W, {**REF, **changed})
    found = told(world)
    assert any(text.startswith(expected) for text in found), found


@pytest.mark.parametrize(
    ("template", "refused"),
    [
        ({"metadata": {"creationTimestamp": None}, "spec": {"containers": []}}, False),
        ({}, False),
        ({"metadata": {"labels": {"a": "b"}}}, True),
        ({"metadata": {"annotations": {"a": "b"}}}, True),
        ({"spec": {"containers": [{"name": "c", "image": "i"}]}}, True),
    ],
)
def test_a_template_beside_it_is_refused_if_it_says_anything(
    template: dict[str, Any], refused: bool
) -> None:
    world = lent()
    put(world.rollout, "spec.template", template)
    wanted = ["spec.template: and workloadRef are both set; keep one"] if refused else []
    assert told(world) == wanted
