"""What can be found about an object: errors, references that are not there yet, warnings.

Errors and missing references hold a rollout; warnings are told and never hold it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from serinus.base.errors import FieldProblem


@dataclass(frozen=True, slots=True)
class Missing(FieldProblem):
    """A reference to what is not there yet; its message begins with `waiting for`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that was found, in the order of the fields."""

    errors: tuple[FieldProblem, ...] = ()
    missing: tuple[FieldProblem, ...] = ()
    """Each a Missing; the appearance of the object mends it."""
    warnings: tuple[FieldProblem, ...] = ()
    """Unknown fields, and what will hold a weight only. They never hold the object."""

    @classmethod
    def of(cls, found: Iterable[FieldProblem]) -> Findings:
        """Errors and missing references, told apart."""
        problems = tuple(dict.fromkeys(found))
        return cls(
            errors=tuple(p for p in problems if not isinstance(p, Missing)),
            missing=_each_object_once(p for p in problems if isinstance(p, Missing)),
        )

    def __add__(self, other: Findings) -> Findings:
        return Findings(
            errors=self.errors + other.errors,
            missing=self.missing + other.missing,
            warnings=self.warnings + other.warnings,
        )

    def problems(self) -> tuple[FieldProblem, ...]:
        """What InvalidSpec says: empty if nothing holds the object, else all there is to mend."""
        held = self.errors + self.missing
        return held + self.warnings if held else ()


def _each_object_once(missing: Iterable[Missing]) -> tuple[Missing, ...]:
    """What several fields wait for is told at the first, with the names of the others."""
    paths: dict[str, list[str]] = {}
    for one in missing:
        paths.setdefault(one.message, []).append(one.path)
    return tuple(
        Missing(first, message + (f" (also {', '.join(map(short, others))})" if others else ""))
        for message, (first, *others) in paths.items()
    )


def short(path: str) -> str:
    """A path as it is said beside another of the same strategy."""
    return path.removeprefix("spec.strategy.canary.").removeprefix("spec.strategy.blueGreen.")


def describe(problems: tuple[FieldProblem, ...]) -> str:
    """All problems as one text, each once, separated by `; `."""
    return "; ".join(dict.fromkeys(str(problem) for problem in problems))
