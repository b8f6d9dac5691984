"""Owner references in virtual time: who goes with whom."""

from __future__ import annotations

from typing import Any

from local.controllers.world import world
from serinus.kube.client import Client
from serinus.kube.resource import CONFIGMAPS, EVENTS, NAMESPACES, PODS, REPLICASETS
from support.virtual import run_virtual


async def configmap(
    client: Client, name: str, *owners: dict[str, Any], blocks: bool = False
) -> dict[str, Any]:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
        | ({"blockOwnerDeletion": True} if blocks else {})
        for owner in owners
    ]
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "ownerReferences": references},
    }
    return await client.create(CONFIGMAPS, body, "default")


async def left(client: Client) -> set[str]:
    return {c["metadata"]["name"] for c in (await client.list(CONFIGMAPS, "default")).items}


def test_what_has_lost_all_its_owners_goes_down_to_the_last_generation() -> None:
    async def story() -> list[set[str]]:
        async with world() as here:
            first = await configmap(here.client, "first")
            other = await configmap(here.client, "other")
            child = await configmap(here.client, "child", first)
            await configmap(here.client, "grandchild", child)
            await configmap(here.client, "shared", first, other)
            await here.settle()
            seen = [await left(here.client)]
            await here.client.delete(CONFIGMAPS, "first", "default")
            await here.settle()
            seen.append(await left(here.client))
            await here.client.delete(CONFIGMAPS, "other", "default")
            await here.settle()
            return [*seen, await left(here.client)]

    assert run_virtual(story()) == [
        {"first", "other", "child", "grandchild", "shared"},
        {"other", "shared"},
        set(),
    ]


def test_an_owner_that_never_was_or_has_another_uid_is_no_owner() -> None:
    async def story() -> set[str]:
        async with world() as here:
            owner = await configmap(here.client, "owner")
            gone = {"metadata": {"name": "never", "uid": "u-1"}}
            namesake = {"metadata": {"name": "owner", "uid": "u-2"}}
            await configmap(here.client, "a", gone)
            await configmap(here.client, "b", namesake)
            await configmap(here.client, "c", owner)
            await here.settle()
            return await left(here.client)

    assert run_virtual(story()) == {"owner", "c"}


def test_foreground_deletion_waits_for_the_dependents_and_orphan_frees_them() -> None:
    async def story() -> list[set[str]]:
        async with world() as here:
            front = await configmap(here.client, "front")
            await configmap(here.client, "held", front, blocks=True)
            await here.client.patch(
                CONFIGMAPS, "held", {"metadata": {"finalizers": ["a.b/c"]}}, "default"
            )
            keep = await configmap(here.client, "keep")
            await configmap(here.client, "kept", keep)
            await here.settle()
            await here.client.delete(CONFIGMAPS, "front", "default", propagation="Foreground")
            await here.client.delete(CONFIGMAPS, "keep", "default", propagation="Orphan")
            await here.settle()
            seen = [await left(here.client)]
            kept = await here.client.get(CONFIGMAPS, "kept", "default")
            assert not kept["metadata"].get("ownerReferences")
            await here.client.patch(
                CONFIGMAPS, "held", {"metadata": {"finalizers": None}}, "default"
            )
            await here.settle()
            return [*seen, await left(here.client)]

    assert run_virtual(story()) == [{"front", "held", "kept"}, {"kept"}]


def test_the_pods_of_a_deleted_replicaset_go_and_none_comes_back() -> None:
    async def story() -> tuple[int, int]:
        async with world() as here:
            await here.replicaset(3)
            await here.settle()
            before = len(await here.pods())
            await here.client.delete(REPLICASETS, "web", "default")
            await here.settle()
            return before, len((await here.client.list(PODS, "default")).items)

    assert run_virtual(story()) == (3, 0)


def test_a_dependent_that_does_not_block_is_not_waited_for() -> None:
    async def story() -> set[str]:
        async with world() as here:
            front = await configmap(here.client, "front")
            await configmap(here.client, "loose", front)
            held = {"metadata": {"finalizers": ["a.b/c"]}}
            await here.client.patch(CONFIGMAPS, "loose", held, "default")
            await here.settle()
            await here.client.delete(CONFIGMAPS, "front", "default", propagation="Foreground")
            await here.settle()
            loose = await here.client.get(CONFIGMAPS, "loose", "default")
            assert "deletionTimestamp" in loose["metadata"]
            return await left(here.client)

    assert run_virtual(story()) == {"loose"}


def test_who_keeps_one_owner_stays_and_loses_the_references_to_the_others() -> None:
    async def story() -> tuple[list[str], set[str]]:
        async with world() as here:
            stays = await configmap(here.client, "stays")
            goes = await configmap(here.client, "goes")
            waits = await configmap(here.client, "waits")
            await configmap(here.client, "shared", goes, stays, waits, blocks=True)
            await here.settle()
            await here.client.delete(CONFIGMAPS, "goes", "default")
            await here.client.delete(CONFIGMAPS, "waits", "default", propagation="Foreground")
            await here.settle()
            shared = await here.client.get(CONFIGMAPS, "shared", "default")
            names = [owner["name"] for owner in shared["metadata"]["ownerReferences"]]
            return names, await left(here.client)

    assert run_virtual(story()) == (["stays"], {"stays", "shared"})


def test_foreground_deletion_goes_down_to_the_last_generation_first() -> None:
    async def story() -> tuple[set[str], set[str]]:
        async with world() as here:
            top = await configmap(here.client, "top")
            middle = await configmap(here.client, "middle", top, blocks=True)
            await configmap(here.client, "leaf", middle, blocks=True)
            held = {"metadata": {"finalizers": ["a.b/c"]}}
            await here.client.patch(CONFIGMAPS, "leaf", held, "default")
            await here.settle()
            await here.client.delete(CONFIGMAPS, "top", "default", propagation="Foreground")
            await here.settle()
            waiting = await left(here.client)
            freed = {"metadata": {"finalizers": None}}
            await here.client.patch(CONFIGMAPS, "leaf", freed, "default")
            await here.settle()
            return waiting, await left(here.client)

    assert run_virtual(story()) == ({"top", "middle", "leaf"}, set())


def test_an_owner_in_another_namespace_is_none_and_that_is_told() -> None:
    async def story() -> tuple[set[str], list[str], bool]:
        async with world() as here:
            owner = await configmap(here.client, "owner")
            reference = {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "name": "owner",
                "uid": owner["metadata"]["uid"],
            }
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}
            await here.client.create(NAMESPACES, body)
            owned = {"name": "wide", "ownerReferences": [reference]}
            await here.client.create(NAMESPACES, body | {"metadata": owned})
            child = {"metadata": {"name": "child", "ownerReferences": [reference]}}
            stray = {"apiVersion": "v1", "kind": "ConfigMap"} | child
            await here.client.create(CONFIGMAPS, stray, "other")
            await here.settle()
            events = (await here.client.list(EVENTS)).items
            names = {c["metadata"]["name"] for c in (await here.client.list(CONFIGMAPS)).items}
            wide = await here.client.get(NAMESPACES, "wide")
            told = sorted(event["reason"] for event in events)
            return names, told, "deletionTimestamp" in wide["metadata"]

    names, told, goes = run_virtual(story())
    assert names == {"owner"}
    assert told == ["OwnerRefInvalidNamespace"] * 2
    assert not goes
