"""Many Rollouts released at once: what each costs, whether it costs more among many, and at rest.

Two processes over loopback HTTP: the embedded cluster with pods that are only objects, and the
controller. What is compared are CPU seconds, memory and counts of requests, as they hardly depend
on what else the machine does. `--large` goes on to 1,000 and 3,000.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from benchmarks import fleet
from benchmarks.figure import Figure
from serinus.api.kubernetes import ObjectMeta
from serinus.base.clock import Clock
from serinus.control.kinds import ROLLOUTS
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.informer import Informer
from serinus.kube.resource import INGRESSES, SERVICES
from serinus.kube.transport.http import HttpTransport

SIZES, LARGE_SIZES = (100, 300), (1000, 3000)
AT_ONCE = 16
"""Requests that the driver has under way."""
REST_SECONDS = 20.0
QUIET_SECONDS = 4.0
"""Between two looks at the count of requests."""
QUIET_LOOKS = 4
"""So many without a request in between: it rests."""
DEADLINE_SECONDS = 3600
LIMITS = Limits(requests_per_second=1e6, burst=10**6, deadline_seconds=300, try_seconds=120)


def figures() -> Iterator[Figure]:
    yield from compared(SIZES)


def large_figures() -> Iterator[Figure]:
    yield from compared((SIZES[0], *LARGE_SIZES))


class RolloutStatus(msgspec.Struct, rename="camel", omit_defaults=True):
    phase: str = ""
    stable_rs: str = msgspec.field(name="stableRS", default="")


class Shown(msgspec.Struct):
    """What the driver looks at."""

    metadata: ObjectMeta
    status: RolloutStatus = msgspec.field(default_factory=RolloutStatus)


@dataclass(frozen=True, slots=True)
class Used:
    """What a process has used since its start."""

    cpu_seconds: float
    memory_bytes: int
    peak_bytes: int
    requests: Counter[str]
    reactions: Sequence[float]


@dataclass(slots=True)
class Half:
    """One of the two processes."""

    process: asyncio.subprocess.Process

    async def line(self) -> str:
        assert self.process.stdout is not None
        text = (await self.process.stdout.readline()).decode().strip()
        if not text:
            raise RuntimeError("a process of the fleet has ended; its words are above")
        return text

    async def used(self) -> Used:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        found: dict[str, Any] = json.loads(await self.line())
        return Used(**{**found, "requests": Counter(found["requests"])})


@asynccontextmanager
async def half(*words: str) -> AsyncIterator[Half]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.fleet_process", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        yield Half(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@dataclass(slots=True)
class Fleet:
    """The two processes, and the driver's view of the Rollouts."""

    cluster: Half
    controller: Half
    client: Client
    clock: Clock
    seen: Informer[Shown]
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, holds: Callable[[Shown], bool], count: int) -> None:
        """Until so many Rollouts are as they should be."""
        self.seen.on_change(lambda old, new: self.changed.set())
        while sum(map(holds, self.seen.store.all())) < count:
            self.changed.clear()
            await self.changed.wait()
            await self.clock.sleep_wall(0.1)

    async def quiet(self) -> None:
        """Until the controller has asked nothing for a while, several times in a row.

        Once is not enough: on a busy machine one request may take as long.
        """
        before, quiet = -1, 0
        while quiet < QUIET_LOOKS:
            now = (await self.controller.used()).requests.total()
            quiet = quiet + 1 if now == before else 0
            before = now
            await self.clock.sleep_wall(QUIET_SECONDS)

    async def deploy(self, count: int, steps: tuple[fleet.Json, ...]) -> None:
        """So many Rollouts with their first version, healthy and at rest."""
        await each(range(count), lambda n: self._create(n, steps))
        await self.until(is_healthy, count)
        await self.quiet()

    async def release(self, numbers: Sequence[int]) -> None:
        await each(numbers, self._release)

    async def _create(self, number: int, steps: tuple[fleet.Json, ...]) -> None:
        name, space = fleet.name_of(number), fleet.NAMESPACE
        for role in ("stable", "canary"):
            await self.client.create(SERVICES, fleet.service(f"{name}-{role}", name), space)
        await self.client.create(INGRESSES, fleet.ingress(number), space)
        await self.client.create(ROLLOUTS, fleet.rollout(number, steps), space)

    async def _release(self, number: int) -> None:
        template = {"spec": {"containers": fleet.containers(number, "v2")}}
        patch = {"spec": {"template": template}}
        await self.client.patch(ROLLOUTS, fleet.name_of(number), patch, fleet.NAMESPACE)


