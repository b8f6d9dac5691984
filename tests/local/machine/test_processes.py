"""Children and their keeper: real processes, awaited by their events."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import textwrap
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest

from serinus.local.machine.processes import KILLED_CODE, Processes, StartFailed
from support.steady import run_steady

DEADLINE_SECONDS = 30
ENV = {"PATH": os.environ["PATH"]}


@asynccontextmanager
async def processes() -> AsyncIterator[Processes]:
    kept = Processes()
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield kept
    finally:
        await kept.close()


async def gone(pid: int) -> None:
    """A process that is not our child tells nobody when it ends: ask, off the loop."""

    def lives() -> bool:
        try:
            return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    while lives():
        await asyncio.to_thread(time.sleep, 0.01)


@pytest.mark.parametrize(
    ("script", "code", "output"),
    [
        ("echo one; echo two >&2; exit 3", 3, b"one\ntwo\n"),
        ("kill -9 $$", 137, b""),
        ("printf '%s' \"$WORD\"", 0, b"w"),
    ],
)
def test_output_and_exit_code_of_a_child_are_seen(script: str, code: int, output: bytes) -> None:
    async def story() -> tuple[int, bytes]:
        seen: list[bytes] = []
        done = asyncio.Event()

        def collect(data: bytes) -> None:
            seen.append(data)
            if b"".join(seen) == output:
                done.set()

        async with processes() as kept:
            child = await kept.start(["sh", "-c", script], ENV | {"WORD": "w"}, collect)
            result = await child.exited
            if output:
                await done.wait()
        return result, b"".join(seen)

    assert run_steady(story()) == (code, output)


def test_a_program_that_is_not_there_is_an_error_with_its_name() -> None:
    async def story() -> None:
        async with processes() as kept:
            with pytest.raises(StartFailed, match="no-such-program"):
                await kept.start(["no-such-program"], ENV, bytes)
            # the keeper goes on: the next one starts
            child = await kept.start(["true"], ENV, bytes)
            assert await child.exited == 0

    run_steady(story())


def test_a_signal_reaches_all_that_a_child_started() -> None:
    async def story() -> int:
        started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        async with processes() as kept:
            script = "sleep 1000 & echo $!; wait"
            child = await kept.start(
                ["sh", "-c", script], ENV, lambda b: b and started.set_result(int(b))
            )
            grandchild = await started
            child.signal(signal.SIGTERM)
            code = await child.exited
            await gone(grandchild)
            return code

    assert run_steady(story()) == 128 + signal.SIGTERM


def test_closing_leaves_no_child() -> None:
    async def story() -> tuple[int, int]:
        async with processes() as kept:
            child = await kept.start(["sleep", "1000"], ENV, bytes)
            await kept.close()
            await gone(child.pid)
            return child.exited.result(), child.pid

    code, pid = run_steady(story())
    assert code == KILLED_CODE
    assert not psutil.pid_exists(pid)


def test_the_death_of_the_keeper_kills_the_children_and_the_next_start_works() -> None:
    async def story() -> tuple[int, int]:
        async with processes() as kept:
            child = await kept.start(["sleep", "1000"], ENV, bytes)
            (keeper,) = (p for p in psutil.Process().children() if "lifeline" in str(p.cmdline()))
            keeper.kill()
            code = await child.exited
            await gone(child.pid)
            second = await kept.start(["true"], ENV, bytes)
            return code, await second.exited

    assert run_steady(story()) == (KILLED_CODE, 0)


PARENT = """
    import asyncio, os
    from serinus.local.machine.processes import Processes

    async def main():
        kept = Processes()
        start = lambda: kept.start(["sleep", "1000"], dict(os.environ), bytes)
        print(*[(await start()).pid for _ in range(3)], flush=True)
        await asyncio.Event().wait()

    asyncio.run(main())
"""


def test_nothing_survives_a_parent_that_is_killed_hard() -> None:
    async def story() -> list[int]:
        parent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", textwrap.dedent(PARENT)),
            env=os.environ | {"PYTHONPATH": "src"},
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert parent.stdout is not None
            pids = [int(word) for word in (await parent.stdout.readline()).split()]
            assert len(pids) == 3
            assert all(psutil.pid_exists(pid) for pid in pids)
            parent.kill()
            await parent.wait()
            await asyncio.gather(*map(gone, pids))
        return pids

    run_steady(story())
