"""A node that is only paper: pods get bound, ready and away, in virtual time, and are counted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from local.controllers.world import World
from serinus.kube.errors import ApiError
from serinus.kube.informer import Informer
from serinus.kube.resource import PODS
from serinus.local.node.podspec import NodePod

Json = dict[str, Any]


class PaperNode:
    """`watch()` begins to note how many pods there are, and how many are ready, at each change."""

    def __init__(self, here: World, pods: Informer[NodePod]) -> None:
        self._here, self._pods = here, pods
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._port = 20000
        self._is_watching = False
        self.start_seconds = 3.0
        self.stop_seconds = 2.0
        self.runs_seconds = 5.0
        self.exit_code: Callable[[Json], int | None] = lambda pod: None
        self.gets_ready: Callable[[Json], bool] = lambda pod: True
        self.counts: set[int] = set()
        self.ready_counts: set[int] = set()
        self.images: list[set[str]] = []
        pods.on_change(self._changed)

    def watch(self) -> None:
        """Note from now on."""
        self._is_watching = True

    def _note(self) -> None:
        pods = self._pods.store.all()
        there = [pod for pod in pods if pod.metadata.deletion_timestamp is None]
        self.counts.add(len(there))
        self.ready_counts.add(sum(pod.ready() for pod in there))
        self.images.append({pod.spec.containers[0].image for pod in pods})

    def _changed(self, old: NodePod | None, new: NodePod | None) -> None:
        if self._is_watching:
            self._note()
        if new is None:
            return
        uid, ends = new.metadata.uid, new.metadata.deletion_timestamp is not None
        if ends and f"end {uid}" not in self._tasks:
            self._tasks[f"end {uid}"] = asyncio.create_task(self._end(new))
        elif not ends and uid not in self._tasks:
            self._tasks[uid] = asyncio.create_task(self._start(new))

    async def _start(self, pod: NodePod) -> None:
        self._port += 1
        with suppress(ApiError):  # it may be gone at any moment
            found = await self._here.client.get(PODS, pod.metadata.name, pod.metadata.namespace)
            await self._here.start(found, self._port, ready=False)
            await self._here.clock.sleep(self.start_seconds)
            found = await self._here.client.get(PODS, pod.metadata.name, pod.metadata.namespace)
            if self.gets_ready(found) and "deletionTimestamp" not in found["metadata"]:
                await self._here.start(found, self._port)
            await self._run(found)

    async def _run(self, pod: Json) -> None:
        """To its end, for a pod that is to end."""
        code = self.exit_code(pod)
        if code is None:
            return
        await self._here.clock.sleep(self.runs_seconds)
        ended = {"exitCode": code, "finishedAt": f"{self._here.clock.now():%Y-%m-%dT%H:%M:%SZ}"}
        status = {
            "phase": "Failed" if code else "Succeeded",
            "conditions": [{"type": "Ready", "status": "False"}],
            "containerStatuses": [{"name": "c", "image": "", "state": {"terminated": ended}}],
        }
        name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
        await self._here.client.patch(
            PODS, name, {"status": status}, namespace, subresource="status"
        )

    async def _end(self, pod: NodePod) -> None:
        await self._here.clock.sleep(self.stop_seconds)
        path = PODS.path(pod.metadata.namespace, pod.metadata.name)
        with suppress(ApiError):
            await self._here.client.raw("DELETE", path, body=b'{"gracePeriodSeconds":0}')

    async def close(self) -> None:
        """Stop all that is under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


@asynccontextmanager
async def paper_node(here: World) -> AsyncIterator[PaperNode]:
    """A node at work on the world while the block runs."""
    node = PaperNode(here, here.pods_informer)
    try:
        yield node
    finally:
        await node.close()
