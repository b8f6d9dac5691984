"""A write that is long under way must not count as an old one when it arrives.

The instant that a routing write carries is that of its decision. A line that is slow towards the
server, or a try that is repeated, lets it arrive when the settle time since then is over.
"""

from __future__ import annotations

from functools import partial

import pytest

from serinus.control.kinds import ROLLOUTS
from serinus.core.rollout.commands import abort
from serinus.kube.transport.wire import Request, Response, Transport
from simulation.cluster.adversary import DYNAMIC, PLAIN
from simulation.cluster.stage import Stage, staged
from simulation.shape import Shape
from support.cluster import NAMESPACE
from support.virtual import run_virtual

LATE_SECONDS = 4.0
"""Longer than the settle time."""


class LateTransport:
    """Writes to one kind of routed objects need long to arrive; their answers do not."""

    def __init__(self, inner: Transport, stage: Stage, plural: str) -> None:
        self._inner, self._stage, self._plural = inner, stage, plural
        self.stream = inner.stream
        self.close = inner.close

    async def send(self, request: Request) -> Response:
        if request.method == "PATCH" and f"/{self._plural}/" in request.path:
            await self._stage.cluster.clock.sleep_wall(LATE_SECONDS)
        return await self._inner.send(request)


async def told(stage: Stage, image: str) -> None:
    containers = [{"name": "web", "image": image, "ports": [{"containerPort": 8080}]}]
    spec = {"template": {"spec": {"containers": containers}}}
    await stage.cluster.admin.patch(ROLLOUTS, "web", {"spec": spec}, NAMESPACE)


@pytest.mark.parametrize("plural", ["ingresses", "services"])
@pytest.mark.parametrize("shape", [PLAIN, DYNAMIC], ids=str)
def test_a_routing_write_that_arrives_late_settles_from_its_arrival(
    shape: Shape, plural: str
) -> None:
    async def story() -> list[str]:
        line = partial(LateTransport, plural=plural)
        async with staged(1, shape, over=line) as stage:
            await stage.cluster.clock.sleep_wall(60)
            for image in ("acme/web:v2", "acme/web:v3"):
                await told(stage, image)
                await stage.cluster.clock.sleep_wall(45)
            for edit in abort():
                await stage.cluster.admin.patch(
                    *(ROLLOUTS, "web", edit.patch, NAMESPACE), subresource=edit.subresource
                )
            await stage.cluster.clock.sleep_wall(120)
            assert stage.verdicts.writes > 30
            return stage.verdicts.faults

    assert run_virtual(story()) == []


@pytest.mark.parametrize("then", ["nothing", "a release", "an abort"])
def test_a_controller_that_comes_back_to_a_rest_writes_nothing(then: str) -> None:
    async def story() -> int:
        async with staged(1, PLAIN) as stage:
            await stage.cluster.clock.sleep_wall(60)
            if then != "nothing":
                await told(stage, "acme/web:v2")
                await stage.cluster.clock.sleep_wall(120)
            if then == "an abort":
                patch = {"status": {"abort": True}}
                await stage.cluster.admin.patch(
                    *(ROLLOUTS, "web", patch, NAMESPACE), subresource="status"
                )
                await stage.cluster.clock.sleep_wall(120)
            await stage.crash()
            written = stage.verdicts.writes
            await stage.start()
            await stage.cluster.clock.sleep_wall(120)
            return stage.verdicts.writes - written

    assert run_virtual(story()) == 0