@asynccontextmanager
async def running() -> AsyncIterator[Fleet]:
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(half("cluster"))
        admin, url = (await cluster.line()).split()
        controller = await stack.enter_async_context(half("controller", url))
        await controller.line()
        clock = Clock()
        transport = HttpTransport(admin)
        stack.push_async_callback(transport.close)
        client = Client(transport, clock, user_agent="driver", limits=LIMITS)
        seen = Informer(client, ROLLOUTS, Shown, clock, jitter=random.Random(1))
        task = asyncio.create_task(seen.run())
        stack.callback(task.cancel)
        await stack.enter_async_context(asyncio.timeout(DEADLINE_SECONDS))
        yield Fleet(cluster, controller, client, clock, seen)


@dataclass(frozen=True, slots=True)
class Measured:
    """A release of `count` Rollouts at once."""

    count: int
    wall_seconds: float
    controller_seconds: float
    cluster_seconds: float
    controller_bytes: int
    """The peak over what the empty controller had."""
    cluster_bytes: int
    requests: Counter[str]
    rest_writes: int
    rest_seconds: float
    """CPU of the controller in a minute at rest."""


async def measured(count: int) -> Measured:
    async with running() as here:
        empty = [await one.used() for one in (here.controller, here.cluster)]
        await here.deploy(count, fleet.STEPS)
        first = {one.metadata.name: one.status.stable_rs for one in here.seen.store.all()}
        before = [await one.used() for one in (here.controller, here.cluster)]
        began = time.perf_counter()
        await here.release(range(count))
        await here.until(
            lambda one: is_healthy(one) and one.status.stable_rs != first[one.metadata.name], count
        )
        wall = time.perf_counter() - began
        await here.quiet()
        after = [await one.used() for one in (here.controller, here.cluster)]
        await here.clock.sleep_wall(REST_SECONDS)
        rest = await here.controller.used()
    return Measured(
        count=count,
        wall_seconds=wall,
        controller_seconds=after[0].cpu_seconds - before[0].cpu_seconds,
        cluster_seconds=after[1].cpu_seconds - before[1].cpu_seconds,
        controller_bytes=after[0].peak_bytes - empty[0].memory_bytes,
        cluster_bytes=after[1].peak_bytes - empty[1].memory_bytes,
        requests=after[0].requests - before[0].requests,
        rest_writes=rest.requests.total() - after[0].requests.total(),
        rest_seconds=(rest.cpu_seconds - after[0].cpu_seconds) * 60 / REST_SECONDS,
    )


def compared(sizes: Sequence[int]) -> Iterator[Figure]:
    small = asyncio.run(measured(sizes[0]))
    yield from alone(small)
    for size in sizes[1:]:
        large = asyncio.run(measured(size))
        yield from alone(large)
        yield from grown(small, large)


def alone(one: Measured) -> Iterator[Figure]:
    """What a release of many costs, a Rollout."""
    many, share = f"{one.count:,} Rollouts", 1 / one.count
    kinds = ", ".join(f"{kind} {n * share:.1f}" for kind, n in one.requests.most_common())
    yield Figure(
        f"API requests a release of one of {many}",
        one.requests.total() * share,
        "one release of 6 steps",
        at_most=120,
        detail=kinds,
    )
    yield Figure(
        f"CPU of the cluster under {many}",
        one.cluster_seconds / one.controller_seconds,
        "that of the controller",
        detail=f"{one.controller_seconds:.1f} s and {one.cluster_seconds:.1f} s of CPU, "
        f"{one.wall_seconds:.0f} s of the wall",
    )
    yield Figure(
        f"requests of {many} at rest", one.rest_writes, "none", at_most=0, detail="reads and writes"
    )
    yield Figure(
        f"CPU of {many} in an hour at rest",
        one.rest_seconds * 60 / one.controller_seconds,
        "that of their release",
        at_most=1,
        detail=f"{one.rest_seconds:.2f} s a minute",
    )


def grown(small: Measured, large: Measured) -> Iterator[Figure]:
    """Whether one Rollout costs more among many."""
    times = large.count / small.count
    among = f"one of {small.count}"
    for what, field_ in (
        ("CPU of the controller", "controller_seconds"),
        ("CPU of the cluster", "cluster_seconds"),
        ("memory of the controller", "controller_bytes"),
        ("memory of the cluster", "cluster_bytes"),
    ):
        less, more = getattr(small, field_), getattr(large, field_)
        unit = "MB" if field_.endswith("bytes") else "ms"
        scale = 1e-6 if unit == "MB" else 1e3
        yield Figure(
            f"{what}, a release of one of {large.count:,}",
            more / less / times,
            among,
            at_most=1.5,
            detail=f"{more / large.count * scale:.3g} {unit} a Rollout",
        )
    requests = large.requests.total() / small.requests.total() / times
    yield Figure(f"requests, a release of one of {large.count:,}", requests, among, at_most=1.2)


def is_healthy(one: Shown) -> bool:
    return one.status.phase == "Healthy"


async def each(numbers: Sequence[int], action: Callable[[int], Any]) -> None:
    """`action` for every number, some at a time."""
    waiting = iter(numbers)

    async def take() -> None:
        for number in waiting:
            await action(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(take())
