"""Containers that end and start again: when, and what is shown of it."""

from __future__ import annotations

from typing import Any

from local.one_node import container, machine
from support.steady import run_steady

Json = dict[str, Any]


def shell(name: str, script: str, **more: Any) -> Json:
    return {"name": name, "image": "busybox", "command": ["sh", "-c", script]} | more


def test_who_ran_for_ten_minutes_starts_again_without_a_wait() -> None:
    async def story() -> list[str]:
        async with machine(speed=2000) as here:
            await here.pod("web", "busybox", command=["sh", "-c", "sleep 0.4; exit 1"], ports=[])
            waits: list[str] = []

            def third(pod: Json | None) -> bool:
                state = container(pod).get("state", {})
                waits.extend([state["waiting"]["reason"]] if "waiting" in state else [])
                return bool(container(pod).get("restartCount", 0) >= 3)

            await here.until("web", third)
            return waits

    assert set(run_steady(story())) == {"ContainerCreating"}


def test_a_restart_counts_when_there_is_a_new_process_to_show(tmp_path: Any) -> None:
    """What has ended is neither past nor counted as long as it is shown; so does a kubelet."""
    once, hooked, go = (tmp_path / name for name in ("once", "hooked", "go"))
    late = f"test -e {once} && exec sleep 1000; : > {once}; until test -s {hooked}; "
    script = f"echo x >> {hooked}; until test -e {go}; do sleep 0.02; done"
    starting = {"exec": {"command": ["sh", "-c", script]}}
    brief = f"until test -s {hooked} && test $(wc -l < {hooked}) = 2; do sleep 0.02; done"

    async def story() -> tuple[Json, Json]:
        async with machine() as here:
            one = shell(
                "one", late + "do sleep 0.02; done; exit 1", lifecycle={"postStart": starting}
            )
            both = [one, shell("brief", brief)]
            await here.pod("web", pod_containers=both, pod_restartPolicy="OnFailure")
            written = await here.until(
                "web", lambda p: "terminated" in str(p["status"].get("containerStatuses", [0])[-1])
            )
            go.touch()
            return written, await here.until(
                "web", lambda p: "running" in container(p).get("state", {})
            )

    ended, again = map(container, run_steady(story()))
    assert (ended["state"]["terminated"]["exitCode"], ended["lastState"]) == (1, {})
    assert [one["restartCount"] for one in (ended, again)] == [0, 1]
    assert again["lastState"]["terminated"] == ended["state"]["terminated"]
