"""The official Python client and we contend for one Lease, over sockets and in real time."""

from __future__ import annotations

import asyncio
import random
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.server import serving
from serinus.base.clock import Clock
from serinus.kube.client import Client
from serinus.kube.leader import LIMITS, Elector, Seat, Terms
from serinus.kube.resource import LEASES
from serinus.kube.transport import HttpTransport

kubernetes = pytest.importorskip(
    "kubernetes", reason="the official client is absent: pip install kubernetes (make test-deps)"
)
DEADLINE_SECONDS = 30


class Theirs:
    """The official client's election in a thread; events say when it leads."""

    def __init__(self, kubeconfig: Path, led: asyncio.Event) -> None:
        self._kubeconfig, self._led = kubeconfig, led
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        from kubernetes.leaderelection import electionconfig, leaderelection
        from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

        kubernetes.config.load_kube_config(str(self._kubeconfig))
        settings = electionconfig.Config(
            LeaseLock("lock", "default", "theirs"),
            lease_duration=3,
            renew_deadline=2,
            retry_period=1,
            onstarted_leading=lambda: self._loop.call_soon_threadsafe(self._led.set),
            onstopped_leading=lambda: None,
        )
        leaderelection.LeaderElection(settings).run()


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

        ours, theirs = asyncio.Event(), asyncio.Event()
        client = Client(HttpTransport(url), Clock())
        holders: list[str] = []

        async def note() -> None:
            lease: Any = await client.get(LEASES, "lock", "default")
            holders.append(lease["spec"]["holderIdentity"])

        async with asyncio.timeout(DEADLINE_SECONDS):
            task = asyncio.create_task(elector("ours").lead(work))
            await ours.wait()
            Theirs(kubeconfig, theirs)
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
        holders = asyncio.run(story(server.url, server.kubeconfig))
    assert holders == ["ours"] * 6 + ["theirs"] * 5
