"""Pods as real processes: started, asked, restarted, removed."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import pytest

from local.one_node import container, is_gone, machine, pid_of, ready, waiting
from serinus.kube.resource import CONFIGMAPS, ENDPOINTSLICES, PODS
from support.steady import run_steady

Json = dict[str, Any]
PYTHON = "import os,time;"


def port_of(pod: Json) -> int:
    return int(pod["metadata"]["annotations"]["serinus.dev/port"])


def get(port: int, path: str = "/") -> tuple[str | None, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.headers["X-Version"], answer.read().decode()


def test_a_pod_of_an_unknown_image_serves_its_tag_as_version_and_says_that_it_is_ready() -> None:
    async def story() -> tuple[Json, tuple[str | None, str], str]:
        async with machine() as here:
            await here.pod("web", "ghcr.io/acme/checkout:v7")
            pod = await here.until("web", ready)
            answer = await asyncio.to_thread(get, port_of(pod))
            return pod, answer, await here.log("web", follow="true", limitBytes="24")

    pod, (version, body), log = run_steady(story())
    status = pod["status"]
    assert version == "v7"
    assert '"pod": "web"' in body
    assert log == "version v7 listening on "
    assert (status["phase"], status["podIP"]) == ("Running", "127.0.0.1")
    assert {c["type"]: c["status"] for c in status["conditions"]} == {
        "PodReadyToStartContainers": "True",
        "PodScheduled": "True",
        "Initialized": "True",
        "ContainersReady": "True",
        "Ready": "True",
    }
    assert pod["spec"]["nodeName"] == "serinus"
    assert container(pod)["state"]["running"]["startedAt"]


def test_every_declared_port_is_served_at_a_port_of_its_own_and_services_lead_there() -> None:
    async def story() -> tuple[Json, list[str], list[int]]:
        async with machine() as here:
            ports = [{"name": "http", "containerPort": 8080}, {"containerPort": 9090}]
            await here.service({"name": "m", "port": 90, "targetPort": 9090})
            await here.pod("web", ports=ports)
            pod = await here.until("web", ready)
            await here.routed(True)
            given = json.loads(pod["metadata"]["annotations"]["serinus.dev/ports"])
            answers = [(await asyncio.to_thread(get, port))[0] or "" for port in given.values()]
            (part,) = (await here.client.list(ENDPOINTSLICES, "default")).items
            return pod, answers, [part["ports"][0]["port"], given["9090"]]

    pod, answers, (routed, served) = run_steady(story())
    assert answers == ["v1", "v1"]
    assert routed == served != port_of(pod)


def test_a_crash_makes_the_pod_unready_at_once_and_it_comes_back_ever_later() -> None:
    async def story() -> list[Json]:
        async with machine(speed=60) as here:
            await here.pod("web")
            first = await here.until("web", ready)
            await here.last("web")  # nothing of this state is under way any more
            os.kill(pid_of(first), signal.SIGKILL)
            crashed = await here.until("web", lambda p: not ready(p))
            second = await here.until("web", ready)
            os.kill(pid_of(second), signal.SIGKILL)
            back_off = await here.until("web", waiting("CrashLoopBackOff"))
            third = await here.until("web", lambda p: "running" in container(p)["state"])
            return [first, crashed, second, back_off, third]

    versions = run_steady(story())
    first, crashed, _, back_off, third = versions
    assert [container(one)["restartCount"] for one in versions] == [0, 0, 1, 1, 2]
    assert container(crashed)["state"]["terminated"]["exitCode"] == 137
    assert container(crashed)["lastState"] == {}
    assert container(back_off)["lastState"]["terminated"]["reason"] == "Error"
    message = container(back_off)["state"]["waiting"]["message"]
    assert message.startswith("back-off 10s restarting failed container=c pod=web_default(")
    assert back_off["status"]["phase"] == "Running"
    assert pid_of(third) != pid_of(first)


def test_a_killed_process_is_seen_at_once_with_its_signal() -> None:
    async def story() -> Json:
        async with machine() as here:
            await here.pod("web")
            pod = await here.until("web", ready)
            os.kill(pid_of(pod), signal.SIGKILL)
            return await here.until("web", lambda p: not ready(p))

    pod = run_steady(story())
    assert container(pod)["state"]["terminated"]["exitCode"] == 137
    condition = next(c for c in pod["status"]["conditions"] if c["type"] == "Ready")
    assert condition["reason"] == "ContainersNotReady"
    assert condition["message"] == "containers with unready status: [c]"


@pytest.mark.parametrize(
    ("image", "fields", "reason", "said"),
    [
        ("acme/web:does-not-exist", {}, "ErrImagePull", "not found"),
        ("acme/web:does-not-exist", {}, "ImagePullBackOff", "Back-off pulling image"),
        ("Not Valid", {}, "InvalidImageName", "invalid reference format"),
        ("busybox", {}, "CreateContainerError", "no command"),
        (
            "acme/web:v1",
            {"envFrom": [{"configMapRef": {"name": "absent"}}]},
            "CreateContainerConfigError",
            'configmap "absent" not found',
        ),
    ],
)
def test_what_cannot_be_started_waits_with_the_reason_that_kubectl_shows(
    image: str, fields: dict[str, Any], reason: str, said: str
) -> None:
    async def story() -> Json:
        async with machine(speed=60) as here:
            await here.pod("web", image, **fields)
            return await here.until("web", waiting(reason))

    pod = run_steady(story())
    assert said in container(pod)["state"]["waiting"]["message"]
    assert pod["status"]["phase"] == "Pending"


def test_a_pod_starts_as_soon_as_the_configmap_that_it_needs_is_there() -> None:
    async def story() -> str:
        async with machine(speed=0.01) as here:  # nobody would wait for the next look by the clock
            await here.pod(
                "web",
                "busybox",
                command=["sh", "-c", "echo got $WORD $(WORD) $POD_NAME; exec sleep 1000"],
                env=[{"name": "WORD", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}],
                ports=[],
            )
            await here.until("web", waiting("CreateContainerConfigError"))
            body = {"metadata": {"name": "m"}, "data": {"k": "this"}}
            whole = {"apiVersion": "v1", "kind": "ConfigMap"} | body
            await here.client.create(CONFIGMAPS, whole, "default")
            await here.until("web", ready)
            wanted = len("got this this web\n")
            return await here.log("web", follow="true", limitBytes=str(wanted))

    assert run_steady(story()) == "got this this web\n"


def test_a_pod_whose_port_never_opens_runs_and_never_becomes_ready() -> None:
    async def story() -> Json:
        async with machine(speed=60) as here:
            await here.service()
            await here.pod("web", "acme/web:v1.never-listen")
            await here.pod("other")
            await here.until("other", ready)
            await here.routed(False, True)
            return await here.until("web", lambda p: container(p).get("state", {}).get("running"))

    assert not ready(run_steady(story()))


@pytest.mark.parametrize(
    "probe",
    [
        {"httpGet": {"path": "/healthz", "port": 8080}},
        {"tcpSocket": {"port": "http"}},
        {"tcpSocket": {"port": 8080, "host": "localhost"}},
        {"exec": {"command": ["sh", "-c", 'test -n "$PORT"']}},
    ],
)
def test_a_pod_is_ready_when_its_probe_says_so(probe: Json) -> None:
    async def story() -> Json:
        async with machine(speed=60) as here:
            ports = [{"name": "http", "containerPort": 8080}]
            often = {"periodSeconds": 5, "timeoutSeconds": 20}
            await here.pod("web", readinessProbe=probe | often, ports=ports)
            return await here.until("web", ready)

    assert container(run_steady(story()))["ready"] is True


def test_a_failing_probe_takes_readiness_away_only_after_its_threshold() -> None:
    script = PYTHON + (
        "import http.server as s\n"
        "class H(s.BaseHTTPRequestHandler):\n"
        " n = 0\n"
        " def do_GET(self):\n"
        "  H.n += 1; print('probe', H.n, flush=True)\n"
        "  self.send_response(200 if H.n <= 2 or H.n > 5 else 503); self.end_headers()\n"
        " def log_message(self, *a): pass\n"
        "s.HTTPServer(('127.0.0.1', int(os.environ['PORT'])), H).serve_forever()"
    )

    async def story() -> str:
        async with machine(speed=60) as here:
            await here.pod(
                "web",
                "busybox",
                command=["python3", "-c", script],
                readinessProbe={
                    "httpGet": {"path": "/", "port": 8080},
                    "periodSeconds": 6,
                    "failureThreshold": 3,
                    "timeoutSeconds": 20,
                },
            )
            await here.until("web", ready)
            await here.until("web", lambda p: not ready(p))
            log = await here.log("web")
            await here.until("web", ready)
            return log

    # two good answers, then three bad ones and no more: the third takes readiness away
    assert int(re.findall(r"probe (\d+)", run_steady(story()))[-1]) >= 5


def test_a_pod_that_is_removed_ends_by_sigterm_after_its_endpoint_is_gone(tmp_path: Path) -> None:
    script = PYTHON + (
        "import signal,socket\n"
        "def bye(*a):\n"
        " print('term', flush=True)\n"
        f" while not os.path.exists('{tmp_path}/go'): time.sleep(0.01)\n"
        " raise SystemExit(0)\n"
        "signal.signal(signal.SIGTERM, bye)\n"
        "s = socket.create_server(('127.0.0.1', int(os.environ['PORT'])))\n"
        "while True: s.accept()"
    )

    async def story() -> list[Any]:
        async with machine() as here:
            await here.service()
            await here.pod(
                *("web", "busybox"),
                command=["python3", "-c", script],
                pod_terminationGracePeriodSeconds=60,
            )
            pod = await here.until("web", ready)
            await here.routed(True)
            process = psutil.Process(pid_of(pod))
            await here.client.delete(PODS, "web", "default")
            marked = await here.until("web", lambda p: p and "deletionTimestamp" in p["metadata"])
            assert await here.says("web", "term\n") == "term\n"
            alive = (await here.endpoints(), process.is_running())
            (tmp_path / "go").touch()
            await here.until("web", is_gone)
            return [
                alive, process.is_running(), marked["metadata"]["deletionGracePeriodSeconds"],
            ]  # fmt: skip

    assert run_steady(story()) == [([], True), False, 60]


def test_what_ignores_sigterm_is_killed_after_its_grace() -> None:
    async def story() -> bool:
        async with machine() as here:
            script = "trap '' TERM; while true; do sleep 1000 & wait; done"
            await here.pod(
                "web",
                "busybox",
                command=["sh", "-c", script],
                ports=[],
                pod_terminationGracePeriodSeconds=1,
            )
            pod = await here.until("web", ready)
            await here.client.delete(PODS, "web", "default")
            await here.until("web", is_gone)
            return psutil.pid_exists(pid_of(pod))

    assert run_steady(story()) is False


@pytest.mark.parametrize(
    ("policy", "script", "phase", "restarts"),
    [
        ("Never", "exit 0", "Succeeded", 0),
        ("Never", "exit 3", "Failed", 0),
        ("OnFailure", "test -e $MARK || { touch $MARK; exit 1; }", "Succeeded", 1),
    ],
)
def test_a_pod_that_is_not_restarted_ends_in_a_phase(
    policy: str, script: str, phase: str, restarts: int, tmp_path: Any
) -> None:
    async def story() -> Json:
        async with machine() as here:
            await here.pod(
                "job",
                "busybox",
                command=["sh", "-c", script],
                env=[{"name": "MARK", "value": str(tmp_path / "mark")}],
                pod_restartPolicy=policy,
            )
            return await here.until(
                "job", lambda p: p and p.get("status", {}).get("phase") in ("Succeeded", "Failed")
            )

    pod = run_steady(story())
    assert pod["status"]["phase"] == phase
    assert container(pod)["restartCount"] == restarts


def test_init_containers_end_before_the_others_start() -> None:
    async def story() -> tuple[Json, str, str]:
        async with machine() as here:
            inits = [
                {"name": "i1", "image": "busybox", "command": ["sh", "-c", "echo one"]},
                {"name": "i2", "image": "acme/migrate:v1"},
            ]
            await here.pod("web", pod_initContainers=inits)
            pod = await here.until("web", ready)
            return pod, await here.log("web", container="i1"), await here.log("web", container="i2")

    pod, first, second = run_steady(story())
    assert first == "one\n"
    assert "not mapped to a program" in second
    ended = [s["state"]["terminated"]["exitCode"] for s in pod["status"]["initContainerStatuses"]]
    assert ended == [0, 0]


def test_the_log_of_the_instance_before_can_be_read(tmp_path: Path) -> None:
    async def story() -> tuple[str, str]:
        async with machine(speed=60) as here:
            runs = tmp_path / "runs"
            script = f"echo x >> {runs}; wc -l < {runs}; test $(wc -l < {runs}) = 3 || exit 1; "
            command = ["sh", "-c", script + "exec sleep 1000"]
            await here.pod("web", "busybox", command=command, ports=[])
            await here.until("web", lambda p: container(p).get("restartCount") == 2)
            return await here.log("web", previous="true"), await here.says("web", "3\n")

    assert run_steady(story()) == ("2\n", "3\n")


def test_nothing_runs_when_the_node_has_ended() -> None:
    async def story() -> list[int]:
        async with machine() as here:
            for name in ("a", "b", "c"):
                await here.pod(name)
            return [pid_of(await here.until(name, ready)) for name in ("a", "b", "c")]

    assert [psutil.pid_exists(pid) for pid in run_steady(story())] == [False] * 3
