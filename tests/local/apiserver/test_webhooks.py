"""Admission webhooks over real HTTP: they change and refuse writes as Kubernetes lets them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from local.apiserver.api import Api, config_map
from local.apiserver.widgets import CRDS, WIDGETS, definition, widget
from support.steady import run_steady

REGISTRATION = "/apis/admissionregistration.k8s.io/v1"
MUTATING, VALIDATING = "mutatingwebhookconfigurations", "validatingwebhookconfigurations"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
KINDS = {MUTATING: "MutatingWebhookConfiguration", VALIDATING: "ValidatingWebhookConfiguration"}
DEADLINE_SECONDS = 30
Json = dict[str, Any]
Reply = Callable[[Json], Json]


def allow(request: Json, **more: Any) -> Json:
    return {"uid": request["uid"], "allowed": True, **more}


def patch(*operations: Json) -> Reply:
    encoded = base64.b64encode(json.dumps(operations).encode()).decode()
    return lambda request: allow(request, patch=encoded, patchType="JSONPatch")


def label(name: str, value: str) -> Reply:
    return patch({"op": "add", "path": f"/metadata/labels/{name}", "value": value})


class Hooks:
    """A web server with one webhook a path; it keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Json]] = []
        self.replies: dict[str, Callable[[Json], Awaitable[Json] | Json]] = {}
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        review = await request.json()
        self.asked.append((request.path, review["request"]))
        reply = self.replies[request.path](review["request"])
        made = await reply if isinstance(reply, Awaitable) else reply
        body = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": made}
        return web.json_response(body)


class World(Api):
    """An API server with webhooks that really listen."""

    def __init__(self, hooks: Hooks) -> None:
        super().__init__()
        self.hooks = hooks

    async def configure(self, plural: str, path: str, reply: Any, **fields: Any) -> Json:
        self.hooks.replies[path] = reply
        rule = {
            "operations": ["*"],
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "resources": ["configmaps"],
        }
        webhook = {
            "name": f"{path.strip('/')}.example.com",
            "clientConfig": {"url": self.hooks.url + path},
            "rules": [rule | fields.pop("rule", {})],
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            **fields,
        }
        body = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": KINDS[plural],
            "metadata": {"name": path.strip("/")},
            "webhooks": [webhook],
        }
        return await self.ok("POST", f"{REGISTRATION}/{plural}", body)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    hooks = Hooks()
    app = web.Application()
    app.router.add_post("/{path:.*}", hooks.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    hooks.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    api = World(hooks)
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield api
    finally:
        await api.server.webhooks.close()
        await api.client.close()
        await runner.cleanup()


def story(tell: Callable[[World], Awaitable[None]]) -> None:
    async def run() -> None:
        async with world() as api:
            await tell(api)

    run_steady(run())


def test_a_webhook_changes_what_is_stored_and_a_later_one_sees_the_change() -> None:
    async def tell(api: World) -> None:
        await api.configure(MUTATING, "/b-second", label("second", "yes"))
        await api.configure(MUTATING, "/a-first", label("first", "yes"))
        made = await api.ok("POST", CONFIG_MAPS, config_map("x", labels={"own": "1"}))
        assert made["metadata"]["labels"] == {"own": "1", "first": "yes", "second": "yes"}
        assert [path for path, _ in api.hooks.asked] == ["/a-first", "/b-second"]
        assert api.hooks.asked[1][1]["object"]["metadata"]["labels"]["first"] == "yes"
        stored = await api.ok("GET", f"{CONFIG_MAPS}/x")
        assert stored == made

    story(tell)


def test_the_question_tells_who_does_what_to_which_object() -> None:
    async def tell(api: World) -> None:
        await api.ok("POST", CONFIG_MAPS, config_map("x", a="1"))
        await api.configure(VALIDATING, "/all", allow)
        merge = {"content_type": "application/merge-patch+json"}
        await api.ok("PATCH", f"{CONFIG_MAPS}/x", {"data": {"a": "2"}}, **merge)
        await api.ok("DELETE", f"{CONFIG_MAPS}/x")
        update, delete = (request for _, request in api.hooks.asked)
        assert update["operation"] == "UPDATE"
        assert update["kind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
        assert update["resource"] == {"group": "", "version": "v1", "resource": "configmaps"}
        assert (update["name"], update["namespace"]) == ("x", "default")
        assert update["userInfo"]["username"] == "admin"
        assert (update["oldObject"]["data"], update["object"]["data"]) == ({"a": "1"}, {"a": "2"})
        assert update["dryRun"] is False
        assert delete["operation"] == "DELETE"
        assert delete["object"] is None
        assert delete["oldObject"]["data"] == {"a": "2"}

    story(tell)


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        ({"code": 403, "message": "no red things"}, 403, ": no red things"),
        ({"reason": "TooRed"}, 400, ": TooRed"),
        (None, 400, " without explanation"),
        ({"code": 200, "message": "odd"}, 400, ": odd"),
    ],
)
def test_a_denial_is_told_in_the_words_of_kubernetes(status: Any, code: int, message: str) -> None:
    async def tell(api: World) -> None:
        def deny(request: Json) -> Json:
            return {"uid": request["uid"], "allowed": False, "status": status, "warnings": ["hot"]}

        await api.configure(MUTATING, "/old", lambda r: allow(r, warnings=["old"]))
        await api.configure(VALIDATING, "/guard", deny)
        refused = await api.refused("POST", CONFIG_MAPS, config_map("x"))
        assert refused["code"] == code
        assert refused["message"] == (
            f'admission webhook "guard.example.com" denied the request{message}'
        )
        assert (await api.refused("GET", f"{CONFIG_MAPS}/x"))["code"] == 404
        told = (await api.call("POST", CONFIG_MAPS, config_map("x"))).headers["warning"]
        assert sorted(told.split(", ")) == ['299 - "hot"', '299 - "old"']

    story(tell)


