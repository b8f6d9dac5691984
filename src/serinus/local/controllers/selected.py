"""Who selects whom by labels, found by indexes: a namespace may hold thousands of both. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from serinus.api.kubernetes import Service
from serinus.kube.store import Store
from serinus.local.controllers.ownership import Thing
from serinus.local.node.podspec import NodePod
from serinus.local.slices import is_selected

LABEL_INDEX = "label"
SELECTOR_INDEX = "selector"


def labels_of(thing: Thing) -> Iterable[str]:
    """The index LABEL_INDEX: each label of a thing, in its namespace."""
    meta = thing.metadata
    return tuple(_value(meta.namespace, key, value) for key, value in meta.labels.items())


def selector_of(service: Service) -> Iterable[str]:
    """The index SELECTOR_INDEX: one label of those that a Service selects by."""
    for key, value in service.spec.selector.items():
        return (_value(service.metadata.namespace, key, value),)
    return ()


def pods_of(service: Service, pods: Store[NodePod]) -> list[NodePod]:
    """The pods that a Service selects; `pods` has LABEL_INDEX."""
    namespace = service.metadata.namespace
    wanted = (_value(namespace, key, value) for key, value in service.spec.selector.items())
    rarest = min(wanted, key=lambda label: pods.count(LABEL_INDEX, label), default=None)
    found = () if rarest is None else pods.by_index(LABEL_INDEX, rarest)
    return [pod for pod in found if is_selected(service, pod)]


def services_of(pod: NodePod, services: Store[Service]) -> list[Service]:
    """The Services that select a pod; `services` has SELECTOR_INDEX."""
    candidates = (
        service for label in labels_of(pod) for service in services.by_index(SELECTOR_INDEX, label)
    )
    return [service for service in candidates if is_selected(service, pod)]


def _value(namespace: str, key: str, value: str) -> str:
    return f"{namespace}/{key}={value}"
