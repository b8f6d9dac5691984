"""Draws a story while it goes on: a live picture on a terminal, lines of what changed elsewhere."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import click

from serinus.present.demo import Scene, news, picture
from serinus.present.lines import to_plain, to_rich

FRAME_SECONDS = 0.25


@asynccontextmanager
async def drawn(scene: Callable[[], Scene]) -> AsyncIterator[None]:
    """Draws `scene()` four times a second of the wall while the block runs, and at its end."""
    draw = _live if sys.stdout.isatty() else _lines
    stop = asyncio.Event()
    task = asyncio.create_task(draw(scene, stop))
    try:
        yield
    finally:
        stop.set()
        await task


async def _live(scene: Callable[[], Scene], stop: asyncio.Event) -> None:
    from rich.console import Console
    from rich.live import Live

    console = Console()
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while not stop.is_set():
            live.update(to_rich(picture(scene())[: console.height - 1]), refresh=True)
            await _frame(stop)
        live.update(to_rich(picture(scene())), refresh=True)


async def _lines(scene: Callable[[], Scene], stop: asyncio.Event) -> None:
    before: Scene | None = None
    while True:
        last = stop.is_set()
        now = scene()
        if told := news(before, now):
            click.echo(to_plain(told).rstrip("\n"))
        before = now
        if last:
            return
        await _frame(stop)


async def _frame(stop: asyncio.Event) -> None:
    """One frame's time, or until the end."""
    try:
        async with asyncio.timeout(FRAME_SECONDS):
            await stop.wait()
    except TimeoutError:
        return
