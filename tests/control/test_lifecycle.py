"""Several rollouts, labels on pods, history, deletion in the middle, a rest that costs nothing."""

from __future__ import annotations

import asyncio
from typing import Any

from control import scenes
from control.scenes import end_state, release, status, until_phase
from serinus.api import names
from serinus.control.kinds import ANALYSIS_RUNS, ROLLOUTS
from serinus.control.wiring import World
from serinus.kube.errors import NotFound
from serinus.kube.resource import EVENTS, PODS, REPLICASETS
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual


async def roles(cluster: PaperCluster) -> dict[str, list[tuple[str, str]]]:
    """Label and annotation of each pod, by image."""
    found: dict[str, list[tuple[str, str]]] = {}
    for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
        labels, notes = pod["metadata"].get("labels", {}), pod["metadata"].get("annotations", {})
        image = pod["spec"]["containers"][0]["image"]
        found.setdefault(image, []).append((labels.get("role", ""), notes.get("note", "")))
    return found


def test_pods_carry_the_metadata_of_their_role_also_after_it_changed() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            canary = {
                "stableMetadata": {"labels": {"role": "stable"}},
                "canaryMetadata": {"labels": {"role": "canary"}, "annotations": {"note": "new"}},
            }
            patch = {"spec": {"strategy": {"canary": canary}}}
            await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)
            await until_phase(cluster, "Healthy")
            await cluster.clock.sleep(5)
            first = await roles(cluster)
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 2)
            during = await roles(cluster)
            await until_phase(cluster, "Healthy")
            await cluster.clock.sleep(60)
            return first, during, await roles(cluster), await end_state(cluster)

    first, during, after, end = run_virtual(story())
    assert first == {"web:v1": [("stable", "")] * 2}
    assert during == {"web:v1": [("stable", "")] * 2, "web:v2": [("canary", "new")]}
    assert after == {"web:v2": [("stable", "")] * 2}
    assert end["revisions"] == ["web:v1", "web:v2"], "labels make no new revision"


def test_labels_that_are_not_wanted_any_more_go_from_all_pods() -> None:
    """Also if a pod changed in the middle of it: the note of what was put there goes last."""

    class Racing:
        """Touches each pod once, just before it is labelled."""

        def __init__(self, inner: Transport, cluster: PaperCluster) -> None:
            self._inner, self._cluster, self.raced = inner, cluster, set[str]()
            self.stream, self.close = inner.stream, inner.close

        async def send(self, request: Request) -> Response:
            is_pod = request.method == "PATCH" and "/pods/" in request.path
            name = request.path.rsplit("/", 1)[1]
            if is_pod and b'"role":null' in (request.body or b"") and name not in self.raced:
                self.raced.add(name)
                patch = {"metadata": {"annotations": {"touched": "yes"}}}
                await self._cluster.admin.patch(PODS, name, patch, NAMESPACE)
            return await self._inner.send(request)

    made: list[Racing] = []

    async def story() -> Any:
        async with paper_cluster() as cluster:

            def wrap(inner: Transport) -> Racing:
                made.append(Racing(inner, cluster))
                return made[-1]

            async with controlled(cluster, wrap, asker=scenes.network(cluster)):
                await cluster.apply(scenes.ALL)
                canary = {"canaryMetadata": {"labels": {"role": "canary"}}}
                patch = {"spec": {"strategy": {"canary": canary}}}
                await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await until_phase(cluster, "Paused", 2)
                during = await roles(cluster)
                await until_phase(cluster, "Healthy")
                await cluster.clock.sleep(60)
                return during, await roles(cluster)

    during, after = run_virtual(story())
    assert during["web:v2"] == [("canary", "")]
    assert len(made[0].raced) == 2
    assert after == {"web:v2": [("", "")] * 2}


def test_history_is_kept_as_long_as_it_was_asked_for() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            limits = {"successfulRunHistoryLimit": 1, "unsuccessfulRunHistoryLimit": 0}
            patch = {"spec": {"revisionHistoryLimit": 1, "analysis": limits}}
            await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)
            await until_phase(cluster, "Healthy")
            for number in (2, 3, 4):
                await release(cluster, f"web:v{number}")
                await cluster.clock.sleep(120)
            return await end_state(cluster)

    end = run_virtual(story())
    assert (end["phase"], end["stable"]) == ("Healthy", "web:v4")
    assert end["revisions"] == ["web:v3", "web:v4"]
    assert end["runs"] == ["Successful"]


def test_two_rollouts_do_not_know_of_each_other() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster, scenes.BAD)
            async with controlled(cluster, asker=network):
                await cluster.apply(scenes.ALL)
                await cluster.apply(scenes.other_shop("other"))
                await cluster.clock.sleep(60)
                before = await scenes.rollout(cluster, "other")
                await release(cluster, "web:v2")
                await cluster.clock.sleep(120)
                bad, untouched = await status(cluster), await scenes.rollout(cluster, "other")
                await release(cluster, "other:v2", "other")
                await cluster.clock.sleep(120)
                return before, untouched, bad, await status(cluster, "other")

    before, untouched, bad, good = run_virtual(story())
    assert untouched == before
    assert bad["phase"] == "Degraded"
    assert good["phase"] == "Healthy"
    assert good["stableRS"] == good["currentPodHash"] != before["status"]["stableRS"]


