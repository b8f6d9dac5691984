"""The informer through cut streams, opaque versions and any schedule of faults."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import msgspec
import pytest

from kube.informer_world import MAPS, OTHER, World, config, running, tell
from serinus.kube.errors import ApiError
from serinus.kube.resource import CONFIGMAPS
from serinus.kube.transport import AsgiTransport, Faults


@pytest.mark.parametrize("size", [1, 2, 7, 50, 1000])
def test_events_arrive_wherever_the_stream_is_cut(size: int) -> None:
    names = [f"käfer-{number}" for number in range(10)]
    lines = b"".join(
        msgspec.json.encode(
            {
                "type": "ADDED",
                "object": {"metadata": {"name": name, "resourceVersion": str(100 + number)}},
            }
        )
        + b"\n"
        for number, name in enumerate(names)
    )

    async def cut(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for start in range(0, len(lines), size):
            piece = lines[start : start + size]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await receive()
        await receive()

    async def story(world: World) -> None:
        world.client.transport = AsgiTransport(world.server)  # the faulty one joins lines
        world.server.script = lambda _m, _p, query: cut if "watch" in query else None
        async with running(world):
            await world.clock.sleep(10)
            assert [made.metadata.name for made in world.informer.store.all()] == names

    tell(story)


def test_opaque_versions_are_waited_for() -> None:
    async def story(world: World) -> None:
        async with running(world):
            await world.informer.synced()
            world.server.put(MAPS, config("a"))
            await world.clock.sleep(1)
            answer = {**config("a", x="1")}
            answer["metadata"] |= {"namespace": "shop", "resourceVersion": "v-x"}
            world.informer.expect(answer)
            assert world.informer.is_behind("shop", "a")
            assert not world.informer.saw("shop", "a", "v-x")
            world.server.objects[MAPS, "a"] = answer
            world.server._record("MODIFIED", MAPS, answer)
            world.server.history[-1] = (world.server.version + 1, "MODIFIED", MAPS, answer)
            world.server.version += 1
            await world.clock.sleep(1)
            assert not world.informer.is_behind("shop", "a")
            assert world.informer.store.get("shop", "a").data == {"x": "1"}

    tell(story)


async def _mutate(world: World, rng: random.Random, steps: int) -> None:
    """Users change things; we write too, over the faulty transport, and expect our answers."""
    ours: list[asyncio.Task[None]] = []
    for step in range(steps):
        path, name = rng.choice([MAPS, OTHER]), f"{rng.choice('abc')}{rng.randrange(12)}"
        known = (path, name) in world.server.objects
        match rng.randrange(8):
            case 0 if known:
                world.server.remove(path, name)
            case 1:
                world.server.compact()
            case 2 | 3 | 4:
                world.server.put(path, config(name, step=str(step)))
            case _:
                namespace = path.split("/")[4]
                ours.append(asyncio.create_task(_own_write(world, rng, namespace, name, step)))
        await world.clock.sleep(rng.choice([0, 0, 0.1, 3, 40]))
    await asyncio.gather(*ours)


async def _own_write(
    world: World, rng: random.Random, namespace: str, name: str, step: int
) -> None:
    client, informer = world.client, world.informer
    try:
        match rng.randrange(3):
            case 0:
                answer = await client.create(CONFIGMAPS, config(name, own=str(step)), namespace)
            case 1:
                patch = {"data": {"own": str(step)}}
                answer = await client.patch(CONFIGMAPS, name, patch, namespace)
            case _:
                known = informer.store.get(namespace, name)
                if known is None:
                    return
                uid = known.metadata.uid
                if await client.delete(CONFIGMAPS, name, namespace, uid=uid) is None:
                    informer.expect_gone(namespace, name, uid)
                    now = informer.store.get(namespace, name)
                    assert now is None or now.metadata.uid != uid
                return
    except ApiError:
        return
    informer.expect(answer)
    version = int(answer["metadata"]["resourceVersion"])
    now = informer.store.get(namespace, name)
    assert now is None or int(now.metadata.resource_version) >= version
    assert informer.saw(namespace, name, str(version))


@pytest.mark.parametrize("seed", range(40))
def test_the_cache_equals_the_server_after_any_fault_schedule(seed: int) -> None:
    rng = random.Random(seed)
    chance = rng.choice([0.0, 0.02, 0.1, 0.3])

    async def story(world: World) -> None:
        world.server.bookmark_every = rng.choice([None, 10, 60])
        for number in range(rng.choice([0, 3, 700])):
            world.server.put(MAPS, config(f"m{number}"))
        async with running(world):
            await _mutate(world, rng, steps=120)
            world.faulty.heal()
            await world.clock.sleep(400)
            assert world.informer.has_synced
            assert world.cached() == world.served()
            assert set(world.told) == set(world.served())
            by_namespace = world.informer.store.by_index("namespace", "shop")
            assert len(by_namespace) == len(world.server.listed(MAPS))
            requests = world.server.count()
            await world.clock.sleep(3000)
            assert world.server.count() - requests <= 30, "once well, it is quiet"

    tell(story, seed=seed, faults=Faults.everything(chance))
