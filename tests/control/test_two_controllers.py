"""Two whole controllers and one Lease in virtual time: a release goes on under the successor, and
no write meets another's lease.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from control import scenes
from control.scenes import end_state, release, until, until_phase
from serinus.control.wiring import World, run_controller
from serinus.kube.client import Client
from serinus.kube.errors import NoAnswer
from serinus.kube.fence import FencedTransport
from serinus.kube.leader import LIMITS, Elector, LostLease, Seat, Terms
from serinus.kube.resource import LEASES
from serinus.kube.transport import AsgiTransport, Request, Response
from support.cluster import UNLIMITED, PaperCluster, paper_cluster
from support.virtual import run_virtual

LOCK = "serinus-controller-lock"


@dataclass
class Link:
    """One controller's way to the server; at its end every write is judged by the lease."""

    cluster: PaperCluster
    name: str
    writes: list[tuple[str, str]]
    cut: bool = False
    inner: AsgiTransport = field(init=False)

    def __post_init__(self) -> None:
        server = self.cluster.server
        self.inner = AsgiTransport(server, server.prefix(self.name))
        self.stream, self.close = self.inner.stream, self.inner.close

    async def send(self, request: Request) -> Response:
        if self.cut:
            raise NoAnswer("cut", sent=False)
        told = any(part in request.path for part in ("/leases", "/events"))
        if request.method != "GET" and not told:
            lease = await self.cluster.admin.get(LEASES, LOCK, "default")
            self.writes.append((self.name, lease["spec"]["holderIdentity"]))
        answer = await self.inner.send(request)
        if self.cut:
            raise NoAnswer("cut", sent=True)
        return answer


class Process:
    """A controller as `serinus controller --leader-elect` composes it."""

    def __init__(self, cluster: PaperCluster, name: str, asker: Any, writes: Any) -> None:
        self._cluster, self._asker = cluster, asker
        self.link = Link(cluster, name, writes)
        leases = Client(self.link, cluster.clock, user_agent=name, limits=LIMITS)
        seat = Seat("default", LOCK, name)
        self.elector = Elector(leases, cluster.clock, seat, Terms(), random.Random(len(writes)))
        self.task = asyncio.create_task(self.elector.lead(self._work))

    async def _work(self) -> None:
        transport = FencedTransport(self.link, self.elector.fence)
        await run_controller(
            World(
                client=Client(transport, self._cluster.clock, limits=UNLIMITED),
                clock=self._cluster.clock,
                rng=random.Random(1),
                asker=self._asker,
            )
        )

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.mark.parametrize("seconds", [3, 8, 20, 45, 70])
@pytest.mark.parametrize("end", ["cut off", "told to stop"])
def test_a_release_goes_on_under_the_successor(end: str, seconds: float) -> None:
    async def story() -> tuple[dict[str, Any], list[tuple[str, str]]]:
        writes: list[tuple[str, str]] = []
        async with paper_cluster() as cluster:
            network = scenes.network(cluster)
            first = Process(cluster, "first", network, writes)
            await cluster.clock.sleep(1)
            second = Process(cluster, "second", network, writes)
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await cluster.clock.sleep(seconds)
            assert not second.elector.leads
            if end == "cut off":
                first.link.cut = True
                await cluster.clock.sleep(60)
                first.link.cut = False
                with pytest.raises(LostLease, match="could not be renewed within 10 s"):
                    await first.task
            else:
                await first.stop()
                await cluster.clock.sleep(3)
            assert second.elector.leads

            async def promoted() -> bool:
                now = await end_state(cluster)
                return (now["phase"], now["stable"], now["weight"]) == ("Healthy", "web:v2", 0)

            await until(cluster, promoted)
            await cluster.clock.sleep(60)
            found = await end_state(cluster)
            await second.stop()
            return found, writes

    found, writes = run_virtual(story())
    assert found["runs"] == ["Successful"]
    assert found["services"] == {"web-stable": "web:v2", "web-canary": "web:v2"}
    writers = list(dict.fromkeys(writer for writer, _ in writes))
    assert writers[0] == "first"
    assert [writer for writer, holder in writes if writer != holder] == []
    turns = [now for (before, _), (now, _) in pairwise(writes) if now != before]
    assert turns == ["second"] or (turns == [] and seconds > 20), "a lost lease does not come back"
