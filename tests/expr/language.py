"""What the tables of the language evaluate with: names, their values, an instant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from serinus.expr.condition import compile_expression, evaluate

NOW = datetime(2026, 1, 1, 12, 30, 45, tzinfo=UTC)
HOUR = 3_600_000_000_000
ENV: dict[str, Any] = {
    "result": [0.5, 0.25],
    "foo": {"bar": {"baz": "deep"}, "not": 1},
    "items": [{"name": "a", "size": 3}, {"name": "b", "size": 1}, {"name": "c", "size": 2}],
    "absent": None,
    "word": "canary",
    "number": 7,
    "yes": True,
}


def value(source: str) -> Any:
    return evaluate(compile_expression(source, frozenset(ENV)), ENV, NOW)
