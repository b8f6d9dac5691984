"""Probes of real processes: what is asked, what is said when it fails, and what follows."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest

from local.one_node import container, is_gone, machine, ready, waiting
from serinus.kube.resource import EVENTS
from support.steady import run_steady

Json = dict[str, Any]
SERVER = """
import http.server as h, os, sys
class H(h.BaseHTTPRequestHandler):
    def do_GET(self):
        print(self.path, self.headers.get('X-Probe'), self.headers.get('Host'), flush=True)
        self.send_response(int(self.path[1:4])); self.end_headers()
    def log_message(self, *a): pass
h.HTTPServer(('127.0.0.1', int(os.environ[sys.argv[1]])), H).serve_forever()
"""
DEAF = "trap '' TERM; while :; do sleep 9; done"


def serving(variable: str = "PORT") -> list[str]:
    return ["python3", "-u", "-c", SERVER, variable]


def get(path: str, port: int | str = 8080, **more: Any) -> Json:
    asked = {"path": path, "port": port} | more
    return {"httpGet": asked, "periodSeconds": 5, "timeoutSeconds": 20}


def by(*command: str) -> Json:
    return {"exec": {"command": [*command]}, "timeoutSeconds": 20}


def test_an_http_probe_sends_its_path_and_headers_to_the_port_that_it_names() -> None:
    async def story() -> str:
        async with machine(speed=60) as here:
            ports = [{"containerPort": 8080}, {"name": "admin", "containerPort": 9090}]
            headers = [{"name": "X-Probe", "value": "yes"}, {"name": "host", "value": "me.example"}]
            await here.pod(
                *("web", "busybox"),
                command=serving("PORT_ADMIN"),
                ports=ports,
                readinessProbe=get("204/x?y=1", "admin", httpHeaders=headers),
            )
            await here.until("web", ready)
            return await here.log("web", follow="true", limitBytes="28")

    assert run_steady(story()) == "/204/x?y=1 yes me.example\n/2"


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        (get("/503"), r"HTTP probe failed with statuscode: 503"),
        (
            get("/200", scheme="HTTPS"),
            r'Get "https://127.0.0.1:\d+/200": tls: .*',
        ),
        (get("/200", "none"), r"couldn't find port: 'none' is not declared by any container .*"),
        (
            get("/200", 9090),
            r'Get "http://127.0.0.1:\d+/200": dial tcp 127.0.0.1:\d+: connect: connection refused',
        ),
        (
            {"tcpSocket": {"port": 9090}},
            r"dial tcp 127.0.0.1:\d+: connect: connection refused",
        ),
        (by("sh", "-c", "echo no $POD_NAME; exit 1"), r"no web"),
        (by("false"), r"command 'false' exited with 1"),
        ({"exec": {"command": ["sleep", "9"]}}, r"command timed out: 'sleep 9' timed out after 1s"),
        ({"exec": {"command": ["/none"]}}, r".*No such file or directory: '/none'"),
    ],
)
def test_a_readiness_probe_that_fails_says_why_as_a_kubelet_does(probe: Json, said: str) -> None:
    async def story() -> tuple[str, Json]:
        async with machine(speed=60) as here:
            ports = [{"containerPort": 8080}, {"containerPort": 9090}]
            await here.pod("web", "busybox", command=serving(), ports=ports, readinessProbe=probe)
            # the server may not listen yet
            part = next(p for p in ("refused", "tls", "no web", "statuscode", "") if p in said)
            told = await here.event("web", "Unhealthy", part)
            # events and statuses are written side by side: either may be seen first
            return told, await here.until("web", lambda p: container(p).get("started"))

    told, pod = run_steady(story())
    assert re.fullmatch(f"Readiness probe failed: {said}", told)
    assert container(pod)["state"].keys() == {"running"}
    assert (container(pod)["ready"], container(pod)["restartCount"]) == (False, 0)


def test_a_probe_of_another_host_asks_there() -> None:
    async def story() -> str:
        async with machine(speed=60) as here:
            probe = {"tcpSocket": {"port": 9, "host": "127.0.0.9"}, "periodSeconds": 5}
            await here.pod("web", readinessProbe=probe)
            return await here.event("web", "Unhealthy")

    assert "dial tcp 127.0.0.9:9: connect: " in run_steady(story())


def test_a_failing_liveness_probe_kills_the_container_after_its_hook_and_it_starts_again() -> None:
    async def story() -> tuple[Json, Json, str, str]:
        async with machine(speed=60) as here:
            probe = by("test", "!", "-e", "$(SERINUS_MOUNT_V)/bad")
            hook = {"exec": {"command": ["sh", "-c", "touch $SERINUS_MOUNT_V/hooked"]}}
            await here.pod(
                *("web", "busybox"),
                command=["sh", "-c", f"trap '' TERM; ls /v; touch /v/bad; {DEAF}"],
                ports=[],
                livenessProbe=probe | {"terminationGracePeriodSeconds": 1, "failureThreshold": 2},
                pod_terminationGracePeriodSeconds=3600,
                lifecycle={"preStop": hook},
                volumeMounts=[{"name": "v", "mountPath": "/v"}],
                pod_volumes=[{"name": "v", "emptyDir": {}}],
            )
            first = await here.until("web", ready)
            ended = await here.until("web", lambda p: "terminated" in container(p)["state"])
            told = await here.event("web", "Killing")
            await here.until("web", lambda p: container(p)["restartCount"] == 1 and ready(p))
            assert await here.log("web", follow="true", limitBytes="11") == "bad\nhooked\n"
            return first, ended, told, await here.event("web", "Unhealthy")

    first, ended, killing, unhealthy = run_steady(story())
    assert container(ended)["state"]["terminated"]["exitCode"] == 137
    assert container(ended)["state"]["terminated"]["containerID"] == container(first)["containerID"]
    assert killing == "Container c failed liveness probe, will be restarted"
    assert unhealthy.startswith("Liveness probe failed: command 'test ! -e ")


def test_a_process_that_is_slow_to_start_is_not_killed_because_the_clock_is_fast() -> None:
    async def story() -> tuple[Json, list[Any]]:
        async with machine(speed=600) as here:
            # 30 seconds of the clock are 50 ms here, or 0.3 s with the least period
            await here.pod("web", "acme/web:v1.start-delay-2s", livenessProbe=get("/healthz"))
            pod = await here.until("web", ready)
            events = (await here.client.list(EVENTS, "default")).items
            return pod, [event for event in events if event["reason"] == "Unhealthy"]

    pod, unhealthy = run_steady(story())
    assert container(pod)["restartCount"] == 0
    assert unhealthy == []


def test_a_container_that_is_not_restarted_stays_dead_after_its_liveness_probe() -> None:
    async def story() -> Json:
        async with machine(speed=60) as here:
            probe = {"exec": {"command": ["false"]}, "failureThreshold": 1}
            await here.pod(
                *("web", "busybox"),
                command=["sleep", "1000"],
                ports=[],
                livenessProbe=probe,
                pod_restartPolicy="Never",
            )
            return await here.until("web", lambda p: p["status"].get("phase") == "Failed")

    assert container(run_steady(story()))["state"]["terminated"]["exitCode"] == 143


def test_nothing_else_is_asked_before_the_startup_probe_has_passed() -> None:
    async def story() -> tuple[list[Any], list[str]]:
        async with machine(speed=60) as here:
            startup = "cd $SERINUS_MOUNT_V; echo s >> asked; test $(wc -l < asked) -ge 3"
            asks = "echo {} >> $SERINUS_MOUNT_V/asked"
            probes = {
                kind: by("sh", "-c", asks.format(kind[0])) | {"periodSeconds": 1}
                for kind in ("readinessProbe", "livenessProbe")
            }
            await here.pod(
                *("web", "busybox"),
                command=[
                    "sh",
                    "-c",
                    "until grep -qs r /v/asked; do sleep 0.02; done; cat /v/asked",
                ],
                ports=[],
                startupProbe=by("sh", "-c", startup) | {"periodSeconds": 1},
                volumeMounts=[{"name": "v", "mountPath": "/v"}],
                pod_volumes=[{"name": "v", "emptyDir": {}}],
                pod_restartPolicy="Never",
                **probes,
            )
            seen = []

            def over(pod: Json | None) -> bool:
                one = container(pod)
                seen.append((one.get("started"), one.get("ready")))
                return "terminated" in one.get("state", {})

            await here.until("web", over)
            return seen, (await here.log("web")).split()

    seen, asked = run_steady(story())
    assert asked[:3] == ["s", "s", "s"]
    assert set(asked[3:]) <= {"r", "l"}
    assert "r" in asked
    assert (False, True) not in seen[:-1]
    assert (True, True) in seen or (True, False) in seen


def test_a_startup_probe_that_never_passes_has_the_container_killed() -> None:
    async def story() -> tuple[Json, str]:
        async with machine(speed=60) as here:
            probe = {"exec": {"command": ["false"]}, "failureThreshold": 3, "periodSeconds": 1}
            await here.pod(
                "web", "busybox", command=["sleep", "1000"], ports=[], startupProbe=probe
            )
            pod = await here.until("web", waiting("CrashLoopBackOff"))
            return pod, await here.event("web", "Killing")

    pod, told = run_steady(story())
    assert told == "Container c failed startup probe, will be restarted"
    assert container(pod)["started"] is False


def test_the_initial_delay_counts_from_the_start_of_the_container() -> None:
    async def story() -> float:
        async with machine(speed=60) as here:
            probe = {"exec": {"command": ["true"]}, "initialDelaySeconds": 30, "periodSeconds": 1}
            await here.pod(
                "web", "busybox", command=["sleep", "1000"], ports=[], readinessProbe=probe
            )
            pod = await here.until("web", ready)
            since = next(c for c in pod["status"]["conditions"] if c["type"] == "Ready")
            began = container(pod)["state"]["running"]["startedAt"]
            return seconds(since["lastTransitionTime"]) - seconds(began)

    # no earlier than asked; how much later is the machine's affair
    assert run_steady(story()) >= 29


def seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()


def test_a_grpc_probe_is_refused_by_name() -> None:
    async def story() -> tuple[Json, str]:
        async with machine() as here:
            await here.pod("web", livenessProbe={"grpc": {"port": 8080}})
            pod = await here.until("web", waiting("CreateContainerConfigError"))
            return pod, await here.event("web", "Failed")

    pod, told = run_steady(story())
    said = container(pod)["state"]["waiting"]["message"]
    assert said.startswith("livenessProbe: grpc probes are not supported on this node; use httpGet")
    assert told == f"Error: {said}"


def test_a_probe_in_a_container_that_is_gone_leaves_no_process() -> None:
    async def story() -> None:
        async with machine(speed=60) as here:
            probe = {"exec": {"command": ["sleep", "1000"]}, "timeoutSeconds": 1001}
            await here.pod("web", livenessProbe=probe)
            await here.until("web", ready)
            while len(here.node.processes) < 2:
                await here.last("web")
            await here.delete("web", grace=1)
            await here.until("web", is_gone)
            await here.alone()

    run_steady(story())
