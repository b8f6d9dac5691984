"""Columns of tables: what `kubectl get` shows of a kind.

Knows objects as mappings; a column is a name and a pure function from object to cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Cell = Callable[[Mapping[str, Any], datetime], Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `priority` above 0 is shown only by `-o wide`."""

    name: str
    cell: Cell
    type: str = "string"
    format: str = ""
    description: str = ""
    priority: int = 0
