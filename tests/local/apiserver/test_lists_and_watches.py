"""Lists and watches: selection, pages, and what a watcher is told, in virtual time."""

from __future__ import annotations

import pytest

from local.apiserver.api import CONFIG_MAPS, Api, WatchLines, config_map, story
from serinus.local.apiserver.storing.store import Expired, Store

MERGE = {"content_type": "application/merge-patch+json"}


async def fill(api: Api, *names: str) -> None:
    for name in names:
        await api.ok("POST", CONFIG_MAPS, config_map(name, labels={"app": name, "tier": "x"}))


@pytest.mark.parametrize(
    ("selector", "names"),
    [
        ({"labelSelector": "app=a"}, ["a"]),
        ({"labelSelector": "app!=a,tier"}, ["b", "c"]),
        ({"labelSelector": "app in (a,c)"}, ["a", "c"]),
        ({"labelSelector": "app notin (a,c)"}, ["b"]),
        ({"labelSelector": "!tier"}, []),
        ({"fieldSelector": "metadata.name=b"}, ["b"]),
        ({"fieldSelector": "metadata.name!=b,metadata.namespace=default"}, ["a", "c"]),
        ({"labelSelector": "app in (a,b)", "fieldSelector": "metadata.name=b"}, ["b"]),
    ],
)
def test_selectors_choose(selector: dict[str, str], names: list[str]) -> None:
    async def tell(api: Api) -> None:
        await fill(api, "a", "b", "c")
        listed = await api.ok("GET", CONFIG_MAPS, query=selector)
        assert [item["metadata"]["name"] for item in listed["items"]] == names
        assert (listed["kind"], listed["apiVersion"]) == ("ConfigMapList", "v1")

    story(tell)


def test_the_pages_of_a_list_show_one_version_of_the_world() -> None:
    async def tell(api: Api) -> None:
        await fill(api, *"abcde")
        first = await api.ok("GET", CONFIG_MAPS, query={"limit": "2"})
        assert first["metadata"]["remainingItemCount"] == 3
        await api.ok("DELETE", f"{CONFIG_MAPS}/d")
        await fill(api, "cc")
        await api.ok("PATCH", f"{CONFIG_MAPS}/c", {"data": {"x": "new"}}, **MERGE)
        seen = [first]
        while token := seen[-1]["metadata"].get("continue"):
            page = {"limit": "2", "continue": token}
            seen.append(await api.ok("GET", CONFIG_MAPS, query=page))
        items = [item for page in seen for item in page["items"]]
        assert [item["metadata"]["name"] for item in items] == list("abcde")
        assert [item["data"] for item in items] == [{}] * 5
        assert len({page["metadata"]["resourceVersion"] for page in seen}) == 1

    story(tell)


def test_a_page_whose_version_is_forgotten_is_expired() -> None:
    async def tell(api: Api) -> None:
        await fill(api, *"abc")
        page = await api.ok("GET", CONFIG_MAPS, query={"limit": "1"})
        await fill(api, *"defgh")
        again = {"limit": "1", "continue": page["metadata"]["continue"]}
        refusal = await api.refused("GET", CONFIG_MAPS, query=again)
        assert (refusal["code"], refusal["reason"]) == (410, "Expired")
        spoilt = await api.refused("GET", CONFIG_MAPS, query={"continue": "rubbish"})
        assert spoilt["code"] == 400

    story(tell, history_limit=2)


def test_a_watch_goes_on_from_a_list() -> None:
    async def tell(api: Api) -> None:
        await fill(api, "a")
        version = (await api.ok("GET", CONFIG_MAPS))["metadata"]["resourceVersion"]
        await fill(api, "b")
        async with WatchLines(api, CONFIG_MAPS, {"resourceVersion": version}) as watch:
            assert await watch.names(1) == [("ADDED", "b")]
            await api.ok("PATCH", f"{CONFIG_MAPS}/a", {"data": {"x": "1"}}, **MERGE)
            await api.ok("DELETE", f"{CONFIG_MAPS}/b")
            kind, changed = await watch.next()
            assert (kind, changed["data"]) == ("MODIFIED", {"x": "1"})
            kind, gone = await watch.next()
            assert (kind, gone["metadata"]["name"]) == ("DELETED", "b")
            assert int(gone["metadata"]["resourceVersion"]) > int(
                changed["metadata"]["resourceVersion"]
            )

    story(tell)