def test_a_rollout_that_is_deleted_in_the_middle_takes_everything_with_it() -> None:
    writes: list[str] = []

    class Listening:
        def __init__(self, inner: Transport) -> None:
            self._inner = inner
            self.stream, self.close = inner.stream, inner.close

        async def send(self, request: Request) -> Response:
            if request.method != "GET":
                writes.append(request.asked)
            return await self._inner.send(request)

    async def story() -> Any:
        async with (
            paper_cluster() as cluster,
            controlled(cluster, Listening, asker=scenes.network(cluster)) as world,
        ):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Progressing", 1)
            await cluster.clock.sleep(2)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            writes.clear()
            await cluster.clock.sleep(120)
            left = [
                len((await cluster.admin.list(kind, NAMESPACE)).items)
                for kind in (ROLLOUTS, REPLICASETS, PODS, ANALYSIS_RUNS)
            ]
            page, sent = world.telemetry.page(), list(writes)
            await cluster.apply(scenes.SMALL)
            await cluster.clock.sleep(60)
            return left, page, sent, await status(cluster)

    left, page, sent, again = run_virtual(story())
    assert left == [0, 0, 0, 0]
    assert [asked for asked in sent if "/rollouts/" in asked] == []
    assert 'name="web"' not in page, "the series of an object go with it"
    assert again["phase"] == "Healthy"


def test_nothing_is_written_to_a_rollout_that_is_going() -> None:
    """One with a finalizer stays for a while: its pods and its weight are left as they are."""

    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            patch = {"metadata": {"finalizers": ["example.com/wait"]}}
            await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)
            await release(cluster, "web:v2")
            await until_phase(cluster, "Progressing", 1)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            going = await scenes.rollout(cluster)
            await cluster.clock.sleep(120)
            later, weight = await scenes.rollout(cluster), await scenes.weight(cluster)
            await cluster.admin.patch(
                ROLLOUTS, "web", {"metadata": {"finalizers": None}}, NAMESPACE
            )
            await cluster.clock.sleep(60)
            try:
                await scenes.rollout(cluster)
            except NotFound:
                return going, later, weight, True
            return going, later, weight, False

    going, later, weight, gone = run_virtual(story())
    assert going == later
    assert weight == 50
    assert gone


def test_events_that_cannot_be_written_hold_nothing_up() -> None:
    class Mute:
        """Never answers about events."""

        def __init__(self, inner: Transport) -> None:
            self._inner = inner
            self.stream, self.close = inner.stream, inner.close

        async def send(self, request: Request) -> Response:
            if "/events" in request.path:
                await asyncio.Event().wait()
            return await self._inner.send(request)

    async def story() -> Any:
        async with paper_cluster() as cluster:
            async with controlled(cluster, Mute, asker=scenes.network(cluster)):
                await cluster.apply(scenes.ALL)
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await cluster.clock.sleep(90)
                ended = cluster.clock.wall()
            took = cluster.clock.wall() - ended
            events = (await cluster.admin.list(EVENTS, NAMESPACE)).items
            return await end_state(cluster), took, [e["source"]["component"] for e in events]

    end, took, told = run_virtual(story())
    assert (end["phase"], end["stable"]) == ("Healthy", "web:v2")
    assert "serinus" not in told
    assert took < 10


def test_the_end_of_the_controller_waits_for_what_is_under_way() -> None:
    class Slow:
        """Takes three seconds for each write of a status."""

        def __init__(self, inner: Transport, cluster: PaperCluster) -> None:
            self._inner, self._cluster, self.begun = inner, cluster, asyncio.Event()
            self.stream, self.close = inner.stream, inner.close

        async def send(self, request: Request) -> Response:
            if request.path.endswith("/status"):
                self.begun.set()
                await self._cluster.clock.sleep_wall(3)
            return await self._inner.send(request)

    made: list[Slow] = []

    async def story() -> Any:
        async with paper_cluster() as cluster:

            def wrap(inner: Transport) -> Slow:
                made.append(Slow(inner, cluster))
                return made[-1]

            async with controlled(cluster, wrap) as world:
                assert isinstance(world, World)
                await cluster.apply(scenes.ALL)
                await made[0].begun.wait()
                before = await status(cluster)
            return before, await status(cluster)

    before, after = run_virtual(story())
    assert before.get("observedGeneration", "") == ""
    assert after["observedGeneration"]


def test_a_resting_shop_is_silent_whatever_happens_to_others() -> None:
    writes: list[str] = []

    class Listening:
        def __init__(self, inner: Transport) -> None:
            self._inner = inner
            self.stream, self.close = inner.stream, inner.close

        async def send(self, request: Request) -> Response:
            if request.method != "GET":
                writes.append(request.asked)
            return await self._inner.send(request)

    async def story() -> None:
        async with (
            paper_cluster() as cluster,
            controlled(cluster, Listening, asker=scenes.network(cluster)),
        ):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await cluster.clock.sleep(180)
            writes.clear()
            for pod in (await cluster.admin.list(PODS, NAMESPACE)).items:
                touched = {"metadata": {"annotations": {"somebody": "else"}}}
                await cluster.admin.patch(PODS, pod["metadata"]["name"], touched, NAMESPACE)
            (old, *_) = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
            assert old["metadata"]["labels"][names.POD_HASH]
            note = {"metadata": {"annotations": {"somebody": "else"}}}
            await cluster.admin.patch(REPLICASETS, old["metadata"]["name"], note, NAMESPACE)
            await cluster.clock.sleep(3600)

    run_virtual(story())
    assert writes == []
