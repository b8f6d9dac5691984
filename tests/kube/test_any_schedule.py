"""Properties on the product's own server, in virtual time, over any schedule of faults and changes:
the cache equals the server, and a watch neither skips nor repeats a change.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from serinus.base.clock import Clock
from serinus.kube.calls import Limits
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, Conflict, Gone, NotFound
from serinus.kube.informer import Informer
from serinus.kube.resource import CONFIGMAPS
from serinus.kube.transport import AsgiTransport, Faults, FaultyTransport
from serinus.kube.watch import Bookmark, EventDecoder, watch
from serinus.local.apiserver.app import ApiServer
from support.virtual import run_virtual, virtual_clock

SPACE = "default"
PATIENT = Limits(requests_per_second=1e6, burst=10**6)
KINDS = [name for name in Faults.__slots__ if not name.endswith("_seconds")]
CUTS = ["cut", "cut_inside", "eof_at_once", "refuse", "broken", "too_many", "slow_body", "stall"]
"""What cuts a watch without a word of 410 and without repeating."""


@dataclass(frozen=True)
class Change:
    """One write of a user, and how long nothing happens after it."""

    verb: str
    name: str
    wait_seconds: float


@dataclass(frozen=True)
class Weather:
    """Faults, each with its chance, from one moment to the next."""

    chances: dict[str, float]
    changes: tuple[Change, ...]

    def faults(self) -> Faults:
        return Faults(**self.chances, latency_seconds=1.0, event_delay_seconds=0.3)


changes = st.builds(
    Change,
    verb=st.sampled_from(["create", "patch", "patch", "delete", "own"]),
    name=st.sampled_from("abcd"),
    wait_seconds=st.sampled_from([0.0, 0.0, 0.2, 5.0, 70.0]),
)


def weathers(kinds: Sequence[str]) -> st.SearchStrategy[Weather]:
    chances = st.dictionaries(st.sampled_from(kinds), st.sampled_from([0.05, 0.3, 0.8]), max_size=4)
    some = st.lists(changes, min_size=1, max_size=12).map(tuple)
    return st.builds(Weather, chances=chances, changes=some)


seeded = settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


class World:
    """A server with a short history, users of it, and a client on a bad net."""

    def __init__(self, seed: int, history: int) -> None:
        self.clock: Clock = virtual_clock()
        self.server = ApiServer(self.clock, chance=random.Random(seed), history_limit=history)
        self.users = self._client(AsgiTransport(self.server, self.server.prefix("user")))
        inner = AsgiTransport(self.server, self.server.prefix("controller"))
        self.faulty = FaultyTransport(inner, random.Random(seed), Faults(), self.clock)
        self.ours = self._client(self.faulty)
        self.truth: list[tuple[str, str, str]] = []

    def _client(self, transport: Any) -> Client:
        return Client(transport, self.clock, limits=PATIENT, jitter=random.Random(1))

    async def change(self, change: Change, step: int) -> None:
        """What a user does; the truth gets a line if it changed something."""
        body = {"metadata": {"name": change.name}, "data": {"step": str(step)}}
        try:
            match change.verb:
                case "create":
                    made = await self.users.create(CONFIGMAPS, body, SPACE)
                    self._note("ADDED", made)
                case "delete":
                    await self.users.delete(CONFIGMAPS, change.name, SPACE)
                    self.truth.append(("DELETED", change.name, ""))
                case _:
                    patch = {"data": body["data"]}
                    made = await self.users.patch(CONFIGMAPS, change.name, patch, SPACE)
                    self._note("MODIFIED", made)
        except (NotFound, Conflict):
            return

    def _note(self, kind: str, made: dict[str, Any]) -> None:
        self.truth.append((kind, made["metadata"]["name"], made["metadata"]["resourceVersion"]))

    async def play(self, story: Sequence[Weather], own: Any = None) -> None:
        """All that happens, then fine weather."""
        step = 0
        for weather in story:
            self.faulty.faults = weather.faults()
            for change in weather.changes:
                step += 1
                if change.verb == "own" and own is not None:
                    await own(change, step)
                else:
                    await self.change(change, step)
                await self.clock.sleep_wall(change.wait_seconds)
        self.faulty.heal()

    async def served(self) -> dict[str, str]:
        listing = await self.users.list(CONFIGMAPS, SPACE)
        return {one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in listing}


@seeded
@given(
    story=st.lists(weathers(KINDS), min_size=1, max_size=5),
    seed=st.integers(0, 1000),
    history=st.sampled_from([5, 40, 1000]),
)
def test_the_cache_equals_the_server_after_any_schedule(
    story: list[Weather], seed: int, history: int
) -> None:
    async def play() -> None:
        world = World(seed, history)
        informer: Informer[dict[str, Any]] = Informer(
            world.ours,
            CONFIGMAPS,
            dict,
            world.clock,
            namespace=SPACE,
            jitter=random.Random(seed),
        )
        heard: dict[str, list[int]] = {}

        def hear(old: Any, new: Any) -> None:
            if new is not None:
                version = int(new["metadata"]["resourceVersion"])
                heard.setdefault(new["metadata"]["uid"], []).append(version)

        informer.on_change(hear)

        async def own(change: Change, step: int) -> None:
            patch = {"metadata": {"labels": {"own": str(step)}}}
            try:
                answer = await world.ours.patch(CONFIGMAPS, change.name, patch, SPACE)
            except ApiError:
                return
            informer.expect(answer)
            known = informer.store.get(SPACE, change.name)
            version = int(answer["metadata"]["resourceVersion"])
            assert known is None or int(known["metadata"]["resourceVersion"]) >= version

        task = asyncio.create_task(informer.run())
        await world.play(story, own)
        await world.clock.sleep_wall(700)
        assert _cached(informer) == await world.served()
        for versions in heard.values():
            assert versions == sorted(set(versions)), "no version twice, none after a later one"
        assert informer.problem is None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await world.ours.close()
        await world.users.close()

    run_virtual(play())


@seeded
@given(story=st.lists(weathers(CUTS), min_size=1, max_size=5), seed=st.integers(0, 1000))
def test_a_watch_that_is_cut_anywhere_neither_skips_nor_repeats(
    story: list[Weather], seed: int
) -> None:
    """Taken up again from the last version that it told, it tells the history, and once."""

    async def play() -> None:
        world = World(seed, history=100_000)
        seen: list[tuple[str, str, str]] = []
        failures: list[str] = []
        since = (await world.users.list(CONFIGMAPS, SPACE)).resource_version

        async def follow() -> None:
            version, decoder = since, EventDecoder(dict)
            path, rng = CONFIGMAPS.path(SPACE), random.Random(seed)
            while True:
                query = {"resourceVersion": version}
                try:
                    async with aclosing(watch(world.ours, path, query, decoder, rng)) as batches:
                        async for batch in batches:
                            for event in batch:
                                if isinstance(event, Bookmark):
                                    version = event.resource_version
                                    continue
                                meta = event.object["metadata"]  # type: ignore[index]
                                version = meta["resourceVersion"]
                                shown = "" if event.kind == "DELETED" else version
                                seen.append((event.kind, meta["name"], shown))
                except Gone:
                    raise  # the history is long enough: nothing may be too old
                except ApiError:
                    failures.append(version)
                await world.clock.sleep_wall(1)

        task = asyncio.create_task(follow())
        await world.play(story)
        await world.clock.sleep_wall(700)
        assert not task.done(), task.result()
        assert seen == world.truth
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await world.ours.close()
        await world.users.close()

    run_virtual(play())


def _cached(informer: Informer[dict[str, Any]]) -> dict[str, str]:
    return {
        one["metadata"]["name"]: one["metadata"]["resourceVersion"] for one in informer.store.all()
    }
