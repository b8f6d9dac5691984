"""Finds the server and who we are to it: from a kubeconfig, or inside a cluster.

Ends at a Connection, from which `make_transport` makes the transport. Reads files and the
environment; sends nothing. Imported by every command, so what only some need is imported there.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from serinus.kube.credentials import Basic, Credentials, NoCredentials, Token, TokenFile
from serinus.kube.kubeconfig import (
    EXEC_VERSIONS,
    Exec,
    KubeconfigError,
    Selected,
    User,
    kubeconfig_paths,
    select,
)
from serinus.kube.tls import pem, server_context, use_certificate

if TYPE_CHECKING:
    from serinus.kube.transport.http import HttpTransport

EXTENSION = "serinus"
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_NOT_SUPPORTED = "is not supported"


@dataclass(frozen=True, slots=True)
class Connection:
    """A server and our credentials for it.

    `namespace` is where commands look if none is named; `extension` what `serinus up` left in the
    kubeconfig (speed, epoch, resolver URL), empty for other clusters. The URL may hold a secret.
    """

    url: str = field(repr=False)
    namespace: str = "default"
    credentials: Credentials = field(default_factory=NoCredentials)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    server_name: str = ""
    proxy: str = field(default="", repr=False)
    context: str = ""
    extension: Mapping[str, Any] = field(default_factory=dict)


def connect(path: str | None = None, context: str | None = None) -> Connection:
    """The kubeconfig's connection; inside a cluster, if no kubeconfig is there or named, its own.

    Raises KubeconfigError, tls.TlsError.
    """
    named = path or context or any(where.exists() for where in kubeconfig_paths(os.environ))
    if not named and "KUBERNETES_SERVICE_HOST" in os.environ:
        return in_cluster()
    return load_kubeconfig(path, context)


def load_kubeconfig(path: str | None = None, context: str | None = None) -> Connection:
    """The connection of a context (see `kubeconfig.select`); raises KubeconfigError, TlsError."""
    found = select(path, context, os.environ)
    problems = [*_cluster_problems(found), *_user_problems(found)]
    if problems:
        raise KubeconfigError("\n".join(f"{found.source}: {problem}" for problem in problems))
    tls = _tls(found)
    return Connection(
        url=found.cluster.server,
        namespace=found.context.namespace or "default",
        credentials=_credentials(found, tls),
        tls=tls,
        server_name=found.cluster.tls_server_name,
        proxy=found.cluster.proxy_url,
        context=found.context_name,
        extension=_extension(found),
    )


def in_cluster(folder: str = _SERVICE_ACCOUNT) -> Connection:
    """The connection of a pod's service account; raises KubeconfigError outside of a cluster."""
    host, port = (os.environ.get(f"KUBERNETES_SERVICE_{part}", "") for part in ("HOST", "PORT"))
    token = Path(folder, "token")
    if not host or not token.exists():
        raise KubeconfigError(
            f"not inside a cluster: KUBERNETES_SERVICE_HOST or {token} is missing; "
            "give a kubeconfig with --kubeconfig"
        )
    namespace = Path(folder, "namespace")
    authority = pem("", str(Path(folder, "ca.crt")), "certificate-authority")
    return Connection(
        url=f"https://{f'[{host}]' if ':' in host else host}:{port or 443}",
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
        credentials=TokenFile(str(token)),
        tls=server_context(authority),
        context="in-cluster",
    )


def make_transport(connection: Connection) -> HttpTransport:
    """The transport to the connection's server."""
    from serinus.kube.transport.http import HttpTransport

    return HttpTransport(
        connection.url,
        credentials=connection.credentials,
        tls=connection.tls,
        server_name=connection.server_name or None,
        proxy=connection.proxy or None,
    )


def _cluster_problems(found: Selected) -> list[str]:
    where = f"cluster {found.context.cluster}"
    parts = urlsplit(found.cluster.server)
    problems = []
    if parts.scheme not in ("http", "https") or not parts.hostname:
        problems.append(f"{where}: server: must be a URL such as https://host:6443")
    proxy = found.cluster.proxy_url
    if proxy and urlsplit(proxy).scheme not in ("http", "https"):
        problems.append(f"{where}: proxy-url: only http and https proxies are supported")
    return problems


def _user_problems(found: Selected) -> list[str]:
    user, where = found.user, f"user {found.context.user}"
    problems = []
    if user.auth_provider is not None:
        problems.append(
            f"{where}: auth-provider {_NOT_SUPPORTED} (Kubernetes removed it in 1.26); "
            "use an exec plugin"
        )
    if user.impersonate or user.impersonate_groups:
        problems.append(f"{where}: as, as-groups: impersonation {_NOT_SUPPORTED}")
    has_certificate = bool(user.client_certificate or user.client_certificate_data)
    if has_certificate != bool(user.client_key or user.client_key_data):
        problems.append(f"{where}: client-certificate and client-key must be given together")
    if user.exec is not None:
        problems += _exec_problems(user.exec, where)
    return problems


def _exec_problems(spec: Exec, where: str) -> list[str]:
    problems = []
    if spec.api_version not in EXEC_VERSIONS:
        problems.append(
            f"{where}: exec.apiVersion: {spec.api_version!r} {_NOT_SUPPORTED}; "
            f"known: {', '.join(EXEC_VERSIONS)}"
        )
    if not spec.command:
        problems.append(f"{where}: exec.command: is missing")
    if spec.interactive_mode == "Always":
        problems.append(f"{where}: exec.interactiveMode: Always {_NOT_SUPPORTED}")
    return problems


def _tls(found: Selected) -> ssl.SSLContext | None:
    cluster, user = found.cluster, found.user
    if urlsplit(cluster.server).scheme != "https":
        return None
    authority = pem(
        cluster.certificate_authority_data, cluster.certificate_authority, "certificate-authority"
    )
    context = server_context(authority, insecure=cluster.insecure_skip_tls_verify)
    certificate = pem(user.client_certificate_data, user.client_certificate, "client-certificate")
    key = pem(user.client_key_data, user.client_key, "client-key")
    if certificate and key:
        use_certificate(context, certificate, key)
    return context


def _credentials(found: Selected, tls: ssl.SSLContext | None) -> Credentials:
    """As with kubectl, no token or password goes over plain http."""
    if tls is None:
        return NoCredentials()
    match found.user:
        case User(token_file=path) if path:
            return TokenFile(path)
        case User(token=token) if token:
            return Token(token)
        case User(exec=Exec() as spec):
            return _exec_plugin(spec, found, tls)
        case User(username=username, password=password) if username:
            return Basic(username, password)
    return NoCredentials()


def _exec_plugin(spec: Exec, found: Selected, tls: ssl.SSLContext) -> Credentials:
    from serinus.base.clock import Clock
    from serinus.kube.execplugin import ExecPlugin

    return ExecPlugin(
        spec, found.cluster, Clock(), lambda pair, key: use_certificate(tls, pair, key)
    )


def _extension(found: Selected) -> Mapping[str, Any]:
    values = (entry.extension for entry in found.extensions if entry.name == EXTENSION)
    first = next(values, None)
    return first if isinstance(first, dict) else {}
