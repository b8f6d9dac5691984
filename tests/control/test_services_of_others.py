"""What docs/controller.md says of server-side apply: the selector of a Service is one value, and
ours while a Rollout manages it. Who leaves it out has no conflict; who takes it loses it again.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from control import scenes
from control.scenes import until_phase
from serinus.api.names import POD_HASH
from serinus.kube.errors import Conflict
from serinus.kube.resource import SERVICES
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

PATH = f"/api/v1/namespaces/{NAMESPACE}/services/web-stable"
HEADERS = {"Content-Type": "application/apply-patch+yaml"}


async def applied(cluster: PaperCluster, *, selector: bool = True, force: bool = False) -> None:
    """`kubectl apply --server-side` of the stable Service's manifest. Raises ApiError."""
    body: dict[str, Any] = yaml.safe_load(scenes.STABLE_SERVICE)
    if not selector:
        del body["spec"]["selector"]
    query = {"fieldManager": "kubectl", "force": str(force).lower()}
    await cluster.admin.raw("PATCH", PATH, query, json.dumps(body).encode(), HEADERS)


async def selected(cluster: PaperCluster) -> dict[str, str]:
    found = await cluster.admin.get(SERVICES, "web-stable", NAMESPACE)
    return dict(found["spec"]["selector"])


def test_the_selector_of_a_managed_service_conflicts_and_leaving_it_out_does_not() -> None:
    async def story() -> None:
        async with (
            paper_cluster() as cluster,
            controlled(cluster, asker=scenes.network(cluster)),
        ):
            await applied(cluster)  # before anybody manages it
            others = (scenes.SMALL, scenes.TEMPLATE, scenes.CANARY_SERVICE, scenes.INGRESS)
            await cluster.apply("---".join(others))
            await until_phase(cluster, "Healthy")
            ours = await selected(cluster)
            assert set(ours) == {"app", POD_HASH}
            with pytest.raises(Conflict, match=r'with "controller".*\.spec\.selector'):
                await applied(cluster)
            await applied(cluster, selector=False)
            assert await selected(cluster) == ours
            await applied(cluster, force=True)
            assert await selected(cluster) == {"app": "web"}
            await cluster.clock.sleep(30)
            assert await selected(cluster) == ours

    run_virtual(story())
