"""What the built-in kinds do beyond storing: defaults, allotted values, rules, evictions."""

from __future__ import annotations

from typing import Any

import pytest

from local.apiserver.api import Api, story

CORE = "/api/v1/namespaces/default"
APPS = "/apis/apps/v1/namespaces/default"
MERGE = {"content_type": "application/merge-patch+json"}


def workload(**spec: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    probe = {"httpGet": {"port": 80}}
    ports = [{"containerPort": 80}]
    container = {"name": "c", "image": "web:1", "ports": ports, "readinessProbe": probe}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
    selector = {"matchLabels": labels}
    return {
        "metadata": {"name": "web"},
        "spec": {"selector": selector, "template": template} | spec,
    }


def test_a_deployment_and_its_pod_template_get_the_defaults_that_clients_read() -> None:
    async def tell(api: Api) -> None:
        spec = (await api.ok("POST", f"{APPS}/deployments", workload()))["spec"]
        assert (spec["replicas"], spec["revisionHistoryLimit"]) == (1, 10)
        rolling = {"maxSurge": "25%", "maxUnavailable": "25%"}
        assert spec["strategy"] == {"type": "RollingUpdate", "rollingUpdate": rolling}
        pod = spec["template"]["spec"]
        assert (pod["restartPolicy"], pod["terminationGracePeriodSeconds"]) == ("Always", 30)
        container = pod["containers"][0]
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
        assert container["readinessProbe"] == {
            "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        }

    story(tell)


def test_a_probe_by_grpc_names_a_service_as_describe_takes_for_granted() -> None:
    async def tell(api: Api) -> None:
        probes = {"livenessProbe": {"grpc": {"port": 1}}, "startupProbe": {"grpc": {"port": 2}}}
        container = {"name": "c", "image": "web:1"} | probes
        body = {"metadata": {"name": "p"}, "spec": {"containers": [container]}}
        made = (await api.ok("POST", f"{CORE}/pods", body))["spec"]["containers"][0]
        assert made["livenessProbe"]["grpc"] == {"port": 1, "service": ""}
        assert made["startupProbe"]["grpc"] == {"port": 2, "service": ""}

    story(tell)


def test_a_service_gets_an_address_that_stays_and_target_ports() -> None:
    async def tell(api: Api) -> None:
        body = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
        made = await api.ok("POST", f"{CORE}/services", body)
        assert made["spec"]["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
        address = made["spec"]["clusterIP"]
        assert address.startswith("10.")
        assert (await api.ok("PUT", f"{CORE}/services/s", body))["spec"]["clusterIP"] == address
        headless = {"metadata": {"name": "h"}, "spec": {"clusterIP": "None"}}
        made = await api.ok("POST", f"{CORE}/services", headless)
        assert made["spec"]["clusterIP"] == "None"

    story(tell)


def test_a_secrets_plain_texts_are_encoded_and_its_values_are_never_told() -> None:
    async def tell(api: Api) -> None:
        body = {"metadata": {"name": "s"}, "stringData": {"a": "b"}, "data": {"c": "ZA=="}}
        made = await api.ok("POST", f"{CORE}/secrets", body)
        assert made["data"] == {"a": "Yg==", "c": "ZA=="}
        assert ("stringData" in made, made["type"]) == (False, "Opaque")
        bad = {"metadata": {"name": "t"}, "data": {"key": "hush, this is no base64"}}
        refusal = await api.refused("POST", f"{CORE}/secrets", bad)
        assert "data.key: " in refusal["message"]
        assert "hush" not in str(refusal)
        bad = {"metadata": {"name": "t"}, "data": {"key": ["hush"]}}
        assert "hush" not in str(await api.refused("POST", f"{CORE}/secrets", bad))

    story(tell)


def test_a_jobs_pods_are_tied_to_it() -> None:
    async def tell(api: Api) -> None:
        template = {"spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Never"}}
        body = {"metadata": {"name": "j"}, "spec": {"template": template}}
        made = await api.ok("POST", "/apis/batch/v1/namespaces/default/jobs", body)
        tie = {"batch.kubernetes.io/controller-uid": made["metadata"]["uid"]}
        assert made["spec"]["selector"] == {"matchLabels": tie}
        assert tie.items() <= made["spec"]["template"]["metadata"]["labels"].items()
        assert (made["spec"]["completions"], made["spec"]["backoffLimit"]) == (1, 6)

    story(tell)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"selector": {"matchLabels": {"app": "other"}}}, "spec.selector"),
        ({"selector": {"matchLabels": None}}, "spec.selector"),
        ({"template": {"metadata": {"labels": {"app": "x"}}}}, "spec.template.metadata.labels"),
        ({"template": {"spec": {"containers": [{"image": "x"}]}}}, "spec.template.spec.containers"),
    ],
)
def test_a_selector_must_fit_and_may_not_change(change: dict[str, Any], field: str) -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", f"{APPS}/replicasets", workload())
        refusal = await api.refused("PATCH", f"{APPS}/replicasets/web", {"spec": change}, **MERGE)
        assert refusal["code"] == 422
        assert any(c["field"].startswith(field) for c in refusal["details"]["causes"])

    story(tell)


