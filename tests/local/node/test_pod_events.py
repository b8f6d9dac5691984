"""What is told about real pods in events, and what they use."""

from __future__ import annotations

from typing import Any

import pytest

from local.one_node import container, is_gone, machine, ready
from serinus.kube.resource import EVENTS, PODS
from support.steady import run_steady

Json = dict[str, Any]


def test_a_container_above_its_memory_limit_is_killed() -> None:
    async def story() -> Json:
        async with machine() as here:
            await here.pod("web", "acme/web:v1.leak-40mb", resources={"limits": {"memory": "60Mi"}})
            return await here.until("web", lambda p: container(p).get("lastState"))

    ended = container(run_steady(story()))["lastState"]["terminated"]
    assert (ended["reason"], ended["exitCode"]) == ("OOMKilled", 137)


def test_what_the_children_of_an_init_container_take_counts_as_its_own() -> None:
    async def story() -> Json:
        async with machine() as here:
            script = "python3 -c 'x = bytearray(80 << 20); import time; time.sleep(99)' & wait"
            init = {
                "name": "i",
                "image": "busybox",
                "command": ["sh", "-c", script],
                "resources": {"limits": {"memory": "60Mi"}},
            }
            await here.pod("web", pod_initContainers=[init], pod_restartPolicy="Never")
            return await here.until("web", lambda p: p["status"].get("phase") == "Failed")

    (init,) = run_steady(story())["status"]["initContainerStatuses"]
    assert init["state"]["terminated"]["reason"] == "OOMKilled"


def test_memory_and_processor_time_of_each_container_are_told() -> None:
    async def story() -> list[tuple[str, str, bool, bool]]:
        async with machine() as here:
            await here.pod("a")
            await here.until("a", ready)
            return [
                (used.pod, used.container, used.memory_bytes > 2**20, used.cpu_seconds > 0)
                for used in here.node.usage()
            ]

    assert run_steady(story()) == [("a", "c", True, True)]


def test_what_happens_to_a_pod_is_told_in_events() -> None:
    async def story() -> list[tuple[str, str]]:
        async with machine(speed=60) as here:
            await here.pod("web", "acme/web:v1", command=["no-such-program"])
            await here.until("web", ready)
            await here.client.delete(PODS, "web", "default")
            await here.until("web", is_gone)
            while True:
                found = (await here.client.list(EVENTS, "default")).items
                if len(found) >= 6:
                    assert found[0]["source"]["component"] == "default-scheduler"
                    return [(e["reason"], e["message"]) for e in found]

    in_order = run_steady(story())
    told = dict(in_order)
    assert [reason for reason, _ in in_order][-3:] == ["Created", "Started", "Killing"]
    assert set(told) == {"Scheduled", "CommandReplaced", "Pulled", "Created", "Started", "Killing"}
    assert told["Scheduled"] == "Successfully assigned default/web to serinus"
    assert told["Pulled"].startswith('Container image "acme/web:v1" already present on machine')
    assert (told["Created"], told["Started"]) == ("Container created", "Container started")
    assert told["Killing"] == "Stopping container c"
    assert told["CommandReplaced"].startswith("no-such-program is not on this machine")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"image": "acme/web:does-not-exist"},
            [
                ("Failed", 'Failed to pull image "acme/web:does-not-exist": failed to pull'),
                ("Failed", "Error: ErrImagePull"),
                ("BackOff", 'Back-off pulling image "acme/web:does-not-exist"'),
                ("Failed", "Error: ImagePullBackOff"),
            ],
        ),
        (
            {"image": "No Image"},
            [
                ("InspectFailed", 'Failed to apply default image tag "No Image": couldn'),
                ("Failed", "Error: InvalidImageName"),
            ],
        ),
        (
            {"image": "busybox", "command": ["false"]},
            [("BackOff", "Back-off restarting failed container c in pod web_default(")],
        ),
        (
            {"envFrom": [{"secretRef": {"name": "no"}}]},
            [("Failed", 'Error: secret "no" not found')],
        ),
        (
            {"image": "busybox", "command": ["no-such-program"]},
            [("Failed", "Error: [Errno 2] No such file or directory: 'no-such-program'")],
        ),
    ],
)
def test_what_holds_a_container_up_is_told_in_a_kubelets_events(
    fields: Json, told: list[tuple[str, str]]
) -> None:
    async def story() -> list[str]:
        async with machine(speed=60) as here:
            await here.pod("web", **fields)
            return [await here.event("web", reason, message) for reason, message in told]

    for message, (_, beginning) in zip(run_steady(story()), told, strict=True):
        assert message.startswith(beginning)


def test_events_about_a_container_name_it_and_are_counted_apart() -> None:
    async def story() -> list[tuple[str, int]]:
        async with machine() as here:
            init = {"name": "i", "image": "busybox", "command": ["true"]}
            await here.pod("web", pod_initContainers=[init])
            await here.until("web", ready)
            found: list[Json] = []
            while len(found) < 2:
                events = (await here.client.list(EVENTS, "default")).items
                found = [event for event in events if event["reason"] == "Started"]
            return sorted((e["involvedObject"]["fieldPath"], e["count"]) for e in found)

    assert run_steady(story()) == [("spec.containers{c}", 1), ("spec.initContainers{i}", 1)]
