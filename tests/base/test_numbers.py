"""Durations, quantities and percentages: the spellings that Kubernetes users write."""

from datetime import timedelta
from decimal import Decimal

import pytest

from serinus.base.durations import format_duration, parse_duration, parse_pause_duration
from serinus.base.intorstring import scaled_value
from serinus.base.quantity import parse_quantity


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("1h30m", 5400), ("250ms", 0.25), ("-1.5h", -5400), ("0", 0), ("1m0.5s", 60.5)],
)
def test_go_durations(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "5 m", "m", "1d", "-", "1h-5m"])
def test_what_is_no_duration_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(("value", "seconds"), [(30, 30), ("30", 30), ("10m", 600), ("1h", 3600)])
def test_a_pause_may_be_written_in_seconds(value: int | str, seconds: int) -> None:
    assert parse_pause_duration(value) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (45, "45s"), (150, "2m30s"), (18000, "5h"), (273600, "3d4h"), (-5, "-5s")],
)
def test_ages_are_shown_short(seconds: int, text: str) -> None:
    assert format_duration(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("250m", "0.25"),
        ("1Gi", "1073741824"),
        ("1e3", "1000"),
        ("1.5", "1.5"),
        (2, "2"),
        ("5E", "5e18"),
    ],
)
def test_quantities_are_exact(text: str | int, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize("text", ["", "1GiB", "x", "1 Gi"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(
    ("value", "up", "number"), [(2, True, 2), ("25%", True, 3), ("25%", False, 2), ("0%", True, 0)]
)
def test_percentages_round_as_asked(value: int | str, up: bool, number: int) -> None:
    assert scaled_value(value, 10, round_up=up) == number
