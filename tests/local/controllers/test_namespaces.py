"""The end of a namespace in virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from local.controllers.nodes import paper_node
from local.controllers.test_deployment import manifest
from local.controllers.world import world
from serinus.kube.errors import Forbidden, NotFound
from serinus.kube.resource import CONFIGMAPS, DEPLOYMENTS, NAMESPACES, PODS
from support.virtual import run_virtual

Json = dict[str, Any]
SHOP: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


def lamp(*finalizers: str) -> Json:
    metadata = {"name": "lamp", "finalizers": list(finalizers)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}


def test_a_namespace_takes_all_with_it_and_makes_nothing_new() -> None:
    async def story() -> tuple[int, int]:
        async with world() as here, paper_node(here):
            await here.client.create(NAMESPACES, SHOP)
            made = manifest(3)
            made["metadata"]["namespace"] = "shop"
            await here.client.create(DEPLOYMENTS, made, "shop")
            await here.clock.sleep(30)
            before = len((await here.client.list(PODS, "shop")).items)
            await here.client.delete(NAMESPACES, "shop")
            await here.clock.sleep(30)
            with pytest.raises(NotFound):
                await here.client.get(NAMESPACES, "shop")
            return before, len((await here.client.list(PODS, "shop")).items)

    assert run_virtual(story()) == (3, 0)


def test_what_holds_a_namespace_is_told_until_it_goes() -> None:
    async def story() -> tuple[str, dict[str, tuple[str, str]], list[Any]]:
        async with world() as here:
            await here.client.create(NAMESPACES, SHOP)
            await here.client.create(CONFIGMAPS, lamp("a.b/c"), "shop")
            await here.client.delete(NAMESPACES, "shop")
            await here.clock.sleep(10)
            found = await here.client.get(NAMESPACES, "shop")
            with pytest.raises(Forbidden) as refused:
                await here.client.create(CONFIGMAPS, lamp(), "shop")
            said = {c["type"]: (c["status"], c["message"]) for c in found["status"]["conditions"]}
            freed = {"metadata": {"finalizers": None}}
            await here.client.patch(CONFIGMAPS, "lamp", freed, "shop")
            await here.clock.sleep(10)
            with pytest.raises(NotFound):
                await here.client.get(NAMESPACES, "shop")
            causes = refused.value.details["causes"]
            return found["status"]["phase"], said, causes

    phase, said, causes = run_virtual(story())
    assert phase == "Terminating"
    assert said["NamespaceContentRemaining"] == (
        "True",
        "Some resources are remaining: configmaps. has 1 resource instances",
    )
    assert said["NamespaceFinalizersRemaining"] == (
        "True",
        "Some content in the namespace has finalizers remaining: a.b/c in 1 resource instances",
    )
    assert causes[0]["reason"] == "NamespaceTerminating"


def test_the_first_namespaces_stay() -> None:
    async def story() -> None:
        async with world() as here:
            for name in ("default", "kube-system"):
                with pytest.raises(Forbidden):
                    await here.client.delete(NAMESPACES, name)

    run_virtual(story())
