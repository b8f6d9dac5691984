"""Metric providers by name: those of this package and those that other packages register.

A package adds one with an entry point in the group `serinus.metrics`. Ours are entry points too,
listed here, so that a source tree that nobody installed has them. Nothing is imported before it is
asked for, and an unknown name is an error, never a fallback.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from serinus.base.errors import SerinusError
from serinus.metrics.provider import Provider

GROUP = "serinus.metrics"
BUILT_IN = (EntryPoint("prometheus", "serinus.metrics.prometheus:PrometheusProvider", GROUP),)


def load_provider(name: str, points: Iterable[EntryPoint] | None = None) -> Provider:
    """The provider of that name, as a metric's `provider` field spells it.

    `points` are the entry points to choose from; by default ours and those of all installed
    packages. Raises SerinusError if there is none of that name (with the known ones), if two
    packages claim it, or if its import fails.
    """
    known = tuple(points) if points is not None else (*BUILT_IN, *entry_points(group=GROUP))
    found = {point.value: point for point in known if point.name == name}
    if not found:
        names = ", ".join(sorted({point.name for point in known})) or "none"
        raise SerinusError(f"the metric provider {name!r} is not supported; known: {names}")
    if len(found) > 1:
        raise SerinusError(
            f"the metric provider {name!r} is registered more than once: "
            f"{', '.join(sorted(found))}; uninstall all but one"
        )
    (point,) = found.values()
    try:
        provider: Provider = point.load()()
    except (ImportError, AttributeError) as error:
        raise SerinusError(
            f"the metric provider {name!r} cannot be loaded from {point.value}: {error}"
        ) from error
    return provider
