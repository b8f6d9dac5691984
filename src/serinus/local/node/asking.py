"""How a container is asked or told something: by a command in its surroundings, HTTP or TCP.

Probes and hooks have this in common. Knows no verdicts and no pod status.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from serinus.base.clock import Clock
from serinus.local.machine.processes import Process, Processes, StartFailed
from serinus.local.node.environment import expanded
from serinus.local.node.mounts import Mounts
from serinus.local.node.podspec import Hook, NodeContainer, NodePod, Probe, TcpSocket
from serinus.local.node.probes import HOST, Ask, ask_http, ask_tcp, is_own

OUTPUT_BYTES = 10 * 1024


@dataclass(frozen=True, slots=True)
class Address:
    """Where a container's ports are: `first` is its PORT."""

    pod: NodePod
    container: NodeContainer
    first: int

    def of(self, wanted: int | str) -> int | None:
        """The loopback port behind a number or a name; None for a name that nobody declares.

        A number that nobody declares is the container's first port.
        """
        for specs in ((self.container,), self.pod.spec.all_containers()):
            for declared in (port for spec in specs for port in spec.ports):
                if wanted in (declared.container_port, str(declared.container_port), declared.name):
                    return self.pod.served(declared)
        return self.first if isinstance(wanted, int) or wanted.isdecimal() else None


@dataclass(frozen=True, slots=True)
class Surface:
    """One running container, from outside: where it listens, and what its commands get."""

    address: Address
    processes: Processes
    variables: Mapping[str, str]
    folder: Path
    mounts: Mounts

    def asked(self, probe: Probe | Hook) -> Ask:
        """The question that a probe or hook asks."""
        if probe.http_get is not None:
            get = probe.http_get
            return partial(self._at, get.host, get.port, partial(ask_http, get))
        if probe.exec is not None:
            return partial(self._command, probe.exec.command)
        socket = probe.tcp_socket or TcpSocket()
        return partial(self._at, socket.host, socket.port, ask_tcp)

    async def _at(
        self, host: str, port: int | str, ask: Callable[[str, int], Awaitable[str]]
    ) -> str:
        if not is_own(host):
            return await ask(host, int(port)) if str(port).isdecimal() else _no_port(port)
        found = self.address.of(port)
        return await ask(HOST, found) if found is not None else _no_port(port)

    async def _command(self, command: Sequence[str]) -> str:
        words = [expanded(self.mounts.real(word), self.variables) for word in command]
        output = bytearray()
        try:
            process = await self._start(words, output)
        except StartFailed as error:
            return str(error)
        try:
            code = await asyncio.shield(process.exited)
        finally:
            process.signal(signal.SIGKILL)
        if code == 0:
            return ""
        said = output.decode(errors="replace").strip()
        return said or f"command {' '.join(command)!r} exited with {code}"

    async def _start(self, words: Sequence[str], output: bytearray) -> Process:
        def keep(data: bytes) -> None:
            output.extend(data[: OUTPUT_BYTES - len(output)])

        return await self.processes.start(words, self.variables, keep, self.folder)


async def carry_out(hook: Hook, surface: Surface, clock: Clock) -> str:
    """Do what a hook says; the problem, or empty text if it went well."""
    if hook.sleep is not None:
        await clock.sleep_wall(hook.sleep.seconds)
        return ""
    return await surface.asked(hook)()


def unsupported_probes(container: NodeContainer) -> str:
    """Which probes or hooks of a container cannot be carried out here, in words; or empty."""
    probes = {
        "startupProbe": container.startup_probe,
        "readinessProbe": container.readiness_probe,
        "livenessProbe": container.liveness_probe,
    }
    names = [name for name, probe in probes.items() if probe is not None and _is_other(probe)]
    if not names:
        return ""
    what = "grpc probes are not supported on this node"
    return f"{', '.join(names)}: {what}; use httpGet, tcpSocket or exec"


def _is_other(probe: Probe) -> bool:
    return not (probe.http_get or probe.tcp_socket or probe.exec)


def _no_port(port: int | str) -> str:
    return f"couldn't find port: {port!r} is not declared by any container of the pod"
