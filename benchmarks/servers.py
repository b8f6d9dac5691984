"""What benchmarks measure against: sample services as processes, and Debian's Prometheus."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from serinus.local.sample import service

DEADLINE_SECONDS = 30
Points = Mapping[tuple[tuple[str, str], ...], Sequence[tuple[int, float]]]
"""By labels (`__name__` among them): milliseconds and values."""


@contextmanager
def sample_services(folder: Path, count: int) -> Iterator[list[int]]:
    """The ports of so many sample services, once all accept; they end with the block."""
    with ExitStack() as running:
        ports = [free_port() for _ in range(count)]
        for port in ports:
            environment = {"HOST": "127.0.0.1", "PORT": str(port), "POD_NAME": f"p{port}"}
            command = [sys.executable, "-I", "-S", str(service.__file__)]
            running.enter_context(process(command, folder / f"{port}.log", environment))
        for port in ports:
            until_open(port)
        yield ports


@contextmanager
def prometheus(folder: Path, points: Points) -> Iterator[str]:
    """The URL of a Prometheus that holds `points`."""
    (folder / "metrics.txt").write_text(_openmetrics(points))
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "metrics.txt", "data"]
    subprocess.run(blocks, cwd=folder, check=True, capture_output=True, timeout=60)
    port = free_port()
    command = [
        *("prometheus", f"--config.file={folder}/prometheus.yml"),
        *(f"--storage.tsdb.path={folder}/data", "--storage.tsdb.retention.time=100y"),
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with process(command, folder / "log"):
        until_open(port)
        url = f"http://127.0.0.1:{port}"
        _until_ready(url)
        yield url


def has_prometheus() -> bool:
    """Whether Debian's package is installed."""
    return all(shutil.which(name) for name in ("prometheus", "promtool"))


def ask(url: str, path: str, **form: str | float) -> Any:
    """The decoded answer."""
    with urlopen(f"{url}{path}?{urlencode(form)}", timeout=DEADLINE_SECONDS) as answer:
        return json.load(answer)


@contextmanager
def process(
    command: Sequence[str], log_file: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A program that is ended with the block."""
    with log_file.open("wb") as log:
        running = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        running.terminate()
        running.wait(DEADLINE_SECONDS)


def free_port() -> int:
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        return int(door.getsockname()[1])


def until_open(port: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


def _until_ready(url: str) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{url}/-/ready", timeout=1):
                return
        except URLError:
            time.sleep(0.1)
    raise RuntimeError(f"{url} does not become ready")


def _openmetrics(points: Points) -> str:
    """The exchange format: one family a name, samples of a series in the order of time."""
    families: dict[str, list[str]] = {}
    for labels, samples in points.items():
        pairs = dict(labels)
        name = pairs.pop("__name__")
        inside = ",".join(f'{key}="{value}"' for key, value in pairs.items())
        families.setdefault(name, []).extend(
            f"{name}{{{inside}}} {value!r} {at_ms / 1000:.3f}" for at_ms, value in samples
        )
    lines = [one for name, all_ in families.items() for one in (f"# TYPE {name} unknown", *all_)]
    return "\n".join([*lines, "# EOF", ""])
