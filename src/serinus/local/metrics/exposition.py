"""The text that `/metrics` answers: Prometheus text format 0.0.4, and the like of OpenMetrics.

Pure: text in, lines out. The part before the value (`name{labels}`) is handed back as written, so
that a scraper that has seen it before need not read its labels again.
"""

from __future__ import annotations

import re

from serinus.base.errors import SerinusError
from serinus.local.metrics.labels import NAME

_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r'\s*([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(,|$)', re.DOTALL)
_HEAD = re.compile(r'[^{\s]*(?:\{(?:[^"}]|"(?:[^"\\]|\\.)*")*\})?')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", '"': '"', "\\": "\\"}
Line = tuple[str, float, int | None]


class ExpositionError(SerinusError):
    """The answer of a target is not the text format; says which line and why."""


def parse_lines(text: str, *, openmetrics: bool = False) -> list[Line]:
    """(`name{labels}` as written, value, time in milliseconds or None) per sample, in order.

    OpenMetrics writes times in seconds and may add exemplars (left out). Raises ExpositionError
    at the first bad line: half a scrape would look like a service whose counters vanished.
    """
    lines: list[Line] = []
    scale = 1000 if openmetrics else 1
    for number, line in enumerate(text.split("\n"), 1):
        if not line or line[0] == "#" or line.isspace():
            continue
        head, parts = _split_exemplar(line) if openmetrics else _split(line)
        try:
            time = round(float(parts[1]) * scale) if len(parts) > 1 else None
            if len(parts) > 2 or "_" in parts[0]:
                raise ValueError
            lines.append((head, float(parts[0]), time))
        except (ValueError, IndexError, OverflowError):
            raise ExpositionError(
                f"line {number}: {line.strip()[:80]!r} is not `name{{labels}} value [time]`"
            ) from None
    return lines


def _split(line: str) -> tuple[str, list[str]]:
    """`name{labels}` and the words after it; no word after the labels can hold a brace."""
    close = line.rfind("}")
    if close >= 0:
        return line[: close + 1], line[close + 1 :].split()
    head, *parts = line.split()
    return head, parts


def _split_exemplar(line: str) -> tuple[str, list[str]]:
    head = _HEAD.match(line)
    end = head.end() if head else 0
    return line[:end], line[end:].partition(" # ")[0].split()


def parse_head(head: str) -> dict[str, str]:
    """The labels of `name{a="b"}` with the name as `__name__`; raises ExpositionError."""
    name, brace, rest = head.partition("{")
    name = name.strip()
    if not _METRIC.fullmatch(name):
        raise ExpositionError(f"{head[:80]!r}: {name!r} is not a metric name")
    labels = {NAME: name}
    if not brace:
        return labels
    body, position = rest.rstrip()[:-1], 0
    while position < len(body) and body[position:].strip():
        match = _LABEL.match(body, position)
        if match is None:
            raise ExpositionError(f'{head[:80]!r}: {body[position:][:40]!r} is not label="value"')
        label, value, _ = match.groups()
        if label in labels:
            raise ExpositionError(f"{head[:80]!r}: label {label!r} is there twice")
        labels[label] = _ESCAPE.sub(_unescape, value) if "\\" in value else value
        position = match.end()
    return labels


def _unescape(match: re.Match[str]) -> str:
    return _ESCAPED.get(match[1], match[0])
