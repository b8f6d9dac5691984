"""Owner references in virtual time: who goes with whom."""

from __future__ import annotations

from typing import Any

from local.controllers.world import world
from serinus.kube.client import Client
from serinus.kube.resource import CONFIGMAPS, PODS, REPLICASETS
from support.virtual import run_virtual


async def configmap(client: Client, name: str, *owners: dict[str, Any]) -> dict[str, Any]:
    references = [
        {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "name": owner["metadata"]["name"],
            "uid": owner["metadata"]["uid"],
        }
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
            await configmap(here.client, "held", front)
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
