"""A metric that names no Prometheus is asked of the one that the controller's environment names."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

from control.analysis_world import Network, vector
from serinus.cli.remote import PROMETHEUS_ADDRESS, addresses_of
from serinus.control.kinds import ANALYSIS_RUNS
from serinus.control.wiring import World, run_controller
from support.cluster import NAMESPACE, paper_cluster
from support.virtual import run_virtual

RUN = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisRun
metadata: {name: run, namespace: shop}
spec:
  metrics:
  - name: errors
    successCondition: result[0] < 0.1
    provider: {prometheus: {query: errors}}
"""


def measured(environment: dict[str, str]) -> tuple[str, list[str]]:
    """The phase in the end, and the hosts that were asked."""

    async def story() -> tuple[str, list[str]]:
        async with paper_cluster() as cluster:
            network = Network(cluster.clock, lambda request, number: vector(0.0))
            world = World(
                client=cluster.client("controller"),
                clock=cluster.clock,
                rng=random.Random(1),
                addresses=addresses_of(environment),
                asker=network,
            )
            running = asyncio.create_task(run_controller(world))
            await cluster.apply(RUN)
            await cluster.clock.sleep(120)
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            seen = await cluster.admin.get(ANALYSIS_RUNS, "run", NAMESPACE)
        return seen["status"]["phase"], [request.url.split("/api")[0] for request in network.sent]

    return run_virtual(story())


def test_the_address_of_the_environment_is_asked() -> None:
    address = "http://prometheus.observe:9090"
    assert measured({PROMETHEUS_ADDRESS: address}) == ("Successful", [address])


def test_without_any_address_nothing_is_asked_and_the_run_is_an_error() -> None:
    assert measured({}) == ("Error", [])
