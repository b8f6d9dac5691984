"""Custom kinds: served as soon as defined; validated, pruned, defaulted; gone with all they had."""

from __future__ import annotations

from typing import Any

import pytest

from local.apiserver.api import Api, WatchLines, story
from local.apiserver.widgets import CRDS, SPEC, WIDGETS, definition, widget

MERGE = {"content_type": "application/merge-patch+json"}


async def define(api: Api, **changes: Any) -> dict[str, Any]:
    return await api.ok("POST", CRDS, definition(**changes))


def test_a_definition_is_established_at_once_and_its_kind_is_served() -> None:
    async def tell(api: Api) -> None:
        assert (await api.refused("GET", WIDGETS))["code"] == 404
        made = await define(api)
        conditions = {row["type"]: row["status"] for row in made["status"]["conditions"]}
        assert conditions == {"NamesAccepted": "True", "Established": "True"}
        assert made["status"]["acceptedNames"]["listKind"] == "WidgetList"
        assert made["status"]["storedVersions"] == ["v1"]
        listed = await api.ok("GET", WIDGETS)
        assert (listed["kind"], listed["items"]) == ("WidgetList", [])

    story(tell)


def test_objects_are_defaulted_and_pruned_but_free_fields_stay() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        free = {"any": {"thing": [1]}}
        body = widget("a", free=free, bogus=1, parts=[{"name": "x", "wrong": 2}], note=None)
        answer = await api.call("POST", WIDGETS, body)
        assert answer.status == 201
        assert answer.headers["warning"].count("unknown field") == 2
        made = await api.ok("GET", f"{WIDGETS}/a")
        assert made["spec"] == {
            "size": 1,
            "colour": "red",
            "mood": "fine",
            "free": free,
            "note": None,
            "parts": [{"name": "x", "kind": "plain"}],
        }

    story(tell)


def test_null_asks_for_the_default_unless_null_is_a_value() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        made = await api.ok("POST", WIDGETS, widget("a", colour=None, mood=None))
        assert (made["spec"]["colour"], made["spec"]["mood"]) == ("red", None)
        made = await api.ok("POST", WIDGETS, widget("b"))
        assert (made["spec"]["colour"], made["spec"]["mood"]) == ("red", "fine")

    story(tell)


def test_true_is_not_one() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        await api.ok("POST", WIDGETS, widget("a", free={"x": 1}))
        made = await api.ok("PATCH", f"{WIDGETS}/a", {"spec": {"free": {"x": True}}}, **MERGE)
        assert made["spec"]["free"]["x"] is True
        assert made["metadata"]["generation"] == 2

    story(tell)


def test_field_validation_refuses_warns_or_is_silent() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        parts = b'"parts":[{"name":"x","y":1}]'
        body = b'{"metadata":{"name":"a"},"spec":{"size":1,"size":2,"hue":1,' + parts + b"}}"
        strict = await api.refused("POST", WIDGETS, body, query={"fieldValidation": "Strict"})
        assert strict["code"] == 400
        assert strict["message"].endswith(
            'strict decoding error: duplicate field "spec.size", unknown field "spec.hue", '
            'unknown field "spec.parts[0].y"'
        )
        ignored = await api.call("POST", WIDGETS, body, query={"fieldValidation": "Ignore"})
        assert (ignored.status, ignored.headers.get("warning")) == (201, None)
        await api.ok("DELETE", f"{WIDGETS}/a")
        warned = await api.call("POST", WIDGETS, body, query={"fieldValidation": "Warn"})
        assert warned.headers["warning"] == (
            '299 - "duplicate field \\"spec.size\\"", 299 - "unknown field \\"spec.hue\\"", '
            '299 - "unknown field \\"spec.parts[0].y\\""'
        )

    story(tell)


