"""What only the language of conditions knows, handed in: this room does not know `expr`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Language:
    """Answers of the language: a sentence on what is wrong, or ""."""

    condition: Callable[[str], str]
    """What is wrong with a condition."""
    pattern: Callable[[str], str]
    """What is wrong with a regular expression."""
    instant: Callable[[str], str]
    """What is wrong with the start or end of a range, which must give a time."""
    matches: Callable[[str, str], bool]
    """Whether a regular expression (first) is found in a name (second)."""


UNKNOWN = Language(lambda _: "", lambda _: "", lambda _: "", lambda _, __: True)
"""For who does not know the language: nothing is wrong with what is written in it."""
