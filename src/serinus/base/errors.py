"""What can go wrong, in words for the person who reads them."""

from __future__ import annotations

from dataclasses import dataclass


class SerinusError(Exception):
    """An error whose text is meant for the user: what, where, and what to do."""


@dataclass(frozen=True, slots=True)
class FieldProblem:
    """One thing wrong with an object: `path` is the field, as `spec.strategy.canary.steps[2]`."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message
