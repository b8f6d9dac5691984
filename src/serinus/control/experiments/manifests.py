"""What an Experiment owns, as plain data to create, and the patches of it. Pure.

A pod template is copied as it came; a typed object is never written back.
"""

from __future__ import annotations

from typing import Any

from serinus.api import names
from serinus.api.experiment import Experiment, ExperimentTemplate
from serinus.api.kubernetes import ContainerPort
from serinus.api.template import read_template
from serinus.api.validation.experiment import service_ports
from serinus.api.wire import builtins
from serinus.control.writing.manifests import at, inherited
from serinus.core.analysis.build import build_run
from serinus.core.analysis.subject import RunIdentity
from serinus.core.experiment.actions import (
    CreateService,
    CreateSet,
    DelaySet,
    ScaleSet,
    StartRun,
)


def owner(experiment: Experiment) -> dict[str, Any]:
    """The controller reference that everything of an Experiment carries."""
    return {
        "apiVersion": names.GROUP_VERSION,
        "kind": "Experiment",
        "name": experiment.metadata.name,
        "uid": experiment.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def replica_set(experiment: Experiment, action: CreateSet) -> dict[str, Any]:
    """A template's ReplicaSet with 0 replicas; its hash is in labels, pods and selector."""
    pods = read_template(action.template.template).manifest()
    metadata = pods.get("metadata") or {}
    hashed = {names.POD_HASH: action.hash}
    selector = builtins(action.template.selector) if action.template.selector else {}
    selector["matchLabels"] = {**selector.get("matchLabels", {}), **hashed}
    labelled = {**metadata, "labels": {**(metadata.get("labels") or {}), **hashed}}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {**_metadata(experiment, action.name, action.template), "labels": hashed},
        "spec": {
            "replicas": 0,
            "minReadySeconds": action.template.min_ready_seconds,
            "selector": selector,
            "template": {**pods, "metadata": labelled},
        },
    }


def service(experiment: Experiment, action: CreateService) -> dict[str, Any]:
    """A Service of a template's pods, with the ports of its containers."""
    selector = action.template.selector
    labels = dict(selector.match_labels) if selector else {}
    ports = service_ports(action.template.template)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(experiment, action.name, action.template),
        "spec": {
            "selector": {**labels, names.POD_HASH: action.hash},
            "ports": [_port(port, named=len(ports) > 1) for port in ports],
        },
    }


def _port(port: ContainerPort, *, named: bool) -> dict[str, Any]:
    number, protocol = port.container_port, port.protocol or "TCP"
    made: dict[str, Any] = {"port": number, "targetPort": number, "protocol": protocol}
    name = port.name or (f"{protocol.lower()}-{number}" if named else "")
    return {"name": name, **made} if name else made


def _metadata(experiment: Experiment, name: str, template: ExperimentTemplate) -> dict[str, Any]:
    return {
        "name": name,
        "namespace": experiment.metadata.namespace,
        "annotations": {
            names.EXPERIMENT_NAME: experiment.metadata.name,
            names.EXPERIMENT_TEMPLATE: template.name,
        },
        "ownerReferences": [owner(experiment)],
    }


def scaled(action: ScaleSet) -> dict[str, Any]:
    """The size of a ReplicaSet; a deadline that it had is spent."""
    patch = {
        "metadata": {"annotations": {names.SCALE_DOWN_DEADLINE: None}},
        "spec": {"replicas": action.replicas, "minReadySeconds": action.min_ready_seconds},
    }
    return at(action.resource_version, patch)


def delayed(action: DelaySet) -> dict[str, Any]:
    """The note on a ReplicaSet of when it goes to 0."""
    deadline = f"{action.deadline:%Y-%m-%dT%H:%M:%SZ}"
    patch = {"metadata": {"annotations": {names.SCALE_DOWN_DEADLINE: deadline}}}
    return at(action.resource_version, patch)


def analysis_run(experiment: Experiment, action: StartRun) -> dict[str, Any]:
    """The run of an analysis."""
    metadata = experiment.spec.analysis_run_metadata
    identity = RunIdentity(
        name=action.name,
        namespace=experiment.metadata.namespace,
        owner=owner(experiment),
        labels={**metadata.labels, **inherited(experiment.metadata)},
        annotations=metadata.annotations,
    )
    return build_run(action.spec, identity)
