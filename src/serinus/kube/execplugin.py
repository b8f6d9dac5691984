"""Credentials from a program: client.authentication.k8s.io/v1 and v1beta1.

Cloud vendors' kubeconfigs name one. It is run when it is needed: at first, when what it gave
expires, and when a server refuses it. A person at a terminal may be asked by it; a service is not.
"""

from __future__ import annotations

import asyncio
import base64
import os
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Annotated, Any

import msgspec

from serinus.base.clock import Clock
from serinus.kube.credentials import CredentialsError
from serinus.kube.kubeconfig import Cluster, Exec, authority_of

RUN_SECONDS, ASKED_RUN_SECONDS = 60.0, 300.0
"""How long it may take; longer where a person is asked."""
AGAIN_SECONDS = 10.0
"""Of the wall: it is not run again sooner because of a refusal or a failure of its own."""
MAX_OUTPUT_BYTES = 1024 * 1024
_SPARE = timedelta(seconds=10)  # renew a little early: a request takes its time
_SAID_CHARACTERS = 500
_END_SECONDS = 5.0
# What looks like a credential: after a telling word, or long without a space.
_SECRET = re.compile(
    r"((?:token|password|passwd|secret|bearer|authorization|key)\b[\"']?\s*[:= ]\s*)\S+"
    r"|[A-Za-z0-9+_=-]{20,}(?:\.[A-Za-z0-9+_=-]+)*",
    re.IGNORECASE,
)


def on_a_terminal() -> bool:
    """Whether a person sits before this process."""
    return sys.stdin is not None and sys.stdin.isatty()


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None


class _Answer(msgspec.Struct, rename="camel"):
    api_version: str = ""
    status: _Status | None = None


