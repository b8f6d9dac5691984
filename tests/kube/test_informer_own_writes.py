"""Our own writes and the informer: in its store at once, and undone by nothing that is older."""

from __future__ import annotations

from typing import Any

from kube.informer_world import MAPS, World, config, running, tell
from serinus.kube.resource import CONFIGMAPS
from serinus.kube.transport import Faults
from support.objectserver import respond


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
