"""Slips in manifests that a real cluster refuses are refused here, in its words."""

from __future__ import annotations

from typing import Any

import pytest

from local.apiserver.api import Api, story

CORE = "/api/v1/namespaces/default"
PODS, SERVICES = f"{CORE}/pods", f"{CORE}/services"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
INGRESSES = "/apis/networking.k8s.io/v1/namespaces/default/ingresses"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
RANGE = "must be between 1 and 65535, inclusive"
MERGE = {"content_type": "application/merge-patch+json"}


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "c", "image": "web:1"} | fields


def pod(*containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"containers": list(containers)} | spec}


def service(*ports: dict[str, Any], **spec: Any) -> dict[str, Any]:
    return {"spec": {"ports": list(ports)} | spec}


def path(text: str, sort: str) -> dict[str, Any]:
    backend = {"service": {"name": "web", "port": {"number": 80}}}
    rule = {"http": {"paths": [{"path": text, "pathType": sort, "backend": backend}]}}
    return {"spec": {"rules": [rule]}}


CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    (PODS, pod(), ["spec.containers: Required value"]),
    (
        PODS,
        pod(container(name="Web", image="")),
        [
            'spec.containers[0].name: Invalid value: "Web": a lowercase RFC 1123 label',
            "spec.containers[0].image: Required value",
        ],
    ),
    (
        PODS,
        pod(container(ports=[{"containerPort": 70000}]), initContainers=[container(image=" i")]),
        [
            f"spec.containers[0].ports[0].containerPort: Invalid value: 70000: {RANGE}",
            'spec.initContainers[0].image: Invalid value: " i": must not have leading',
        ],
    ),
    (
        PODS,
        pod(
            container(
                ports=[
                    {"name": "http", "containerPort": 80},
                    {"name": "http", "containerPort": 81},
                ],
                volumeMounts=[{"name": "data", "mountPath": "/data"}],
                livenessProbe={"periodSeconds": 1},
            )
        ),
        [
            'spec.containers[0].ports[1].name: Duplicate value: "http"',
            'spec.containers[0].volumeMounts[0].name: Not found: "data"',
            "spec.containers[0].livenessProbe: Required value: must specify a handler type",
        ],
    ),
    (
        PODS,
        pod(
            container(
                env=[{"name": "A", "value": "x", "valueFrom": {"fieldRef": {"fieldPath": "p"}}}],
                startupProbe={"exec": {}, "tcpSocket": {"port": 1}, "successThreshold": 2},
                resources={"requests": {"memory": "2Gi"}, "limits": {"memory": "1Gi"}},
            )
        ),
        [
            "spec.containers[0].env[0].valueFrom: ",
            "spec.containers[0].startupProbe.tcpSocket: Forbidden: may not specify more than 1",
            "spec.containers[0].startupProbe.successThreshold: Invalid value: 2: must be 1",
            'spec.containers[0].resources.requests: Invalid value: "2Gi": must be less than or '
            "equal to memory limit of 1Gi",
        ],
    ),
    (SERVICES, service(), ["spec.ports: Required value"]),
    (SERVICES, service({"port": 0}), [f"spec.ports[0].port: Invalid value: 0: {RANGE}"]),
    (
        SERVICES,
        service({"port": 80, "name": "a"}, {"port": 81}),
        ["spec.ports[1].name: Required value"],
    ),
    (SERVICES, {"spec": {"type": "ExternalName"}}, ["spec.externalName: Required value"]),
    (
        INGRESSES,
        {"spec": {}},
        ['spec: Invalid value: "": either `defaultBackend` or `rules` must be specified'],
    ),
    (
        INGRESSES,
        path("shop", "Prefix"),
        ['spec.rules[0].http.paths[0].path: Invalid value: "shop": must be an absolute path'],
    ),
    (
        f"{CORE}/configmaps",
        {"data": {"a/b": "x"}},
        ['data[a/b]: Invalid value: "a/b": a valid config key must consist of'],
    ),
    (
        f"{CORE}/secrets",
        {"type": "kubernetes.io/tls", "data": {"tls.crt": "ZA=="}},
        ["data[tls.key]: Required value"],
    ),
    (
        LEASES,
        {"spec": {"leaseDurationSeconds": 0}},
        ["spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"],
    ),
]


@pytest.mark.parametrize(("kind", "body", "words"), CASES, ids=lambda value: str(value)[:60])
def test_a_slip_is_refused(kind: str, body: dict[str, Any], words: list[str]) -> None:
    async def tell(api: Api) -> None:
        refusal = await api.refused("POST", kind, {"metadata": {"name": "a"}} | body)
        assert refusal["code"] == 422, refusal
        told = [f"{cause['field']}: {cause['message']}" for cause in refusal["details"]["causes"]]
        assert len(told) == len(words), told
        for found, wanted in zip(told, words, strict=True):
            assert wanted in found

    story(tell)


def test_a_template_is_held_to_the_rules_of_pods_when_it_changes() -> None:
    async def tell(api: Api) -> None:
        template = {"metadata": {"labels": {"app": "web"}}} | pod(container())
        spec = {"selector": {"matchLabels": {"app": "web"}}, "template": template}
        await api.ok("POST", DEPLOYMENTS, {"metadata": {"name": "web"}, "spec": spec})
        patch = {"spec": {"template": pod(container(ports=[{"containerPort": -1}]))}}
        refusal = await api.refused("PATCH", f"{DEPLOYMENTS}/web", patch, **MERGE)
        where = "spec.template.spec.containers[0].ports[0].containerPort"
        assert f"{where}: Invalid value: -1: {RANGE}" in refusal["message"]

    story(tell)


def test_what_is_well_passes() -> None:
    async def tell(api: Api) -> None:
        probes = {"readinessProbe": {"httpGet": {"port": "http"}, "successThreshold": 2}}
        ports = [{"name": "http", "containerPort": 80}, {"containerPort": 81}]
        mounts = [{"name": "data", "mountPath": "/data"}]
        whole = container(ports=ports, volumeMounts=mounts, env=[{"name": "A"}], **probes)
        body = pod(whole, volumes=[{"name": "data", "emptyDir": {}}])
        await api.ok("POST", PODS, {"metadata": {"name": "a"}} | body)
        await api.ok("POST", SERVICES, {"metadata": {"name": "a"}} | service({"port": 80}))
        headless = {"metadata": {"name": "b"}, "spec": {"clusterIP": "None"}}
        await api.ok("POST", SERVICES, headless)
        await api.ok("POST", INGRESSES, {"metadata": {"name": "a"}} | path("/shop", "Exact"))

    story(tell)
