"""`get rollout -w`: the overview, redrawn in place on a terminal, printed anew elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from serinus.base.errors import SerinusError
from serinus.cli.cluster import Cluster
from serinus.cli.follower import clock_of, followed
from serinus.cli.options import show, wants_color
from serinus.present.describe import overview
from serinus.present.family import Family
from serinus.present.lines import to_rich

REDRAW_SECONDS = 1.0
"""Ages grow: the screen is redrawn so often even if nothing changes."""


def watch_rollout(
    cluster: Cluster, name: str, timeout_seconds: float | None, *, color: bool
) -> None:
    """Show the rollout until Ctrl-C, the time-out (no error), or its end."""
    on_terminal = color and wants_color()

    async def watch() -> None:
        async with asyncio.timeout(timeout_seconds), followed(cluster, name) as found:
            await (_redraw if on_terminal else _print)(cluster, name, found)

    try:
        asyncio.run(watch())
    except TimeoutError:
        return


async def _print(cluster: Cluster, name: str, found: AsyncIterator[Family | None]) -> None:
    """An overview for every change, an empty line between them."""
    clock, first = clock_of(cluster), True
    async for family in found:
        if family is None:
            raise _gone(cluster, name)
        show((*(() if first else ((),)), *overview(family, clock.now())), color=False)
        first = False


async def _redraw(cluster: Cluster, name: str, found: AsyncIterator[Family | None]) -> None:
    from rich.live import Live
    from rich.text import Text

    clock, latest = clock_of(cluster), [cluster.family(name)]

    def picture() -> Text:
        return to_rich(overview(latest[0], clock.now()))

    with Live(get_renderable=picture, refresh_per_second=1 / REDRAW_SECONDS) as live:
        async for family in found:
            if family is None:
                raise _gone(cluster, name)
            latest[0] = family
            live.refresh()


def _gone(cluster: Cluster, name: str) -> SerinusError:
    return SerinusError(f"rollout {name!r} in namespace {cluster.namespace!r} was deleted")
