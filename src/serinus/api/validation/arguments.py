"""Arguments of analyses: where `{{args.x}}` stands in metrics, and how to pass one.

Pure text work; the values are filled in when a run is made.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from typing import Any

from serinus.api.analysis import Argument, Metric
from serinus.api.wire import builtins
from serinus.base.errors import FieldProblem

_PLACEHOLDER = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_ARGUMENT = re.compile(r"args\.([\w.-]+)")


def placeholders(value: Any) -> Iterator[tuple[str, str]]:
    """What stands between `{{` and `}}` in any text below `value`, with the path of the text."""
    for path, text in _texts(value):
        for found in _PLACEHOLDER.findall(text):
            yield path, found


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for key, item in value.items():
                yield from _texts(item, f"{path}.{key}")
        case list():
            for index, item in enumerate(value):
                yield from _texts(item, f"{path}[{index}]")


def used_arguments(metric: Metric) -> tuple[str, ...]:
    """The names of the arguments that a metric needs, each once, in order."""
    names = [_ARGUMENT.fullmatch(found) for _, found in placeholders(builtins(metric))]
    return tuple(dict.fromkeys(name.group(1) for name in names if name))


def misplaced_placeholders(metric: Metric, path: str) -> Iterator[FieldProblem]:
    """`{{x}}` that is not written as an argument, and so would reach the provider as it is."""
    for below, text in _texts(builtins(metric)):
        for found in _PLACEHOLDER.findall(text):
            if not _ARGUMENT.fullmatch(found):
                yield FieldProblem(
                    f"{path}{below}", f"{{{{{found}}}}} is no argument{_meant(found)}"
                )
        if "{{" in _PLACEHOLDER.sub("", text):
            yield FieldProblem(f"{path}{below}", "has {{ without }}; write {{args.name}}")


def _meant(found: str) -> str:
    name = _ARGUMENT.search(found)
    if name is not None:
        return f"; write {{{{{name.group()}}}}}, and a space between other braces and it"
    return f"; did you mean {{{{args.{found}}}}}?" if re.fullmatch(r"[\w-]+", found) else ""


def secrets_of(arguments: Iterable[Argument]) -> frozenset[str]:
    """The names of the arguments whose value is that of a Secret."""
    return frozenset(
        one.name
        for one in arguments
        if one.value is None and one.value_from and one.value_from.secret_key_ref
    )


def exposed_secrets(
    metrics: Sequence[Metric], secret: Container[str], path: str
) -> Iterator[FieldProblem]:
    """Where metrics use a secret outside of what is sent to a provider.

    All else of a metric is read, kept or shown before a secret is filled in.
    """
    for index, metric in enumerate(metrics):
        yield from exposed_in(metric, secret, f"{path}[{index}]")


def exposed_in(metric: Metric, secret: Container[str], path: str) -> Iterator[FieldProblem]:
    """The same for one metric at `path`."""
    for below, found in placeholders(builtins(metric)):
        name = _ARGUMENT.fullmatch(found)
        if name is not None and name.group(1) in secret and not _is_sent(below):
            yield FieldProblem(f"{path}{below}", f"{{{{{found}}}}} is a secret; pass it by value")


def _is_sent(below: str) -> bool:
    """A text that goes to the provider only; the times of a range are reckoned before."""
    return below.startswith(".provider.") and ".rangeQuery." not in below


def how_to_pass(name: str) -> str:
    """An example for the list `args` of an analysis step."""
    if re.search(r"hash|revision|version", name, re.IGNORECASE):
        return f"`- name: {name}` with `valueFrom: {{podTemplateHashValue: Latest}}`"
    return f"`- name: {name}` with `value: ...`"