def test_a_pods_containers_stay_but_for_their_images() -> None:
    async def tell(api: Api) -> None:
        pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
        await api.ok("POST", f"{CORE}/pods", pod)
        image = {"spec": {"containers": [{"name": "c", "image": "i:2"}]}}
        strategic = {"content_type": "application/strategic-merge-patch+json"}
        await api.ok("PATCH", f"{CORE}/pods/p", image, **strategic)
        command = {"spec": {"containers": [{"name": "c", "command": ["x"]}]}}
        refusal = await api.refused("PATCH", f"{CORE}/pods/p", command, **strategic)
        assert "spec: Forbidden: pod updates may not change" in refusal["message"]

    story(tell)


def test_an_immutable_map_stays_as_it_is() -> None:
    async def tell(api: Api) -> None:
        body = {"metadata": {"name": "m"}, "immutable": True, "data": {"a": "1"}}
        await api.ok("POST", f"{CORE}/configmaps", body)
        change = {"data": {"a": "2"}}
        assert (await api.refused("PATCH", f"{CORE}/configmaps/m", change, **MERGE))["code"] == 422
        label = {"metadata": {"labels": {"x": "y"}}}
        await api.ok("PATCH", f"{CORE}/configmaps/m", label, **MERGE)

    story(tell)


def test_a_budget_without_room_puts_an_eviction_off() -> None:
    async def tell(api: Api) -> None:
        pod, one = {"metadata": {"name": "p", "labels": {"app": "x"}}}, {"name": "c", "image": "i"}
        await api.ok("POST", f"{CORE}/pods", pod | {"spec": {"containers": [one]}})
        ready = {"type": "Ready", "status": "True"}
        running = {"status": {"phase": "Running", "conditions": [ready]}}
        await api.ok("PATCH", f"{CORE}/pods/p/status", running, **MERGE)
        budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
        selector = {"matchLabels": {"app": "x"}}
        budget = {"metadata": {"name": "b"}, "spec": {"selector": selector, "minAvailable": 1}}
        await api.ok("POST", budgets, budget)
        refusal = await api.refused("POST", f"{CORE}/pods/p/eviction", {"metadata": {"name": "p"}})
        assert refusal["details"]["causes"][0]["message"] == (
            "The disruption budget b is still being processed by the server."
        )
        counts = {"currentHealthy": 1, "desiredHealthy": 1, "expectedPods": 1}
        status = {"status": {"disruptionsAllowed": 0, "observedGeneration": 1} | counts}
        await api.ok("PATCH", f"{budgets}/b/status", status, **MERGE)
        refusal = await api.refused("POST", f"{CORE}/pods/p/eviction", {"metadata": {"name": "p"}})
        assert (refusal["code"], refusal["reason"]) == (429, "TooManyRequests")
        assert refusal["details"]["causes"] == [
            {
                "reason": "DisruptionBudget",
                "message": "The disruption budget b needs 1 healthy pods and has 1 currently",
            }
        ]
        await api.ok("DELETE", f"{budgets}/b")
        await api.ok("POST", f"{CORE}/pods/p/eviction", {"metadata": {"name": "p"}})
        assert (await api.refused("GET", f"{CORE}/pods/p"))["code"] == 404

    story(tell)


def test_an_unknown_field_is_told_with_what_was_probably_meant() -> None:
    async def tell(api: Api) -> None:
        body = workload(replica=2)
        body["spec"]["containers"] = []
        strict = {"query": {"fieldValidation": "Strict"}}
        refusal = await api.refused("POST", f"{APPS}/deployments", body, **strict)
        assert 'unknown field "spec.replica" (did you mean "spec.replicas"?)' in refusal["message"]
        assert (
            'unknown field "spec.containers" (did you mean "spec.template.spec.containers"?)'
            in refusal["message"]
        )

    story(tell)


def test_annotations_have_the_limit_of_a_real_cluster() -> None:
    async def tell(api: Api) -> None:
        body = {"metadata": {"name": "m", "annotations": {"a": "x" * 300_000}}}
        refusal = await api.refused("POST", f"{CORE}/configmaps", body)
        assert "may not be more than 262144 bytes" in refusal["message"]

    story(tell)
