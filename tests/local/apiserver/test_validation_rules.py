"""Rules in CEL: enforced as Kubernetes does with the extra `cel`, else named in a warning."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from local.apiserver.api import Api, story
from local.apiserver.widgets import CRDS, SPEC, WIDGETS, definition, widget

MERGE = {"content_type": "application/merge-patch+json"}
Json = dict[str, Any]


def ruled(*rules: Json, at: str = "", **fields: Json) -> Json:
    """The definition of widgets with rules on the spec, or on one of its fields."""
    made = definition()
    spec = {**SPEC, "properties": {**SPEC["properties"], **fields}}
    if at:
        spec["properties"][at] = {
            **spec["properties"][at],
            "x-kubernetes-validations": list(rules),
        }
    else:
        spec["x-kubernetes-validations"] = list(rules)
    version = made["spec"]["versions"][0]
    properties = version["schema"]["openAPIV3Schema"]["properties"]
    schema = {"type": "object", "properties": {**properties, "spec": spec}}
    version["schema"] = {"openAPIV3Schema": schema}
    return made


def problems(refused: Json) -> list[tuple[str, str]]:
    return [(cause["field"], cause["message"]) for cause in refused["details"]["causes"]]


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ("self.size <= 3", {"size": 3}, {"size": 4}),
        ("!has(self.note) || self.note.startsWith('a')", {"size": 1}, {"size": 1, "note": "b"}),
        ("self.colour in ['red']", {"size": 1}, {"size": 1, "colour": "blue"}),
        (
            "!has(self.parts) || self.parts.all(p, p.name.matches('^[a-c]$'))",
            {"size": 1, "parts": [{"name": "a"}]},
            {"size": 1, "parts": [{"name": "a"}, {"name": "z"}]},
        ),
        (
            "!('x' in self.tags) || self.tags['x'] == 'y'",
            {"size": 1, "tags": {}},
            {"size": 1, "tags": {"x": "z"}},
        ),
        (
            "type(self.share) == string ? self.share == '5%' : self.share == 5",
            {"size": 1, "share": 5},
            {"size": 1, "share": "6%"},
        ),
        ("self.ratio > 1.5", {"size": 1, "ratio": 2}, {"size": 1, "ratio": 1}),
        (
            "self.until > timestamp('2026-01-01T00:00:00Z')",
            {"size": 1, "until": "2026-06-01T00:00:00Z"},
            {"size": 1, "until": "2025-06-01T00:00:00Z"},
        ),
        ("self.max__dash__surge == 1", {"size": 1, "max-surge": 1}, {"size": 1, "max-surge": 2}),
        ("self.__for__ == 'x'", {"size": 1, "for": "x"}, {"size": 1, "for": "y"}),
        (
            "self.code.split('a').size() == 2",
            {"size": 1, "code": "bac"},
            {"size": 1, "code": "bbc"},
        ),
        ("[3, 1].isSorted() == false && [1, 2].sum() == self.size", {"size": 3}, {"size": 1}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rule_lets_pass_what_it_says(rule: str, good: Json, bad: Json) -> None:
    more = {
        "ratio": {"type": "number"},
        "until": {"type": "string", "format": "date-time"},
        "max-surge": {"type": "integer"},
        "for": {"type": "string"},
    }

    async def tell(api: Api) -> None:
        answer = await api.call("POST", CRDS, ruled({"rule": rule, "message": "no"}, **more))
        assert (answer.status, answer.headers.get("warning")) == (201, None)
        await api.ok("POST", WIDGETS, widget("good") | {"spec": good})
        refused = await api.refused("POST", WIDGETS, widget("bad") | {"spec": bad})
        assert refused["code"] == 422
        assert problems(refused) == [("spec", 'Invalid value: "object": no')]

    story(tell)


def test_all_broken_rules_are_told_at_once_where_and_why_they_say() -> None:
    async def tell(api: Api) -> None:
        rules = (
            {"rule": "self.size < 3"},
            {"rule": "self.size < 2", "message": "small", "fieldPath": ".size"},
            {"rule": "false", "message": "never", "reason": "FieldValueForbidden"},
            {"rule": "self.note == 'x'"},
        )
        await api.ok("POST", CRDS, ruled(*rules))
        body = widget("bad") | {"spec": {"size": 3}}
        assert problems(await api.refused("POST", WIDGETS, body)) == [
            ("spec", 'Invalid value: "object": failed rule: self.size < 3'),
            ("spec.size", 'Invalid value: "object": small'),
            ("spec", "Forbidden: never"),
            (
                "spec",
                "Invalid value: \"object\": no such key: note evaluating rule: self.note == 'x'",
            ),
        ]

    story(tell)


def test_a_rule_about_changes_holds_for_changes_alone() -> None:
    async def tell(api: Api) -> None:
        rule = {"rule": "self == oldSelf", "message": "may not change"}
        await api.ok("POST", CRDS, ruled(rule, at="code"))
        spec = {"size": 1, "code": "a"}
        await api.ok("POST", WIDGETS, widget("x") | {"spec": spec})
        await api.ok("PATCH", f"{WIDGETS}/x", {"spec": {"size": 2}}, **MERGE)
        refused = await api.refused("PATCH", f"{WIDGETS}/x", {"spec": {"code": "b"}}, **MERGE)
        assert problems(refused) == [("spec.code", 'Invalid value: "string": may not change')]

    story(tell)


def test_items_of_a_list_are_compared_with_those_of_the_same_key() -> None:
    async def tell(api: Api) -> None:
        items = SPEC["properties"]["parts"]["items"]
        rule = {"rule": "self.kind == oldSelf.kind", "message": "kind stays"}
        parts = {
            **SPEC["properties"]["parts"],
            "items": {**items, "x-kubernetes-validations": [rule]},
        }
        await api.ok("POST", CRDS, ruled(parts=parts))
        first = [{"name": "a", "kind": "k1"}, {"name": "b", "kind": "k2"}]
        await api.ok("POST", WIDGETS, widget("x") | {"spec": {"size": 1, "parts": first}})
        turned = {"spec": {"parts": [*reversed(first), {"name": "c", "kind": "new"}]}}
        await api.ok("PATCH", f"{WIDGETS}/x", turned, **MERGE)
        other = {"spec": {"parts": [{"name": "b", "kind": "k9"}]}}
        refused = await api.refused("PATCH", f"{WIDGETS}/x", other, **MERGE)
        assert problems(refused) == [("spec.parts[0]", 'Invalid value: "object": kind stays')]

    story(tell)


def test_what_the_schema_forbids_is_told_before_any_rule_is_asked() -> None:
    async def tell(api: Api) -> None:
        await api.ok("POST", CRDS, ruled({"rule": "self.size < 3"}))
        refused = await api.refused("POST", WIDGETS, widget("bad") | {"spec": {"size": 0}})
        assert [field for field, _ in problems(refused)] == ["spec.size"]

    story(tell)


def test_a_rule_that_does_not_compile_is_refused_with_its_place() -> None:
    async def tell(api: Api) -> None:
        refused = await api.refused("POST", CRDS, ruled({"rule": "self.size <"}))
        [(field, message)] = problems(refused)
        assert field == (
            "spec.versions[0].schema.openAPIV3Schema.properties[spec]"
            ".x-kubernetes-validations[0].rule"
        )
        assert "compilation failed" in message

    story(tell)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"rule": "quantity(self.code).isGreaterThan(quantity('1Gi'))"}, "quantity"),
        ({"rule": "self.?note.hasValue()"}, "unsupported syntax"),
        ({"rule": "true", "messageExpression": "'x'"}, "messageExpression"),
    ],
)
def test_what_cannot_be_evaluated_here_is_named_in_a_warning(rule: Json, reason: str) -> None:
    async def tell(api: Api) -> None:
        answer = await api.call("POST", CRDS, ruled(rule))
        assert answer.status == 201
        assert rule["rule"] in answer.headers["warning"]
        assert reason in answer.headers["warning"]
        await api.ok("POST", WIDGETS, widget("x"))

    story(tell)


def test_without_the_extra_each_rule_is_named_in_a_warning(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "cel", None)

    async def tell(api: Api) -> None:
        answer = await api.call("POST", CRDS, ruled({"rule": "self.size < 3"}))
        assert answer.status == 201
        assert "self.size < 3" in answer.headers["warning"]
        assert "serinus[cel]" in answer.headers["warning"]
        await api.ok("POST", WIDGETS, widget("x") | {"spec": {"size": 5}})

    story(tell)
