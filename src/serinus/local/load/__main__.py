"""`python -m serinus.local.load`: one load sender as a process; JSON lines on standard output.

Once a second an interim line `{"at", "sent", "answered", "lost", "versions"}`, at the end (SIGINT,
SIGTERM, --for, or the end of standard input with --life-line) one line `{"report": {...}}`.
With --speed, --epoch and --began it stamps instants of the cluster's clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from datetime import datetime
from typing import Any

from serinus.base.clock import Clock
from serinus.local.load.sender import LoadPlan, Sender

INTERIM_SECONDS = 1.0


def main() -> None:
    """Parse the arguments, send, report."""
    options = _parser().parse_args()
    address, _, port = options.address.rpartition(":")
    plan = LoadPlan(
        address=address,
        port=int(port),
        host=options.host,
        per_second=options.rps,
        path=options.path,
        for_seconds=options.for_seconds,
        timeout_seconds=options.timeout,
    )
    try:
        asyncio.run(_run(plan, _clock(options), life_line=options.life_line))
    except BrokenPipeError:
        # nobody reads any more; keep the interpreter from flushing into the broken pipe
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _run(plan: LoadPlan, clock: Clock, *, life_line: bool) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if life_line:
        loop.add_reader(sys.stdin.fileno(), _watch_life_line, stop)
    sender = Sender(plan, clock)
    interim = asyncio.create_task(_tell_interim(sender, clock))
    running = asyncio.create_task(sender.run(stop))
    await asyncio.wait({interim, running}, return_when=asyncio.FIRST_COMPLETED)
    if interim.done():
        running.cancel()
        interim.result()
    interim.cancel()
    began = clock.epoch.isoformat()
    report = running.result().as_json() | {"began_at": began, "ended_at": clock.now().isoformat()}
    _tell({"report": report})


def _watch_life_line(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


async def _tell_interim(sender: Sender, clock: Clock) -> None:
    while True:
        await clock.sleep_wall(INTERIM_SECONDS)
        _tell({"at": clock.now().isoformat()} | sender.tally.brief())


def _tell(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _clock(options: argparse.Namespace) -> Clock:
    if options.epoch is None or options.began is None:
        return Clock(options.speed)
    epoch, began = (datetime.fromisoformat(text) for text in (options.epoch, options.began))
    return Clock.joined(options.speed, epoch, began)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serinus.local.load", description=__doc__)
    parser.add_argument("--address", required=True, help="where to connect, as 127.0.0.1:8080")
    parser.add_argument("--host", required=True, help="the Host header")
    parser.add_argument("--path", default="/")
    parser.add_argument("--rps", type=float, required=True, help="requests per second of the wall")
    parser.add_argument("--for", dest="for_seconds", type=float, help="seconds of the wall")
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds until lost")
    parser.add_argument("--speed", type=float, default=1.0, help="speed of the cluster's clock")
    parser.add_argument("--epoch", help="instant of that clock (ISO 8601) at --began")
    parser.add_argument("--began", help="instant of the wall (ISO 8601)")
    parser.add_argument("--life-line", action="store_true", help="stop when standard input ends")
    return parser


if __name__ == "__main__":
    main()
