"""Numbers as Prometheus reads them: families of series and the text format (version 0.0.4). Pure.

Small on purpose: counters, gauges and histograms with labels, no registry of the process.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class Family:
    """One metric: its series by their labels. `kind` is counter or gauge."""

    name: str
    kind: str
    help: str
    series: dict[Labels, float] = field(default_factory=dict)

    def add(self, amount: float = 1.0, **labels: str) -> None:
        """Counts a series up."""
        key = _labels(labels)
        self.series[key] = self.series.get(key, 0.0) + amount

    def set(self, value: float, **labels: str) -> None:
        """Gives a series a value."""
        self.series[_labels(labels)] = value

    def drop(self, **labels: str) -> None:
        """Forgets every series that has these labels."""
        gone = set(labels.items())
        self.series = {key: value for key, value in self.series.items() if not gone <= set(key)}

    def lines(self) -> Iterable[str]:
        """In the text format."""
        yield from _head(self.name, self.kind, self.help)
        for labels, value in sorted(self.series.items()):
            yield f"{self.name}{_shown(labels)} {_number(value)}"


@dataclass(slots=True)
class Histogram:
    """How often a value was at most each of `bounds`, in a series by labels."""

    name: str
    help: str
    bounds: Sequence[float]
    series: dict[Labels, list[float]] = field(default_factory=dict)

    def observe(self, value: float, **labels: str) -> None:
        """Counts a value in: a slot a bound, one for what is beyond, and the sum."""
        counts = self.series.setdefault(_labels(labels), [0.0] * (len(self.bounds) + 2))
        counts[bisect_left(self.bounds, value)] += 1
        counts[-1] += value

    def drop(self, **labels: str) -> None:
        """Forgets every series that has these labels."""
        gone = set(labels.items())
        self.series = {key: value for key, value in self.series.items() if not gone <= set(key)}

    def lines(self) -> Iterable[str]:
        """In the text format."""
        yield from _head(self.name, "histogram", self.help)
        for labels, counts in sorted(self.series.items()):
            total = 0.0
            for bound, count in zip((*self.bounds, float("inf")), counts, strict=False):
                total += count
                within = (*labels, ("le", _number(bound)))
                yield f"{self.name}_bucket{_shown(within)} {_number(total)}"
            yield f"{self.name}_sum{_shown(labels)} {_number(counts[-1])}"
            yield f"{self.name}_count{_shown(labels)} {_number(total)}"


def text(families: Iterable[Family | Histogram], *, empty: bool = False) -> str:
    """All families as one page; those without a series only if `empty`."""
    shown = (family for family in families if family.series or empty)
    return "".join(f"{line}\n" for family in shown for line in family.lines())


def _labels(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


def _head(name: str, kind: str, help: str) -> Iterable[str]:
    yield f"# HELP {name} {_escaped(help)}"
    yield f"# TYPE {name} {kind}"


def _shown(labels: Labels) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_quoted(value)}"' for name, value in labels)
    return f"{{{','.join(pairs)}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n")


def _quoted(value: str) -> str:
    return _escaped(value).replace('"', r"\"")


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(value)
