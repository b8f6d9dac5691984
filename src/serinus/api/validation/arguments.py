"""Arguments of analyses: where `{{args.x}}` stands in metrics, and how to pass one.

Pure text work; the values are filled in when a run is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from serinus.api.analysis import Metric
from serinus.api.wire import builtins
from serinus.base.errors import FieldProblem

_PLACEHOLDER = re.compile(r"\{\{\s*([^{}]*?)\s*\}\}")
_ARGUMENT = re.compile(r"args\.([\w.-]+)")


def placeholders(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """What stands between `{{` and `}}` in any text below `value`, with the path of the text."""
    match value:
        case str():
            for found in _PLACEHOLDER.findall(value):
                yield path, found
        case dict():
            for key, item in value.items():
                yield from placeholders(item, f"{path}.{key}")
        case list():
            for index, item in enumerate(value):
                yield from placeholders(item, f"{path}[{index}]")


def used_arguments(metric: Metric) -> tuple[str, ...]:
    """The names of the arguments that a metric needs, each once, in order."""
    names = [_ARGUMENT.fullmatch(found) for _, found in placeholders(builtins(metric))]
    return tuple(dict.fromkeys(name.group(1) for name in names if name))


def misplaced_placeholders(metric: Metric, path: str) -> Iterator[FieldProblem]:
    """`{{x}}` that is not written as an argument, and so would reach the provider as it is."""
    for below, found in placeholders(builtins(metric)):
        if not _ARGUMENT.fullmatch(found):
            meant = (
                f"; did you mean {{{{args.{found}}}}}?" if re.fullmatch(r"[\w-]+", found) else ""
            )
            yield FieldProblem(f"{path}{below}", f"{{{{{found}}}}} is no argument{meant}")


def how_to_pass(name: str) -> str:
    """An example for the list `args` of an analysis step."""
    if re.search(r"hash|revision|version", name, re.IGNORECASE):
        return f"`- name: {name}` with `valueFrom: {{podTemplateHashValue: Latest}}`"
    return f"`- name: {name}` with `value: ...`"
