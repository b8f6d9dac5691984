"""Runs something until it ends or a person stops it: Ctrl-C and SIGTERM unwind, nothing is left."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

import click

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_until_stopped(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`; raises click's Abort when a signal ended it, after its clean-up."""
    try:
        import uvloop
    except ImportError:  # the extra `local` is not installed, or not on this system
        return asyncio.run(_guarded(work))
    return uvloop.run(_guarded(work))


async def _guarded(work: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    for number in _SIGNALS:
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        raise click.Abort from None
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
