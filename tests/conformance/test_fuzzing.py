"""Whatever is asked of any address, the answer is a Status with a sentence, and nothing is logged.

One server is asked many things in a row, so that requests meet what others have left behind.
"""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest

from local.apiserver.api import Api, config_map, story
from local.apiserver.widgets import CRDS, WIDGETS, definition, widget
from serinus.kube.transport.wire import Request

CORE = "/api/v1/namespaces/default"
NAMES = ("a", "web", "p", "s", "widgets.example.com", "default", "absent", "Loud", "%00", "..")
COLLECTIONS = (
    *(f"{CORE}/{plural}" for plural in ("configmaps", "secrets", "pods", "services", "events")),
    *("/api/v1/namespaces", "/api/v1/nodes", "/api/v1/pods", CRDS, WIDGETS),
    "/apis/apps/v1/namespaces/default/deployments",
    "/apis/apps/v1/namespaces/default/replicasets",
    "/apis/batch/v1/namespaces/default/jobs",
    "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers",
    "/apis/coordination.k8s.io/v1/namespaces/default/leases",
    "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
    "/apis/networking.k8s.io/v1/namespaces/default/ingresses",
    "/apis/policy/v1/namespaces/default/poddisruptionbudgets",
    "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
)
HALVES = ("", "", "", "/status", "/scale", "/log", "/eviction", "/exec", "/finalize", "/binding")
PAGES = ("/", "/version", "/apis", "/api", "/openapi/v3", "/openapi/v3/apis/apps/v1", "/openapi/v2")
METHODS = ("GET", "GET", "POST", "PUT", "PATCH", "PATCH", "PATCH", "DELETE", "HEAD", "OPTIONS")
TYPES = (
    *("application/json", "application/yaml", "application/vnd.kubernetes.protobuf", "", "x"),
    *("application/merge-patch+json", "application/strategic-merge-patch+json"),
    *("application/json-patch+json", "application/apply-patch+yaml"),
)
QUERIES: dict[str, tuple[str, ...]] = {
    "limit": ("0", "1", "-1", "x", "9" * 30),
    "continue": ("x", "eyJ9", "bnVsbA", "W10", "e30"),
    "labelSelector": ("a", "a=b", "a in (", "!a,b notin (c),,", "(", "a" * 300, "=,(),,)"),
    "fieldSelector": ("metadata.name=a", "spec.x=1", "=", "metadata.name", "status.phase!=x"),
    "resourceVersion": ("0", "1", "-1", "x", "9" * 30),
    "resourceVersionMatch": ("Exact", "NotOlderThan", "x"),
    "watch": ("true", "1", "x"),
    "timeoutSeconds": ("1", "0", "x", "-1"),
    "sendInitialEvents": ("true", "x"),
    "allowWatchBookmarks": ("true",),
    "dryRun": ("All", "x"),
    "fieldValidation": ("Strict", "Warn", "Ignore", "x"),
    "fieldManager": ("me", "m" * 200, "\n"),
    "force": ("true", "x"),
    "propagationPolicy": ("Orphan", "Foreground", "Background", "x"),
    "gracePeriodSeconds": ("0", "-5", "x", "9" * 30),
    "includeObject": ("Object", "None", "x"),
    "container": ("main", "x"),
    "tailLines": ("1", "-1", "x"),
    "follow": ("x",),
}
ACCEPTS = (
    *("", "*/*", "application/json", "text/html", ";;,", "application/yaml"),
    *("application/json;as=Table;v=v1;g=meta.k8s.io", "application/json;as=Table;v=v9"),
    "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
)
WORDS = (
    *("metadata", "name", "labels", "annotations", "finalizers", "ownerReferences", "spec"),
    *("status", "data", "kind", "apiVersion", "containers", "template", "selector", "replicas"),
    *("matchLabels", "ports", "versions", "names", "group", "$patch", "$retainKeys", "strategy"),
    *("$setElementOrder/containers", "$deleteFromPrimitiveList/finalizers", "conditions", ""),
    *("preconditions", "propagationPolicy", "dryRun", "deleteOptions", "resourceAttributes"),
    *("managedFields", "generateName", "resourceVersion", "uid", "schema", "openAPIV3Schema"),
    *("type", "properties", "endpoints", "addresses", "subresources", "scale", "rules", "size"),
)
LEAVES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 10**30, 1.5, "", "a", "web", "é", "\x00", "All", "25%"),
    *("delete", "replace", "Orphan", "v1", "apps/v1", "ConfigMap", "Deployment", "Always"),
)