def test_a_deletion_can_be_denied() -> None:
    async def tell(api: World) -> None:
        await api.ok("POST", CONFIG_MAPS, config_map("x"))

        def deny(request: Json) -> Json:
            return {"uid": request["uid"], "allowed": False, "status": {"message": "keep it"}}

        await api.configure(VALIDATING, "/guard", deny, rule={"operations": ["DELETE"]})
        assert "keep it" in (await api.refused("DELETE", f"{CONFIG_MAPS}/x"))["message"]
        await api.ok("GET", f"{CONFIG_MAPS}/x")

    story(tell)


@pytest.mark.parametrize(
    "fields",
    [
        {"rule": {"resources": ["secrets"]}},
        {"rule": {"operations": ["UPDATE"]}},
        {"rule": {"apiGroups": ["apps"]}},
        {"rule": {"apiVersions": ["v2"]}},
        {"rule": {"scope": "Cluster"}},
        {"rule": {"resources": ["configmaps/status"]}},
        {"objectSelector": {"matchLabels": {"guarded": "yes"}}},
        {"namespaceSelector": {"matchExpressions": [{"key": "guarded", "operator": "Exists"}]}},
    ],
    ids=json.dumps,
)
def test_what_no_rule_concerns_is_not_asked_about(fields: Json) -> None:
    async def tell(api: World) -> None:
        await api.configure(VALIDATING, "/guard", allow, **fields)
        await api.ok("POST", CONFIG_MAPS, config_map("x"))
        assert api.hooks.asked == []

    story(tell)


def test_a_rule_for_another_served_version_gets_the_object_in_that_version() -> None:
    async def tell(api: World) -> None:

        versions = definition()
        first = versions["spec"]["versions"][0]
        versions["spec"]["versions"] = [first, {**first, "name": "v2", "storage": False}]
        await api.ok("POST", CRDS, versions)
        rule = {"apiGroups": ["*"], "apiVersions": ["v2"], "resources": ["widgets"]}
        await api.configure(VALIDATING, "/old", allow, rule=rule)
        await api.configure(VALIDATING, "/exact", allow, rule=rule, matchPolicy="Exact")
        made = await api.ok("POST", WIDGETS, widget("a"))
        [(path, request)] = api.hooks.asked
        assert path == "/old"
        assert request["object"]["apiVersion"].endswith("/v2")
        assert request["requestKind"]["version"] == "v1"
        assert made["apiVersion"].endswith("/v1")

    story(tell)


@pytest.mark.parametrize(("policy", "code"), [("Fail", 500), ("Ignore", 201)])
def test_a_webhook_that_cannot_be_reached(policy: str, code: int) -> None:
    async def tell(api: World) -> None:
        nowhere = {"url": "http://127.0.0.1:1/x"}
        await api.configure(VALIDATING, "/gone", allow, clientConfig=nowhere, failurePolicy=policy)
        answer = await api.call("POST", CONFIG_MAPS, config_map("x"))
        assert answer.status == code
        if code == 500:
            message = json.loads(answer.body)["message"]
            assert message == (
                'Internal error occurred: failed calling webhook "gone.example.com": '
                'failed to call webhook: Post "http://127.0.0.1:1/x": '
                "dial tcp 127.0.0.1:1: connect: connection refused"
            )

    story(tell)


@pytest.mark.parametrize(
    "reply",
    [
        lambda request: {"uid": "another", "allowed": True},
        lambda request: allow(request, patch="!", patchType="JSONPatch"),
        lambda request: allow(request, patch="W10=", patchType="Merge"),
        patch({"op": "replace", "path": "/nowhere/at/all", "value": 1}),
        patch({"op": "remove", "path": "/metadata"}),
        lambda request: None,
    ],
    ids=["uid", "base64", "type", "misfit", "headless", "empty"],
)
def test_an_answer_that_makes_no_sense_counts_as_none(reply: Any) -> None:
    async def tell(api: World) -> None:
        await api.configure(MUTATING, "/odd", reply)
        assert (await api.refused("POST", CONFIG_MAPS, config_map("x")))["code"] == 500

    story(tell)


