"""Step plugins by name: ours, and entry points of the group `serinus.steps`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint

from serinus.base.errors import SerinusError
from serinus.base.plugins import known_points, load
from serinus.steps.plugin import StepPlugin

GROUP = "serinus.steps"
BUILT_IN = (EntryPoint("http", "serinus.steps.http:HttpPlugin", GROUP),)
_NO_GO = (
    "plugins of Argo Rollouts are Go binaries, which do not run here: "
    "register a Python one, or call yours by http"
)


def load_step_plugin(name: str, points: Iterable[EntryPoint] | None = None) -> StepPlugin:
    """The plugin of that name, as a step's `plugin.name` spells it; see `plugins.load`."""
    found = tuple(known_points(GROUP, BUILT_IN) if points is None else points)
    try:
        plugin: StepPlugin = load(name, found, "step plugin")
    except SerinusError as error:
        known = any(point.name == name for point in found)
        raise error if known else SerinusError(f"{error} ({_NO_GO})") from None
    return plugin
