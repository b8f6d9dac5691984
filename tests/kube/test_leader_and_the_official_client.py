"""The official Python client and we contend for one Lease, over sockets and in real time."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cli.server import serving
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.leader import LIMITS, Elector, Seat, Terms
from serinus.kube.resource import LEASES
from serinus.kube.transport import HttpTransport
from support.steady import run_steady

DEADLINE_SECONDS = 30


PROGRAM = """
import sys
from kubernetes import config
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

config.load_kube_config(sys.argv[1])
leaderelection.LeaderElection(
    electionconfig.Config(
        LeaseLock("lock", "default", "theirs"),
        lease_duration=3,
        renew_deadline=2,
        retry_period=1,
        onstarted_leading=lambda: print("leading", flush=True),
        onstopped_leading=lambda: None,
    )
).run()
"""


@asynccontextmanager
async def theirs_running(kubeconfig: Path) -> AsyncIterator[asyncio.Event]:
    """The official client's election as a process; the event is set when it leads."""
    words = (sys.executable, "-c", PROGRAM, str(kubeconfig))
    process = await asyncio.create_subprocess_exec(*words, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    led = asyncio.Event()

    async def read(lines: asyncio.StreamReader) -> None:
        async for line in lines:
            if line.strip() == b"leading":
                led.set()

    reading = asyncio.create_task(read(process.stdout))
    try:
        yield led
    finally:
        process.kill()
        await process.wait()
        await reading


@pytest.mark.skipif(
    find_spec("kubernetes") is None,
    reason="the official client is absent: pip install kubernetes (make test-deps)",
)
@pytest.mark.long
def test_each_waits_for_the_other(tmp_path: Path) -> None:
    async def story(url: str, kubeconfig: Path) -> list[str]:
        def elector(name: str) -> Elector:
            client = Client(HttpTransport(url), Clock(), limits=LIMITS)
            seat = Seat("default", "lock", name)
            return Elector(client, Clock(), seat, Terms(3, 2, 0.5), random.Random(1))

        async def work() -> None:
            ours.set()
            await asyncio.Event().wait()

        ours = asyncio.Event()
        client = Client(HttpTransport(url), Clock())
        holders: list[str] = []

        async def note() -> None:
            lease: Any = await client.get(LEASES, "lock", "default")
            holders.append(lease["spec"]["holderIdentity"])

        async with asyncio.timeout(DEADLINE_SECONDS), AsyncExitStack() as stack:
            task = asyncio.create_task(elector("ours").lead(work))
            await ours.wait()
            theirs = await stack.enter_async_context(theirs_running(kubeconfig))
            while holders[-6:] != ["ours"] * 6:  # longer than the lease, and it is renewed
                await note()
                assert not theirs.is_set()
                await Clock().sleep_wall(1)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await theirs.wait()
            await note()
            second = elector("ours again")
            standing = asyncio.create_task(second.lead(work))
            while holders[-5:] != ["theirs"] * 5:
                await Clock().sleep_wall(1)
                await note()
            assert (second.holder, second.leads, second.problem) == ("theirs", False, None)
            standing.cancel()
            await asyncio.gather(standing, return_exceptions=True)
        await client.close()
        return holders

    with serving(tmp_path) as server:
        holders = run_steady(story(server.url, server.kubeconfig))
    assert holders == ["ours"] * 6 + ["theirs"] * 5
