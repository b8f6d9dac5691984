"""Kubernetes' own Python client, unchanged: calls, watches, informer, dynamic client, election."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clients.world import DEADLINE_SECONDS, World, world
from local.apiserver.widgets import definition, widget
from serinus.kube.resource import CRDS, Resource
from support.steady import run_steady

kubernetes = pytest.importorskip(
    "kubernetes", reason="the official client is absent: pip install kubernetes (make test-deps)"
)
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")


def story(folder: Path, tell: Callable[[World, Any], None]) -> None:
    """Run `tell`, which blocks, in a thread beside the server."""

    async def run() -> None:
        async with world(folder) as made:
            configuration = kubernetes.client.Configuration()
            configuration.host = made.url
            await asyncio.to_thread(tell, made, kubernetes.client.ApiClient(configuration))

    run_steady(run())


def named(name: str, **data: str) -> Any:
    meta = kubernetes.client.V1ObjectMeta(name=name, labels={"app": name})
    return kubernetes.client.V1ConfigMap(metadata=meta, data=data)


def test_objects_are_created_listed_patched_replaced_and_deleted(tmp_path: Path) -> None:
    def tell(made: World, api: Any) -> None:
        core = kubernetes.client.CoreV1Api(api)
        for name in ("a", "b", "c"):
            core.create_namespaced_config_map("default", named(name, x="1"))
        page = core.list_namespaced_config_map("default", limit=2)
        rest = core.list_namespaced_config_map("default", _continue=page.metadata._continue)
        assert [m.metadata.name for m in (*page.items, *rest.items)] == ["a", "b", "c"]
        chosen = core.list_namespaced_config_map("default", label_selector="app in (b)")
        assert [m.metadata.name for m in chosen.items] == ["b"]
        patched = core.patch_namespaced_config_map("a", "default", {"data": {"y": "2"}})
        assert patched.data == {"x": "1", "y": "2"}
        stale = core.read_namespaced_config_map("b", "default")
        stale.data = {"x": "new"}
        core.replace_namespaced_config_map("b", "default", stale)
        with pytest.raises(kubernetes.client.ApiException) as refused:
            core.replace_namespaced_config_map("b", "default", stale)
        assert refused.value.status == 409
        core.delete_namespaced_config_map("a", "default")
        with pytest.raises(kubernetes.client.ApiException) as absent:
            core.read_namespaced_config_map("a", "default")
        assert absent.value.status == 404
        assert kubernetes.client.VersionApi(api).get_code().major == "1"

    story(tmp_path, tell)


def test_a_watch_replays_what_is_there_and_goes_on_with_what_happens(tmp_path: Path) -> None:
    def tell(made: World, api: Any) -> None:
        core = kubernetes.client.CoreV1Api(api)
        core.create_namespaced_config_map("default", named("a"))
        watch = kubernetes.watch.Watch()
        seen = []
        for event in watch.stream(core.list_namespaced_config_map, "default", timeout_seconds=30):
            seen.append((event["type"], event["object"].metadata.name))
            match seen:
                case [_]:
                    core.create_namespaced_config_map("default", named("b"))
                case [_, _]:
                    core.delete_namespaced_config_map("a", "default")
                case [_, _, _]:
                    watch.stop()
        assert seen == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]

    story(tmp_path, tell)


def test_the_dynamic_client_finds_custom_kinds_and_applies_to_them(tmp_path: Path) -> None:
    def tell(made: World, api: Any) -> None:
        dynamic = kubernetes.dynamic.DynamicClient(api)
        crds = dynamic.resources.get(api_version="apiextensions.k8s.io/v1", kind=CRDS.kind)
        crds.create(body=definition())
        widgets = dynamic.resources.get(api_version="example.com/v1", kind="Widget")
        widgets.create(body=widget("a", size=3), namespace="default")
        body = {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "a"},
            "spec": {"code": "abc"},
        }
        applied = widgets.server_side_apply(
            body=body, name="a", namespace="default", field_manager="tester"
        )
        assert (applied.spec.size, applied.spec.code) == (3, "abc")
        managers = {entry.manager: entry.operation for entry in applied.metadata.managedFields}
        assert managers["tester"] == "Apply"

    story(tmp_path, tell)


def test_the_informer_holds_what_the_server_holds(tmp_path: Path) -> None:
    from kubernetes.informer import SharedInformer

    def tell(made: World, api: Any) -> None:
        core = kubernetes.client.CoreV1Api(api)
        for name in ("a", "b"):
            core.create_namespaced_config_map("default", named(name))
        informer = SharedInformer(core.list_namespaced_config_map, namespace="default")
        happened: list[tuple[str, str]] = []
        enough = threading.Event()

        def note(kind: str) -> Callable[[Any], None]:
            def told(item: Any) -> None:
                happened.append((kind, item.metadata.name))
                if len(happened) == 4:
                    enough.set()

            return told

        started = threading.Event()
        for kind in ("ADDED", "MODIFIED", "DELETED"):
            informer.add_event_handler(kind, note(kind))
        informer.add_event_handler("ADDED", lambda item: started.set())
        informer.start()
        try:
            assert started.wait(DEADLINE_SECONDS)
            core.patch_namespaced_config_map("a", "default", {"data": {"y": "2"}})
            core.delete_namespaced_config_map("b", "default")
            assert enough.wait(DEADLINE_SECONDS)
            assert sorted(happened) == [
                ("ADDED", "a"),
                ("ADDED", "b"),
                ("DELETED", "b"),
                ("MODIFIED", "a"),
            ]
            assert informer.cache.list_keys() == ["default/a"]
        finally:
            informer.stop()

    story(tmp_path, tell)


CANDIDATE = """
import sys, threading
from kubernetes import config
from kubernetes.leaderelection.electionconfig import Config
from kubernetes.leaderelection.leaderelection import LeaderElection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

def lead():
    print("leading", flush=True)
    threading.Event().wait()

config.load_kube_config()
lock = LeaseLock("election", "default", sys.argv[1])
LeaderElection(Config(lock, 3, 2, 1, onstarted_leading=lead, onstopped_leading=None)).run()
"""


def test_a_leader_that_is_killed_is_followed_by_the_other_candidate(tmp_path: Path) -> None:
    async def run() -> list[str]:
        async with world(tmp_path) as made:

            async def candidate(name: str) -> asyncio.subprocess.Process:
                return await asyncio.create_subprocess_exec(
                    *(sys.executable, "-c", CANDIDATE, name),
                    env=os.environ | {"KUBECONFIG": str(made.kubeconfig)},
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                )

            holders = []
            first = await candidate("first")
            second = None
            try:
                assert await line(first) == b"leading\n"
                holders.append(await holder(made))
                second = await candidate("second")
                first.kill()
                assert await line(second) == b"leading\n"
                holders.append(await holder(made))
            finally:
                for process in filter(None, (first, second)):
                    if process.returncode is None:
                        process.kill()
                    await process.wait()
            return holders

    assert run_steady(run()) == ["first", "second"]


async def line(process: asyncio.subprocess.Process) -> bytes:
    assert process.stdout is not None
    return await process.stdout.readline()


async def holder(made: World) -> str:
    lease = await made.client.get(LEASES, "election", "default")
    return str(lease["spec"]["holderIdentity"])
