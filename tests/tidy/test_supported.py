"""The page of what is supported and refused says what the table in the code does."""

from __future__ import annotations

import re

import msgspec

from serinus.api.analysis import MetricProvider
from serinus.api.argo import (
    BlueGreenStrategy,
    CanaryStrategy,
    RolloutSpec,
    Step,
    TrafficRouting,
)
from serinus.api.validation import later
from tidy.source import ROOT

PAGE = (ROOT / "docs" / "supported.md").read_text()
NO_ROUTER = {"managedRoutes", "maxTrafficWeight"}


def row(start: str) -> set[str]:
    """The names in the first matching line of a table: its first cell if that is a list."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {start}"))
    cells = line.strip("| ").split(" | ")
    return set(re.findall(r"`([\w./-]+)`", cells[0] if "`" in cells[0] else cells[1]))


def named(struct: type[msgspec.Struct]) -> set[str]:
    return set(struct.__struct_encode_fields__)


def test_what_is_supported_is_what_the_code_lets_pass() -> None:
    assert row("traffic routers") == set(later.ROUTERS)
    assert row("steps") == named(Step)
    assert row("metric providers") == set(later.PROVIDERS)


def test_every_other_router_and_provider_is_listed_as_refused() -> None:
    assert row("routers") == named(TrafficRouting) - NO_ROUTER - set(later.ROUTERS)
    assert row("providers") == named(MetricProvider) - set(later.PROVIDERS)


def test_every_field_of_a_rollout_is_in_the_row_of_its_level() -> None:
    apart = {"steps", "trafficRouting"}  # they have rows of their own
    for start, struct in (("canary", CanaryStrategy), ("blueGreen", BlueGreenStrategy)):
        assert named(struct) - row(start) - apart == set(), start
    assert named(RolloutSpec) - row("spec") == {"strategy"}
