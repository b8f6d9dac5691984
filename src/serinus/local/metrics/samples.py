"""The ring: series in memory, labels -> times and values, kept for a bounded time.

Times are whole milliseconds of the clock that the caller reads; nothing here reads one. A series
that ended carries Prometheus's staleness marker as its last value, a NaN of one special payload.
Knows no scraping and no query language.
"""

from __future__ import annotations

import re
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from serinus.local.metrics.labels import Labels, labels_of

STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
_STALE_BYTES = struct.pack("<Q", 0x7FF0000000000002)


def is_stale(value: float) -> bool:
    """Whether `value` is the marker of a series that ended (an ordinary NaN is not)."""
    return value != value and struct.pack("<d", value) == _STALE_BYTES


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of one series, as a gauge source hands it over; its time is the reader's."""

    name: str
    labels: Mapping[str, str]
    value: float


class Series:
    """One series: strictly rising times (milliseconds) and their values."""

    __slots__ = ("ended", "labels", "marked", "times", "values")

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.times: array[int] = array("q")
        self.values: array[float] = array("d")
        self.marked = False  # holds a staleness marker somewhere
        self.ended = False  # its last value is one

    def append(self, at_ms: int, value: float) -> bool:
        """Add a value; False (and nothing done) unless `at_ms` is later than all before."""
        if self.times and at_ms <= self.times[-1]:
            return False
        self.times.append(at_ms)
        self.values.append(value)
        self.ended = value != value and is_stale(value)
        self.marked = self.marked or self.ended
        return True

    def end(self, at_ms: int) -> None:
        """Write a staleness marker, unless the series has ended already.

        A marker that would fall on the last value's own instant goes one millisecond later.
        """
        if not self.ended:
            last = self.times[-1] if self.times else at_ms - 1
            self.append(max(at_ms, last + 1), STALE)

    def newest(self, after_ms: int, until_ms: int) -> tuple[int, float] | None:
        """The last (time, value) in (after_ms, until_ms], or None if there is none or it ended."""
        position = bisect_right(self.times, until_ms) - 1
        if position < 0 or self.times[position] <= after_ms:
            return None
        value = self.values[position]
        if value != value and is_stale(value):
            return None
        return self.times[position], value

    def window(self, after_ms: int, until_ms: int) -> tuple[Sequence[int], Sequence[float]]:
        """Times and values in (after_ms, until_ms], staleness markers left out."""
        first = bisect_right(self.times, after_ms)
        last = bisect_right(self.times, until_ms, first)
        times, values = self.times[first:last], self.values[first:last]
        if not self.marked:
            return times, values
        kept = [i for i, value in enumerate(values) if value == value or not is_stale(value)]
        return [times[i] for i in kept], [values[i] for i in kept]

    def forget_before(self, oldest_ms: int) -> None:
        count = bisect_left(self.times, oldest_ms)
        del self.times[:count]
        del self.values[:count]


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on a label; an absent label has the value "".

    `equal` is the value that `=` asks for (it is looked up in the index), else None.
    """

    name: str
    test: Callable[[str], bool]
    equal: str | None = None
    op: str = "="


def make_matcher(name: str, op: str, value: str) -> Matcher:
    """A matcher of PromQL: `=`, `!=`, `=~`, `!~`; regular expressions match the whole value.

    Raises ValueError if the expression is not one that Python's `re` understands too.
    """
    match op:
        case "=":
            return Matcher(name, value.__eq__, value, op)
        case "!=":
            return Matcher(name, value.__ne__, None, op)
        case "=~":
            pattern = compile_pattern(value)
            return Matcher(name, lambda text: pattern.fullmatch(text) is not None, None, op)
        case "!~":
            pattern = compile_pattern(value)
            return Matcher(name, lambda text: pattern.fullmatch(text) is None, None, op)
    raise ValueError(f"{op!r} is not a label matcher; known: = != =~ !~")


def compile_pattern(text: str) -> re.Pattern[str]:
    """A regular expression in the part that RE2 and Python's `re` share."""
    if "[[:" in text:
        raise ValueError(
            f"regular expression {text!r}: classes such as [[:alpha:]] are not supported; "
            "write [A-Za-z]"
        )
    try:
        return re.compile(text, re.DOTALL)
    except re.error as error:
        raise ValueError(f"regular expression {text!r}: {error}") from error


class Samples:
    """All series, found by labels; values older than `retention_ms` are forgotten."""

    def __init__(self, retention_ms: int = 2 * 3600 * 1000) -> None:
        self.retention_ms = retention_ms
        self._series: dict[Labels, Series] = {}
        self._index: dict[tuple[str, str], dict[Labels, Series]] = {}

    def __len__(self) -> int:
        return len(self._series)

    def series(self, labels: Labels) -> Series:
        """The series of these labels, made if it is new."""
        found = self._series.get(labels)
        if found is None:
            found = self._series[labels] = Series(labels)
            for pair in labels.pairs.items():
                self._index.setdefault(pair, {})[labels] = found
        return found

    def append(self, labels: Mapping[str, str], at_ms: int, value: float) -> bool:
        """Add one value; see `Series.append`."""
        return self.series(labels_of(labels.items())).append(at_ms, value)

    def select(self, matchers: Sequence[Matcher]) -> list[Series]:
        """The series that all matchers accept, in the order in which they were first seen."""
        wanted = [(m.name, m.equal) for m in matchers if m.equal]
        if not wanted:
            candidates = self._series
        else:
            candidates = min((self._index.get(pair, {}) for pair in wanted), key=len)
        rest = matchers if len(wanted) != 1 else [m for m in matchers if not m.equal]
        tests = [(m.name, m.test) for m in rest]
        return [s for s in candidates.values() if _accepted(s.labels.pairs, tests)]

    def forget_before(self, now_ms: int) -> None:
        """Drop what is older than the retention at `now_ms`, and series left without a value."""
        oldest = now_ms - self.retention_ms
        for labels, series in list(self._series.items()):
            if series.times and series.times[0] >= oldest:
                continue
            series.forget_before(oldest)
            if not series.times:
                self._drop(labels)

    def _drop(self, labels: Labels) -> None:
        del self._series[labels]
        for pair in labels.pairs.items():
            places = self._index[pair]
            del places[labels]
            if not places:
                del self._index[pair]


def _accepted(pairs: Mapping[str, str], tests: Iterable[tuple[str, Callable[[str], bool]]]) -> bool:
    return all(test(pairs.get(name, "")) for name, test in tests)
