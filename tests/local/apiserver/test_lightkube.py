"""A second client that we did not write: lightkube, over a loopback socket."""

from __future__ import annotations

import pytest

from local.apiserver.served import serving
from serinus.base.clock import Clock
from serinus.local.apiserver.app import ApiServer
from support.steady import run_steady

lightkube = pytest.importorskip("lightkube", reason="lightkube is absent: make test-deps")


def test_lightkube_creates_lists_patches_watches_and_deletes() -> None:
    from lightkube.config.kubeconfig import KubeConfig
    from lightkube.core.exceptions import ApiError
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    def named(name: str) -> ConfigMap:
        return ConfigMap(metadata=ObjectMeta(name=name, labels={"app": name}), data={"x": "1"})

    async def run() -> None:
        server = ApiServer(Clock())
        async with serving(server) as url:
            config = KubeConfig.from_one(cluster=lightkube_cluster(url), user=no_credentials())
            client = lightkube.AsyncClient(config=config, namespace="default")
            await client.create(named("a"))
            await client.create(named("b"))
            assert [m.metadata.name async for m in client.list(ConfigMap)] == ["a", "b"]
            chosen = client.list(ConfigMap, labels={"app": "b"})
            assert [m.metadata.name async for m in chosen] == ["b"]
            patched = await client.patch(ConfigMap, "a", {"data": {"y": "2"}})
            assert patched.data == {"x": "1", "y": "2"}
            seen = []
            async for kind, value in client.watch(ConfigMap, server_timeout=30):
                seen.append((kind, value.metadata.name))
                if len(seen) == 2:
                    break
            assert seen == [("ADDED", "a"), ("ADDED", "b")]
            await client.delete(ConfigMap, "a")
            with pytest.raises(ApiError, match='configmaps "a" not found'):
                await client.get(ConfigMap, "a")
            await client.close()

    run_steady(run())


def test_lightkube_applies_on_the_server_s_side() -> None:
    from lightkube.config.kubeconfig import KubeConfig
    from lightkube.core.exceptions import ApiError
    from lightkube.models.meta_v1 import ObjectMeta
    from lightkube.resources.core_v1 import ConfigMap

    def lamp(**data: str) -> ConfigMap:
        head = {"apiVersion": "v1", "kind": "ConfigMap"}
        return ConfigMap(metadata=ObjectMeta(name="lamp"), data=data, **head)

    async def run() -> None:
        async with serving(ApiServer(Clock())) as url:
            config = KubeConfig.from_one(cluster=lightkube_cluster(url), user=no_credentials())
            client = lightkube.AsyncClient(config=config, namespace="default", field_manager="me")
            await client.apply(lamp(x="1", y="1"))
            assert (await client.apply(lamp(x="1"))).data == {"x": "1"}
            with pytest.raises(ApiError, match=r'conflict with "me": \.data\.x'):
                await client.apply(lamp(x="2"), field_manager="you")
            made = await client.apply(lamp(x="2"), field_manager="you", force=True)
            assert made.metadata.managedFields[0].manager == "you"
            assert made.data == {"x": "2"}
            await client.close()

    run_steady(run())


def lightkube_cluster(url: str) -> object:
    from lightkube.config.models import Cluster

    return Cluster(server=url)


def no_credentials() -> object:
    from lightkube.config.models import User

    return User()
