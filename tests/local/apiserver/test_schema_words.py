"""A broken rule of a schema is told as Kubernetes tells it."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.local.apiserver.kinds.schema_rules import Rules


@pytest.mark.parametrize(
    ("rule", "value", "told"),
    [
        ({"minimum": 1}, 0, "Invalid value: 0: x in body should be greater than or equal to 1"),
        (
            {"minimum": 1, "exclusiveMinimum": True},
            1,
            "Invalid value: 1: x in body should be greater than 1",
        ),
        ({"maximum": 3}, 4, "Invalid value: 4: x in body should be less than or equal to 3"),
        (
            {"maximum": 3, "exclusiveMaximum": True},
            3,
            "Invalid value: 3: x in body should be less than 3",
        ),
        ({"multipleOf": 5}, 3, "Invalid value: 3: x in body should be a multiple of 5"),
        ({"minLength": 3}, "a", 'Invalid value: "a": x in body should be at least 3 chars long'),
        ({"maxLength": 2}, "abc", "Too long: may not be more than 2 bytes"),
        ({"pattern": "^a$"}, "b", "Invalid value: \"b\": x in body should match '^a$'"),
        ({"minItems": 2}, [1], 'Invalid value: "array": x in body should have at least 2 items'),
        ({"maxItems": 1}, [1, 2], "Too many: 2: must have at most 1 items"),
        ({"maxProperties": 1}, {"a": 1, "b": 2}, "Too many: 2: must have at most 1 items"),
        (
            {"minProperties": 1},
            {},
            'Invalid value: "object": x in body should have at least 1 properties',
        ),
        (
            {"type": "integer"},
            "a",
            'Invalid value: "string": x in body must be of type integer: "string"',
        ),
        ({"enum": ["a", "b"]}, "c", 'Unsupported value: "c": supported values: "a", "b"'),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_broken_rule_is_told_in_kubernetes_words(
    rule: dict[str, Any], value: Any, told: str
) -> None:
    rules = Rules({"properties": {"x": rule}}, {})
    assert [(p.path, p.message) for p in rules.problems({"x": value})] == [("x", told)]
