"""What the indexes find is what looking at everything would have found."""

from __future__ import annotations

import random

import pytest

from serinus.api.kubernetes import Service
from serinus.api.wire import decode
from serinus.kube.store import Store
from serinus.local.controllers.selected import (
    LABEL_INDEX,
    SELECTOR_INDEX,
    labels_of,
    pods_of,
    selector_of,
    services_of,
)
from serinus.local.node.podspec import NodePod
from serinus.local.slices import is_selected

WORDS = ("a", "b", "c")


def some(chance: random.Random) -> dict[str, str]:
    """Up to three labels of few keys and values."""
    return {chance.choice(WORDS): chance.choice(WORDS) for _ in range(chance.randrange(4))}


@pytest.mark.parametrize("seed", range(10))
def test_pods_and_services_find_each_other_as_by_looking_at_all(seed: int) -> None:
    chance = random.Random(seed)
    pods: Store[NodePod] = Store({LABEL_INDEX: labels_of})
    services: Store[Service] = Store({SELECTOR_INDEX: selector_of})
    for _ in range(200):  # the same names come again with other labels: indexes follow
        key = (chance.choice("mn"), f"x{chance.randrange(20)}")
        meta = {"namespace": key[0], "name": key[1]}
        pods.put(key, decode(NodePod, {"metadata": meta | {"labels": some(chance)}}))
        services.put(key, decode(Service, {"metadata": meta, "spec": {"selector": some(chance)}}))
        if chance.random() < 0.2:
            pods.remove(chance.choice(pods.keys()))

    def belongs(service: Service, pod: NodePod) -> bool:
        here = service.metadata.namespace == pod.metadata.namespace
        return here and is_selected(service, pod)

    pairs = 0
    for service in services.all():
        wanted = {p.metadata.name for p in pods.all() if belongs(service, p)}
        assert {p.metadata.name for p in pods_of(service, pods)} == wanted
        pairs += len(wanted)
    assert pairs
    for pod in pods.all():
        wanted = {s.metadata.name for s in services.all() if belongs(s, pod)}
        assert {s.metadata.name for s in services_of(pod, services)} == wanted
