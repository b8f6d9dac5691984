"""People and the controller write the same object at the same time: nobody's word is lost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from control import scenes
from control.scenes import command, condition, end_state, release, status, until_phase
from serinus.api import names
from serinus.core.rollout import commands
from serinus.kube.resource import REPLICASETS, SERVICES
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

Act = Callable[[], Awaitable[None]]


class Interrupted:
    """Does `act` just before the first request that `concerns` reaches the server."""

    def __init__(self, inner: Transport, concerns: Callable[[Request], bool]) -> None:
        self._inner, self._concerns = inner, concerns
        self.act: Act | None = None
        self.acted = False
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        if self.act is not None and not self.acted and self._concerns(request):
            self.acted = True
            await self.act()
        return await self._inner.send(request)


def is_status(request: Request) -> bool:
    return request.method == "PATCH" and request.path.endswith("/rollouts/web/status")


def interrupted(
    concerns: Callable[[Request], bool],
    act: Callable[[PaperCluster], Awaitable[None]],
    *,
    at: tuple[str, int] = ("Progressing", 0),
    answer: bytes = scenes.GOOD,
) -> dict[str, Any]:
    """The end of a release into which `act` fell, from the time that phase and step are shown."""
    made: list[Interrupted] = []

    def wrap(inner: Transport) -> Interrupted:
        made.append(Interrupted(inner, concerns))
        return made[-1]

    async def story() -> dict[str, Any]:
        async with (
            paper_cluster() as cluster,
            controlled(cluster, wrap, asker=scenes.network(cluster, answer)),
        ):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, *at)
            made[0].act = lambda: act(cluster)
            await cluster.clock.sleep(180)
            assert made[0].acted
            return await end_state(cluster)

    return run_virtual(story())


@pytest.mark.parametrize("at", [("Progressing", 0), ("Progressing", 1), ("Paused", 2)])
def test_an_abort_between_look_and_status_is_obeyed(at: tuple[str, int]) -> None:
    async def act(cluster: PaperCluster) -> None:
        await command(cluster, commands.abort())

    end = interrupted(is_status, act, at=at)
    assert (end["phase"], end["abort"], end["weight"]) == ("Degraded", True, 0)
    assert end["pods"] == ["web:v1", "web:v1"]


def test_a_full_promotion_between_look_and_status_is_obeyed() -> None:
    """Without it the analysis, which gets no data, would hold the release for good."""

    async def act(cluster: PaperCluster) -> None:
        await command(cluster, commands.promote_fully)

    end = interrupted(is_status, act, at=("Progressing", 1), answer=scenes.NOTHING)
    assert (end["phase"], end["stable"], end["weight"]) == ("Healthy", "web:v2", 0)


def test_a_new_template_between_look_and_status_is_released() -> None:
    async def act(cluster: PaperCluster) -> None:
        await release(cluster, "web:v3")

    end = interrupted(is_status, act, at=("Progressing", 1))
    assert (end["phase"], end["stable"], end["weight"]) == ("Healthy", "web:v3", 0)


def test_a_replica_set_that_somebody_scaled_meanwhile_is_looked_at_again() -> None:
    async def act(cluster: PaperCluster) -> None:
        for one in (await cluster.admin.list(REPLICASETS, NAMESPACE)).items:
            note = {"metadata": {"annotations": {"scaled": "by hand"}}, "spec": {"replicas": 3}}
            await cluster.admin.patch(REPLICASETS, one["metadata"]["name"], note, NAMESPACE)

    def concerns(request: Request) -> bool:
        return request.method == "PATCH" and "/replicasets/" in request.path

    end = interrupted(concerns, act)
    assert (end["phase"], end["stable"]) == ("Healthy", "web:v2")
    assert end["pods"] == ["web:v2", "web:v2"]


def test_a_selector_that_somebody_writes_back_is_written_again() -> None:
    async def act(cluster: PaperCluster) -> None:
        patch = {
            "metadata": {"annotations": {"tool": "sync"}},
            "spec": {"selector": {"app": "web"}},
        }
        await cluster.admin.patch(SERVICES, "web-canary", patch, NAMESPACE)

    def concerns(request: Request) -> bool:
        return request.method == "PATCH" and request.path.endswith("/services/web-canary")

    end = interrupted(concerns, act)
    assert end["services"] == {"web-stable": "web:v2", "web-canary": "web:v2"}


def test_a_run_that_was_stopped_by_hand_is_no_pass() -> None:
    async def act(cluster: PaperCluster) -> None:
        (name,) = await scenes.runs(cluster)
        patch = {"spec": {"terminate": True}}
        await cluster.admin.patch(scenes.ANALYSIS_RUNS, name, patch, NAMESPACE)

    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Progressing", 1)
            await cluster.clock.sleep(2)
            await act(cluster)
            await cluster.clock.sleep(60)
            return await status(cluster)

    now = run_virtual(story())
    assert (now["phase"], now["currentStepIndex"]) == ("Paused", 1)


def test_a_stop_does_not_hit_a_later_run_of_the_same_name() -> None:
    """The abort stops the run that it saw; one that somebody made under that name goes on."""
    made: list[Interrupted] = []

    def stops(request: Request) -> bool:
        body = request.body or b""
        return (
            request.method == "PATCH" and "/analysisruns/" in request.path and b"terminate" in body
        )

    def wrap(inner: Transport) -> Interrupted:
        made.append(Interrupted(inner, stops))
        return made[-1]

    async def story() -> Any:
        async with (
            paper_cluster() as cluster,
            controlled(cluster, wrap, asker=scenes.network(cluster)),
        ):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Progressing", 1)
            await cluster.clock.sleep(2)
            (name,) = await scenes.runs(cluster)

            async def replaced() -> None:
                one = await cluster.admin.get(scenes.ANALYSIS_RUNS, name, NAMESPACE)
                await cluster.admin.delete(scenes.ANALYSIS_RUNS, name, NAMESPACE)
                fresh = {key: one[key] for key in ("apiVersion", "kind", "spec")}
                await cluster.admin.create(
                    scenes.ANALYSIS_RUNS, {**fresh, "metadata": {"name": name}}, NAMESPACE
                )

            made[0].act = replaced
            await command(cluster, commands.abort())
            await cluster.clock.sleep(60)
            run = await cluster.admin.get(scenes.ANALYSIS_RUNS, name, NAMESPACE)
            return run, await status(cluster)

    run, now = run_virtual(story())
    assert "terminate" not in run["spec"]
    assert run["status"]["phase"] == "Successful"
    assert now["phase"] == "Degraded"


def test_a_route_that_somebody_turns_is_turned_back() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Progressing", 1)
            note = {"metadata": {"annotations": {scenes.WEIGHT: "90"}}}
            await cluster.admin.patch(scenes.INGRESSES, "web-web-canary", note, NAMESPACE)
            await cluster.clock.sleep(5)
            return await scenes.weight(cluster), condition(await status(cluster), "InvalidSpec")

    assert run_virtual(story()) == (50, {})


def test_the_label_of_our_services_stays_ours() -> None:
    """Whose Service it is stands on it: a second rollout that names it touches nothing."""

    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            thief = scenes.SMALL.replace("name: web,", "name: thief,")
            await cluster.apply(thief)
            await cluster.clock.sleep(60)
            service = await cluster.admin.get(SERVICES, "web-stable", NAMESPACE)
            return service["metadata"]["annotations"][names.MANAGED_BY], await status(
                cluster, "thief"
            )

    owner, now = run_virtual(story())
    assert owner == "web"
    assert "managed by the Rollout web" in now["message"]