LABELS = {"app": "web"}
TEMPLATE = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "c", "image": "i"}], "restartPolicy": "Always"},
}
# what several kinds accept, and what several kinds of patches may say
SHAPES: tuple[dict[str, Any], ...] = (
    {},
    {"data": {"x": "1"}},
    {"data": {"x": None}},
    {"spec": {"selector": {"matchLabels": LABELS}, "template": TEMPLATE}},
    {"spec": TEMPLATE["spec"]},
    {"spec": {"ports": [{"port": 80}], "selector": LABELS}},
    {"spec": {"size": 1, "replicas": 2, "parts": [{"name": "a"}]}},
    {"spec": {"replicas": 3}},
    {"spec": {"template": {"spec": {"containers": [{"name": "c", "$patch": "delete"}]}}}},
    {"spec": {"containers": [{"name": "c", "image": "j"}]}},
    {"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}},
    {"metadata": {"labels": {"a": "b"}, "finalizers": ["e.io/x"]}},
    {"metadata": {"finalizers": None, "annotations": {"a": "b"}}},
    {"addressType": "IPv4", "endpoints": [{"addresses": ["127.0.0.1"]}]},
    {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}},
)


def tree(chance: random.Random, depth: int = 4) -> Any:
    """A JSON value of the words that the server knows, in places where they do not belong."""
    shape = chance.random()
    if depth == 0 or shape < 0.35:
        return chance.choice(LEAVES)
    if shape < 0.5:
        return [tree(chance, depth - 1) for _ in range(chance.randrange(4))]
    count = chance.randrange(1, 5)
    return {chance.choice(WORDS): tree(chance, depth - 1) for _ in range(count)}


def operations(chance: random.Random) -> list[Any]:
    """A JSON patch, more or less."""
    names = ("add", "remove", "replace", "move", "copy", "test", "x", 1)
    paths = ("", "/", "/metadata", "/metadata/name", "/data/x", "/spec/replicas", "/spec/x/-", "x")
    return [
        {
            "op": chance.choice(names),
            "path": chance.choice(paths),
            "from": chance.choice(paths),
            "value": tree(chance, 2),
        }
        for _ in range(chance.randrange(5))
    ]


def body(chance: random.Random, content_type: str) -> bytes | None:
    """A body: often an object with a usable name or a change to one, sometimes rubbish."""
    if "json-patch" in content_type and chance.random() < 0.9:
        return json.dumps(operations(chance)).encode()
    match chance.randrange(12):
        case 0:
            return None
        case 1:
            return chance.randbytes(chance.randrange(30))
        case 2:
            return b"k8s\0" + chance.randbytes(chance.randrange(60))
        case 3:
            return json.dumps(tree(chance)).encode()
    value = tree(chance, 3)
    value = value if isinstance(value, dict) else {"spec": value}
    value = chance.choice(SHAPES) | (value if chance.random() < 0.5 else {})
    if "patch" not in content_type or chance.random() < 0.3:
        value["metadata"] = {"name": chance.choice(NAMES[:4])} | (
            {chance.choice(WORDS): tree(chance, 2)} if chance.random() < 0.3 else {}
        )
    for field in ("kind", "apiVersion"):
        if chance.random() < 0.9:
            value.pop(field, None)
    return json.dumps(value).encode()


def request(chance: random.Random) -> Request:
    """Any request to any address; mostly one that gets as far as the object."""
    path = chance.choice(COLLECTIONS)
    methods = ("GET", "POST", "POST", "POST")
    if chance.random() < 0.7:
        path += "/" + chance.choice(NAMES[:4] if chance.random() < 0.8 else NAMES)
        path += chance.choice(HALVES) if chance.random() < 0.4 else ""
        methods = ("GET", "PUT", "PUT", "PATCH", "PATCH", "PATCH", "PATCH", "POST")
    if chance.random() < 0.03:
        path = chance.choice(PAGES)
    if chance.random() < 0.07:
        methods = METHODS
    names = chance.sample(sorted(QUERIES), chance.choice((0, 0, 0, 1, 2, 3)))
    query = {name: chance.choice(QUERIES[name]) for name in names}
    if "watch" in query:
        query["timeoutSeconds"] = "1"
    method = chance.choice(methods)
    types = TYPES[5:] if method == "PATCH" else TYPES[:2]
    headers = {"content-type": chance.choice(types if chance.random() < 0.9 else TYPES)}
    if chance.random() < 0.15:
        headers["accept"] = chance.choice(ACCEPTS)
    if headers["content-type"] == "application/apply-patch+yaml":
        query.setdefault("fieldManager", "me")
    headers = {name: value for name, value in headers.items() if value}
    return Request(method, path, query, headers, body(chance, headers.get("content-type", "")))


