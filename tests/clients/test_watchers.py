"""Other people's watches of our objects while a release goes on: every version, in order, on time.

lightkube, the official client and an operator written with kopf look at Rollouts, AnalysisRuns and
Experiments beside a watch of our own. The cluster's clock is faster than the wall; still no object
may come from the future.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import sys
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from clients.releases import KINDS, NAMESPACE, Json, Releases, releases
from serinus.control.kinds import ROLLOUTS
from serinus.kube.informer import Informer
from serinus.kube.resource import Resource
from support.steady import run_steady

lightkube = pytest.importorskip("lightkube", reason="lightkube is absent: make test-deps")
kubernetes = pytest.importorskip("kubernetes", reason="kubernetes is absent: make test-deps")
pytest.importorskip("kopf", reason="kopf is absent: make test-deps")

INSTANT = re.compile(r'"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)"')


@dataclass(frozen=True, slots=True)
class Sight:
    """One version of an object as somebody was told of it, and the wall's time then."""

    kind: str
    name: str
    version: int
    phase: str
    latest: datetime
    at: datetime


def sight(item: Json) -> Sight:
    status = item.get("status") or {}
    text = json.dumps(item, default=str)
    return Sight(
        kind=item["kind"],
        name=item["metadata"]["name"],
        version=int(item["metadata"]["resourceVersion"]),
        phase=status.get("phase") or "",
        latest=max(map(datetime.fromisoformat, INSTANT.findall(text))),
        at=datetime.now(UTC),
    )


class Seen:
    """What one client was told, by kind, in its order."""

    def __init__(self) -> None:
        self.sights: dict[str, list[Sight]] = {kind.kind: [] for kind in KINDS}

    def take(self, item: Json) -> None:
        one = sight(item)
        self.sights[one.kind].append(one)

    def versions(self, kind: str) -> list[int]:
        return [one.version for one in self.sights[kind]]

    def phases(self, kind: str, name: str) -> list[str]:
        """Each change once."""
        told = [one.phase for one in self.sights[kind] if one.name == name]
        return [word for word, before in zip(told, ["", *told], strict=False) if word != before]


@asynccontextmanager
async def ours(here: Releases) -> AsyncIterator[Seen]:
    """Our informers, in the server's process."""
    seen = Seen()
    informers: list[Informer[Json]] = []
    for kind in KINDS:
        made: Informer[Json] = Informer(here.admin, kind, dict, here.clock, jitter=random.Random(1))
        made.on_change(lambda old, new: seen.take(new) if new else None)
        informers.append(made)
    async with _beside(*(informer.run() for informer in informers)):
        yield seen


@asynccontextmanager
async def by_lightkube(here: Releases) -> AsyncIterator[Seen]:
    from lightkube import AsyncClient, KubeConfig
    from lightkube.generic_resource import create_namespaced_resource

    seen = Seen()
    client = AsyncClient(config=KubeConfig.from_file(here.kubeconfig))

    async def watch(kind: Resource) -> None:
        generic = create_namespaced_resource(kind.group, kind.version, kind.kind, kind.plural)
        async for _, item in client.watch(generic, namespace=NAMESPACE):
            seen.take(item.to_dict())

    async with _beside(*(watch(kind) for kind in KINDS)):
        yield seen
    await client.close()


@asynccontextmanager
async def by_the_official_client(here: Releases) -> AsyncIterator[Seen]:
    from urllib3.exceptions import ProtocolError

    seen = Seen()
    configuration = kubernetes.client.Configuration()
    configuration.host = here.url
    watches = []

    def watch(kind: Resource) -> None:
        api = kubernetes.client.CustomObjectsApi(kubernetes.client.ApiClient(configuration))
        watching = kubernetes.watch.Watch()
        watches.append(watching)
        stream = watching.stream(
            api.list_namespaced_custom_object,
            *(kind.group, kind.version, NAMESPACE, kind.plural),
            timeout_seconds=60,
        )
        with suppress(ProtocolError):  # the cluster ends before us
            for event in stream:
                seen.take(event["object"])

    for kind in KINDS:
        threading.Thread(target=watch, args=(kind,), daemon=True).start()
    yield seen
    for watching in watches:
        watching.stop()


