"""What one evaluation carries along: variables, the time, and how much work is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from serinus.expr.values import Budget


class Frame:
    """`slots` hold let variables and the pointers of predicates; `env` the names given."""

    __slots__ = ("budget", "env", "now", "slots")

    def __init__(self, env: Mapping[str, Any], slots: int, now: datetime) -> None:
        self.env = env
        self.slots: list[Any] = [None] * slots
        self.now = now
        self.budget = Budget()


Run = Callable[[Frame], Any]
