"""How pods begin and end: hooks, sidecars, init containers, deadlines, last messages, removal."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import psutil
import pytest

from local.one_node import Machine, container, is_gone, machine, pid_of, ready, waiting
from support.steady import run_steady

Json = dict[str, Any]


def shell(name: str, script: str, **more: Any) -> Json:
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script]} | more


def words(path: Any) -> list[str]:
    return str(path.read_text()).split()


def on_term(what: str, first: str = ":") -> str:
    """A script that does something when it gets SIGTERM; before it waits, but then, `first`."""
    return f"trap '{what}' TERM; {first}; while :; do sleep 1000 & wait; done"


def wait_until_dead(pid: int) -> None:
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        os.sched_yield()


def init_status(pod: Json | None) -> Json:
    """The status of the first init container; empty if there is none yet."""
    return dict((((pod or {}).get("status") or {}).get("initContainerStatuses") or [{}])[0])


def hook(script: str) -> Json:
    return {"exec": {"command": ["sh", "-c", script]}}


def test_hooks_run_before_the_container_counts_as_running_and_before_sigterm(tmp_path: Any) -> None:
    async def story() -> tuple[list[str], list[str]]:
        async with machine() as here:
            trace = tmp_path / "trace"
            script = (
                f"trap 'echo term >> {trace}; exit 0' TERM; while :; do sleep 1000 & wait; done"
            )
            life = {
                "postStart": hook(f"sleep 0.2; echo post-$POD_NAME >> {trace}"),
                "preStop": hook(f"sleep 0.7; echo pre >> {trace}"),
            }
            await here.pod("web", "busybox", command=["sh", "-c", script], ports=[], lifecycle=life)
            await here.until("web", lambda p: "running" in container(p).get("state", {}))
            begun = words(trace)
            await here.delete("web")
            await here.until("web", is_gone)
            return begun, words(trace)

    assert run_steady(story()) == (["post-web"], ["post-web", "pre", "term"])


def test_a_post_start_hook_that_fails_ends_the_container() -> None:
    async def story() -> tuple[str, Json]:
        async with machine(speed=60) as here:
            life = {"postStart": hook("echo no such table; exit 3")}
            await here.pod("web", lifecycle=life)
            pod = await here.until("web", waiting("CrashLoopBackOff"))
            return await here.event("web", "FailedPostStartHook"), pod

    told, pod = run_steady(story())
    assert told == "PostStartHook failed: no such table"
    assert container(pod)["lastState"]["terminated"]["reason"] in ("Error", "Completed")


def test_a_pre_stop_hook_has_no_more_than_the_grace_and_the_process_two_seconds_more() -> None:
    async def story() -> tuple[str, str]:
        async with machine() as here:
            life = {"preStop": {"sleep": {"seconds": 600}}}
            await here.pod(
                *("web", "busybox"),
                command=["sh", "-c", on_term("echo term; exit 0")],
                ports=[],
                lifecycle=life,
                pod_terminationGracePeriodSeconds=1,
            )
            await here.until("web", ready)
            log = asyncio.create_task(here.log("web", follow="true"))
            await here.delete("web")
            told = await here.event("web", "FailedPreStopHook")
            await here.until("web", is_gone)
            return told, await log

    told, log = run_steady(story())
    assert told == "PreStopHook failed: it did not end within the grace period"
    assert log == "term\n"


@pytest.mark.parametrize("script", ["exit 7", "kill -TERM $$$$"])
def test_exit_codes_and_signals_are_shown_as_a_container_runtime_does(script: str) -> None:
    async def story() -> Json:
        async with machine() as here:
            await here.pod(
                "web", "busybox", command=["sh", "-c", script], pod_restartPolicy="Never"
            )
            return await here.until("web", lambda p: p["status"].get("phase") == "Failed")

    ended = container(run_steady(story()))["state"]["terminated"]
    assert ended["exitCode"] == (7 if "7" in script else 143)
    assert ended["reason"] == "Error"


def test_what_a_container_started_dies_with_it() -> None:
    async def story() -> None:
        async with machine() as here:
            script = "sleep 1000 & echo $!; exec sleep 0.3"
            await here.pod(
                "web", "busybox", command=["sh", "-c", script], pod_restartPolicy="Never", ports=[]
            )
            await here.until("web", lambda p: p["status"].get("phase") == "Succeeded")
            await asyncio.to_thread(wait_until_dead, int(await here.log("web")))

    run_steady(story())


def test_a_pod_that_is_forced_away_has_one_second(tmp_path: Any) -> None:
    async def story() -> bool:
        async with machine() as here:
            script = on_term(f": > {tmp_path}/term", "echo up")
            await here.pod("web", "busybox", command=["sh", "-c", script], ports=[])
            process = psutil.Process(pid_of(await here.until("web", ready)))
            await here.says("web", "up\n")
            await here.delete("web", grace=0)
            await here.until("web", is_gone)
            await asyncio.to_thread(process.wait, 20)
            return (tmp_path / "term").exists()

    assert run_steady(story()) is True


def test_a_second_deletion_may_shorten_the_grace() -> None:
    async def story() -> int:
        async with machine() as here:
            script = on_term("echo term", "echo up")
            await here.pod(
                *("web", "busybox"),
                command=["sh", "-c", script],
                ports=[],
                pod_terminationGracePeriodSeconds=3600,
            )
            pod = await here.until("web", ready)
            await here.says("web", "up\n")
            await here.delete("web")
            assert await here.says("web", "up\nterm\n") == "up\nterm\n"
            await here.delete("web", grace=1)
            gone = await here.until("web", lambda p: "terminated" in container(p).get("state", {}))
            await here.until("web", is_gone)
            assert not psutil.pid_exists(pid_of(pod))
            return int(container(gone)["state"]["terminated"]["exitCode"])

    assert run_steady(story()) == 137


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"image": "acme/web:does-not-exist"}, "ErrImagePull"),
        ({"envFrom": [{"secretRef": {"name": "no"}}]}, "CreateContainerConfigError"),
        ({"image": "busybox", "command": ["false"]}, "CrashLoopBackOff"),
    ],
)
def test_a_pod_that_waits_can_be_removed_at_once(fields: Json, reason: str) -> None:
    async def story() -> None:
        async with machine() as here:
            await here.pod("web", **fields)
            await here.until("web", waiting(reason))
            await here.delete("web")
            await here.until("web", is_gone)

    run_steady(story())


def test_sidecars_start_before_and_end_after_the_others(tmp_path: Any) -> None:
    trace = tmp_path / "trace"

    async def story() -> tuple[Json, list[str]]:
        async with machine() as here:
            side = shell(
                "side",
                on_term(f"echo side-end >> {trace}; exit 0", f"echo side >> {trace}"),
                restartPolicy="Always",
                startupProbe={"exec": {"command": ["test", "-e", str(trace)]}, "periodSeconds": 1},
            )
            init = shell("init", f"echo init >> {trace}")
            main = on_term(
                f"sleep 0.3; echo main-end >> {trace}; exit 0", f"echo main | tee -a {trace}"
            )
            await here.pod(
                *("web", "busybox"),
                command=["sh", "-c", main],
                ports=[],
                pod_initContainers=[side, init],
            )
            pod = await here.until("web", ready)
            assert await here.log("web", container="c", follow="true", limitBytes="5") == "main\n"
            await here.delete("web")
            await here.until("web", is_gone)
            return pod, words(trace)

    pod, seen = run_steady(story())
    assert seen == ["side", "init", "main", "main-end", "side-end"]
    side, init = pod["status"]["initContainerStatuses"]
    assert (side["started"], side["ready"], init["ready"]) == (True, True, True)


def test_a_job_with_a_sidecar_succeeds_when_its_own_containers_have() -> None:
    async def story() -> Json:
        async with machine() as here:
            side = shell("side", on_term("exit 0"), restartPolicy="Always")
            await here.pod(
                *("job", "busybox"),
                command=["true"],
                pod_initContainers=[side],
                pod_restartPolicy="Never",
            )
            return await here.until(
                "job", lambda p: "terminated" in init_status(p).get("state", {})
            )

    pod = run_steady(story())
    assert pod["status"]["phase"] == "Succeeded"
    assert pod["status"]["initContainerStatuses"][0]["restartCount"] == 0


@pytest.mark.parametrize(
    ("policy", "phase", "state"),
    [("Never", "Failed", "terminated"), ("Always", "Pending", "waiting")],
)
def test_an_init_container_that_fails_holds_the_pod_or_ends_it(
    policy: str, phase: str, state: str
) -> None:
    async def story() -> Json:
        async with machine() as here:
            inits = [shell("first", "exit 1"), shell("second", "true")]
            await here.pod("web", pod_initContainers=inits, pod_restartPolicy=policy)

            def over(pod: Json | None) -> bool:
                one = init_status(pod)
                return state in one.get("state", {}) and bool(
                    one["lastState"] or state != "waiting"
                )

            return await here.until("web", over)

    pod = run_steady(story())
    first, second = pod["status"]["initContainerStatuses"]
    assert pod["status"]["phase"] == phase
    assert state in first["state"]
    assert second["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert container(pod)["state"] == {"waiting": {"reason": "PodInitializing"}}
    message = next(c for c in pod["status"]["conditions"] if c["type"] == "Initialized")["message"]
    assert message == "containers with incomplete status: [first second]"


def test_every_container_of_a_pod_has_its_own_restarts_log_and_back_off() -> None:
    async def story() -> tuple[Json, str, str]:
        async with machine() as here:
            both = [
                shell("calm", on_term("exit 0", "echo calm")),
                shell("wild", "echo wild; exit 2"),
            ]
            await here.pod("web", pod_containers=both)

            def waits(pod: Json | None) -> bool:
                found = ((pod or {}).get("status") or {}).get("containerStatuses") or [{}]
                return found[-1].get("restartCount") == 1 and "waiting" in found[-1]["state"]

            pod = await here.until("web", waits)
            calm = await here.log("web", container="calm", follow="true", limitBytes="5")
            return pod, calm, await here.log("web", container="wild")

    pod, calm, wild = run_steady(story())
    first, second = pod["status"]["containerStatuses"]
    assert (calm, wild) == ("calm\n", "wild\n")
    assert "running" in first["state"]
    assert second["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert second["lastState"]["terminated"]["exitCode"] == 2


def test_a_pod_past_its_deadline_fails_and_stays() -> None:
    async def story() -> tuple[Json, str, bool]:
        async with machine(speed=60) as here:
            command = ["sleep", "1000"]
            await here.pod(
                "web", "busybox", command=command, ports=[], pod_activeDeadlineSeconds=120
            )
            process = psutil.Process(pid_of(await here.until("web", ready)))
            pod = await here.until("web", lambda p: p["status"].get("reason") == "DeadlineExceeded")
            await asyncio.to_thread(process.wait, 20)
            return pod, await here.event("web", "DeadlineExceeded"), process.is_running()

    pod, told, runs = run_steady(story())
    assert (pod["status"]["phase"], runs) == ("Failed", False)
    assert told == pod["status"]["message"]
    assert told == "Pod was active on the node longer than the specified deadline"


@pytest.mark.parametrize(
    ("script", "policy", "path", "said"),
    [
        ("echo by variable > $TERMINATION_MESSAGE_PATH; exit 1", "File", None, "by variable\n"),
        ("echo by path > /dev/termination-log", "File", None, "by path\n"),
        ("echo own > /tmp/own-log", "File", "/tmp/own-log", "own\n"),
        ("echo last words; exit 1", "FallbackToLogsOnError", None, "last words\n"),
        ("echo last words; exit 1", "File", None, None),
        ("echo last words; exit 0", "FallbackToLogsOnError", None, None),
    ],
)
def test_the_last_message_of_a_container_is_in_its_status(
    script: str, policy: str, path: str | None, said: str | None
) -> None:
    async def story() -> Json:
        async with machine() as here:
            where = {} if path is None else {"terminationMessagePath": path}
            await here.pod(
                *("web", "busybox"),
                command=["sh", "-c", script],
                terminationMessagePolicy=policy,
                pod_restartPolicy="Never",
                **where,
            )
            return await here.until("web", lambda p: "terminated" in container(p).get("state", {}))

    assert container(run_steady(story()))["state"]["terminated"].get("message") == said


def test_another_image_in_a_running_pod_restarts_its_container() -> None:
    async def story() -> tuple[Json, str, str]:
        async with machine() as here:
            await here.pod("web")
            await here.until("web", ready)
            await here.set_image("web", "acme/web:v2")
            pod = await here.until(
                "web", lambda p: ready(p) and container(p)["image"] == "acme/web:v2"
            )
            log = await here.says("web", "version v2 listening")
            return pod, log, await here.event("web", "Killing")

    pod, log, told = run_steady(story())
    assert container(pod)["restartCount"] == 1
    assert log == "version v2 listening"
    assert told == "Container c definition changed, will be restarted"


def test_the_last_status_before_a_removal_shows_how_the_containers_ended() -> None:
    async def story(here: Machine) -> Json:
        await here.pod("web", "busybox", command=["sleep", "1000"], ports=[])
        await here.until("web", ready)
        await here.delete("web")
        return await here.until("web", lambda p: p["status"]["phase"] == "Failed")

    async def whole() -> Json:
        async with machine() as here:
            return await story(here)

    pod = run_steady(whole())
    assert container(pod)["state"]["terminated"]["exitCode"] == 128 + signal.SIGTERM
