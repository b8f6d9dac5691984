"""The informer: its store equals the server, whatever goes wrong, and few requests get it there."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from serinus.base.clock import Clock
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.errors import ApiError
from serinus.kube.informer import Informer
from serinus.kube.resource import CONFIGMAPS
from serinus.kube.transport import AsgiTransport, Faults, FaultyTransport
from support.objectserver import ObjectServer, refuse, respond
from support.virtual import run_virtual, virtual_clock

MAPS = "/api/v1/namespaces/shop/configmaps"
OTHER = "/api/v1/namespaces/other/configmaps"
PATIENT = Limits(requests_per_second=1000, burst=1000)


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}


class ConfigMap(msgspec.Struct, frozen=True):
    metadata: Meta
    data: dict[str, str] = {}
    extra: msgspec.Raw = msgspec.Raw()


def config(name: str, **data: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "labels": {"n": name[0]}}, "data": data}


def labels_of(made: ConfigMap) -> list[str]:
    return list(made.metadata.labels.values())


class World:
    """A server, an informer over it and what the informer told."""

    def __init__(self, clock: Clock, seed: int, faults: Faults, namespace: str | None) -> None:
        self.clock = clock
        self.server = ObjectServer(bookmark_every=60)
        self.faulty = FaultyTransport(
            AsgiTransport(self.server), random.Random(seed), faults, clock
        )
        self.client = Client(self.faulty, clock, limits=PATIENT, jitter=random.Random(seed))
        self.informer: Informer[ConfigMap] = Informer(
            self.client,
            CONFIGMAPS,
            ConfigMap,
            clock,
            namespace=namespace,
            indexes={"label": labels_of, "namespace": lambda made: [made.metadata.namespace]},
            jitter=random.Random(seed),
        )
        self.told: dict[str, ConfigMap] = {}
        self.informer.on_change(self._hear)

    def _hear(self, old: ConfigMap | None, new: ConfigMap | None) -> None:
        made = new or old
        assert made is not None
        name = f"{made.metadata.namespace}/{made.metadata.name}"
        assert self.told.get(name) == old, "a change begins where the last one ended"
        if new is None:
            del self.told[name]
        else:
            self.told[name] = new

    def served(self, path: str = "/api/v1/configmaps") -> dict[str, str]:
        return {
            f"{made['metadata']['namespace']}/{made['metadata']['name']}": made["metadata"][
                "resourceVersion"
            ]
            for made in self.server.listed(path)
        }

    def cached(self) -> dict[str, str]:
        return {
            f"{made.metadata.namespace}/{made.metadata.name}": made.metadata.resource_version
            for made in self.informer.store.all()
        }


@asynccontextmanager
async def running(world: World) -> Any:
    task = asyncio.create_task(world.informer.run())
    try:
        yield
    finally:
        assert not task.done(), "the informer never ends by itself"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await world.client.close()


def tell(
    story: Callable[[World], Coroutine[Any, Any, None]],
    *,
    seed: int = 1,
    faults: Faults | None = None,
    namespace: str | None = None,
) -> None:
    async def run() -> None:
        world = World(virtual_clock(), seed, faults or Faults(), namespace)
        await story(world)

    run_virtual(run())


def test_the_store_follows_adds_changes_and_deletes() -> None:
    async def story(world: World) -> None:
        world.server.put(MAPS, config("a", x="1"))
        async with running(world):
            await world.informer.synced()
            assert world.informer.store.get("shop", "a").data == {"x": "1"}
            world.server.put(MAPS, config("a", x="2"))
            world.server.put(OTHER, config("b"))
            await world.clock.sleep(1)
            assert world.informer.store.get("shop", "a").data == {"x": "2"}
            assert [made.metadata.name for made in world.informer.store.all()] == ["a", "b"]
            world.server.remove(MAPS, "a")
            await world.clock.sleep(1)
            assert world.informer.store.get("shop", "a") is None
            assert set(world.told) == {"other/b"}

    tell(story)


def test_an_informer_of_one_namespace_sees_no_other() -> None:
    async def story(world: World) -> None:
        world.server.put(OTHER, config("b"))
        async with running(world):
            await world.informer.synced()
            world.server.put(MAPS, config("a"))
            world.informer.expect(world.server.put(OTHER, config("c")))
            await world.clock.sleep(1)
            assert list(world.cached()) == ["shop/a"]

    tell(story, namespace="shop")


def test_indexes_follow_changes() -> None:
    async def story(world: World) -> None:
        for name in ("a1", "a2", "b1"):
            world.server.put(MAPS, config(name))
        async with running(world):
            await world.informer.synced()
            store = world.informer.store
            assert [made.metadata.name for made in store.by_index("label", "a")] == ["a1", "a2"]
            world.server.put(MAPS, {"metadata": {"name": "a1", "labels": {"n": "b"}}})
            world.server.remove(MAPS, "b1")
            await world.clock.sleep(1)
            assert [made.metadata.name for made in store.by_index("label", "a")] == ["a2"]
            assert [made.metadata.name for made in store.by_index("label", "b")] == ["a1"]
            assert store.by_index("label", "none") == ()
            with pytest.raises(KeyError):
                store.by_index("unknown", "a")

    tell(story)


def test_a_quiet_day_costs_a_watch_every_five_to_ten_minutes() -> None:
    async def story(world: World) -> None:
        async with running(world):
            await world.clock.sleep(24 * 3600)
        assert world.server.count(watch=False) == 1
        assert 144 <= world.server.count(watch=True) <= 288

    tell(story)


def test_a_watch_without_bookmarks_is_renewed_when_it_was_silent_too_long() -> None:
    async def story(world: World) -> None:
        world.server.bookmark_every = None
        async with running(world):
            await world.clock.sleep(3600)
            world.server.put(MAPS, config("a"))
            await world.clock.sleep(1)
            assert world.cached() == world.served()
        assert world.server.count(watch=True) <= 25

    tell(story)


async def _end(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _garbage(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"<html>\n"})


async def _crash(scope: Any, receive: Any, send: Any) -> None:
    raise RuntimeError("scripted")


async def _expired_inside(scope: Any, receive: Any, send: Any) -> None:
    line = b'{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired"}}\n'
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": line})


@pytest.mark.parametrize(
    ("trouble", "everywhere"),
    [
        (_end, False),
        (_garbage, False),
        (_garbage, True),
        (_crash, True),
        (_expired_inside, False),
        (refuse(410, "Expired"), False),
        (refuse(410, "Expired"), True),
        (refuse(403, "Forbidden"), False),
        (refuse(403, "Forbidden"), True),
        (refuse(404, "NotFound"), True),
        (refuse(500, "InternalError"), True),
        (refuse(429, "TooManyRequests", {"Retry-After": 1}), True),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_server_in_trouble_is_asked_rarely_and_found_again_soon(
    trouble: Any, everywhere: bool
) -> None:
    async def story(world: World) -> None:
        world.server.script = lambda _m, _p, query: (
            trouble if everywhere or "watch" in query else None
        )
        async with running(world):
            await world.clock.sleep(600)
            assert 10 <= world.server.count() <= 200
            world.server.put(MAPS, config("a"))
            world.server.script = None
            await world.clock.sleep(35)
            assert world.cached() == world.served()
            assert world.informer.problem is None

    tell(story)


def test_a_kind_that_is_installed_later_is_picked_up_and_the_wait_has_a_reason() -> None:
    async def story(world: World) -> None:
        world.server.script = lambda *_: refuse(404, "NotFound")
        async with running(world):
            await world.clock.sleep(100)
            assert not world.informer.has_synced
            assert "404" in (world.informer.problem or "")
            world.server.put(MAPS, config("a"))
            world.server.script = None
            await world.informer.synced()
            assert list(world.cached()) == ["shop/a"]

    tell(story)


def test_objects_survive_a_time_of_trouble_unknown_is_not_gone() -> None:
    async def story(world: World) -> None:
        world.server.put(MAPS, config("a"))
        async with running(world):
            await world.informer.synced()
            world.server.compact()
            world.server.script = lambda *_: refuse(403, "Forbidden")
            await world.clock.sleep(3000)
            assert list(world.cached()) == ["shop/a"]

    tell(story)


def test_after_a_restore_to_older_versions_the_list_is_believed() -> None:
    async def story(world: World) -> None:
        world.server.version = 500
        world.server.put(MAPS, config("a", x="new"))
        async with running(world):
            await world.informer.synced()
            world.server.version = 20
            world.server.put(MAPS, config("a", x="restored"))
            world.server.compact()
            world.server.script = lambda _m, _p, query: (
                refuse(410, "Expired") if query.get("resourceVersion") == "501" else None
            )
            await world.clock.sleep(2000)
            assert world.informer.store.get("shop", "a").data == {"x": "restored"}

    tell(story)


def test_an_object_that_does_not_decode_stops_nothing() -> None:
    async def story(world: World) -> None:
        found: list[str] = []
        world.informer.on_unreadable(lambda bad: found.append(f"{bad.name}: {bad.error}"))
        world.server.put(MAPS, {"metadata": {"name": "bad"}, "data": [1]})
        world.server.put(MAPS, config("good", x="1"))
        async with running(world):
            await world.informer.synced()
            assert list(world.cached()) == ["shop/good"]
            assert found == ["bad: Expected `object`, got `array` - at `$.data`"]
            world.server.put(MAPS, {"metadata": {"name": "good"}, "data": 7})
            world.server.put(MAPS, config("next"))
            await world.clock.sleep(1)
            assert world.informer.store.get("shop", "good").data == {"x": "1"}
            assert set(world.informer.unreadable) == {("shop", "bad"), ("shop", "good")}
            assert "shop/next" in world.cached()
            world.server.put(MAPS, config("bad"))
            world.server.remove(MAPS, "good")
            await world.clock.sleep(1)
            assert world.informer.unreadable == {}
            assert world.cached() == world.served()

    tell(story)


def test_an_object_larger_than_any_buffer_arrives_whole() -> None:
    async def story(world: World) -> None:
        async with running(world):
            await world.informer.synced()
            for size in (10, 1_500_000, 10):
                world.server.put(MAPS, config("a", x="ü" * size))
                await world.clock.sleep(5)
                assert world.informer.store.get("shop", "a").data["x"] == "ü" * size

    tell(story, faults=Faults(slow_body=1.0))


def test_kept_objects_hold_no_page_or_line_in_memory() -> None:
    async def story(world: World) -> None:
        extra = {"extra": {"k": "v"}, "unread": "x" * 5000}
        world.server.put(MAPS, config("a") | extra)
        async with running(world):
            await world.informer.synced()
            world.server.put(MAPS, config("b") | extra)
            await world.clock.sleep(1)
            for made in world.informer.store.all():
                assert made.extra.copy() is made.extra, "a view into a page would be copied"
                assert msgspec.json.decode(made.extra) == {"k": "v"}

    tell(story)


def test_a_listener_that_fails_stops_neither_store_nor_other_listeners() -> None:
    async def story(world: World) -> None:
        def fail(old: Any, new: Any) -> None:
            raise RuntimeError("scripted")

        world.informer.on_change(fail)
        heard: list[Any] = []
        world.informer.on_change(lambda old, new: heard.append(new))
        async with running(world):
            await world.informer.synced()
            world.server.put(MAPS, config("a"))
            await world.clock.sleep(1)
            assert len(heard) == 1

    tell(story)


def test_our_own_writes_are_in_the_store_before_the_watch_shows_them() -> None:
    async def story(world: World) -> None:
        world.server.put(MAPS, config("a", x="0"))
        world.server.put(MAPS, config("gone"))
        async with running(world):
            await world.informer.synced()
            store, client = world.informer.store, world.client
            changes = len(world.told)
            answer = await client.patch(CONFIGMAPS, "a", {"data": {"x": "1"}}, "shop")
            world.informer.expect(answer)
            assert store.get("shop", "a").data == {"x": "1"}
            version = answer["metadata"]["resourceVersion"]
            assert world.informer.saw("shop", "a", version)
            assert not world.informer.saw("shop", "a", str(int(version) + 1))
            world.informer.expect(await client.create(CONFIGMAPS, config("b"), "shop"))
            assert "shop/b" in world.cached()
            uid = store.get("shop", "gone").metadata.uid
            assert await client.delete(CONFIGMAPS, "gone", "shop") is None
            world.informer.expect_gone("shop", "gone", uid)
            assert store.get("shop", "gone") is None
            assert len(world.told) == changes
            await world.clock.sleep(60)
            assert world.cached() == world.served()

    tell(story, faults=Faults(event_delay_seconds=5.0))


def test_events_from_before_our_write_do_not_undo_it() -> None:
    async def story(world: World) -> None:
        async with running(world):
            await world.informer.synced()
            for number in range(20):
                world.server.put(MAPS, config("a", x=str(number)))
            answer = await world.client.patch(CONFIGMAPS, "a", {"data": {"x": "own"}}, "shop")
            world.informer.expect(answer)
            seen: set[str] = set()
            world.informer.on_change(lambda old, new: seen.add(new.data["x"] if new else "none"))
            await world.clock.sleep(100)
            assert seen == set()
            assert world.cached() == world.served()

    tell(story, faults=Faults(event_delay_seconds=1.0))


def test_an_object_deleted_by_us_is_not_raised_again_but_its_successor_is_seen() -> None:
    async def story(world: World) -> None:
        async with running(world):
            await world.informer.synced()
            made = world.server.put(MAPS, config("a", x="1"))
            world.informer.expect(made)
            world.server.put(MAPS, config("a", x="2"))
            world.server.remove(MAPS, "a")
            world.informer.expect_gone("shop", "a", made["metadata"]["uid"])
            heard: list[str] = []
            world.informer.on_change(lambda old, new: heard.append(new.data["x"] if new else "-"))
            world.server.put(MAPS, config("a", x="second life"))
            await world.clock.sleep(100)
            assert heard == ["second life"]
            assert world.cached() == world.served()

    tell(story, faults=Faults(event_delay_seconds=1.0))


def test_a_write_whose_end_a_running_list_already_knows_leaves_no_ghost() -> None:
    async def story(world: World) -> None:
        """The list is asked; we write, are answered; another deletes; then the list comes."""
        made: list[dict[str, Any]] = []

        async def late_list(scope: Any, receive: Any, send: Any) -> None:
            made.append(world.server.put(MAPS, config("a")))
            world.informer.expect(made[0])
            world.server.remove(MAPS, "a")
            meta = {"resourceVersion": str(world.server.version)}
            await respond(send, 200, {"metadata": meta, "items": []})

        world.server.script = lambda _m, _p, query: None if made else late_list
        async with running(world):
            await world.informer.synced()
            await world.clock.sleep(5)
            assert world.cached() == {}
            assert world.told == {}

    tell(story)


def test_a_write_during_a_list_that_does_not_know_it_stays() -> None:
    async def story(world: World) -> None:
        async def early_list(scope: Any, receive: Any, send: Any) -> None:
            version = world.server.version
            world.informer.expect(world.server.put(MAPS, config("a")))
            meta = {"resourceVersion": str(version)}
            await respond(send, 200, {"metadata": meta, "items": []})

        world.server.script = lambda _m, _p, query: None if "watch" in query else early_list
        removed: list[Any] = []
        world.informer.on_change(lambda old, new: removed.append(old) if new is None else None)
        async with running(world):
            await world.informer.synced()
            assert list(world.cached()) == ["shop/a"]
            await world.clock.sleep(5)
            assert world.cached() == world.served()
            assert removed == []

    tell(story)


def test_a_list_from_before_our_writes_undoes_none_of_them() -> None:
    async def story(world: World) -> None:
        changed = world.server.put(MAPS, config("a", x="old"))
        doomed = world.server.put(MAPS, config("b"))

        async def early_list(scope: Any, receive: Any, send: Any) -> None:
            meta = {"resourceVersion": str(world.server.version)}
            world.informer.expect(world.server.put(MAPS, config("a", x="own")))
            world.server.remove(MAPS, "b")
            world.informer.expect_gone("shop", "b", doomed["metadata"]["uid"])
            await respond(send, 200, {"metadata": meta, "items": [changed, doomed]})

        async with running(world):
            await world.informer.synced()
            seen: list[Any] = []
            world.informer.on_change(lambda old, new: seen.append(new and new.data))
            world.server.script = lambda _m, _p, query: None if "watch" in query else early_list
            world.server.compact()
            world.server.version += 1
            world.server.compact()
            await world.clock.sleep(2000)
            assert seen == [{"x": "own"}, None]
            assert world.cached() == world.served()

    tell(story)


def test_an_answer_that_comes_after_the_end_of_its_object_is_old_news() -> None:
    async def story(world: World) -> None:
        async with running(world):
            await world.informer.synced()
            answer = world.server.put(MAPS, config("a"))
            world.server.remove(MAPS, "a")
            await world.clock.sleep(1)
            world.informer.expect(answer)
            assert world.cached() == {}

    tell(story)


def test_the_end_of_a_predecessor_does_not_end_what_we_made_in_its_place() -> None:
    async def story(world: World) -> None:
        world.server.put(MAPS, config("a", x="first"))
        async with running(world):
            await world.informer.synced()
            world.server.remove(MAPS, "a")
            world.informer.expect(world.server.put(MAPS, config("a", x="second")))
            ends: list[Any] = []
            world.informer.on_change(lambda old, new: ends.append(old) if new is None else None)
            await world.clock.sleep(10)
            assert ends == []
            assert world.cached() == world.served()

    tell(story, faults=Faults(event_delay_seconds=1.0))


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