def test_a_watch_without_version_replays_and_one_with_initial_events_marks_their_end() -> None:
    async def tell(api: Api) -> None:
        await fill(api, "a", "b")
        async with WatchLines(api, CONFIG_MAPS, {}) as watch:
            assert await watch.names(2) == [("ADDED", "a"), ("ADDED", "b")]
        asked = {
            "sendInitialEvents": "true",
            "resourceVersionMatch": "NotOlderThan",
            "allowWatchBookmarks": "true",
        }
        async with WatchLines(api, CONFIG_MAPS, asked) as watch:
            assert await watch.names(2) == [("ADDED", "a"), ("ADDED", "b")]
            kind, mark = await watch.next()
            assert (kind, mark["kind"]) == ("BOOKMARK", "ConfigMap")
            assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
            await fill(api, "c")
            assert await watch.names(1) == [("ADDED", "c")]
        unmatched = {"watch": "true", "sendInitialEvents": "true"}
        assert (await api.refused("GET", CONFIG_MAPS, query=unmatched))["code"] == 422

    story(tell)


def test_an_object_enters_and_leaves_a_selection() -> None:
    async def tell(api: Api) -> None:
        await fill(api, "a")
        async with WatchLines(api, CONFIG_MAPS, {"labelSelector": "on=yes"}) as watch:
            for value in ("yes", "no"):
                patch = {"metadata": {"labels": {"on": value}}}
                await api.ok("PATCH", f"{CONFIG_MAPS}/a", patch, **MERGE)
            assert await watch.names(2) == [("ADDED", "a"), ("DELETED", "a")]

    story(tell)


def test_a_watch_from_a_forgotten_version_is_told_to_list_again() -> None:
    async def tell(api: Api) -> None:
        version = (await api.ok("GET", CONFIG_MAPS))["metadata"]["resourceVersion"]
        await fill(api, *"abcdef")
        async with WatchLines(api, CONFIG_MAPS, {"resourceVersion": version}) as watch:
            kind, status = await watch.next()
            assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
            with pytest.raises(StopAsyncIteration):
                await watch.next()

    story(tell, history_limit=2)


def test_a_watch_ends_at_its_time_out_of_the_wall_with_a_bookmark() -> None:
    async def tell(api: Api) -> None:
        began = api.clock.wall()
        asked = {"timeoutSeconds": "7", "allowWatchBookmarks": "true"}
        async with WatchLines(api, CONFIG_MAPS, asked) as watch:
            assert (await watch.next())[0] == "BOOKMARK"
            with pytest.raises(StopAsyncIteration):
                await watch.next()
        assert api.clock.wall() - began == pytest.approx(7)

    story(tell, speed=30)


def test_a_quiet_watch_is_told_the_version_every_minute() -> None:
    async def tell(api: Api) -> None:
        async with WatchLines(api, CONFIG_MAPS, {"allowWatchBookmarks": "true"}) as watch:
            await api.ok("POST", "/api/v1/namespaces", {"metadata": {"name": "elsewhere"}})
            kind, mark = await watch.next()
            assert (kind, api.clock.wall()) == ("BOOKMARK", pytest.approx(60))
            assert mark["metadata"]["resourceVersion"] == str(api.server.view.resource_version)

    story(tell)


def test_a_watcher_that_falls_behind_the_history_is_expired() -> None:
    store = Store(history_limit=2)
    collection = store.collection("", "things")
    begin = collection.end()
    for number in range(5):
        store.put(collection, ("", str(number)), {"metadata": {}})
    with pytest.raises(Expired):
        collection.since(begin)
    assert [change.resource_version for change in collection.since(collection.end() - 1)] == [6]


def test_a_server_can_forget_its_history() -> None:
    async def tell(api: Api) -> None:
        version = (await api.ok("GET", CONFIG_MAPS))["metadata"]["resourceVersion"]
        await fill(api, "a")
        api.server.forget_history()
        async with WatchLines(api, CONFIG_MAPS, {"resourceVersion": version}) as watch:
            assert (await watch.next())[1]["code"] == 410

    story(tell)


def test_a_closing_server_ends_its_watches() -> None:
    async def tell(api: Api) -> None:
        async with WatchLines(api, CONFIG_MAPS, {}) as watch:
            await api.clock.sleep(1)
            api.server.close()
            with pytest.raises(StopAsyncIteration):
                await watch.next()
            assert api.clock.wall() < 2

    story(tell)


def test_a_caller_sees_its_own_view() -> None:
    async def tell(api: Api) -> None:
        await fill(api, "a")
        own = api.server.prefix("guest")
        api.transport._prefix = own
        listed = await api.ok("GET", CONFIG_MAPS)
        assert listed["items"][0]["data"] == {"seen": "yes"}
        async with WatchLines(api, CONFIG_MAPS, {}) as watch:
            assert (await watch.next())[1]["data"] == {"seen": "yes"}

    story(tell, views={"guest": {"configmaps": lambda v: {**v, "data": {"seen": "yes"}}}})
