"""Watches: what is told, from where on, in which form, and how a watch ends."""

from __future__ import annotations

from conformance.case import case, refusal
from conformance.handle import MERGE, PODS, SECRETS, TABLE, Conformance
from conformance.objects import WIDGETS, pod, secret, widget


async def version(k: Conformance) -> str:
    return str((await k.ok("GET", SECRETS))["metadata"]["resourceVersion"])


async def label(k: Conformance, name: str, **labels: str | None) -> None:
    await k.ok("PATCH", f"{SECRETS}/{name}", {"metadata": {"labels": labels}}, **MERGE)


@case()
async def a_watch_from_a_version_tells_what_came_after_it(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    then = await version(k)
    await k.ok("POST", SECRETS, secret("b"))
    await label(k, "a", app="web")
    async with k.watch(SECRETS, {"resourceVersion": then}) as events:
        assert events.answer.status == 200
        assert await events.names(2) == [("ADDED", "b"), ("MODIFIED", "a")]
        await k.ok("DELETE", f"{SECRETS}/b")
        assert await events.names(1) == [("DELETED", "b")]


@case()
async def a_watch_without_a_version_tells_first_what_is_there(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    async with k.watch(SECRETS) as events:
        assert await events.names(1) == [("ADDED", "a")]
        await k.ok("POST", SECRETS, secret("b"))
        assert await events.names(1) == [("ADDED", "b")]


@case()
async def a_watch_from_zero_tells_first_what_is_there(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    async with k.watch(SECRETS, {"resourceVersion": "0"}) as events:
        assert await events.names(1) == [("ADDED", "a")]


@case()
async def initial_events_end_with_a_bookmark(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    await k.ok("POST", SECRETS, secret("b"))
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    async with k.watch(SECRETS, query) as events:
        found = [await events.next() for _ in range(3)]
    assert [kind for kind, _ in found] == ["ADDED", "ADDED", "BOOKMARK"]
    mark = found[2][1]
    assert (mark["kind"], mark["apiVersion"]) == ("Secret", "v1")
    assert mark["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    seen = max(int(value["metadata"]["resourceVersion"]) for _, value in found[:2])
    assert int(mark["metadata"]["resourceVersion"]) >= seen


@case()
async def a_bookmark_is_a_version_to_go_on_from(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    query = {
        "sendInitialEvents": "true",
        "resourceVersionMatch": "NotOlderThan",
        "allowWatchBookmarks": "true",
    }
    async with k.watch(SECRETS, query) as events:
        _, mark = [await events.next() for _ in range(2)][1]
    await k.ok("POST", SECRETS, secret("b"))
    async with k.watch(SECRETS, {"resourceVersion": mark["metadata"]["resourceVersion"]}) as more:
        assert await more.names(1) == [("ADDED", "b")]


@case()
async def a_watch_ends_after_its_seconds(k: Conformance) -> None:
    async with k.watch(SECRETS, {"timeoutSeconds": "1"}) as events:
        assert await events.rest() == []


@case()
async def a_single_name_is_watched_by_a_field_selector(k: Conformance) -> None:
    then = await version(k)
    query = {"fieldSelector": "metadata.name=b", "resourceVersion": then}
    async with k.watch(SECRETS, query) as events:
        await k.ok("POST", SECRETS, secret("a"))
        await k.ok("POST", SECRETS, secret("b"))
        await k.ok("DELETE", f"{SECRETS}/a")
        await k.ok("DELETE", f"{SECRETS}/b")
        assert await events.names(2) == [("ADDED", "b"), ("DELETED", "b")]


@case()
async def what_starts_to_be_selected_is_added_and_what_stops_is_deleted(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    then = await version(k)
    query = {"labelSelector": "app=web", "resourceVersion": then}
    async with k.watch(SECRETS, query) as events:
        await label(k, "a", app="web")
        await label(k, "a", tier="front")
        await label(k, "a", app="db")
        await label(k, "a", app="other")
        await k.ok("DELETE", f"{SECRETS}/a")
        await k.ok("POST", SECRETS, secret("b", {"app": "web"}))
        assert await events.names(4) == [
            ("ADDED", "a"),
            ("MODIFIED", "a"),
            ("DELETED", "a"),
            ("ADDED", "b"),
        ]


@case()
async def an_object_that_leaves_a_selection_is_told_as_it_was_under_the_new_version(
    k: Conformance,
) -> None:
    await k.ok("POST", SECRETS, secret("a", {"app": "web"}))
    then = await version(k)
    await label(k, "a", app="db")
    now = (await k.ok("GET", f"{SECRETS}/a"))["metadata"]["resourceVersion"]
    query = {"labelSelector": "app=web", "resourceVersion": then}
    async with k.watch(SECRETS, query) as events:
        kind, value = await events.next()
    assert (kind, value["metadata"]["labels"]) == ("DELETED", {"app": "web"})
    assert value["metadata"]["resourceVersion"] == now


@case()
async def pods_that_change_their_phase_enter_a_selection(k: Conformance) -> None:
    await k.ok("POST", PODS, pod("p"))
    query = {"fieldSelector": "status.phase=Failed"}
    async with k.watch(PODS, query) as events:
        patch = {"status": {"phase": "Failed"}}
        await k.ok("PATCH", f"{PODS}/p/status", patch, **MERGE)
        assert await events.names(1) == [("ADDED", "p")]


@case()
async def a_deletion_tells_the_last_state_under_a_new_version(k: Conformance) -> None:
    made = await k.ok("POST", SECRETS, secret("a", data={"x": "YQ=="}))
    then = made["metadata"]["resourceVersion"]
    async with k.watch(SECRETS, {"resourceVersion": then}) as events:
        await k.ok("DELETE", f"{SECRETS}/a")
        kind, value = await events.next()
    assert (kind, value["data"]) == ("DELETED", {"x": "YQ=="})
    assert int(value["metadata"]["resourceVersion"]) > int(then)


@case()
async def the_way_of_a_held_object_is_told(k: Conformance) -> None:
    body = secret("a")
    body["metadata"]["finalizers"] = ["example.com/wait"]
    then = (await k.ok("POST", SECRETS, body))["metadata"]["resourceVersion"]
    async with k.watch(SECRETS, {"resourceVersion": then}) as events:
        await k.ok("DELETE", f"{SECRETS}/a")
        await k.ok("PATCH", f"{SECRETS}/a", {"metadata": {"finalizers": None}}, **MERGE)
        found = [await events.next(), await events.next()]
    assert found[0][0] == "MODIFIED"
    assert "deletionTimestamp" in found[0][1]["metadata"]
    assert found[1][0] in ("MODIFIED", "DELETED")


@case()
async def a_write_that_changes_nothing_is_not_told(k: Conformance) -> None:
    made = await k.ok("POST", SECRETS, secret("a", {"app": "web"}))
    async with k.watch(SECRETS, {"resourceVersion": await version(k)}) as events:
        await k.ok("PUT", f"{SECRETS}/a", made)
        await label(k, "a", app="web")
        await k.ok("POST", SECRETS, secret("b"))
        assert await events.names(1) == [("ADDED", "b")]


@case()
async def a_dry_run_is_not_told(k: Conformance) -> None:
    async with k.watch(SECRETS, {"resourceVersion": await version(k)}) as events:
        await k.ok("POST", SECRETS, secret("a"), query={"dryRun": "All"})
        await k.ok("POST", SECRETS, secret("b"))
        assert await events.names(1) == [("ADDED", "b")]


@case()
async def a_watch_over_all_namespaces_tells_ours(k: Conformance) -> None:
    query = {"fieldSelector": "metadata.namespace={ns}"}
    async with k.watch("/api/v1/secrets", query) as events:
        await k.ok("POST", SECRETS, secret("a"))
        assert await events.names(1) == [("ADDED", "a")]


@case()
async def a_watch_may_be_of_tables(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    async with k.watch(SECRETS, **TABLE) as events:
        kind, table = await events.next()
    assert (kind, table["kind"]) == ("ADDED", "Table")
    assert [column["name"] for column in table["columnDefinitions"]][:2] == ["Name", "Type"]
    assert table["rows"][0]["cells"][0] == "a"
    assert table["rows"][0]["object"]["kind"] == "PartialObjectMetadata"


@case()
async def only_the_first_table_of_a_watch_names_the_columns(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a"))
    async with k.watch(SECRETS, **TABLE) as events:
        first = await events.next()
        await k.ok("POST", SECRETS, secret("b"))
        second = await events.next()
        await k.ok("DELETE", f"{SECRETS}/a")
        third = await events.next()
    assert [event for event, _ in (first, second, third)] == ["ADDED", "ADDED", "DELETED"]
    assert first[1]["columnDefinitions"]
    assert [table["columnDefinitions"] for _, table in (second, third)] == [None, None]
    assert second[1]["rows"][0]["cells"][0] == "b"


@case()
async def a_watch_may_be_of_metadata(k: Conformance) -> None:
    await k.ok("POST", SECRETS, secret("a", data={"x": "YQ=="}))
    accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
    async with k.watch(SECRETS, accept=accept) as events:
        kind, value = await events.next()
    assert (kind, value["kind"]) == ("ADDED", "PartialObjectMetadata")
    assert (value["metadata"]["name"], "data" in value) == ("a", False)


@case()
async def custom_objects_are_watched(k: Conformance) -> None:
    await k.serves_widgets()
    async with k.watch(WIDGETS) as events:
        await k.ok("POST", WIDGETS, widget("a"))
        kind, value = await events.next()
    assert (kind, value["kind"], value["metadata"]["name"]) == ("ADDED", "Widget", "a")


@case()
async def every_watcher_is_told_the_same(k: Conformance) -> None:
    then = {"resourceVersion": await version(k)}
    async with k.watch(SECRETS, then) as one, k.watch(SECRETS, then) as other:
        for name in ("a", "b", "c"):
            await k.ok("POST", SECRETS, secret(name))
        assert await one.names(3) == await other.names(3)


refusal(
    "a_watch_checks_its_selector",
    "GET",
    SECRETS,
    query={"watch": "true", "labelSelector": "app in ("},
    code=400,
    reason="BadRequest",
    words="unable to parse requirement: ",
)
refusal(
    "a_watch_has_a_whole_number_of_seconds",
    "GET",
    SECRETS,
    query={"watch": "true", "timeoutSeconds": "soon"},
    code=400,
    reason="BadRequest",
)
