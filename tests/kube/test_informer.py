"""The informer: its store follows the server, and few requests get it there."""

from __future__ import annotations

import pytest

from kube.informer_world import MAPS, OTHER, World, config, running, tell


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
