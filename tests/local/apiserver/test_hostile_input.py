"""Whatever is sent, the answer is a Status with a sentence: never a 500, never a traceback."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.apiserver.api import CONFIG_MAPS, Api, config_map, story
from local.apiserver.widgets import CRDS, WIDGETS, definition, widget

SEGMENTS = st.sampled_from(
    (
        *("api", "apis", "v1", "apps", "namespaces", "default", "configmaps", "a", "status"),
        *("", "..", "%00", "é", "widgets", "example.com", "openapi", "v3", "log", "pods"),
        *("scale", "x" * 300),
    )
)
QUERIES = st.dictionaries(
    st.sampled_from(
        (
            *("limit", "continue", "labelSelector", "fieldSelector", "resourceVersion", "dryRun"),
            *("fieldValidation", "timeoutSeconds", "resourceVersionMatch", "gracePeriodSeconds"),
        )
    ),
    st.sampled_from(["", "0", "-1", "x", "99999999999999999999", "a=b", "a in (", "All", "Exact"]),
    max_size=3,
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
TYPES = st.sampled_from(
    (
        *("application/json", "application/yaml", "application/merge-patch+json", "text/html", ""),
        *("application/json-patch+json", "application/strategic-merge-patch+json"),
        *("application/apply-patch+yaml", "application/vnd.kubernetes.protobuf"),
    )
)
BODIES = (
    st.binary(max_size=40)
    | st.builds(lambda data: b"k8s\0" + data, st.binary(max_size=40))
    | VALUES.map(lambda value: json.dumps(value).encode())
    | st.dictionaries(
        st.sampled_from(["metadata", "spec", "status", "kind", "apiVersion", "data", "$patch"]),
        VALUES,
    ).map(lambda value: json.dumps(value).encode())
)
METHODS = st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"])
CORE = "/api/v1/namespaces/default"
PLACES = st.sampled_from(
    (
        *(CONFIG_MAPS, f"{CONFIG_MAPS}/a", CRDS, f"{CRDS}/widgets.example.com"),
        *(WIDGETS, f"{WIDGETS}/a", f"{WIDGETS}/a/status", f"{WIDGETS}/a/scale"),
        *(f"{CORE}/pods", f"{CORE}/pods/p", f"{CORE}/pods/p/log", f"{CORE}/secrets"),
        *(f"{CORE}/services", f"{CORE}/services/s", "/api/v1/namespaces"),
        "/apis/apps/v1/namespaces/default/deployments",
        "/apis/batch/v1/namespaces/default/jobs",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    )
)
PATHS = PLACES | st.lists(SEGMENTS, max_size=7).map(lambda parts: "/" + "/".join(parts))


@settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(METHODS, PATHS, QUERIES, TYPES, BODIES)
def test_no_request_breaks_the_server(
    method: str, path: str, query: dict[str, str], content_type: str, body: bytes
) -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CRDS, definition())
        await api.ok("POST", WIDGETS, widget("a"))
        await api.ok("POST", CONFIG_MAPS, config_map("a"))
        pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
        await api.ok("POST", "/api/v1/namespaces/default/pods", pod)
        service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
        await api.ok("POST", "/api/v1/namespaces/default/services", service)
        answer = await api.call(method, path, body, query=query, content_type=content_type)
        assert answer.status < 500 or json.loads(answer.body)["reason"] == "Timeout", answer.body
        if answer.status >= 400 and answer.body:
            status = json.loads(answer.body)
            assert (status["kind"], status["code"]) == ("Status", answer.status)
            assert status["message"]

    story(tell)


TREES = [
    {"metadata": {"name": "a", "labels": ["x"]}},
    {"metadata": {"name": "a", "labels": {"x": None}}},
    {"metadata": {"name": "a", "annotations": {"x": 1}}},
    {"metadata": {"name": "a", "ownerReferences": [1]}},
    {"metadata": {"name": "a", "finalizers": "x"}},
    {"metadata": {"name": 1}},
    {"metadata": {"name": "a"}, "spec": "text"},
    {"metadata": {"name": "a"}, "spec": {"template": []}},
    {"metadata": {"name": "a"}, "spec": {"template": {"spec": {"containers": "x"}}}},
    {"metadata": {"name": "a"}, "spec": {"template": {"spec": {"containers": [1]}}}},
    {"metadata": {"name": "a"}, "spec": {"selector": "x", "template": {"metadata": 1}}},
    {"metadata": {"name": "a"}, "spec": {"ports": [1], "type": 1}},
    {"metadata": {"name": "a"}, "spec": {"strategy": 1, "names": 1, "versions": [1]}},
    {"metadata": {"name": "a"}, "spec": {"strategy": {"rollingUpdate": 1}}},
    {"metadata": {"name": "a"}, "spec": {"containers": [{"name": "c", "ports": 1}]}},
    {"metadata": {"name": "a"}, "spec": {"containers": [{"readinessProbe": {"httpGet": 1}}]}},
    {"metadata": {"name": "a"}, "spec": {"finalizers": 1}},
    {"metadata": {"name": "a"}, "stringData": 1, "data": 1, "type": 1},
    {"metadata": {"name": "a"}, "spec": {"group": 1, "names": {}, "versions": {}}},
]


@pytest.mark.parametrize("tree", TREES, ids=json.dumps)
@pytest.mark.parametrize(
    "path",
    [
        CONFIG_MAPS,
        CRDS,
        "/api/v1/namespaces",
        "/api/v1/namespaces/default/pods",
        "/api/v1/namespaces/default/secrets",
        "/api/v1/namespaces/default/services",
        "/apis/apps/v1/namespaces/default/deployments",
        "/apis/apps/v1/namespaces/default/replicasets",
        "/apis/batch/v1/namespaces/default/jobs",
        "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    ],
)
def test_malformed_objects_are_refused_by_name(path: str, tree: dict[str, Any]) -> None:
    async def tell(api: Api) -> None:
        answer = await api.call("POST", path, tree)
        assert answer.status < 500, answer.body
        if answer.status < 300:
            asked = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
            assert (await api.call("GET", path, **asked)).status == 200

    story(tell)
