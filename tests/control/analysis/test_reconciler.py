"""The reconcile of AnalysisRuns: from the object to the query and back into its status."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from control.analysis_world import Tell, vector, world
from serinus.control.kinds import ANALYSIS_RUNS
from serinus.core.http import HttpRequest
from serinus.kube.resource import SECRETS
from support.virtual import run_virtual

ADDRESS = "http://prometheus.monitoring:9090"


def metric(name: str = "m", **fields: Any) -> dict[str, Any]:
    query = fields.pop("query", "up")
    prometheus = {"address": ADDRESS, "query": query, **fields.pop("prometheus", {})}
    return {
        "name": name,
        "successCondition": "result[0] < 1",
        "provider": {"prometheus": prometheus},
        **fields,
    }


def story(tell: Tell, answer: Callable[[HttpRequest, int], bytes] | None = None) -> None:
    async def run() -> None:
        async with world(answer or (lambda request, nth: vector(0.5))) as made:
            await tell(made)

    run_virtual(run())


def test_a_run_is_measured_and_ends() -> None:
    async def tell(w: Any) -> None:
        await w.create(metric(interval="30s", count=3, query='up{app="{{args.app}}"}'),
                       args=[{"name": "app", "value": "shop"}])  # fmt: skip
        await w.clock.sleep(300)
        run = await w.run()
        assert run.status.phase == "Successful"
        (result,) = run.status.metric_results
        assert [m.value for m in result.measurements] == ["[0.5]"] * 3
        assert result.metadata == {"ResolvedPrometheusQuery": 'up{app="shop"}'}
        assert [r.url for r in w.network.sent] == [f"{ADDRESS}/api/v1/query"] * 3
        assert w.told.events == [
            ("Normal", "MetricSuccessful", "Metric 'm' Completed. Result: Successful"),
            ("Normal", "AnalysisRunSuccessful", "Analysis Completed. Result: Successful"),
        ]

    story(tell)


def test_a_bad_metric_fails_the_run_with_a_warning() -> None:
    async def tell(w: Any) -> None:
        await w.create(metric())
        await w.clock.sleep(60)
        run = await w.run()
        assert run.status.phase == "Failed"
        assert run.status.message == (
            'Metric "m" assessed Failed due to failed (1) > failureLimit (0)'
        )
        assert [kind for kind, _, _ in w.told.events] == ["Warning", "Warning"]

    story(tell, lambda request, nth: vector(2.0))


def test_a_query_without_series_is_no_pass() -> None:
    async def tell(w: Any) -> None:
        await w.create(metric(interval="10s", count=2))
        await w.clock.sleep(25)
        (result,) = (await w.run()).status.metric_results
        assert result.consecutive_no_data == 3
        assert result.measurements[-1].message == "no data: the query returned no series"
        await w.clock.sleep(60)
        assert (await w.run()).status.phase == "Inconclusive"

    story(tell, lambda request, nth: vector())


def test_slow_answers_never_hold_other_runs_metrics_up() -> None:
    async def tell(w: Any) -> None:
        w.network.latency_seconds = 20.0
        await w.create(metric("a"), metric("b"), metric("c"))
        await w.clock.sleep(1)
        assert len(w.network.sent) == 3
        await w.clock.sleep(21)
        assert (await w.run()).status.phase == "Successful"

    story(tell)


def test_the_status_shows_a_measurement_before_it_is_asked() -> None:
    async def tell(w: Any) -> None:
        shown: list[int] = []
        send = w.network.send

        async def looking(request: HttpRequest) -> Any:
            run = await w.run()
            shown.append(len(run.status.metric_results[0].measurements))
            assert run.status.metric_results[0].measurements[-1].finished_at is None
            return await send(request)

        w.network.send = looking
        await w.create(metric(interval="10s", count=3))
        await w.clock.sleep(60)
        assert shown == [1, 2, 3]

    story(tell)


@pytest.mark.parametrize("seconds", [0.2, 0.7, 5, 10.2, 10.6, 20.3, 24])
def test_a_crash_at_any_moment_changes_no_verdict(seconds: float) -> None:
    async def tell(w: Any) -> None:
        await w.create(metric(interval="10s", count=3))
        await w.clock.sleep(seconds)
        await w.crash()
        await w.clock.sleep(3)
        await w.start()
        await w.clock.sleep(120)
        run = await w.run()
        assert run.status.phase == "Successful"
        (result,) = run.status.metric_results
        assert (result.count, result.successful, len(result.measurements)) == (3, 3, 3)
        assert len(w.network.sent) in (3, 4)

    story(tell)


def test_a_cancelled_run_ends_at_once_and_asks_no_more() -> None:
    async def tell(w: Any) -> None:
        w.network.latency_seconds = 25.0
        await w.create(metric())
        await w.clock.sleep(5)
        await w.client.patch(ANALYSIS_RUNS, "run", {"spec": {"terminate": True}}, "default")
        await w.clock.sleep(1)
        run = await w.run()
        assert (run.status.phase, run.status.message) == ("Successful", "Run Terminated")
        await w.clock.sleep(60)
        assert await w.run() == run

    story(tell)


def test_a_deleted_run_is_forgotten_and_a_new_one_of_its_name_begins_anew() -> None:
    async def tell(w: Any) -> None:
        w.network.latency_seconds = 25.0
        await w.create(metric())
        await w.clock.sleep(5)
        await w.client.delete(ANALYSIS_RUNS, "run", "default")
        await w.create(metric())
        await w.clock.sleep(27)
        run = await w.run()
        assert run.status.phase == "Successful"
        assert len(w.network.sent) == 2

    story(tell)


def test_a_run_past_its_time_to_live_is_deleted() -> None:
    async def tell(w: Any) -> None:
        await w.create(metric(), ttlStrategy={"secondsAfterCompletion": 30})
        await w.clock.sleep(20)
        assert (await w.run()).status.phase == "Successful"
        await w.clock.sleep(20)
        assert (await w.client.list(ANALYSIS_RUNS, "default")).items == ()

    story(tell)


def test_a_resting_run_is_never_written() -> None:
    async def tell(w: Any) -> None:
        await w.create(metric())
        await w.clock.sleep(30)
        version = (await w.run()).metadata.resource_version
        await w.clock.sleep(3600)
        assert (await w.run()).metadata.resource_version == version

    story(tell)


def test_secrets_are_filled_in_and_never_seen_in_the_status() -> None:
    token = "s3cr3t-token"

    async def tell(w: Any) -> None:
        data = {"key": base64.b64encode(token.encode()).decode()}
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": data}
        await w.client.create(SECRETS, secret, "default")
        header = {"key": "Authorization", "value": "Bearer {{args.token}}"}
        source = {"secretKeyRef": {"name": "s", "key": "key"}}
        await w.create(
            metric(prometheus={"headers": [header]}, consecutiveErrorLimit=0),
            args=[{"name": "token", "valueFrom": source}],
        )
        await w.clock.sleep(30)
        assert w.network.sent[0].headers == (("Authorization", f"Bearer {token}"),)
        run = await w.run()
        assert run.status.phase == "Error"
        assert "denied for *****" in run.status.message
        assert token not in repr(run)
        assert token not in repr(w.told.events)

    refused = f'{{"status":"error","errorType":"auth","error":"denied for {token}"}}'.encode()
    story(tell, lambda request, nth: refused)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"name": "none", "key": "k"}, "args.token: Secret default/none does not exist; create it"),
        ({"name": "s", "key": "k"}, "args.token: Secret default/s has no key k; add it"),
    ],
)
def test_a_missing_secret_is_an_error_that_names_it(source: dict[str, str], message: str) -> None:
    async def tell(w: Any) -> None:
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
        await w.client.create(SECRETS, secret, "default")
        await w.create(
            metric(query="{{args.token}}", consecutiveErrorLimit=0),
            args=[{"name": "token", "valueFrom": {"secretKeyRef": source}}],
        )
        await w.clock.sleep(30)
        run = await w.run()
        assert run.status.phase == "Error"
        assert message in run.status.message
        assert w.network.sent == []

    story(tell)


def test_a_provider_that_is_not_there_is_an_error_that_lists_the_known_ones() -> None:
    async def tell(w: Any) -> None:
        await w.create({"name": "m", "provider": {"graphite": {"query": "x"}}})
        await w.clock.sleep(30)
        run = await w.run()
        assert run.status.phase == "Error"
        assert "provider.graphite: is not supported yet; use one of: prom" in run.status.message

    story(tell)
