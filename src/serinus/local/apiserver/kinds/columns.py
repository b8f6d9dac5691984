"""Columns of tables: what `kubectl get` shows of a kind.

Knows objects as mappings; a column is a name and a pure function from object to cell. The
columns of built-in kinds are in columns_built_in.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from serinus.base.jsonpath import compile_path

Object = Mapping[str, Any]
Cell = Callable[[Object, datetime], Any]
"""The object and the instant at which the table is made, to what stands in the table."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `priority` above 0 is shown only by `-o wide`."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0

    def definition(self) -> dict[str, Any]:
        """The column as a table describes it."""
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": self.description,
            "priority": self.priority,
        }


def _name(value: Object, _: datetime) -> Any:
    return value["metadata"]["name"]


def _age(value: Object, now: datetime) -> Any:
    return age(value["metadata"].get("creationTimestamp"), now)


NAME = Column("Name", _name, format="name", description="Name of the object.")
AGE = Column("Age", _age, description="Time since the object was made.")


def age(timestamp: Any, now: datetime) -> str:
    """How long ago a timestamp is, as kubectl writes it: `90s`, `5m30s`, `3h`, `2d4h`, `400d`."""
    instant = read_time(timestamp)
    if instant is None:
        return "<unknown>"
    return short_span((now - instant).total_seconds())


def read_time(timestamp: Any) -> datetime | None:
    """A timestamp of an object as an instant; None if there is none that can be read."""
    try:
        instant = datetime.fromisoformat(str(timestamp))
    except ValueError:
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def short_span(total_seconds: float) -> str:
    """A length of time with kubectl's precision: finer units only while they matter."""
    seconds = int(total_seconds)
    if seconds < 0:
        return "0s" if seconds >= -2 else "<invalid>"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return _pair(minutes, "m", seconds % 60, "s")
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return _pair(hours, "h", minutes % 60, "m")
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return _pair(days, "d", hours % 24, "h")
    if days < 730:
        return f"{days}d"
    return _pair(days // 365, "y", days % 365, "d") if days < 8 * 365 else f"{days // 365}y"


def _pair(first: int, first_unit: str, second: int, second_unit: str) -> str:
    return f"{first}{first_unit}{second}{second_unit}" if second else f"{first}{first_unit}"


def path_columns(rows: Iterable[Object]) -> tuple[Column, ...]:
    """The columns that a definition's `additionalPrinterColumns` describe, Name first.

    Without rows: Name and Age. Raises ValueError for a path that cannot be read.
    """
    made = [_path_column(row) for row in rows]
    return (NAME, *made) if made else (NAME, AGE)


def _path_column(row: Object) -> Column:
    find, kind = compile_path(row["jsonPath"]), row.get("type", "string")

    def cell(value: Object, now: datetime) -> Any:
        found = find(value)
        if not found or found[0] is None:
            return None
        if kind in _CELLS:
            return _CELLS[kind](found[0], now)
        return " ".join(_text(item, now) for item in found)

    return Column(
        row["name"],
        cell,
        "string" if kind == "date" else kind,
        row.get("format") or "",
        row.get("description") or "",
        row.get("priority") or 0,
    )


def _text(found: Any, _: datetime) -> Any:
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, dict | list):
        return msgspec.json.encode(found).decode()
    return found if isinstance(found, str) else str(found)


def _number(found: Any, _: datetime) -> Any:
    return found if isinstance(found, int | float) else None


_CELLS: dict[str, Callable[[Any, datetime], Any]] = {
    "date": age,
    "integer": _number,
    "number": _number,
    "boolean": _text,
}