class ExecPlugin:
    """Runs `spec.command` for a token or a certificate and keeps it until it expires.

    `use_certificate(certificate, key)` is called with new PEM certificates; `asks_person` says
    whether the program may talk to one.
    """

    def __init__(
        self,
        spec: Exec,
        cluster: Cluster,
        clock: Clock,
        use_certificate: Callable[[bytes, bytes], None],
        asks_person: Callable[[], bool] = on_a_terminal,
    ) -> None:
        self._spec = spec
        self._cluster = cluster
        self._clock = clock
        self._use_certificate = use_certificate
        self._asks_person = asks_person
        self._known: _Status | None = None
        self._failure: CredentialsError | None = None
        self._ran_at = 0.0
        self._running = asyncio.Lock()

    async def headers(self) -> Mapping[str, str]:
        async with self._running:
            if self._known is None or self._expired(self._known):
                await self._renew()
            return self._bearer()

    async def renewed(self, refused: Mapping[str, str]) -> Mapping[str, str] | None:
        """New ones, unless another request has got them since or they are new already."""
        async with self._running:
            if self._known is not None and self._bearer() == refused:
                if self._clock.wall() < self._ran_at + AGAIN_SECONDS:
                    return None
                await self._renew()
            return self._bearer()

    def _bearer(self) -> Mapping[str, str]:
        token = self._known.token if self._known else ""
        return {"authorization": f"Bearer {token}"} if token else {}

    def _expired(self, status: _Status) -> bool:
        until = status.expiration_timestamp
        return until is not None and self._clock.now() + _SPARE >= until

    async def _renew(self) -> None:
        """Runs it; a program that fails is not run for each of many requests."""
        if self._failure is not None and self._clock.wall() < self._ran_at + AGAIN_SECONDS:
            raise self._failure
        self._failure = None
        try:
            status = await self._run()
        except CredentialsError as failure:
            self._failure = failure
            raise
        finally:
            self._ran_at = self._clock.wall()
        if status.client_certificate_data:
            pair = (status.client_certificate_data, status.client_key_data)
            self._use_certificate(*(part.encode() for part in pair))
        self._known = status

    async def _run(self) -> _Status:
        name = f"exec plugin {self._spec.command}"
        asks = self._spec.interactive_mode != "Never" and self._asks_person()
        if self._spec.interactive_mode == "Always" and not asks:
            told = f"{name}: needs a terminal (interactiveMode: Always); run it in one"
            raise CredentialsError(told)
        try:
            process = await asyncio.create_subprocess_exec(
                self._spec.command,
                *(self._spec.args or ()),
                env=self._environment(asks),
                stdin=None if asks else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=None if asks else asyncio.subprocess.PIPE,
            )
        except OSError as error:
            hint = f"; {self._spec.install_hint}" if self._spec.install_hint else ""
            raise CredentialsError(f"{name}: cannot be run: {error.strerror}{hint}") from error
        seconds = ASKED_RUN_SECONDS if asks else RUN_SECONDS
        try:
            async with asyncio.timeout(seconds):
                output, complaint = await _output(process)
                await process.wait()
        except TimeoutError as error:
            raise CredentialsError(f"{name}: gave nothing within {seconds:g} s") from error
        finally:
            if process.returncode is None:
                await _ended(process)
        if len(output) > MAX_OUTPUT_BYTES:
            raise CredentialsError(f"{name}: printed more than {MAX_OUTPUT_BYTES >> 10} KiB")
        if process.returncode != 0:
            said = without_secrets(complaint.decode("utf-8", "replace")).strip()
            told = f": {said[-_SAID_CHARACTERS:]}" if said else ""
            raise CredentialsError(f"{name}: ended with status {process.returncode}{told}")
        return self._status(name, output)

    def _status(self, name: str, output: bytes) -> _Status:
        try:
            answer = msgspec.json.decode(output, type=_Answer)
        except msgspec.DecodeError as error:
            raise CredentialsError(f"{name}: did not print an ExecCredential: {error}") from error
        if answer.api_version != self._spec.api_version:
            shown = answer.api_version[:60]
            raise CredentialsError(
                f"{name}: printed apiVersion {shown!r}, the kubeconfig asks for "
                f"{self._spec.api_version!r}"
            )
        status = answer.status or _Status()
        if bool(status.client_certificate_data) != bool(status.client_key_data):
            raise CredentialsError(f"{name}: printed a certificate without its key, or the reverse")
        if not status.token and not status.client_certificate_data:
            raise CredentialsError(f"{name}: printed neither a token nor a certificate with key")
        return status

    def _environment(self, asks: bool) -> dict[str, str]:
        given = {variable.name: variable.value for variable in self._spec.env or ()}
        spec: dict[str, Any] = {"interactive": asks}
        if self._spec.provide_cluster_info:
            spec["cluster"] = _cluster_info(self._cluster)
        info = {"kind": "ExecCredential", "apiVersion": self._spec.api_version, "spec": spec}
        encoded = msgspec.json.encode(info).decode()
        return {**os.environ, **given, "KUBERNETES_EXEC_INFO": encoded}


def without_secrets(text: str) -> str:
    """The text with all that could be a credential left out."""
    return _SECRET.sub(lambda found: f"{found[1] or ''}...", text)


async def _output(process: asyncio.subprocess.Process) -> tuple[bytes, bytes]:
    """What it prints on both ways, each to a limit; the rest is read and dropped."""
    printed = await asyncio.gather(_bounded(process.stdout), _bounded(process.stderr))
    return printed[0], printed[1]


async def _bounded(stream: asyncio.StreamReader | None) -> bytes:
    found = b""
    while stream is not None and (piece := await stream.read(65536)):
        if len(found) <= MAX_OUTPUT_BYTES:
            found += piece
    return found


async def _ended(process: asyncio.subprocess.Process) -> None:
    """Ends it; what it has printed is read, as its end is not seen before (asyncio)."""
    process.kill()
    with suppress(TimeoutError):  # a child of it may hold the pipes
        async with asyncio.timeout(_END_SECONDS):
            await _output(process)
            await process.wait()


def _cluster_info(cluster: Cluster) -> dict[str, Any]:
    config = next(
        (
            extension.extension
            for extension in cluster.extensions or ()
            if extension.name == "client.authentication.k8s.io/exec"
        ),
        None,
    )
    authority = authority_of(cluster).read()
    info = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": base64.b64encode(authority).decode() if authority else "",
        "proxy-url": cluster.proxy_url,
        "config": config,
    }
    return {key: value for key, value in info.items() if value}
