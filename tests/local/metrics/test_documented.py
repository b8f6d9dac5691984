"""docs/metrics.md names every function and aggregation that is supported."""

from __future__ import annotations

import re
from pathlib import Path

from serinus.local.metrics.promql.aggregate import FOLDS
from serinus.local.metrics.promql.functions import SUPPORTED

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
ANGLES = re.compile("a?(sin|cos|tan)h?")


def test_every_supported_function_and_aggregation_is_on_the_page() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.read_text()))
    wanted = {name.removesuffix("_over_time") for name in (*SUPPORTED, *FOLDS)}
    assert {name for name in wanted if not ANGLES.fullmatch(name)} - named == set()
