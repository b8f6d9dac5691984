"""The informer on the product's own API server, whose history is short and whose net is bad."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest

from serinus.api.kubernetes import ReplicaSet
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, Conflict, NotFound
from serinus.kube.informer import Informer
from serinus.kube.resource import REPLICASETS
from serinus.kube.transport import AsgiTransport, Faults, FaultyTransport
from serinus.local.apiserver.app import ApiServer
from support.virtual import run_virtual, virtual_clock

PATIENT = Limits(requests_per_second=1000, burst=1000)


def replicaset(name: str, replicas: int) -> dict[str, object]:
    labels = {"app": name[0]}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "main", "image": "shop:v1"}]},
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {"name": name, "labels": labels},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": template,
        },
    }


async def change(users: Client, rng: random.Random, step: int) -> None:
    """One thing that a user does; what is there already or not there is not an error here."""
    name = f"{rng.choice('ab')}{rng.randrange(8)}"
    try:
        match rng.randrange(4):
            case 0:
                await users.delete(REPLICASETS, name, "default")
            case 1:
                await users.create(REPLICASETS, replicaset(name, step), "default")
            case _:
                patch = {"spec": {"replicas": step}}
                await users.patch(REPLICASETS, name, patch, "default")
    except (NotFound, Conflict):
        return


async def own_write(ours: Client, informer: Informer[ReplicaSet], name: str, step: int) -> None:
    """A write over the bad net; what the store shows is never older than its answer."""
    patch = {"metadata": {"annotations": {"step": str(step)}}}
    try:
        answer = await ours.patch(REPLICASETS, name, patch, "default")
    except ApiError:
        return
    informer.expect(answer)
    known = informer.store.get("default", name)
    version = int(answer["metadata"]["resourceVersion"])
    assert known is None or int(known.metadata.resource_version) >= version


@pytest.mark.parametrize("seed", range(20))
def test_the_cache_equals_the_embedded_server(seed: int) -> None:
    rng = random.Random(seed)
    faults = Faults.everything(rng.choice([0.0, 0.05, 0.2]))

    async def story() -> None:
        clock = virtual_clock(speed=rng.choice([1.0, 30.0]))
        server = ApiServer(clock, chance=random.Random(seed), history_limit=40)
        users = Client(AsgiTransport(server, server.prefix("user")), clock, limits=PATIENT)
        faulty = FaultyTransport(
            AsgiTransport(server, server.prefix("controller")), random.Random(seed), faults, clock
        )
        ours = Client(faulty, clock, limits=PATIENT, jitter=random.Random(seed))
        informer: Informer[ReplicaSet] = Informer(
            ours,
            REPLICASETS,
            ReplicaSet,
            clock,
            indexes={"app": lambda made: [made.metadata.labels["app"]]},
            jitter=random.Random(seed),
        )
        running = asyncio.create_task(informer.run())
        for step in range(150):
            await change(users, rng, step)
            if rng.random() < 0.2:
                await own_write(ours, informer, f"a{rng.randrange(8)}", step)
            await clock.sleep_wall(rng.choice([0, 0.1, 3, 30]))
        faulty.heal()
        await clock.sleep_wall(400)
        served = await users.list(REPLICASETS, type=ReplicaSet)
        assert served.items
        by_name = {made.metadata.name: made for made in served}
        assert {made.metadata.name: made for made in informer.store.all()} == by_name
        indexed = [*informer.store.by_index("app", "a"), *informer.store.by_index("app", "b")]
        assert len(indexed) == len(by_name)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await ours.close()
        await users.close()

    run_virtual(story())


def test_templates_are_kept_as_they_came() -> None:
    async def story() -> None:
        clock = virtual_clock()
        server = ApiServer(clock, chance=random.Random(1))
        client = Client(AsgiTransport(server, server.prefix("user")), clock)
        made = await client.create(REPLICASETS, replicaset("a", 1), "default")
        typed = await client.get(REPLICASETS, "a", "default", type=ReplicaSet)
        assert msgspec.json.decode(typed.spec.template) == made["spec"]["template"]
        await client.delete(REPLICASETS, "a", "default")
        with pytest.raises(NotFound):
            await client.get(REPLICASETS, "a", "default")
        await client.close()

    run_virtual(story())
