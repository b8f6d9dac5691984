"""All controllers of the cluster in one list: who runs a cluster runs these."""

from __future__ import annotations

import random
from collections.abc import Coroutine
from typing import Any

from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import PODS
from serinus.local.controllers.budgets.controller import Budgets
from serinus.local.controllers.deployments.controller import Deployments
from serinus.local.controllers.endpointslice import EndpointSlices
from serinus.local.controllers.garbage import Garbage
from serinus.local.controllers.jobs.controller import Jobs
from serinus.local.controllers.namespaces import Namespaces
from serinus.local.controllers.ownership import (
    NAMESPACE_INDEX,
    OWNER_INDEX,
    namespaces,
    owner_uids,
)
from serinus.local.controllers.replicaset import ReplicaSets
from serinus.local.controllers.selected import LABEL_INDEX, labels_of
from serinus.local.node.podspec import NodePod


def pod_informer(client: Client, clock: Clock, chance: random.Random) -> Informer[NodePod]:
    """The informer of pods that all controllers share, with the indexes that they need."""
    indexes = {OWNER_INDEX: owner_uids, NAMESPACE_INDEX: namespaces, LABEL_INDEX: labels_of}
    return Informer(client, PODS, NodePod, clock, indexes=indexes, jitter=chance)


def every_controller(
    client: Client, clock: Clock, pods: Informer[NodePod], chance: random.Random
) -> dict[str, Coroutine[Any, Any, None]]:
    """The controllers by name, ready to run until they are cancelled; `pods` is run elsewhere."""
    return {
        "replicasets": ReplicaSets(client, clock, pods, chance).run(),
        "deployments": Deployments(client, clock, pods, chance).run(),
        "jobs": Jobs(client, clock, pods, chance).run(),
        "budgets": Budgets(client, clock, pods, chance).run(),
        "endpointslices": EndpointSlices(client, clock, pods, chance).run(),
        "namespaces": Namespaces(client, clock, chance).run(),
        "garbage": Garbage(client, clock, chance).run(),
    }
