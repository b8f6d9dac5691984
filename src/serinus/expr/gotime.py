"""Times, durations and layouts as Go's `time` package has them, as far as conditions use them.

Reads no clock: "now" is handed in by whoever evaluates.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from serinus.base.durations import parse_duration
from serinus.expr.errors import ExprError

_SECOND = 1_000_000_000
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Duration(int):
    """Nanoseconds: like Go's, a whole number with a name and methods."""

    __slots__ = ()


def duration_from_text(text: str) -> Duration:
    """`1h30m` to a Duration. Raises ExprError."""
    try:
        return Duration(parse_duration(text) // timedelta(microseconds=1) * 1000)
    except (ValueError, OverflowError):
        raise ExprError(f"invalid duration {text!r}") from None


def duration_text(value: int) -> str:
    """As Go prints it: `1h0m0s`, `1.5s`, `100ms`."""
    sign, rest = ("-", -value) if value < 0 else ("", value)
    if rest == 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1000), ("ms", 1_000_000)):
        if rest < size * 1000:
            return sign + _decimal(rest, size) + unit
    minutes, nanos = divmod(rest, 60 * _SECOND)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return sign + head + _decimal(nanos, _SECOND) + "s"


def _decimal(count: int, size: int) -> str:
    whole, part = divmod(count, size)
    digits = str(part).zfill(len(str(size)) - 1).rstrip("0") if part else ""
    return f"{whole}.{digits}" if digits else str(whole)


def shifted(time: datetime, nanoseconds: int) -> datetime:
    """`time` plus a duration. Raises ExprError outside of the years 1 to 9999."""
    try:
        return time + timedelta(microseconds=nanoseconds / 1000)
    except OverflowError:
        raise ExprError("the time is outside of the years 1 to 9999") from None


def between(later: datetime, earlier: datetime) -> Duration:
    """Go's Sub; ends of the range stay at the longest duration, about 292 years."""
    nanos = (later - earlier) // timedelta(microseconds=1) * 1000
    return Duration(max(-(2**63), min(2**63 - 1, nanos)))