async def furnish(api: Api) -> None:
    """One object of several kinds, to be changed."""
    await api.ok("POST", CRDS, definition())
    await api.ok("POST", WIDGETS, widget("a"))
    await api.ok("POST", f"{CORE}/configmaps", config_map("a", x="1"))
    pod = {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "c", "image": "i"}]}}
    await api.ok("POST", f"{CORE}/pods", pod)
    service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    await api.ok("POST", f"{CORE}/services", service)
    labels = {"app": "web"}
    template = {"metadata": {"labels": labels}, "spec": pod["spec"]}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    deployment = {"metadata": {"name": "web"}, "spec": spec}
    await api.ok("POST", "/apis/apps/v1/namespaces/default/deployments", deployment)


def ask(seed: int, count: int, caplog: pytest.LogCaptureFixture) -> None:
    """Ask one server `count` things; fails with the request that broke it."""
    chance = random.Random(seed)

    async def tell(api: Api) -> None:
        await furnish(api)
        for _ in range(count):
            asked = request(chance)
            answer = await api.transport.send(asked)
            judge(asked, answer.status, answer.body)
            assert not caplog.records, (asked, asked.body, caplog.text)

    with caplog.at_level(logging.ERROR):
        story(tell)


def judge(asked: Request, status: int, text: bytes) -> None:
    """An answer is one of a server that is well."""
    shown = (asked, asked.body, status, text[:500])
    assert status < 500 or status == 504, shown
    if status >= 400 and asked.method != "HEAD":
        refusal = json.loads(text)
        assert (refusal["kind"], refusal["code"]) == ("Status", status), shown
        assert refusal["message"], shown
        assert len(text) < 200_000, shown


@pytest.mark.parametrize("seed", range(12))
def test_no_request_breaks_the_server(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    ask(seed, 120, caplog)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 140))
def test_no_long_talk_breaks_the_server(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    ask(seed, 1_500, caplog)


def bombs() -> Iterator[Any]:
    """Requests that are small for what they would cost if nothing were limited."""
    yaml = {"content_type": "application/yaml"}
    laughs = "a0: &a0 [x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    long = "x: &x '" + "y" * 100_000 + "'\nz: [" + ", ".join(["*x"] * 20_000) + "]\n"
    yield "aliases of aliases", "POST", laughs.encode(), yaml, (400,)
    yield "aliases of a long text", "POST", long.encode(), yaml, (400,)
    yield "deep yaml", "POST", b"[" * 300_000, yaml, (400,)
    yield "deep json", "POST", b'{"a":' * 300_000, {}, (400,)
    yield (
        "deep strict json",
        "POST",
        b'{"a":' * 90_000,
        {"query": {"fieldValidation": "Strict"}},
        (400,),
    )
    copies = [{"op": "copy", "from": "/data", "path": f"/data/x{n}"} for n in range(60)]
    patch = {"content_type": "application/json-patch+json"}
    yield "copies of copies", "PATCH", json.dumps(copies).encode(), patch, (422,)
    many = {"metadata": {"labels": {f"l{n}": "x" for n in range(20_000)}}}
    merge = {"content_type": "application/merge-patch+json"}
    yield "many labels", "PATCH", json.dumps(many).encode(), merge, (422,)
    commas = {"query": {"labelSelector": "a," * 30_000}}
    yield "a selector of commas", "GET", None, commas, (200, 400)
    yield "a long selector", "GET", None, {"query": {"labelSelector": "a" * 200_000}}, (400,)
    brackets = {"query": {"labelSelector": "a in (" * 10_000}}
    yield "a selector of brackets", "GET", None, brackets, (400,)
    strategic = {"content_type": "application/strategic-merge-patch+json"}
    finalizers = {"metadata": {"finalizers": [f"e.io/{n}" for n in range(100_000)]}}
    yield "many finalizers", "PATCH", json.dumps(finalizers).encode(), strategic, (200, 422)


@pytest.mark.parametrize(
    ("method", "text", "options", "codes"),
    [pytest.param(*bomb[1:], id=bomb[0]) for bomb in bombs()],
)
def test_what_would_grow_without_bound_is_refused(
    method: str, text: bytes | None, options: Any, codes: tuple[int, ...]
) -> None:
    async def tell(api: Api) -> None:
        await furnish(api)
        path = f"{CORE}/configmaps" + ("/a" if method == "PATCH" else "")
        answer = await api.call(method, path, text, **options)
        assert answer.status in codes, answer.body[:500]

    story(tell)