def test_what_a_webhook_makes_of_an_object_must_still_be_valid() -> None:
    async def tell(api: World) -> None:
        await api.configure(MUTATING, "/odd", label("bad key", "yes"))
        refused = await api.refused("POST", CONFIG_MAPS, config_map("x"))
        assert refused["code"] == 422
        assert "metadata.labels" in refused["message"]

    story(tell)


def test_a_webhook_cannot_give_an_object_another_identity() -> None:
    async def tell(api: World) -> None:
        rename = patch({"op": "replace", "path": "/metadata/name", "value": "y"})
        await api.configure(MUTATING, "/rename", rename)
        made = await api.ok("POST", CONFIG_MAPS, config_map("x"))
        assert made["metadata"]["name"] == "x"

    story(tell)


def test_a_write_that_was_overtaken_while_asked_is_asked_again_and_loses_nothing() -> None:
    async def tell(api: World) -> None:
        await api.ok("POST", CONFIG_MAPS, config_map("x", a="1"))
        merge = {"content_type": "application/merge-patch+json"}
        overtaken: list[Json] = []

        async def slow(request: Json) -> Json:
            if not overtaken:
                overtaken.append(request)
                body = {"data": {"b": "other"}}
                await api.ok("PATCH", f"{CONFIG_MAPS}/x", body, **merge)
            return allow(request)

        await api.configure(VALIDATING, "/slow", slow, rule={"operations": ["UPDATE"]})
        made = await api.ok("PATCH", f"{CONFIG_MAPS}/x", {"data": {"c": "mine"}}, **merge)
        assert made["data"] == {"a": "1", "b": "other", "c": "mine"}
        assert len(api.hooks.asked) == 3

    story(tell)


def test_generated_names_and_warnings_come_through() -> None:
    async def tell(api: World) -> None:
        reply = lambda request: allow(request, warnings=["rather old"])  # noqa: E731
        await api.configure(VALIDATING, "/warn", reply)
        body = config_map("")
        body["metadata"] = {"generateName": "x-"}
        answer = await api.call("POST", CONFIG_MAPS, body)
        assert answer.status == 201
        assert "rather old" in answer.headers["warning"]
        name = json.loads(answer.body)["metadata"]["name"]
        assert name.startswith("x-")
        assert (await api.ok("GET", f"{CONFIG_MAPS}/{name}"))["metadata"]["name"] == name

    story(tell)


def test_a_dry_run_is_asked_about_and_changes_nothing() -> None:
    async def tell(api: World) -> None:
        await api.configure(MUTATING, "/mark", label("seen", "yes"))
        made = await api.ok("POST", CONFIG_MAPS, config_map("x"), query={"dryRun": "All"})
        assert made["metadata"]["labels"] == {"seen": "yes"}
        assert api.hooks.asked[0][1]["dryRun"] is True
        assert (await api.refused("GET", f"{CONFIG_MAPS}/x"))["code"] == 404

    story(tell)


def test_a_webhook_that_asks_for_it_sees_what_later_ones_did() -> None:
    async def tell(api: World) -> None:
        await api.configure(MUTATING, "/a", label("a", "1"), reinvocationPolicy="IfNeeded")
        await api.configure(MUTATING, "/b", label("b", "1"))
        await api.ok("POST", CONFIG_MAPS, config_map("x"))
        assert [path for path, _ in api.hooks.asked] == ["/a", "/b", "/a"]

    story(tell)


def test_configurations_get_defaults_and_all_their_faults_are_told_at_once() -> None:
    async def tell(api: World) -> None:
        made = (await api.configure(MUTATING, "/fine", allow))["webhooks"][0]
        assert made["failurePolicy"] == "Fail"
        assert made["timeoutSeconds"] == 10
        assert made["reinvocationPolicy"] == "Never"
        assert made["rules"][0]["scope"] == "*"
        body = {
            "metadata": {"name": "bad"},
            "webhooks": [
                {
                    "name": "short",
                    "clientConfig": {"url": "http://example.com/x"},
                    "admissionReviewVersions": ["v1beta1"],
                    "sideEffects": "Some",
                    "timeoutSeconds": 31,
                }
            ],
        }
        refused = await api.refused("POST", f"{REGISTRATION}/{VALIDATING}", body)
        assert refused["code"] == 422
        fields = {cause["field"] for cause in refused["details"]["causes"]}
        assert fields == {
            "webhooks[0].name",
            "webhooks[0].admissionReviewVersions",
            "webhooks[0].sideEffects",
            "webhooks[0].timeoutSeconds",
            "webhooks[0].clientConfig.url",
        }

    story(tell)


def test_a_broken_webhook_does_not_guard_its_own_removal() -> None:
    async def tell(api: World) -> None:
        everything = {"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*/*", "*"]}
        nowhere = {"url": "http://127.0.0.1:1/x"}
        await api.configure(VALIDATING, "/gone", allow, clientConfig=nowhere, rule=everything)
        assert (await api.refused("POST", CONFIG_MAPS, config_map("x")))["code"] == 500
        await api.ok("DELETE", f"{REGISTRATION}/{VALIDATING}/gone")
        await api.ok("POST", CONFIG_MAPS, config_map("x"))

    story(tell)