OPERATOR = """
import json, kopf

def tell(body, **_):
    print(json.dumps(dict(body), default=str), flush=True)

for plural in ("rollouts", "analysisruns", "experiments"):
    kopf.on.event("argoproj.io", "v1alpha1", plural)(tell)
"""


@asynccontextmanager
async def by_kopf(here: Releases, folder: Path) -> AsyncIterator[Seen]:
    """It joins what comes within a tenth of a second: some versions it never shows."""
    (folder / "operator.py").write_text(OPERATOR)
    seen = Seen()
    operator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "kopf", "run", "-q", "-n", NAMESPACE),
        str(folder / "operator.py"),
        env=os.environ | {"KUBECONFIG": str(here.kubeconfig), "HOME": str(folder)},
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )

    async def read() -> None:
        assert operator.stdout is not None
        async for line in operator.stdout:
            seen.take(json.loads(line))

    async with _beside(read()):
        yield seen
        operator.terminate()
        await operator.wait()


@asynccontextmanager
async def _beside(*work: Any) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(one) for one in work]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def told(folder: Path) -> dict[str, Seen]:
    """A release from the first look of all clients to the last version at all of them."""
    async with releases() as here:
        await here.deploy()
        async with (
            ours(here) as own,
            by_lightkube(here) as one,
            by_the_official_client(here) as other,
            by_kopf(here, folder) as operator,
        ):
            everyone = {"ours": own, "lightkube": one, "official": other, "kopf": operator}
            while not all(seen.sights["Rollout"] for seen in everyone.values()):
                await here.clock.sleep_wall(0.05)
            await here.release("web:v2")
            await here.until_phase("Paused")
            await here.promote()
            await here.until_phase("Healthy")
            rollout = await here.admin.get(ROLLOUTS, "web", NAMESPACE)
            last = int(rollout["metadata"]["resourceVersion"])
            while not all(seen.versions("Rollout")[-1] >= last for seen in everyone.values()):
                await here.clock.sleep_wall(0.05)
        return everyone


@pytest.fixture(scope="module")
def everyone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    return run_steady(told(tmp_path_factory.mktemp("kopf")))


PHASES = ["Healthy", *["Progressing", "Paused"] * 2, "Progressing", "Healthy"]
TRIAL = ["Pending", "Running", "Successful"]


@pytest.mark.parametrize("client", ["lightkube", "official"])
def test_a_watch_shows_every_version_in_order(everyone: dict[str, Seen], client: str) -> None:
    for kind in KINDS:
        own = everyone["ours"].versions(kind.kind)
        seen = everyone[client].versions(kind.kind)
        assert len(seen) > 2
        assert seen == [version for version in own if seen[0] <= version <= seen[-1]]


@pytest.mark.parametrize("client", ["ours", "lightkube", "official", "kopf"])
def test_every_phase_is_seen_in_order(everyone: dict[str, Seen], client: str) -> None:
    seen = everyone[client]
    assert seen.phases("Rollout", "web") == PHASES
    for kind in ("AnalysisRun", "Experiment"):
        (name,) = {one.name for one in seen.sights[kind]}
        phases = seen.phases(kind, name)
        assert phases[-1] == "Successful"
        assert _is_part_of(phases, TRIAL)


@pytest.mark.parametrize("client", ["ours", "lightkube", "official", "kopf"])
def test_no_object_comes_from_the_future(everyone: dict[str, Seen], client: str) -> None:
    sights = [one for found in everyone[client].sights.values() for one in found]
    assert len(sights) > 10
    assert [one for one in sights if one.latest > one.at] == []


def _is_part_of(some: Sequence[str], whole: Sequence[str]) -> bool:
    """In the same order, with some left out."""
    rest = iter(whole)
    return all(word in rest for word in some)
