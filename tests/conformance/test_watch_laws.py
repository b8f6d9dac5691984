"""Laws of watches: nothing is skipped or told twice, and a list with its watch is the state.

The history is kept beside the server by a naive model; watches are opened at any moment of it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.apiserver.api import CONFIG_MAPS, Api, WatchLines, config_map, story

MERGE = {"content_type": "application/merge-patch+json"}
NAMES = ("a", "b", "c")
Labels = Mapping[str, str]
Told = tuple[str, str, int]


@dataclass
class Model:
    """All that happened, in order: (version, name, labels before, labels after)."""

    history: list[tuple[int, str, Labels | None, Labels | None]] = field(default_factory=list)
    state: dict[str, Labels] = field(default_factory=dict)

    def note(self, version: int, name: str, after: Labels | None) -> None:
        self.history.append((version, name, self.state.get(name), after))
        if after is None:
            del self.state[name]
        else:
            self.state[name] = after

    def told(self, after: int, selects: Callable[[Labels], bool]) -> list[Told]:
        """What a watch from `after` has to say."""
        found = []
        for version, name, old, new in self.history:
            was, now = old is not None and selects(old), new is not None and selects(new)
            kind = "MODIFIED" if was and now else "ADDED" if now else "DELETED" if was else ""
            if kind and version > after:
                found.append((kind, name, version))
        return found


OPERATIONS = st.one_of(
    st.tuples(st.just("label"), st.sampled_from(NAMES), st.sampled_from(("x", "y"))),
    st.tuples(st.just("touch"), st.sampled_from(NAMES)),
    st.tuples(st.just("delete"), st.sampled_from(NAMES)),
    st.tuples(st.just("watch"), st.sampled_from(("", "app=x", "app!=x", "app")), st.booleans()),
    st.tuples(st.just("idle")),
)
SELECTS: dict[str, Callable[[Labels], bool]] = {
    "": lambda labels: True,
    "app=x": lambda labels: labels.get("app") == "x",
    "app!=x": lambda labels: labels.get("app") != "x",
    "app": lambda labels: "app" in labels,
}


class Story:
    """One server, its model, and the watches that were opened on the way."""

    def __init__(self, api: Api) -> None:
        self.api, self.model = api, Model()
        self.watches: list[tuple[str, int, asyncio.Task[list[Told]]]] = []
        self.count = 0

    async def do(self, operation: tuple[Any, ...]) -> None:
        match operation:
            case ("label", name, value):
                await self.write(name, {"app": value})
            case ("touch", name):
                self.count += 1
                await self.write(name, {"count": str(self.count)})
            case ("delete", name):
                await self.delete(name)
            case ("watch", selector, early):
                await self.watch(selector, early=early)
            case ("idle",):
                await self.api.clock.sleep(1)

    async def write(self, name: str, labels: dict[str, str]) -> None:
        before = self.model.state.get(name)
        if before is None:
            made = await self.api.ok("POST", CONFIG_MAPS, config_map(name, labels=labels))
        else:
            patch = {"metadata": {"labels": labels}}
            made = await self.api.ok("PATCH", f"{CONFIG_MAPS}/{name}", patch, **MERGE)
        after = {**(before or {}), **labels}
        if after != before:
            self.model.note(int(made["metadata"]["resourceVersion"]), name, after)

    async def delete(self, name: str) -> None:
        if name in self.model.state:
            await self.api.ok("DELETE", f"{CONFIG_MAPS}/{name}")
            self.model.note(self.api.server.state.store.resource_version, name, None)

    async def watch(self, selector: str, *, early: bool) -> None:
        """Begin at the newest version, or at one from the middle of the history."""
        version = self.api.server.state.store.resource_version
        if early and self.model.history:
            version = self.model.history[len(self.model.history) // 2][0]
        task = asyncio.create_task(self.follow(selector, version))
        self.watches.append((selector, version, task))
        await self.api.clock.sleep(0)

    async def follow(self, selector: str, version: int) -> list[Told]:
        query = {"resourceVersion": str(version), "timeoutSeconds": "100"}
        found = []
        async with WatchLines(self.api, CONFIG_MAPS, query | {"labelSelector": selector}) as lines:
            while True:
                try:
                    kind, value = await lines.next()
                except StopAsyncIteration:
                    return found
                metadata = value["metadata"]
                found.append((kind, metadata["name"], int(metadata["resourceVersion"])))


async def judge(told: Story) -> None:
    for selector, version, task in told.watches:
        assert await task == told.model.told(version, SELECTS[selector]), (selector, version)
    listed = await told.api.ok("GET", CONFIG_MAPS)
    found = {i["metadata"]["name"]: i["metadata"].get("labels", {}) for i in listed["items"]}
    assert found == told.model.state


def check(operations: list[tuple[Any, ...]]) -> None:
    async def tell(api: Api) -> None:
        told = Story(api)
        for operation in operations:
            await told.do(operation)
        await judge(told)

    story(tell)


@settings(max_examples=60)
@given(st.lists(OPERATIONS, max_size=25))
def test_a_watch_tells_what_happened_once_and_in_order(operations: list[tuple[Any, ...]]) -> None:
    check(operations)


@pytest.mark.long
@settings(max_examples=1_500)
@given(st.lists(OPERATIONS, max_size=80))
def test_a_long_watch_tells_what_happened_once_and_in_order(
    operations: list[tuple[Any, ...]],
) -> None:
    check(operations)


@settings(max_examples=30)
@given(st.lists(OPERATIONS, max_size=20), st.integers(1, 3))
def test_pages_then_a_watch_are_the_state(operations: list[tuple[Any, ...]], limit: int) -> None:
    async def tell(api: Api) -> None:
        told = Story(api)
        half = len(operations) // 2
        for operation in operations[:half]:
            await told.do(operation)
        page = await api.ok("GET", CONFIG_MAPS, query={"limit": str(limit)})
        version, items = page["metadata"]["resourceVersion"], list(page["items"])
        for operation in operations[half:]:
            await told.do(operation)
            if "continue" in page["metadata"]:
                more = {"limit": str(limit), "continue": page["metadata"]["continue"]}
                page = await api.ok("GET", CONFIG_MAPS, query=more)
                items += page["items"]
        while "continue" in page["metadata"]:
            more = {"limit": str(limit), "continue": page["metadata"]["continue"]}
            page = await api.ok("GET", CONFIG_MAPS, query=more)
            items += page["items"]
        seen = {item["metadata"]["name"]: item for item in items}
        await follow_on(api, version, seen)
        assert {n: v["metadata"].get("labels", {}) for n, v in seen.items()} == told.model.state

    story(tell)


async def follow_on(api: Api, version: str, seen: dict[str, Any]) -> None:
    """Bring what was listed up to date by a watch from the list's version."""
    query = {"resourceVersion": version, "timeoutSeconds": "5", "watch": "true"}
    text = (await api.call("GET", CONFIG_MAPS, query=query)).body
    for line in text.splitlines():
        event = json.loads(line)
        name = event["object"]["metadata"]["name"]
        if event["type"] == "DELETED":
            seen.pop(name)
        else:
            seen[name] = event["object"]


