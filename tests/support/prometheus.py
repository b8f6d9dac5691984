"""A real Prometheus over given samples, as the judge of ours. Debian's package `prometheus`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from support.ports import free_port

MISSING = "needs Debian's package `prometheus` (prometheus and promtool): make test-deps"
Points = Mapping[tuple[tuple[str, str], ...], list[tuple[int, float]]]
needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")), reason=MISSING
)


class Oracle:
    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **form: str | float) -> dict[str, Any]:
        """The decoded answer; errors of the API are answers too."""
        try:
            with urlopen(f"{self.url}{path}?{urlencode(form)}", timeout=30) as answer:
                return json.load(answer)  # type: ignore[no-any-return]
        except HTTPError as error:
            with error:
                return json.load(error)  # type: ignore[no-any-return]


@contextmanager
def prometheus(folder: Path, points: Points) -> Iterator[Oracle]:
    """A server that holds `points` (labels with `__name__` -> milliseconds and values)."""
    (folder / "metrics.txt").write_text(openmetrics(points))
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    blocks = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "metrics.txt", "data"]
    subprocess.run(blocks, cwd=folder, check=True, capture_output=True, timeout=60)
    port = free_port()
    command = [
        *("prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"),
        *("--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}"),
    ]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log)
    try:
        yield _ready(Oracle(f"http://127.0.0.1:{port}"), server, folder)
    finally:
        server.terminate()
        server.wait(30)


def _ready(oracle: Oracle, server: subprocess.Popen[bytes], folder: Path) -> Oracle:
    for _ in range(300):
        try:
            with urlopen(f"{oracle.url}/-/ready", timeout=0.5):
                return oracle
        except (HTTPError, URLError, TimeoutError):
            try:
                server.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
            break
    raise RuntimeError(f"prometheus did not become ready:\n{(folder / 'log').read_text()}")


def openmetrics(points: Points) -> str:
    """The exchange format: one family a name, samples of a series in the order of time."""
    families: dict[str, list[str]] = {}
    for labels, samples in points.items():
        pairs = dict(labels)
        name = pairs.pop("__name__")
        inside = ",".join(f'{key}="{value}"' for key, value in pairs.items())
        families.setdefault(name, []).extend(
            f"{name}{{{inside}}} {value!r} {at_ms / 1000:.3f}" for at_ms, value in samples
        )
    lines = [
        line for name, samples in families.items() for line in (f"# TYPE {name} unknown", *samples)
    ]
    return "\n".join([*lines, "# EOF", ""])