def test_what_is_refused_is_warned_about_as_well() -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CRDS, definition())
        query = {"fieldValidation": "Warn"}
        body = widget("a", size=-1, hue=1)
        answer = await api.call("POST", WIDGETS, body, query=query)
        assert (answer.status, answer.headers["warning"]) == (
            422,
            '299 - "unknown field \\"spec.hue\\""',
        )
        await api.ok("POST", WIDGETS, widget("b"))
        patch = {"spec": {"size": -1, "hue": 1}}
        answer = await api.call(
            "PATCH",
            f"{WIDGETS}/b",
            patch,
            query=query,
            content_type="application/merge-patch+json",
        )
        assert (answer.status, "spec.hue" in answer.headers["warning"]) == (422, True)

    story(tell)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"size": "big"},
            'spec.size: Invalid value: "string": spec.size in body must be of type integer: "str',
        ),
        (
            {"size": 0},
            "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
        ),
        ({"colour": "pink"}, 'supported values: "red", "blue"'),
        ({"share": 1.5}, "spec.share: Invalid value"),
        ({"code": "ABC"}, "spec.code: Invalid value"),
        ({"colour": None, "size": None}, "spec.size"),
        ({"tags": {"a": 1}}, "spec.tags.a"),
        ({"parts": [{}]}, "spec.parts[0].name: Required value"),
        ({"parts": [{"name": "x"}, {"name": "x"}]}, "spec.parts[1]: Duplicate value"),
    ],
)
def test_what_the_schema_forbids_is_refused_with_its_path(spec: Any, words: str) -> None:
    async def tell(api: Api) -> None:
        await define(api)
        refusal = await api.refused("POST", WIDGETS, widget("a", **spec))
        assert (refusal["code"], refusal["reason"]) == (422, "Invalid")
        assert words in refusal["message"]
        assert refusal["message"].startswith('Widget.example.com "a" is invalid: ')

    story(tell)


def test_all_problems_are_told_at_once() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        refusal = await api.refused("POST", WIDGETS, widget("a", size="x", colour="y", code="1"))
        assert {cause["field"] for cause in refusal["details"]["causes"]} == {
            "spec.size",
            "spec.colour",
            "spec.code",
        }

    story(tell)


def test_status_and_scale_are_halves_of_their_own() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        await api.ok("POST", WIDGETS, widget("a", replicas=2) | {"status": {"phase": "x"}})
        both = {"spec": {"size": 9}, "status": {"phase": "Up", "replicas": 1}}
        made = await api.ok("PATCH", f"{WIDGETS}/a/status", both, **MERGE)
        assert (made["spec"]["size"], made["status"]["phase"]) == (1, "Up")
        assert made["metadata"]["generation"] == 1
        scale = await api.ok("GET", f"{WIDGETS}/a/scale")
        assert (scale["kind"], scale["spec"], scale["status"]) == (
            "Scale",
            {"replicas": 2},
            {"replicas": 1},
        )
        more = await api.ok("PATCH", f"{WIDGETS}/a/scale", {"spec": {"replicas": 4}}, **MERGE)
        assert more["spec"] == {"replicas": 4}
        made = await api.ok("GET", f"{WIDGETS}/a")
        assert (made["spec"]["replicas"], made["metadata"]["generation"]) == (4, 2)
        bad = await api.refused("PATCH", f"{WIDGETS}/a/scale", {"spec": {"replicas": -1}}, **MERGE)
        assert bad["code"] == 422

    story(tell)


def test_a_replacement_names_the_version_that_it_replaces() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        made = await api.ok("POST", WIDGETS, widget("a"))
        refusal = await api.refused("PUT", f"{WIDGETS}/a", widget("a", size=2))
        assert "resourceVersion" in refusal["message"]
        made["spec"]["size"] = 2
        assert (await api.ok("PUT", f"{WIDGETS}/a", made))["spec"]["size"] == 2

    story(tell)


def test_a_strategic_merge_patch_on_a_custom_kind_is_refused() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        await api.ok("POST", WIDGETS, widget("a"))
        kind = {"content_type": "application/strategic-merge-patch+json"}
        refusal = await api.refused("PATCH", f"{WIDGETS}/a", {"spec": {}}, **kind)
        assert refusal["code"] == 415
        assert refusal["message"].endswith(
            "application/merge-patch+json, application/apply-patch+yaml"
        )

    story(tell)


def test_a_changed_definition_holds_from_the_next_write_on() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        await api.ok("POST", WIDGETS, widget("a"))
        made = await api.ok("GET", f"{CRDS}/widgets.example.com")
        schema = made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        schema["properties"]["spec"] = SPEC | {"properties": SPEC["properties"] | {"new": {}}}
        schema["properties"]["spec"]["properties"]["new"] = {"type": "string"}
        await api.ok("PUT", f"{CRDS}/widgets.example.com", made)
        patched = await api.ok("PATCH", f"{WIDGETS}/a", {"spec": {"new": "here"}}, **MERGE)
        assert patched["spec"]["new"] == "here"

    story(tell)


