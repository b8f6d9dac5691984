"""Values that may be a number or a percentage (`2`, `"25%"`), as maxSurge and its kin."""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, floor

_WHOLE = re.compile(r"-?[0-9]{1,10}")


def scaled_value(value: int | str, total: int, *, round_up: bool) -> int:
    """`value` itself, or that percentage of `total`, rounded up or down.

    Raises ValueError if text is not a whole number with or without a percent sign.
    """
    if isinstance(value, int):
        return value
    number = value.removesuffix("%")
    if not _WHOLE.fullmatch(number):
        raise ValueError(f"{value!r} is neither a whole number nor a percentage such as 25%")
    if number == value:
        return int(number)
    part = Fraction(int(number) * total, 100)
    return ceil(part) if round_up else floor(part)
