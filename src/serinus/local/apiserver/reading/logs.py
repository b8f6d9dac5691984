"""Logs of pods: reads the request, asks the node's log source, answers with plain text.

Knows no files and no processes; the source is handed in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from serinus.local.apiserver.errors import StatusError, bad_request
from serinus.local.apiserver.kinds.columns import read_time
from serinus.local.apiserver.wire.http import Stream

_FIRST_CHUNK_SECONDS = 0.05
_LONGEST_SECONDS = 10 * 365 * 86400
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class LogOptions:
    """Which part of a log is asked for; None: all of it. `since` is an instant of the clock."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    since: datetime | None = None
    limit_bytes: int | None = None


LogSource = Callable[[str, str, str, LogOptions], AsyncIterator[bytes] | Awaitable[Any]]
"""(namespace, pod, container, options) -> chunks of the log.

An async generator function, or a coroutine function that returns an async iterator. LookupError
(nothing logged, no such run) becomes a 404, ValueError a 400, both with its text. A followed log
ends only when the container is gone for good.
"""


def read_options(query: Mapping[str, str], now: datetime) -> LogOptions:
    """The options of a request made at `now`; StatusError 400 for what is no number."""

    def flag(name: str) -> bool:
        return query.get(name, "").lower() in ("1", "true")

    def count(name: str) -> int | None:
        text = query.get(name)
        if text is None:
            return None
        if not text.isdecimal():
            raise bad_request(f"{name} {text!r} is not a whole number")
        return int(text)

    since = read_time(query.get("sinceTime"))
    if (seconds := count("sinceSeconds")) is not None:
        since = now - timedelta(seconds=min(seconds, _LONGEST_SECONDS))
    return LogOptions(
        flag("follow"),
        flag("previous"),
        flag("timestamps"),
        count("tailLines"),
        since,
        count("limitBytes"),
    )


def container_of(pod: Mapping[str, Any], wanted: str) -> str:
    """The container that is meant; StatusError 400 if the pod has no such one, or several."""
    spec, name = pod.get("spec") or {}, pod["metadata"]["name"]
    names = [c["name"] for f in ("initContainers", "containers") for c in spec.get(f) or ()]
    if wanted:
        if wanted not in names:
            raise bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    own = [container["name"] for container in spec.get("containers") or ()]
    if len(own) != 1:
        listed = f"choose one of: [{' '.join(own)}]"
        inits = " ".join(container["name"] for container in spec.get("initContainers") or ())
        if inits:
            listed += f" or one of the init containers: [{inits}]"
        raise bad_request(f"a container name must be specified for pod {name}, {listed}")
    return str(own[0])


async def read_logs(
    source: LogSource | None, pod: Mapping[str, Any], query: Mapping[str, str], now: datetime
) -> Stream:
    """The log as a stream of text; StatusError 404/400 before the first byte if there is none."""
    options = read_options(query, now)
    container = container_of(pod, query.get("container", ""))
    metadata = pod["metadata"]
    if source is None:
        raise no_log(metadata["name"], "this server runs no pods")
    try:
        given = source(metadata["namespace"], metadata["name"], container, options)
        chunks = await given if isinstance(given, Awaitable) else given
        first = asyncio.ensure_future(_first(chunks))
        # a refusal shows at once and can still be an answer; a followed log may be silent for long
        await asyncio.wait({first}, timeout=_FIRST_CHUNK_SECONDS if options.follow else None)
        if first.done():
            first.result()
    except LookupError as error:
        raise no_log(metadata["name"], str(error.args[0] if error.args else error)) from error
    except ValueError as error:
        raise bad_request(str(error)) from error
    return Stream(_joined(first, chunks), TEXT)


def no_log(pod: str, why: str) -> StatusError:
    """404: there is no such log."""
    return StatusError(
        404, "NotFound", f'no log of pod "{pod}": {why}', {"name": pod, "kind": "pods"}
    )


async def _first(chunks: AsyncIterator[bytes]) -> bytes | None:
    return await anext(chunks, None)


async def _joined(
    first: asyncio.Future[bytes | None], rest: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    chunk = await first
    if chunk is None:
        return
    yield chunk
    async for chunk in rest:
        yield chunk