def test_versions_share_one_storage() -> None:
    async def tell(api: Api) -> None:
        made = definition()
        second = made["spec"]["versions"][0] | {"name": "v1beta1", "storage": False}
        made["spec"]["versions"].append(second)
        await api.ok("POST", CRDS, made)
        old = WIDGETS.replace("/v1/", "/v1beta1/")
        beta = await api.ok("POST", old, widget("a") | {"apiVersion": "example.com/v1beta1"})
        assert beta["apiVersion"] == "example.com/v1beta1"
        assert (await api.ok("GET", f"{WIDGETS}/a"))["apiVersion"] == "example.com/v1"
        listed = await api.ok("GET", old)
        assert (listed["apiVersion"], listed["items"][0]["apiVersion"]) == (
            "example.com/v1beta1",
            "example.com/v1beta1",
        )
        again = await api.ok("PATCH", f"{old}/a", {"spec": {"size": 1}}, **MERGE)
        assert again["metadata"]["resourceVersion"] == beta["metadata"]["resourceVersion"]

    story(tell)


def test_a_definition_goes_with_its_objects_and_ends_their_watches() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        await api.ok("POST", WIDGETS, widget("a"))
        async with WatchLines(api, WIDGETS, {}) as watch:
            assert await watch.names(1) == [("ADDED", "a")]
            await api.ok("DELETE", f"{CRDS}/widgets.example.com")
            assert await watch.names(1) == [("DELETED", "a")]
            with pytest.raises(StopAsyncIteration):
                await watch.next()
            assert api.clock.wall() < 1
        assert (await api.refused("GET", WIDGETS))["code"] == 404
        assert (await api.refused("GET", f"{CRDS}/widgets.example.com"))["code"] == 404
        await define(api)
        assert (await api.ok("GET", WIDGETS))["items"] == []

    story(tell)


def test_a_definition_waits_for_objects_that_are_held() -> None:
    async def tell(api: Api) -> None:
        await define(api)
        held = widget("a")
        held["metadata"]["finalizers"] = ["example.com/wait"]
        await api.ok("POST", WIDGETS, held)
        marked = await api.ok("DELETE", f"{CRDS}/widgets.example.com")
        assert "deletionTimestamp" in marked["metadata"]
        await api.ok("PATCH", f"{WIDGETS}/a", {"metadata": {"finalizers": []}}, **MERGE)
        assert (await api.refused("GET", f"{CRDS}/widgets.example.com"))["code"] == 404

    story(tell)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda d: d["metadata"].update(name="wrong"), "metadata.name must be widgets.example.com"),
        (lambda d: d["spec"]["versions"][0].update(storage=False), "exactly one version"),
        (lambda d: d["spec"]["versions"][0].pop("schema"), "schemas are required"),
        (lambda d: d["spec"].update(scope="Galaxy"), "spec.scope"),
        (
            lambda d: d["spec"]["versions"][0]["additionalPrinterColumns"].append(
                {"name": "x", "type": "string", "jsonPath": ".a["}
            ),
            "additionalPrinterColumns[4].jsonPath",
        ),
        (
            lambda d: d["spec"]["versions"][0]["schema"].update(
                openAPIV3Schema={"type": "object", "properties": {"x": {"pattern": "a"}}}
            ),
            "properties[x].type",
        ),
        (
            lambda d: d["spec"]["versions"][0]["schema"].update(
                openAPIV3Schema={
                    "type": "object",
                    "properties": {"x": {"type": "string", "pattern": "("}},
                }
            ),
            "openAPIV3Schema: Invalid value",
        ),
    ],
)
def test_a_definition_that_cannot_be_served_is_refused(change: Any, words: str) -> None:
    async def tell(api: Api) -> None:
        bad = definition()
        change(bad)
        refusal = await api.refused("POST", CRDS, bad)
        assert refusal["code"] == 422
        assert words in refusal["message"]

    story(tell)


def test_admission_warns_and_refuses_after_the_schema() -> None:
    from serinus.base.errors import FieldProblem

    def check(value: Any, view: Any) -> Any:
        if value["kind"] != "Widget":
            return (), ()
        maps = view.list("", "configmaps", "default")
        refused = [FieldProblem("spec.size", "too large")] if value["spec"]["size"] > 5 else []
        return [f"{len(maps)} maps"], refused

    async def tell(api: Api) -> None:
        await define(api)
        answer = await api.call("POST", WIDGETS, widget("a"))
        assert (answer.status, answer.headers["warning"]) == (201, '299 - "0 maps"')
        refusal = await api.refused("PATCH", f"{WIDGETS}/a", {"spec": {"size": 6}}, **MERGE)
        assert (refusal["code"], refusal["details"]["causes"][0]["field"]) == (422, "spec.size")
        status = await api.call("PATCH", f"{WIDGETS}/a/status", {"status": {"phase": "x"}}, **MERGE)
        assert (status.status, status.headers.get("warning")) == (200, None)

    story(tell, admission=[check])
