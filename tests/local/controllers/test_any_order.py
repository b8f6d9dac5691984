"""Whatever people do to a Deployment in whatever order: the end is the last wish, within bounds."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import pytest

from local.controllers.nodes import PaperNode, paper_node
from local.controllers.test_deployment import (
    create,
    deployment,
    image_of,
    patch,
    set_image,
    sets,
    sizes,
)
from local.controllers.world import World, world
from serinus.kube.errors import ApiError
from serinus.kube.resource import PODS
from support.virtual import run_virtual

Json = dict[str, Any]
AMOUNTS = (0, 1, 2, "20%", "25%", "50%", "100%")


async def act(here: World, chance: random.Random) -> None:
    """One edit of a person, or a stroke of fate."""
    match chance.randrange(7):
        case 0 | 1:
            await set_image(here, f"acme/web:v{chance.randrange(1, 5)}")
        case 2:
            await patch(here, replicas=chance.randrange(0, 9))
        case 3:
            await patch(here, paused=chance.random() < 0.5)
        case 4:
            rolling = {f: chance.choice(AMOUNTS) for f in ("maxSurge", "maxUnavailable")}
            strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
            with suppress(ApiError):  # both 0 is refused
                await patch(here, strategy=strategy)
        case 5:
            strategy = {"type": "Recreate", "rollingUpdate": None}
            await patch(here, strategy=strategy)
        case 6:
            if pods := await here.pods():
                name = chance.choice(pods)["metadata"]["name"]
                await here.client.delete(PODS, name, "default")


@pytest.mark.parametrize("seed", range(12))
def test_the_end_is_the_last_wish_whatever_came_before(seed: int) -> None:
    async def story() -> tuple[Json, list[Json], int, dict[str, int], tuple[str, str]]:
        chance = random.Random(seed)
        async with world() as here, paper_node(here):
            await create(here, 4)
            for _ in range(15):
                await here.clock.sleep(chance.choice((0, 0.5, 3, 10, 40)))
                await act(here, chance)
            await patch(here, paused=False)
            await here.clock.sleep(600)
            first = (await here.client.list(PODS, "default")).resource_version
            await here.clock.sleep(3600)
            last = (await here.client.list(PODS, "default")).resource_version
            pods = [p for p in await here.pods() if "deletionTimestamp" not in p["metadata"]]
            return (
                await deployment(here),
                pods,
                len(await sets(here)),
                await sizes(here),
                (
                    first,
                    last,
                ),
            )

    wish, pods, count, by_image, (first, last) = run_virtual(story())
    replicas, image = wish["spec"]["replicas"], image_of(wish)
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} <= {image}
    assert (len(pods), sum(by_image.values())) == (replicas, replicas)
    assert wish["status"].get("availableReplicas", 0) == replicas
    said = {c["type"]: c["reason"] for c in wish["status"]["conditions"]}
    assert said["Progressing"] == "NewReplicaSetAvailable"
    assert count <= 4  # one for each image
    assert first == last


@pytest.mark.parametrize("seed", range(10))
def test_updates_never_leave_their_bounds(seed: int) -> None:
    async def story() -> tuple[PaperNode, int, int, int]:
        chance = random.Random(1000 + seed)
        replicas = chance.randrange(1, 13)
        surge, unavailable = chance.randrange(0, 4), chance.randrange(0, 4)
        unavailable = max(unavailable, 1) if surge == 0 else unavailable
        rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
        async with world() as here, paper_node(here) as node:
            await create(here, replicas, strategy={"rollingUpdate": rolling})
            await here.clock.sleep(60)
            node.watch()
            for number in range(2, 6):
                await set_image(here, f"acme/web:v{number % 3}")
                await here.clock.sleep(chance.choice((0, 1, 4, 9)))
            await here.clock.sleep(300)
            return node, replicas, surge, unavailable

    node, replicas, surge, unavailable = run_virtual(story())
    assert max(node.counts) <= replicas + surge
    assert min(node.ready_counts) >= replicas - unavailable