def zone(name: str) -> ZoneInfo:
    """The time zone of that IANA name. Raises ExprError."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ExprError(f"unknown time zone {name}") from None


# layout piece -> (expression that reads it, name of what it gives, how it is written)
_PIECES: Mapping[str, tuple[str, str, Callable[[datetime], str]]] = {
    "2006": (r"\d{4}", "year", lambda t: f"{t.year:04}"),
    "January": (r"[A-Za-z]{3,9}", "month_name", lambda t: _MONTHS[t.month - 1]),
    "Monday": (r"[A-Za-z]{6,9}", "", lambda t: _DAYS[t.weekday()]),
    "-07:00": (r"[+-]\d\d:\d\d", "offset", lambda t: _offset(t, ":")),
    "Z07:00": (r"Z|[+-]\d\d:\d\d", "offset", lambda t: "Z" if _utc(t) else _offset(t, ":")),
    "Z0700": (r"Z|[+-]\d{4}", "offset", lambda t: "Z" if _utc(t) else _offset(t, "")),
    "-0700": (r"[+-]\d{4}", "offset", lambda t: _offset(t, "")),
    "MST": (r"[A-Z]{3,5}", "zone_name", lambda t: t.tzname() or "UTC"),
    "Jan": (r"[A-Za-z]{3}", "month_name", lambda t: _MONTHS[t.month - 1][:3]),
    "Mon": (r"[A-Za-z]{3}", "", lambda t: _DAYS[t.weekday()][:3]),
    "01": (r"\d\d", "month", lambda t: f"{t.month:02}"),
    "02": (r"\d\d", "day", lambda t: f"{t.day:02}"),
    "03": (r"\d\d", "hour12", lambda t: f"{t.hour % 12 or 12:02}"),
    "04": (r"\d\d", "minute", lambda t: f"{t.minute:02}"),
    "05": (r"\d\d", "second", lambda t: f"{t.second:02}"),
    "06": (r"\d\d", "year2", lambda t: f"{t.year % 100:02}"),
    "15": (r"\d\d", "hour", lambda t: f"{t.hour:02}"),
    "PM": (r"AM|PM", "half", lambda t: "PM" if t.hour >= 12 else "AM"),
    "pm": (r"am|pm", "half", lambda t: "pm" if t.hour >= 12 else "am"),
    "_2": (r" ?\d{1,2}", "day", lambda t: f"{t.day:2}"),
    "1": (r"\d{1,2}", "month", lambda t: str(t.month)),
    "2": (r"\d{1,2}", "day", lambda t: str(t.day)),
    "3": (r"\d{1,2}", "hour12", lambda t: str(t.hour % 12 or 12)),
    "4": (r"\d{1,2}", "minute", lambda t: str(t.minute)),
    "5": (r"\d{1,2}", "second", lambda t: str(t.second)),
}
_LAYOUT = re.compile(r"[.,][09]+(?!\d)|" + "|".join(map(re.escape, _PIECES)))
DEFAULT_LAYOUTS = (
    "2006-01-02",
    "15:04:05",
    "2006-01-02 15:04:05",
    "2006-01-02T15:04:05Z07:00",
    "02 Jan 06 15:04 MST",
    "Monday, 02-Jan-06 15:04:05 MST",
    "Mon, 02 Jan 2006 15:04:05 MST",
)


def _utc(time: datetime) -> bool:
    return time.utcoffset() == timedelta(0)


def _offset(time: datetime, separator: str) -> str:
    minutes = int((time.utcoffset() or timedelta(0)).total_seconds() // 60)
    sign, minutes = ("-", -minutes) if minutes < 0 else ("+", minutes)
    return f"{sign}{minutes // 60:02}{separator}{minutes % 60:02}"


def format_time(time: datetime, layout: str) -> str:
    """`time` in a Go layout such as `2006-01-02T15:04:05Z07:00`."""

    def written(match: re.Match[str]) -> str:
        piece = match.group()
        if piece in _PIECES:
            return _PIECES[piece][2](time)
        digits = f"{time.microsecond * 1000:09}"[: len(piece) - 1].ljust(len(piece) - 1, "0")
        if piece[1] == "9":
            digits = digits.rstrip("0")
        return piece[0] + digits if digits else ""

    return _LAYOUT.sub(written, layout)


def parse_time(text: str, layout: str, tz: ZoneInfo | None = None) -> datetime:
    """`text` read by a Go layout; without an offset in it, in `tz` (UTC). Raises ExprError."""
    found = _layout_expression(layout).fullmatch(text)
    if found is None:
        raise ExprError(f"cannot parse {text!r} as {layout!r}")
    got = {name.split("__")[0]: value for name, value in found.groupdict().items() if value}
    try:
        return _assembled(got, tz)
    except (ValueError, OverflowError):
        raise ExprError(f"{text!r} is not a date") from None


def _layout_expression(layout: str) -> re.Pattern[str]:
    parts: list[str] = []
    at = 0
    for number, match in enumerate(_LAYOUT.finditer(layout)):
        parts.append(re.escape(layout[at : match.start()]))
        piece = match.group()
        pattern, name, _ = _PIECES.get(piece, (r"[.,]\d{1,9}", "fraction", str))
        parts.append(f"(?P<{name}__{number}>{pattern})" if name else f"(?:{pattern})")
        if name == "second":  # Go takes a fraction there even if the layout has none
            parts.append(rf"(?P<fraction__{number}>[.,]\d{{1,9}})?")
        at = match.end()
    parts.append(re.escape(layout[at:]))
    return re.compile("".join(parts))


def _assembled(got: Mapping[str, str], tz: ZoneInfo | None) -> datetime:
    year = int(got.get("year", "1"))
    if "year2" in got:
        short = int(got["year2"])
        year = 1900 + short if short >= 69 else 2000 + short
    month = int(got.get("month", "1"))
    if "month_name" in got:
        names = [name[:3].lower() for name in _MONTHS]
        month = names.index(got["month_name"][:3].lower()) + 1
    hour = int(got.get("hour", got.get("hour12", "0")))
    if "half" in got:
        hour = hour % 12 + (12 if got["half"].lower() == "pm" else 0)
    micros = int(got["fraction"][1:].ljust(9, "0")[:6]) if "fraction" in got else 0
    time = datetime(
        year, month, int(got.get("day", "1")), hour, int(got.get("minute", "0")),
        int(got.get("second", "0")), micros, tzinfo=tz or UTC,
    )  # fmt: skip
    if "offset" in got and got["offset"] != "Z":
        digits = got["offset"].replace(":", "")
        away = timedelta(hours=int(digits[1:3]), minutes=int(digits[3:5]))
        time = time.replace(tzinfo=UTC) - (away if digits[0] == "+" else -away)
    elif got.get("offset") == "Z" or got.get("zone_name") in ("UTC", "GMT"):
        time = time.replace(tzinfo=UTC)
    return time


def _whole(value: object, what: str) -> int:
    if type(value) is int or isinstance(value, Duration):
        return value
    raise ExprError(f"{what} takes a whole number or a duration")


def _text(value: object, what: str) -> str:
    if isinstance(value, str):
        return value
    raise ExprError(f"{what} takes a string")


def _time(value: object, what: str) -> datetime:
    if isinstance(value, datetime):
        return value
    raise ExprError(f"{what} takes a time")


def _in_zone(time: datetime, tz: object) -> datetime:
    if not isinstance(tz, ZoneInfo):
        raise ExprError('In takes a time zone, as timezone("Europe/Berlin")')
    return time.astimezone(tz)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# method -> (number of arguments, function)
TIME_METHODS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "Year": (0, lambda t: t.year),
    "Month": (0, lambda t: t.month),
    "Day": (0, lambda t: t.day),
    "Hour": (0, lambda t: t.hour),
    "Minute": (0, lambda t: t.minute),
    "Second": (0, lambda t: t.second),
    "Nanosecond": (0, lambda t: t.microsecond * 1000),
    "YearDay": (0, lambda t: t.timetuple().tm_yday),
    "Weekday": (0, lambda t: t.isoweekday() % 7),
    "Unix": (0, lambda t: between(t, _EPOCH) // _SECOND),
    "UnixMilli": (0, lambda t: between(t, _EPOCH) // 1_000_000),
    "UnixMicro": (0, lambda t: between(t, _EPOCH) // 1000),
    "UnixNano": (0, lambda t: int(between(t, _EPOCH))),
    "UTC": (0, lambda t: t.astimezone(UTC)),
    "In": (1, _in_zone),
    "Add": (1, lambda t, d: shifted(t, _whole(d, "Add"))),
    "Sub": (1, lambda t, other: between(t, _time(other, "Sub"))),
    "After": (1, lambda t, other: t > _time(other, "After")),
    "Before": (1, lambda t, other: t < _time(other, "Before")),
    "Equal": (1, lambda t, other: t == _time(other, "Equal")),
    "Format": (1, lambda t, layout: format_time(t, _text(layout, "Format"))),
    "String": (0, lambda t: format_time(t, "2006-01-02 15:04:05.999999999 -0700 MST")),
}
DURATION_METHODS: Mapping[str, tuple[int, Callable[..., Any]]] = {
    "Hours": (0, lambda d: d / (3600 * _SECOND)),
    "Minutes": (0, lambda d: d / (60 * _SECOND)),
    "Seconds": (0, lambda d: d / _SECOND),
    "Milliseconds": (0, lambda d: int(d / 1_000_000)),
    "Microseconds": (0, lambda d: int(d / 1000)),
    "Nanoseconds": (0, int),
    "Abs": (0, lambda d: Duration(abs(d))),
    "String": (0, duration_text),
}
ZONE_METHODS: Mapping[str, tuple[int, Callable[..., Any]]] = {"String": (0, str)}
