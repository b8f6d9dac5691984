"""`get rollout -w`, `get experiment -w`: redrawn in place on a terminal, printed anew elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from serinus.base.errors import SerinusError
from serinus.cli.cluster import Cluster
from serinus.cli.follower import Follower, clock_of, followed
from serinus.cli.options import show, wants_color
from serinus.present.describe import overview
from serinus.present.experiment import experiment_overview
from serinus.present.family import Family, Trial
from serinus.present.lines import Line, to_rich

REDRAW_SECONDS = 1.0
"""Ages grow: the screen is redrawn so often even if nothing changes."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class View(Generic[T]):
    """One kind that can be watched: how it is looked up, and how it is drawn."""

    word: str
    look: Callable[[Follower], T | None]
    draw: Callable[[T, datetime], Sequence[Line]]


ROLLOUT: View[Family] = View("rollout", Follower.family, overview)
EXPERIMENT: View[Trial] = View("experiment", Follower.trial, experiment_overview)


def watch(
    view: View[T], cluster: Cluster, name: str, timeout_seconds: float | None, *, color: bool
) -> None:
    """Show it until Ctrl-C, the time-out (no error), or its end."""
    on_terminal = color and wants_color()

    async def watching() -> None:
        async with (
            asyncio.timeout(timeout_seconds),
            followed(cluster, name, view.look) as found,
        ):
            seen = _still_there(view, cluster, name, found)
            await (_redraw if on_terminal else _print)(view, cluster, seen)

    try:
        asyncio.run(watching())
    except TimeoutError:
        return


async def _still_there(
    view: View[T], cluster: Cluster, name: str, found: AsyncIterator[T | None]
) -> AsyncIterator[T]:
    async for one in found:
        if one is None:
            where = f"in namespace {cluster.namespace!r}"
            raise SerinusError(f"{view.word} {name!r} {where} was deleted")
        yield one


async def _print(view: View[T], cluster: Cluster, seen: AsyncIterator[T]) -> None:
    """An overview for every change, an empty line between them."""
    clock, first = clock_of(cluster), True
    async for one in seen:
        show((*(() if first else ((),)), *view.draw(one, clock.now())), color=False)
        first = False


async def _redraw(view: View[T], cluster: Cluster, seen: AsyncIterator[T]) -> None:
    from rich.live import Live
    from rich.text import Text

    clock, latest = clock_of(cluster), [await anext(seen)]

    def picture() -> Text:
        return to_rich(view.draw(latest[0], clock.now()))

    with Live(get_renderable=picture, refresh_per_second=1 / REDRAW_SECONDS) as live:
        async for one in seen:
            latest[0] = one
            live.refresh()
