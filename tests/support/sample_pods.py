"""Sample services as processes of a test, each on a loopback port of its own."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from serinus.local.sample import service
from support.ports import free_port


@contextmanager
def sample_pods(folder: Path, versions: Mapping[str, str]) -> Iterator[dict[str, int]]:
    """Pod name -> port, once all accept; `versions` gives the tag that each pod runs.

    `folder` takes their logs. They are ended when the block is left.
    """
    with ExitStack() as running:
        ports = {name: free_port() for name in versions}
        for name, port in ports.items():
            running.enter_context(_process(folder / f"{name}.log", name, versions[name], port))
        for name, port in ports.items():
            _await_open(port, folder / f"{name}.log")
        yield ports


@contextmanager
def _process(log_file: Path, name: str, version: str, port: int) -> Iterator[None]:
    environment = {
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "POD_NAME": name,
        "SAMPLE_VERSION": version,
    }
    command = [sys.executable, "-I", "-S", str(service.__file__)]
    with log_file.open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _await_open(port: int, log_file: Path) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}:\n{log_file.read_text()}")
