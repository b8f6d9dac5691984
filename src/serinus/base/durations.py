"""Go durations: `90s`, `1h30m`, `250ms`, `-1.5h`, as Kubernetes and Argo Rollouts write them."""

from __future__ import annotations

import re
from datetime import timedelta

_UNIT_SECONDS = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
MOST_SECONDS = 2**63 // 10**9
"""A Go duration counts nanoseconds in 63 bits: 292 years."""
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)", re.ASCII)


def parse_duration(text: str) -> timedelta:
    """The length of a Go duration such as `1h30m`; `0` needs no unit.

    Raises ValueError with the text and the accepted units if it is not one.
    """
    body = text[1:] if text[:1] in "+-" else text
    parts = _PART.findall(body)
    if body == "0":
        return timedelta(0)
    if not body or "".join(number + unit for number, unit in parts) != body:
        raise ValueError(f"{text!r} is not a duration; write for example 30s, 5m or 1h30m")
    seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    if seconds > MOST_SECONDS:
        raise ValueError(f"{text!r} is longer than {MOST_SECONDS // 3600} hours")
    return timedelta(seconds=-seconds if text[0] == "-" else seconds)


def parse_pause_duration(value: int | str) -> timedelta:
    """A pause step's duration: whole seconds as a number or text, else a Go duration."""
    if isinstance(value, str) and not re.fullmatch(r"[0-9]+", value):
        return parse_duration(value)
    if abs(float(value)) > MOST_SECONDS:
        raise ValueError(f"{value} seconds are more than {MOST_SECONDS // 3600} hours")
    return timedelta(seconds=int(value))


def format_duration(span: timedelta) -> str:
    """The shortest usual spelling, as ages are shown: `45s`, `2m30s`, `5h`, `3d4h`."""
    total = int(span.total_seconds())
    sign, total = ("-", -total) if total < 0 else ("", total)
    days, rest = divmod(total, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    units = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    first = next((i for i, (count, _) in enumerate(units) if count), len(units) - 1)
    shown = [f"{n}{u}" for n, u in units[first : first + 2] if n or u == units[first][1]]
    return sign + "".join(shown)
