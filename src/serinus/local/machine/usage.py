"""What processes and their children use, read from the system in one pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Usage:
    """Resident bytes, and CPU seconds so far."""

    memory_bytes: int
    cpu_seconds: float


def usage_of(leaders: Sequence[int]) -> dict[int, Usage]:
    """What each of these processes uses with its children; those that are gone are left out."""
    children: dict[int, list[int]] = {}
    if not leaders:
        return {}
    for process in psutil.process_iter(["ppid"]):
        children.setdefault(process.info["ppid"], []).append(process.pid)
    found = {}
    for leader in leaders:
        parts = [part for pid in _family(leader, children) if (part := _one(pid)) is not None]
        if parts:
            memory = sum(part.memory_bytes for part in parts)
            found[leader] = Usage(memory, sum(part.cpu_seconds for part in parts))
    return found


def _family(pid: int, children: Mapping[int, list[int]]) -> Iterator[int]:
    yield pid
    for child in children.get(pid, ()):
        yield from _family(child, children)


def _one(pid: int) -> Usage | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            times = process.cpu_times()
            return Usage(process.memory_info().rss, times.user + times.system)
    except psutil.Error:
        return None  # it has just ended