def test_a_history_that_is_forgotten_ends_watches_and_pages_with_410() -> None:
    async def tell(api: Api) -> None:
        for name in NAMES:
            await api.ok("POST", CONFIG_MAPS, config_map(name))
        page = (await api.ok("GET", CONFIG_MAPS, query={"limit": "1"}))["metadata"]
        await api.ok("DELETE", f"{CONFIG_MAPS}/b")
        api.server.forget_history()
        query = {"resourceVersion": page["resourceVersion"]}
        async with WatchLines(api, CONFIG_MAPS, query) as lines:
            kind, value = await lines.next()
        assert (kind, value["code"], value["reason"]) == ("ERROR", 410, "Expired")
        assert value["message"].startswith(f"too old resource version: {page['resourceVersion']} (")
        old = {"limit": "1", "continue": page["continue"]}
        refusal = await api.refused("GET", CONFIG_MAPS, query=old)
        assert (refusal["code"], refusal["reason"]) == (410, "Expired")
        assert "results in an inconsistent list" in refusal["message"]
        onward = {"continue": refusal["metadata"]["continue"]}
        rest = await api.ok("GET", CONFIG_MAPS, query=onward)
        assert [item["metadata"]["name"] for item in rest["items"]] == ["c"]
        exact = query | {"resourceVersionMatch": "Exact"}
        refusal = await api.refused("GET", CONFIG_MAPS, query=exact)
        assert refusal["message"] == "The resourceVersion for the provided list is too old."

    story(tell)


def test_a_taken_name_is_made_up_again() -> None:
    async def tell(api: Api) -> None:
        suffixes = iter(["aaaaa", "aaaaa", "bbbbb"])
        api.server.state.random.choices = lambda *_, **__: list(next(suffixes))
        body = {"metadata": {"generateName": "web-"}}
        names = [(await api.ok("POST", CONFIG_MAPS, body))["metadata"]["name"] for _ in range(2)]
        assert names == ["web-aaaaa", "web-bbbbb"]

    story(tell)
