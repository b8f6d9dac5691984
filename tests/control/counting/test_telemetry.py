"""What the controller tells of itself: numbers, health, readiness."""

from __future__ import annotations

import re
from typing import Any

import aiohttp
import pytest

from control import scenes
from control.scenes import release, until_phase
from kube.election import court
from serinus.cli.health import PortTaken, health_pages, metrics_page, serving, serving_if_free
from serinus.control.counting.metered import MeteredTransport
from serinus.control.counting.telemetry import Telemetry
from serinus.core.rollout.reasons import Hold
from serinus.kube.errors import NoAnswer
from serinus.kube.transport.wire import Request, Response
from support.cluster import controlled, paper_cluster
from support.steady import run_steady
from support.virtual import run_virtual

LINE = re.compile(r'^[a-z_]+(\{([a-z_]+="[^"]*",?)*\})? [0-9.e+-]+$')


def series(page: str, name: str) -> dict[str, float]:
    """The series of a family by their labels."""
    found = {}
    for line in page.splitlines():
        if re.match(rf"{name}[{{ ]", line):
            labels, value = line.removeprefix(name).rsplit(" ", 1)
            found[labels] = float(value)
    return found


def test_the_numbers_follow_a_release_that_fails() -> None:
    async def story() -> tuple[str, str]:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster, scenes.BAD)
            network.latency_seconds = 3.0
            async with controlled(cluster, asker=network) as world:
                await cluster.apply(scenes.ALL)
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await until_phase(cluster, "Progressing", 1)
                during = world.telemetry.page()
                await cluster.clock.sleep(90)
                return during, world.telemetry.page()

    during, after = run_virtual(story())
    web = '{name="web",namespace="shop"'
    for page in (during, after):
        assert all(line.startswith("# ") or LINE.match(line) for line in page.splitlines())
    assert series(during, "serinus_reasons")['{hold="WaitingForAnalysis"}'] == 1
    assert series(after, "serinus_reasons") == {f'{{hold="{hold.value}"}}': 0 for hold in Hold}
    phase = ',phase="Degraded",strategy="canary"'
    assert series(after, "rollout_info") == {f'{web}{phase},traffic_router="nginx"}}': 1}
    assert series(after, "rollout_phase")[f"{web}{phase}}}"] == 1
    assert sum(series(after, "rollout_phase").values()) == 1
    assert series(after, "rollout_info_replicas_available") == {f"{web}}}": 2}
    assert series(after, "rollout_info_replicas_desired") == {f"{web}}}": 2}
    assert list(series(after, "analysis_run_info").values()) == [1]
    assert 'phase="Failed"' in next(iter(series(after, "analysis_run_info")))
    assert series(after, "rollout_reconcile_count")[f"{web}}}"] > 10
    assert series(after, "analysis_run_reconcile_count") != {}
    assert sum(series(after, "rollout_reconcile_error").values()) < 4, "lost races only"
    assert series(after, "serinus_invariant_broken_total") == {}
    told = series(after, "rollout_events_total")
    assert told['{reason="RolloutAborted",type="Warning"}'] == 1
    kinds = ("rollouts", "analysisruns", "experiments")
    assert series(after, "workqueue_depth") == {f'{{name="{kind}"}}': 0 for kind in kinds}
    assert set(series(after, "serinus_cache_behind").values()) == {0}
    assert series(after, "serinus_events_lost_total") == {"": 0}


def test_a_broken_invariant_counts_once_each_time_that_it_begins() -> None:
    telemetry, key = Telemetry(), ("shop", "web")
    for holds in ([Hold.INVARIANT], [Hold.INVARIANT], [], [Hold.INVARIANT, Hold.PAUSE]):
        telemetry.held(key, holds)
    broken = series(telemetry.page(), "serinus_invariant_broken_total")
    assert broken == {'{name="web",namespace="shop"}': 2}


def test_requests_are_counted_by_what_they_do_and_how_they_ended() -> None:
    class Line:
        async def send(self, request: Request) -> Response:
            if "gone" in request.path:
                raise NoAnswer("no connection", sent=False)
            return Response(409 if request.method == "PATCH" else 200, {}, b"{}")

    async def story() -> str:
        telemetry = Telemetry()
        line: Any = MeteredTransport(Line(), telemetry.requested)  # type: ignore[arg-type]
        base = "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts"
        await line.send(Request("GET", base))
        await line.send(Request("PATCH", f"{base}/web/status"))
        with pytest.raises(NoAnswer):
            await line.send(Request("POST", "/api/v1/namespaces/gone/pods"))
        return telemetry.page()

    assert series(run_virtual(story()), "controller_clientset_k8s_request_total") == {
        '{kind="",status_code="200",verb="read"}': 1,
        '{kind="rollouts",status_code="409",verb="patch"}': 1,
        '{kind="pods",status_code="0",verb="create"}': 1,
    }


async def fetched(url: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, answer.headers["content-type"], await answer.text()


def test_the_pages_are_served() -> None:
    class Halfway(Telemetry):
        def missing(self) -> tuple[str, ...]:
            return ("pods: 403 Forbidden",)

    async def story() -> Any:
        telemetry = Telemetry()
        async with (
            serving(metrics_page(telemetry), 0) as numbers,
            serving(health_pages(Halfway()), 0) as health,
        ):
            base = f"http://127.0.0.1:{health}"
            return (
                await fetched(f"http://127.0.0.1:{numbers}/metrics"),
                await fetched(f"{base}/healthz"),
                await fetched(f"{base}/readyz"),
                await fetched(f"{base}/metrics"),
            )

    numbers, alive, ready, other = run_steady(story())
    assert numbers[:2] == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert "serinus_controller_info{version=" in numbers[2]
    assert (alive[0], alive[2]) == (200, "ok")
    assert (ready[0], ready[2]) == (503, "waiting for pods: 403 Forbidden")
    assert other[0] == 404


def test_a_controller_that_is_ready_says_so() -> None:
    async def story() -> tuple[int, str]:
        async with paper_cluster() as cluster, controlled(cluster) as world:
            return health_pages(world.telemetry)["/readyz"]()

    assert run_virtual(story()) == (200, "ok")
    assert health_pages(Telemetry())["/readyz"]()[0] == 503


def test_a_controller_that_stands_by_is_ready_unless_it_cannot_reach_the_lease() -> None:
    async def story() -> None:
        async with court() as it:
            leading = it.candidate("a")
            await it.clock.sleep(1)
            standing = it.candidate("b")
            await it.clock.sleep(5)
            told = [Telemetry(), Telemetry()]
            for one, candidate in zip(told, (leading, standing), strict=True):
                one.elect(candidate.elector)
            ready = [health_pages(one)["/readyz"]() for one in told]
            assert ready == [
                (503, "waiting for the controller has not started yet"),
                (200, "standing by; lease default/lock is held by a"),
            ]
            numbers = [series(one.page(), "leader_election_master_status") for one in told]
            assert numbers == [{'{name="lock"}': 1}, {'{name="lock"}': 0}]
            standing.network.refusal = Response(403, {}, b'{"message":"no leases for you"}')
            await it.clock.sleep(5)
            status, text = health_pages(told[1])["/readyz"]()
            assert (status, "no leases for you" in text) == (503, True)

    run_virtual(story())


def test_a_port_that_is_taken_is_an_error_only_if_somebody_asked_for_it() -> None:
    async def story() -> None:
        async with serving({}, 0) as port:
            with pytest.raises(PortTaken, match=f"port {port} of 127.0.0.1"):
                async with serving({}, port):
                    raise AssertionError
            async with serving_if_free({}, port):
                pass

    run_steady(story())
