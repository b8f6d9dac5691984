"""Metric providers by name: ours, and entry points of the group `serinus.metrics`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint

from serinus.base.plugins import known_points, load
from serinus.metrics.provider import Provider

GROUP = "serinus.metrics"
BUILT_IN = (EntryPoint("prometheus", "serinus.metrics.prometheus:PrometheusProvider", GROUP),)


def load_provider(name: str, points: Iterable[EntryPoint] | None = None) -> Provider:
    """The provider of that name, as a metric's `provider` field spells it; see `plugins.load`."""
    found = known_points(GROUP, BUILT_IN) if points is None else points
    provider: Provider = load(name, found, "metric provider")
    return provider
