"""Numbers in specs: counts, int-or-percent values, durations; each with its own message."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from serinus.base.durations import parse_duration
from serinus.base.errors import FieldProblem
from serinus.base.intorstring import scaled_value


def not_negative(value: int | None, path: str) -> Iterator[FieldProblem]:
    """A count that may be absent."""
    if value is not None and value < 0:
        yield FieldProblem(path, f"{value} must be 0 or more")


def within(value: int | None, least: int, most: int, path: str) -> Iterator[FieldProblem]:
    """A number that may be absent, between two others."""
    if value is not None and not least <= value <= most:
        yield FieldProblem(path, f"{value} must be {least} to {most}")


def count_or_share(value: int | str | None, path: str) -> Iterator[FieldProblem]:
    """A number of pods, or a percentage of them."""
    if value is None:
        return
    try:
        if scaled_value(value, 100, round_up=True) < 0:
            yield FieldProblem(path, f"{value} must be 0 or more")
    except ValueError as error:
        yield FieldProblem(path, str(error))


def is_nothing(value: int | str | None) -> bool:
    """Whether a count or share was written, and is 0."""
    return value is not None and str(value).removesuffix("%").strip("0") == "" and value != ""


def duration(text: str, path: str) -> Iterator[FieldProblem]:
    """A Go duration, or "" where it is absent."""
    if text and not is_filled_in_later(text):
        try:
            if parse_duration(text) < timedelta(0):
                yield FieldProblem(path, f"{text!r} must not be negative")
        except ValueError as error:
            yield FieldProblem(path, str(error))


def is_filled_in_later(value: int | str | None) -> bool:
    """Whether the value holds an argument, so that nothing can be said about it yet."""
    return isinstance(value, str) and "{{" in value


def whole(value: int | str | None) -> int | None:
    """The number in an int-or-string field, or None if there is none (yet)."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*[-+]?[0-9]{1,18}\s*", value) else None
    return value
