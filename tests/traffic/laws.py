"""What holds for every traffic router, whatever its objects look like.

A router's tests make worlds (its objects as a cluster may hold them) with Hypothesis and run each
law of LAWS over them. The laws know a router only by `references`, `read` and `write`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from serinus.api.names import WRITTEN_AT
from serinus.core.routing import Routing
from serinus.traffic.router import Create, Delete, ObjectRef, Patch, Route, Router, Write

NOON = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOON + timedelta(minutes=7)


@dataclass(frozen=True)
class World:
    """A route, and the objects that a cluster holds (a reference without entry does not exist)."""

    route: Route
    objects: Mapping[ObjectRef, Mapping[str, Any]]

    def read(self, router: Router) -> dict[ObjectRef, Mapping[str, Any] | None]:
        """What the router asked to be read."""
        return {ref: copy.deepcopy(self.objects.get(ref)) for ref in router.references(self.route)}


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return copy.deepcopy(patch)
    merged = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value)
    return merged


def after(world: World, writes: list[Write]) -> World:
    """The world once an API server has taken the writes; a stale one is a conflict."""
    objects = dict(world.objects)
    for write in writes:
        match write:
            case Create(ref, manifest):
                assert ref not in objects, f"{ref.name} exists already"
                objects[ref] = merge_patch({"metadata": {"resourceVersion": "1"}}, manifest)
            case Patch(ref, patch):
                version = objects[ref]["metadata"]["resourceVersion"]
                assert patch["metadata"]["resourceVersion"] == version, "decided on another version"
                merged = merge_patch(objects[ref], patch)
                merged["metadata"]["resourceVersion"] = str(int(version) + 1)
                objects[ref] = merged
            case Delete(ref, version):
                assert objects.pop(ref)["metadata"]["resourceVersion"] == version
    return replace(world, objects=objects)


def put(router: Router, world: World, routing: Routing, at: datetime = NOON) -> World:
    """Write until nothing is left to write, as a reconciler does; two rounds at most."""
    for _ in range(2):
        world = after(world, list(router.write(world.route, world.read(router), routing, at)))
    assert router.write(world.route, world.read(router), routing, at) == []
    return world


def what_was_put_is_what_is_got(router: Router, world: World, one: Routing, two: Routing) -> None:
    for routing in (one, two):
        world = put(router, world, routing)
        seen = router.read(world.route, world.read(router))
        assert seen.routing == routing
        assert seen.router == router.name
        assert not seen.drifted


def putting_what_is_there_is_no_patch(
    router: Router, world: World, one: Routing, two: Routing
) -> None:
    world = put(router, put(router, world, two), one)
    assert list(router.write(world.route, world.read(router), one, LATER)) == []


def fields_of_others_survive(router: Router, world: World, one: Routing, two: Routing) -> None:
    """Labels, annotations and fields that someone put on a routed object are there afterwards,
    and objects that the router only reads are not touched at all."""
    world = put(router, world, one)
    foreign = {"metadata": {"labels": {"team": "shop"}, "annotations": {"example.com/note": "x"}}}
    marked = {ref: merge_patch(found, foreign) for ref, found in world.objects.items()}
    before = replace(world, objects=marked)
    changed = put(router, before, two)
    for ref in marked:
        found = changed.objects[ref]
        assert found["metadata"]["labels"]["team"] == "shop"
        assert found["metadata"]["annotations"]["example.com/note"] == "x"
        assert set(_paths(marked[ref])) - set(_paths(found)) <= _total_annotations(marked[ref])


def release_restores(router: Router, world: World, one: Routing, two: Routing) -> None:
    """Weight 0 without header routes leaves the objects as they were before, but the instant."""
    rest = Routing(0, two.total)
    before = put(router, world, rest)
    assert _timeless(put(router, put(router, before, two), rest, LATER)) == _timeless(before)


def every_write_carries_the_instant(
    router: Router, world: World, one: Routing, two: Routing
) -> None:
    for routing, at in ((one, NOON), (two, LATER)):
        writes = list(router.write(world.route, world.read(router), routing, at))
        for write in writes:
            if isinstance(write, Delete):
                continue
            body = write.manifest if isinstance(write, Create) else write.patch
            assert datetime.fromisoformat(body["metadata"]["annotations"][WRITTEN_AT]) == at
        changed = after(world, writes)
        if any(not isinstance(write, Delete) for write in writes):
            assert router.read(changed.route, changed.read(router)).written_at == at
        world = put(router, changed, routing, at)


def a_write_never_changes_what_was_read(
    router: Router, world: World, one: Routing, two: Routing
) -> None:
    world = put(router, world, one)
    objects = world.read(router)
    router.write(world.route, objects, two, LATER)
    router.read(world.route, objects)
    assert objects == world.read(router)


def any_subset_of_the_writes_is_seen_as_a_mix(
    router: Router, world: World, one: Routing, two: Routing
) -> None:
    """A crash between two writes shows as the old, the new, or Unknown with both weights."""
    world = put(router, world, replace(one, total=two.total, weight=min(one.weight, two.total)))
    old = router.read(world.route, world.read(router)).routing
    assert isinstance(old, Routing)
    writes = list(router.write(world.route, world.read(router), two, LATER))
    for kept in range(len(writes) + 1):
        partial = after(world, writes[:kept])
        seen = router.read(partial.route, partial.read(router))
        if isinstance(seen.routing, Routing):
            assert seen.routing in (old, two)
        else:
            assert seen.weights == tuple(sorted({old.weight, two.weight}))
        healed = put(router, partial, two)
        assert router.read(healed.route, healed.read(router)).routing == two


def _paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield (*path, key)
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _paths(inner, (*path, index))


def _total_annotations(found: Mapping[str, Any]) -> set[tuple[Any, ...]]:
    """The one kind of field that a router may take away again: its own note of the total."""
    return {path for path in _paths(found) if str(path[-1]).endswith("weight-total")}


def _timeless(world: World) -> dict[ObjectRef, Any]:
    without = {"metadata": {"annotations": {WRITTEN_AT: None}, "resourceVersion": None}}
    return {ref: merge_patch(found, without) for ref, found in world.objects.items()}


Law = Callable[[Router, World, Routing, Routing], None]
LAWS: tuple[Law, ...] = (
    what_was_put_is_what_is_got,
    putting_what_is_there_is_no_patch,
    fields_of_others_survive,
    release_restores,
    every_write_carries_the_instant,
    a_write_never_changes_what_was_read,
    any_subset_of_the_writes_is_seen_as_a_mix,
)
