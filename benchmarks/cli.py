"""Start-ups of the command line, as ratios to `python -c "import click"` in the same run."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.figure import Figure, seconds_of

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # users do not compile us at every start
ROUNDS = 9
AGAINST = 'python -c "import click"'
SERINUS = (sys.executable, "-m", "serinus.cli.main")


def figures() -> Iterator[Figure]:
    base = _seconds((sys.executable, "-c", "import click"))
    for arguments, bound in (("--help", 1.5), ("version", 1.5)):
        taken = _seconds((*SERINUS, arguments))
        yield _figure(f"serinus {arguments}", taken, base, bound)
    yield from _get_rollout(base)


def _get_rollout(base: float) -> Iterator[Figure]:
    """Against an API server on this machine; what a request costs there is in it."""
    from cli.server import serving

    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as server:
        server.apply("checkout.yaml")
        command = (*SERINUS, "--kubeconfig", str(server.kubeconfig), "-n", "production")
        taken = _seconds((*command, "get", "rollout", "checkout"))
        yield _figure("serinus get rollout", taken, base, None)
        code = "import click, msgspec, yaml, http.client, serinus.api.argo, serinus.api.analysis"
        yield _figure(
            "of that, imports that it needs", _seconds((sys.executable, "-c", code)), base
        )
        code = "import click, msgspec, yaml, aiohttp, serinus.api.argo, serinus.api.analysis"
        yield _figure("the same with aiohttp", _seconds((sys.executable, "-c", code)), base)


def _figure(what: str, taken: float, base: float, bound: float | None = None) -> Figure:
    return Figure(
        what=what,
        ratio=taken / base,
        against=AGAINST,
        at_most=bound,
        detail=f"{taken * 1000:.0f} ms of {base * 1000:.0f} ms",
    )


def _seconds(command: Sequence[str]) -> float:
    return seconds_of(
        lambda: subprocess.run(command, check=True, env=ENVIRONMENT, stdout=subprocess.DEVNULL),
        rounds=ROUNDS,
    )
