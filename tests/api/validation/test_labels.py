"""Label selectors select what Kubernetes selects by them."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.api.kubernetes import LabelSelector
from serinus.api.validation.labels import matches
from serinus.api.wire import decode

LABELS = {"app": "shop", "tier": ""}


@pytest.mark.parametrize(
    ("operator", "key", "values", "selected"),
    [
        ("In", "app", ["shop", "bar"], True),
        ("In", "app", ["bar"], False),
        ("In", "zone", ["a"], False),
        ("NotIn", "app", ["bar"], True),
        ("NotIn", "app", ["shop"], False),
        ("NotIn", "zone", ["a"], True),
        ("Exists", "tier", [], True),
        ("Exists", "zone", [], False),
        ("DoesNotExist", "zone", [], True),
        ("DoesNotExist", "tier", [], False),
    ],
)
def test_operators(operator: str, key: str, values: list[str], selected: bool) -> None:
    term: Any = {"key": key, "operator": operator, "values": values}
    selector = decode(LabelSelector, {"matchExpressions": [term]})
    assert matches(selector, LABELS) is selected


def test_all_terms_must_hold() -> None:
    selector = {"matchLabels": {"app": "shop"}, "matchExpressions": [{"key": "zone"}]}
    selector["matchExpressions"][0]["operator"] = "Exists"  # type: ignore[index]
    assert not matches(decode(LabelSelector, selector), LABELS)
    assert matches(decode(LabelSelector, selector), {**LABELS, "zone": "a"})
