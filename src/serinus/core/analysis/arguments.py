"""Arguments: merging those of templates with those passed, and filling `{{args.x}}` into metrics.

The whole metric is filled as JSON, as the original does, so a limit or an address can be an
argument too. Secrets never come here: their placeholders stay for the shell. Knows no rollout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from serinus.api.analysis import Argument, Metric, SecretKeyRef
from serinus.api.validation.arguments import exposed_in
from serinus.api.wire import decode, encode
from serinus.base.errors import FieldProblem

_TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Values:
    """The arguments of a run: plain values, and where secret ones lie."""

    plain: Mapping[str, str]
    secrets: Mapping[str, SecretKeyRef]


def values_of(args: Iterable[Argument], path: str) -> tuple[Values, list[FieldProblem]]:
    """The arguments of an AnalysisRun's spec, and those that have no value."""
    plain: dict[str, str] = {}
    secrets: dict[str, SecretKeyRef] = {}
    problems: list[FieldProblem] = []
    for index, arg in enumerate(args):
        source = arg.value_from
        if arg.value is not None and source is not None:
            problems.append(
                FieldProblem(f"{path}[{index}]", f"args.{arg.name} has both value and valueFrom")
            )
        elif arg.value is not None:
            plain[arg.name] = arg.value
        elif source is not None and source.secret_key_ref is not None:
            secrets[arg.name] = source.secret_key_ref
        else:
            problems.append(
                FieldProblem(f"{path}[{index}]", f"args.{arg.name} was not resolved: give a value")
            )
    return Values(plain, secrets), problems


def placeholders(metric: Metric) -> tuple[str, ...]:
    """What stands between double braces anywhere in the metric, in the order of first use."""
    found = (match.group(1).strip() for match in _TAG.finditer(encode(metric).decode()))
    return tuple(dict.fromkeys(found))


def fill(metric: Metric, values: Values, path: str) -> tuple[Metric, list[FieldProblem]]:
    """The metric with every plain argument filled in, and what could not be filled."""
    text = encode(metric).decode()
    problems = [
        FieldProblem(path, _unresolved(tag))
        for tag in placeholders(metric)
        if not _knows(values, tag)
    ]
    problems += exposed_in(metric, values.secrets, path)
    if problems:
        return metric, problems
    filled = fill_text(text, values.plain, as_json=True)
    try:
        return decode(Metric, filled), []
    except ValueError as error:
        return metric, [FieldProblem(path, f"with its arguments filled in: {error}")]


def fill_text(text: str, plain: Mapping[str, str], *, as_json: bool = False) -> str:
    """`text` with every known `{{args.x}}` replaced; others stay.

    With `as_json` the text is JSON and the values are quoted as its strings have it.
    """

    def replaced(match: re.Match[str]) -> str:
        tag = match.group(1).strip()
        value = plain.get(tag[5:]) if tag.startswith("args.") else None
        if value is None:
            return match.group()
        return json.dumps(value, ensure_ascii=False)[1:-1] if as_json else value

    return _TAG.sub(replaced, text)


def _knows(values: Values, tag: str) -> bool:
    name = tag.removeprefix("args.")
    return tag.startswith("args.") and (name in values.plain or name in values.secrets)


def _unresolved(tag: str) -> str:
    message = f"failed to resolve {{{{{tag}}}}}"
    if not tag.startswith("args."):
        return f"{message}: only {{{{args.<name>}}}} is known; did you mean {{{{args.{tag}}}}}?"
    return message
