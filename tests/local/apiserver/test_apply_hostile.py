"""Whatever is applied and whatever is written as owners, the answer is no 500, and a read works."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.apiserver.api import Api, story
from local.apiserver.applied import DEPLOYMENTS, MERGE, as_manager, web
from local.apiserver.widgets import CRDS, WIDGETS, definition, widget

FIELDS = st.sampled_from(
    (
        *("replicas", "template", "spec", "containers", "name", "selector", "ports", "metadata"),
        *("labels", "annotations", "finalizers", "ownerReferences", "parts", "free", "tags"),
        *("size", "containerPort", "protocol", "uid", "resourceVersion", "creationTimestamp"),
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "TCP"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4),
    max_leaves=10,
)
PARTS = st.dictionaries(FIELDS, VALUES, max_size=4)
ELEMENTS = st.sampled_from(
    (
        *("f:spec", "f:replicas", ".", "k:{}", 'k:{"name":"web"}', "v:1", "v:", "i:0", "i:x"),
        *("x:y", "f:", "", "k:[", "f:metadata", "f:labels", "f:app"),
    )
)
SETS = st.recursive(
    st.just({}) | st.none() | st.integers(0, 1),
    lambda inner: st.dictionaries(ELEMENTS, inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "manager": st.sampled_from(["me", "", "a", 1]),
            "operation": st.sampled_from(["Apply", "Update", "x"]),
            "apiVersion": st.sampled_from(["apps/v1", "apps/v2", ""]),
            "fieldsType": st.sampled_from(["FieldsV1", ""]),
            "time": st.sampled_from(["2026-01-01T00:00:00Z", "x", None]),
            "subresource": st.sampled_from(["status", "scale", ""]),
            "fieldsV1": SETS,
        },
    )
    | VALUES,
    max_size=3,
)
patiently = settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])


async def answers(api: Api, path: str, body: Any, half: str = "", **query: str) -> None:
    answer = await api.call("PATCH", path + half, body, **as_manager("me", **query))
    assert answer.status < 500, answer.body
    assert (await api.call("GET", path)).status in (200, 404)


@patiently
@given(PARTS, PARTS, PARTS, st.sampled_from(["", "/status", "/scale"]))
def test_no_configuration_breaks_the_server(
    metadata: dict[str, Any], spec: dict[str, Any], status: dict[str, Any], half: str
) -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CRDS, definition())
        await api.ok("POST", WIDGETS, widget("web"))
        await api.ok("POST", DEPLOYMENTS, web())
        heads = ((WIDGETS, widget("web")), (DEPLOYMENTS, web()))
        for path, head in heads:
            body = {
                **head,
                "metadata": metadata | {"name": "web"},
                "spec": head["spec"] | spec,
                "status": status,
            }
            await answers(api, f"{path}/web", body, half)
            await answers(api, f"{path}/web", body | {"spec": spec}, half, force="true")
        scale = {"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": metadata}
        await answers(api, f"{WIDGETS}/web", scale | {"spec": spec}, half)

    story(tell)


@patiently
@given(ENTRIES)
def test_no_list_of_owners_breaks_the_server(entries: list[Any]) -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", DEPLOYMENTS, web())
        patch = {"metadata": {"managedFields": entries}}
        answer = await api.call("PATCH", f"{DEPLOYMENTS}/web", patch, content_type=MERGE)
        assert answer.status < 500, answer.body
        await answers(api, f"{DEPLOYMENTS}/web", web(replicas=2), force="true")
        await answers(api, f"{DEPLOYMENTS}/web", web(), force="true")

    story(tell)


BOMB = b"a: &a [1,1,1,1,1,1,1,1,1,1]\n" + b"".join(
    b"%c: &%c [%s]\n" % (letter, letter, b",".join([b"*%c" % (letter - 1)] * 10))
    for letter in range(ord("b"), ord("m"))
)


@pytest.mark.parametrize(
    "body",
    [
        *(
            b"",
            b"{",
            b"[]",
            b"1",
            b"---\n---\n",
            b"a: [",
            b"\xff\xfe",
            b"%YAML 9\n",
            b"!!python/x y",
        ),
        *(BOMB, b"a: &a\n  b: *a\n", b"a: 1\n? [x]\n: 2\n", b"metadata: []", b"[" * 5_000),
        *(b"a: 2024-01-01\n1: 2\n", b"{" * 5_000, b"metadata: {name: {}}"),
    ],
)
def test_no_text_breaks_the_server(body: bytes) -> None:
    async def tell(api: Api) -> None:
        answer = await api.call("PATCH", f"{DEPLOYMENTS}/web", body, **as_manager("me"))
        assert answer.status == 400, answer.body
        assert json.loads(answer.body)["kind"] == "Status"

    story(tell)
