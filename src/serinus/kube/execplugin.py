"""Credentials from a program: client.authentication.k8s.io/v1 and v1beta1.

Cloud vendors' kubeconfigs name one. It is run when needed, never with our terminal.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from serinus.base.clock import Clock
from serinus.kube.credentials import CredentialsError
from serinus.kube.kubeconfig import Cluster, Exec

_RUN_SECONDS = 60.0
_SPARE = timedelta(seconds=10)  # renew a little early: a request takes its time


class _Status(msgspec.Struct, rename="camel"):
    token: str = ""
    client_certificate_data: str = ""
    client_key_data: str = ""
    expiration_timestamp: datetime | None = None


class _Answer(msgspec.Struct, rename="camel"):
    api_version: str = ""
    status: _Status | None = None


class ExecPlugin:
    """Runs `spec.command` for a token or a certificate and keeps it until it expires.

    `use_certificate(certificate, key)` is called with new PEM certificates.
    """

    def __init__(
        self,
        spec: Exec,
        cluster: Cluster,
        clock: Clock,
        use_certificate: Callable[[bytes, bytes], None],
    ) -> None:
        self._spec = spec
        self._cluster = cluster
        self._clock = clock
        self._use_certificate = use_certificate
        self._known: _Status | None = None
        self._running = asyncio.Lock()

    async def headers(self, *, renew: bool = False) -> Mapping[str, str]:
        stale = self._known if renew else None
        async with self._running:
            if self._known is None or self._known is stale or self._expired(self._known):
                self._known = await self._run()
                if self._known.client_certificate_data:
                    self._use_certificate(
                        self._known.client_certificate_data.encode(),
                        self._known.client_key_data.encode(),
                    )
        token = self._known.token
        return {"authorization": f"Bearer {token}"} if token else {}

    def _expired(self, status: _Status) -> bool:
        until = status.expiration_timestamp
        return until is not None and self._clock.now() + _SPARE >= until

    async def _run(self) -> _Status:
        name = f"exec plugin {self._spec.command}"
        try:
            process = await asyncio.create_subprocess_exec(
                self._spec.command,
                *(self._spec.args or ()),
                env=self._environment(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except OSError as error:
            hint = f"; {self._spec.install_hint}" if self._spec.install_hint else ""
            raise CredentialsError(f"{name}: cannot be run: {error.strerror}{hint}") from error
        try:
            async with asyncio.timeout(_RUN_SECONDS):
                output, complaint = await process.communicate()
        except TimeoutError as error:
            raise CredentialsError(f"{name}: gave nothing within {_RUN_SECONDS:g} s") from error
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode != 0:
            said = complaint.decode("utf-8", "replace").strip()[-500:]
            raise CredentialsError(f"{name}: ended with status {process.returncode}: {said}")
        return self._status(name, output)

    def _status(self, name: str, output: bytes) -> _Status:
        try:
            answer = msgspec.json.decode(output, type=_Answer)
        except msgspec.DecodeError as error:
            raise CredentialsError(f"{name}: did not print an ExecCredential: {error}") from error
        if answer.api_version != self._spec.api_version:
            raise CredentialsError(
                f"{name}: printed apiVersion {answer.api_version!r}, the kubeconfig asks for "
                f"{self._spec.api_version!r}"
            )
        status = answer.status or _Status()
        if not status.token and not (status.client_certificate_data and status.client_key_data):
            raise CredentialsError(f"{name}: printed neither a token nor a certificate with key")
        return status

    def _environment(self) -> dict[str, str]:
        given = {variable.name: variable.value for variable in self._spec.env or ()}
        spec: dict[str, Any] = {"interactive": False}
        if self._spec.provide_cluster_info:
            spec["cluster"] = _cluster_info(self._cluster)
        info = {"kind": "ExecCredential", "apiVersion": self._spec.api_version, "spec": spec}
        encoded = msgspec.json.encode(info).decode()
        return {**os.environ, **given, "KUBERNETES_EXEC_INFO": encoded}


def _cluster_info(cluster: Cluster) -> dict[str, Any]:
    config = next(
        (
            extension.extension
            for extension in cluster.extensions or ()
            if extension.name == "client.authentication.k8s.io/exec"
        ),
        None,
    )
    info = {
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": cluster.certificate_authority_data,
        "proxy-url": cluster.proxy_url,
        "config": config,
    }
    return {key: value for key, value in info.items() if value}
