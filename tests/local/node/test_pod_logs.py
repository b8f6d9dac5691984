"""Logs of real processes: which instance, which part, and what is said when there is none."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

from local.one_node import container, machine, ready, waiting
from serinus.kube.errors import BadRequest
from support.steady import run_steady

Json = dict[str, Any]


def shell(name: str, script: str) -> Json:
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script]}


@pytest.mark.parametrize(
    ("fields", "reason", "query", "said"),
    [
        (
            {"image": "acme/web:does-not-exist"},
            "ErrImagePull",
            {},
            'container "c" in pod "web" is waiting to start: trying and failing to pull image',
        ),
        (
            {"envFrom": [{"secretRef": {"name": "no"}}]},
            "CreateContainerConfigError",
            {},
            'container "c" in pod "web" is waiting to start: CreateContainerConfigError',
        ),
        (
            {"pod_initContainers": [shell("i", "exec sleep 1000")]},
            "PodInitializing",
            {},
            'container "c" in pod "web" is waiting to start: PodInitializing',
        ),
        (
            {"pod_initContainers": [shell("i", "exec sleep 1000")]},
            "PodInitializing",
            {"container": "i", "previous": "true"},
            'previous terminated container "i" in pod "web" not found',
        ),
        ({}, "", {"container": "none"}, "container none is not valid for pod web"),
        (
            {"pod_containers": [shell("a", "true"), shell("b", "true")]},
            "",
            {},
            "a container name must be specified for pod web, choose one of: [a b]",
        ),
        (
            {
                "pod_containers": [shell("a", "true"), shell("b", "true")],
                "pod_initContainers": [shell("i", "true")],
            },
            "",
            {},
            "a container name must be specified for pod web, "
            "choose one of: [a b] or one of the init containers: [i]",
        ),
    ],
)
def test_a_log_that_is_not_there_is_a_bad_request_in_the_kubelets_words(
    fields: Json, reason: str, query: dict[str, str], said: str
) -> None:
    async def story() -> str:
        async with machine() as here:
            await here.pod("web", **fields)
            if reason == "PodInitializing":
                inits = "initContainerStatuses"
                await here.until("web", lambda p: "running" in str(p["status"].get(inits)))
            elif reason:
                await here.until("web", waiting(reason))
            with pytest.raises(BadRequest) as caught:
                await here.log("web", **query)
            return str(caught.value)

    assert said in run_steady(story())


def test_a_part_of_a_log_can_be_had_with_its_times() -> None:
    async def story() -> list[str]:
        async with machine() as here:
            await here.pod(
                *("web", "busybox"),
                command=["sh", "-c", "for i in 1 2 3 4 5; do echo line $i; done"],
                pod_restartPolicy="Never",
            )
            await here.until("web", lambda p: p["status"].get("phase") == "Succeeded")
            return [
                await here.log("web", tailLines="2"),
                await here.log("web", limitBytes="8"),
                await here.log("web", tailLines="1", timestamps="true"),
                await here.log("web", tailLines="0"),
                await here.log("web", sinceSeconds="3600", tailLines="1"),
                await here.log("web", sinceTime="2200-01-01T00:00:00Z"),
            ]

    tail, bytes_, stamped, nothing, recent, later = run_steady(story())
    assert (tail, bytes_, nothing) == ("line 4\nline 5\n", "line 1\nl", "")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z line 5\n", stamped)
    assert (recent, later) == ("line 5\n", "")


def test_a_container_that_waits_for_its_restart_shows_its_last_log() -> None:
    async def story() -> tuple[str, str]:
        async with machine() as here:
            await here.pod("web", "busybox", command=["sh", "-c", "echo bye; exit 1"], ports=[])
            await here.until("web", waiting("CrashLoopBackOff"))
            return await here.log("web"), await here.log("web", previous="true")

    assert run_steady(story()) == ("bye\n", "bye\n")


def test_a_followed_log_ends_with_the_container_and_comes_as_it_is_written() -> None:
    async def story() -> tuple[str, str]:
        async with machine() as here:
            await here.pod(
                *("web", "busybox"),
                command=[
                    "sh",
                    "-c",
                    "echo begun; until test -e /v/go; do sleep .1; done; echo end",
                ],
                volumeMounts=[{"name": "v", "mountPath": "/v"}],
                pod_volumes=[{"name": "v", "configMap": {"name": "m", "optional": True}}],
                ports=[],
                pod_restartPolicy="Never",
            )
            await here.until("web", ready)
            begun = await here.log("web", follow="true", limitBytes="6")
            following = asyncio.create_task(here.log("web", follow="true"))
            await here.holds("ConfigMap", "m", go="")
            return begun, await following

    assert run_steady(story()) == ("begun\n", "begun\nend\n")


def test_logs_are_bounded() -> None:
    async def story() -> tuple[int, str]:
        async with machine() as here:
            await here.pod(
                *("web", "busybox"),
                command=["sh", "-c", "yes 0123456789abcdef | head -n 200000; echo last"],
                ports=[],
                pod_restartPolicy="Never",
            )
            await here.until("web", lambda p: "terminated" in container(p).get("state", {}))
            log = await here.log("web", follow="true")
            return len(log), log[-5:]

    size, end = run_steady(story())
    assert 900_000 < size <= 1024 * 1024
    assert end == "last\n"
