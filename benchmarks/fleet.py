"""Manifests of many Rollouts: each with its Services and its Ingress, all in one namespace.

One namespace is the hard case: whoever looks at all of a namespace does so for each of them.
"""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]
NAMESPACE = "default"
REPLICAS, PAUSE_SECONDS, SCALE_DOWN_SECONDS = 5, 5, 5
STEPS: tuple[Json, ...] = (
    {"setWeight": 20},
    {"pause": {"duration": f"{PAUSE_SECONDS}s"}},
    {"setWeight": 50},
    {"pause": {"duration": f"{PAUSE_SECONDS}s"}},
    {"setWeight": 80},
    {"pause": {"duration": f"{PAUSE_SECONDS}s"}},
)
"""The six steps of a release."""
TRIAL: tuple[Json, ...] = (
    {"setWeight": 50},
    {
        "analysis": {
            "templates": [{"templateName": "told"}],
            "args": [
                {"name": "who", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            ],
        }
    },
)
"""The steps of a release that waits for a verdict."""


def name_of(number: int) -> str:
    return f"r{number}"


def rollout(number: int, steps: tuple[Json, ...]) -> Json:
    name = name_of(number)
    canary = {
        "canaryService": f"{name}-canary",
        "stableService": f"{name}-stable",
        "trafficRouting": {"nginx": {"stableIngress": name}},
        "scaleDownDelaySeconds": SCALE_DOWN_SECONDS,
        "steps": list(steps),
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "replicas": REPLICAS,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": containers(number, "v1")},
            },
            "strategy": {"canary": canary},
        },
    }


def containers(number: int, version: str) -> list[Json]:
    """What a release changes."""
    image = f"registry.example.com/{name_of(number)}:{version}"
    return [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]


def service(name: str, app: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": app}, "ports": [{"port": 80, "targetPort": 8080}]},
    }


def ingress(number: int) -> Json:
    name = name_of(number)
    backend = {"service": {"name": f"{name}-stable", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "ingressClassName": "nginx",
            "rules": [{"host": f"{name}.example.com", "http": {"paths": paths}}],
        },
    }


def template(address: str) -> Json:
    """An analysis that asks the server at `address` every five seconds about the Rollout `who`."""
    metric = {
        "name": "told",
        "interval": "5s",
        "successCondition": "result[0] > 0",
        "failureLimit": 0,
        "provider": {"prometheus": {"address": address, "query": 'told{who="{{args.who}}"}'}},
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": "told", "namespace": NAMESPACE},
        "spec": {"args": [{"name": "who"}], "metrics": [metric | {"count": 1000}]},
    }
