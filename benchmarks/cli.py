"""Start-ups of the command line, as ratios to `python -c "import click"` in the same run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.figure import Figure
from benchmarks.shop import NAME, NAMESPACE, resting_shop

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # users do not compile us at every start
ROUNDS = 15
BASE = "import click"
AGAINST = f'python -c "{BASE}"'
SERINUS = (sys.executable, "-m", "serinus.cli.main")
NEEDED = "import click, msgspec, yaml, http.client, serinus.api.argo, serinus.api.analysis"
HEAVY = "import click, msgspec, yaml, aiohttp, serinus.api.argo, serinus.api.analysis"


def figures() -> Iterator[Figure]:
    taken = asyncio.run(measured())
    base = taken.pop(BASE)
    for what, seconds in taken.items():
        yield Figure(
            what=what,
            ratio=seconds / base,
            against=AGAINST,
            at_most=1.5 if what in ("serinus --help", "serinus version") else None,
            detail=f"{seconds * 1000:.0f} ms of {base * 1000:.0f} ms",
        )


async def measured() -> dict[str, float]:
    """`get rollout` asks the embedded cluster; what a request costs there is in it."""
    async with resting_shop() as cluster:
        here = ("--kubeconfig", str(cluster.kubeconfig), "-n", NAMESPACE)
        commands = {
            BASE: (sys.executable, "-c", BASE),
            "serinus --help": (*SERINUS, "--help"),
            "serinus version": (*SERINUS, "version"),
            "serinus get rollout": (*SERINUS, *here, "get", "rollout", NAME),
            "of that, imports that it needs": (sys.executable, "-c", NEEDED),
            "the same with aiohttp": (sys.executable, "-c", HEAVY),
        }
        return await asyncio.to_thread(fastest, commands)


def fastest(commands: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Seconds of each command: the best of all rounds after one to warm up.

    In turns, so that what else the machine does hits all alike.
    """
    best = dict.fromkeys(commands, float("inf"))
    for number in range(ROUNDS + 1):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL)
            if number:
                best[name] = min(best[name], time.perf_counter() - began)
    return best
