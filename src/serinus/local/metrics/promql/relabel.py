"""`label_replace` and `label_join`: rewrite labels. Know no value and no selector."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from serinus.local.metrics.promql.values import BadQuery, Vector, distinct
from serinus.local.metrics.samples import compile_pattern

Relabel = Callable[[Vector], Vector]
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REFERENCE = re.compile(r"\$(?:(\$)|\{(\w+)\}|(\w+))")


def replacer(texts: Sequence[str]) -> Relabel:
    """`label_replace(v, destination, replacement, source, pattern)` without its first argument."""
    destination, replacement, source, expression = texts
    _check(destination, "label_replace")
    try:
        pattern = compile_pattern(expression)
    except ValueError as error:
        raise BadQuery(f"label_replace: {error}") from error

    def run(vector: Vector) -> Vector:
        shown: Vector = []
        for labels, value in vector:
            match = pattern.fullmatch(labels.pairs.get(source, ""))
            if match is not None:
                labels = labels.changed(destination, _expanded(replacement, match))
            shown.append((labels, value))
        return distinct(shown)

    return run


def joiner(texts: Sequence[str]) -> Relabel:
    """`label_join(v, destination, separator, source...)` without its first argument."""
    destination, separator, *sources = texts
    for name in (destination, *sources):
        _check(name, "label_join")

    def run(vector: Vector) -> Vector:
        return distinct(
            [
                (
                    labels.changed(
                        destination, separator.join(labels.pairs.get(s, "") for s in sources)
                    ),
                    value,
                )
                for labels, value in vector
            ]
        )

    return run


def _check(name: str, function: str) -> None:
    if not _LABEL.fullmatch(name):
        raise BadQuery(f"{function}: {name!r} is not a label name")


def _expanded(template: str, match: re.Match[str]) -> str:
    """Go's expansion: `$1`, `${1}`, `$name`, `$$`; an unknown group is empty."""

    def reference(found: re.Match[str]) -> str:
        if found[1]:
            return "$"
        name = found[2] or found[3]
        try:
            return match[int(name) if name.isdecimal() else name] or ""
        except IndexError:
            return ""

    return _REFERENCE.sub(reference, template)
