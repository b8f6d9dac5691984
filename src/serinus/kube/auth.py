"""Finds the server and who we are to it: from a kubeconfig, or inside a cluster.

Ends at a Connection, from which `make_transport` makes the transport. Reads files and the
environment; sends nothing. Imported by every command, so what only some need is imported there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from serinus.kube.credentials import Basic, Credentials, NoCredentials, Token, TokenFile
from serinus.kube.kubeconfig import (
    EXEC_VERSIONS,
    INTERACTIVE_MODES,
    Exec,
    KubeconfigError,
    Selected,
    User,
    authority_of,
    kubeconfig_paths,
    select,
)
from serinus.kube.proxy import ProxyError, check_proxy
from serinus.kube.tls import Pem, Tls, TlsError

if TYPE_CHECKING:
    from serinus.kube.transport.http import HttpTransport

EXTENSION = "serinus"
_SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_NOT_SUPPORTED = "is not supported"
_HEADER_NAME = "!#$&'*+-.^_`|~"  # beside letters and digits; all else is escaped


@dataclass(frozen=True, slots=True)
class Connection:
    """A server and our credentials for it.

    `namespace` is where commands look if none is named; `extension` what `serinus up` left in the
    kubeconfig (speed, epoch, resolver URL), empty for other clusters. The URL may hold a secret.
    `headers` say as whom we act, if not as ourselves; names repeat.
    """

    url: str = field(repr=False)
    namespace: str = "default"
    credentials: Credentials = field(default_factory=NoCredentials)
    tls: Tls | None = field(default=None, repr=False)
    server_name: str = ""
    proxy: str = field(default="", repr=False)
    headers: tuple[tuple[str, str], ...] = ()
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
        headers=tuple(_impersonation(found.user)),
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
    authority = Pem("certificate-authority", path=str(Path(folder, "ca.crt")))
    return Connection(
        url=f"https://{f'[{host}]' if ':' in host else host}:{port or 443}",
        namespace=namespace.read_text().strip() if namespace.exists() else "default",
        credentials=TokenFile(str(token)),
        tls=Tls(authority, Pem("client-certificate"), Pem("client-key")),
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
        headers=connection.headers,
    )


def _cluster_problems(found: Selected) -> list[str]:
    where = f"cluster {found.context.cluster}"
    parts = urlsplit(found.cluster.server)
    problems = []
    if parts.scheme not in ("http", "https") or not parts.hostname:
        problems.append(f"{where}: server: must be a URL such as https://host:6443")
    proxy = found.cluster.proxy_url
    if proxy:
        try:
            check_proxy(proxy, f"{where}: proxy-url")
        except ProxyError as error:
            problems.append(str(error))
    if found.cluster.insecure_skip_tls_verify and (
        found.cluster.certificate_authority or found.cluster.certificate_authority_data
    ):
        problems.append(
            f"{where}: insecure-skip-tls-verify: cannot stand beside a certificate-authority"
        )
    return problems


def _user_problems(found: Selected) -> list[str]:
    user, where = found.user, f"user {found.context.user}"
    problems = []
    if user.auth_provider is not None:
        problems.append(
            f"{where}: auth-provider {_NOT_SUPPORTED} (Kubernetes removed it in 1.26); "
            "use an exec plugin"
        )
    if not user.impersonate and (
        user.impersonate_uid or user.impersonate_groups or user.impersonate_extra
    ):
        problems.append(f"{where}: as-uid, as-groups, as-user-extra: need `as`, which is missing")
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
    if spec.interactive_mode not in INTERACTIVE_MODES:
        problems.append(
            f"{where}: exec.interactiveMode: {spec.interactive_mode!r} is none of "
            f"{', '.join(INTERACTIVE_MODES)}"
        )
    return problems


def _tls(found: Selected) -> Tls | None:
    cluster, user = found.cluster, found.user
    if urlsplit(cluster.server).scheme != "https":
        return None
    try:
        return Tls(
            authority_of(cluster),
            Pem("client-certificate", user.client_certificate_data, user.client_certificate),
            Pem("client-key", user.client_key_data, user.client_key),
            insecure=cluster.insecure_skip_tls_verify,
        )
    except TlsError as error:
        raise TlsError(f"{found.source}: context {found.context_name}: {error}") from error


def _impersonation(user: User) -> Iterator[tuple[str, str]]:
    """As whom to act, in the headers that the API server reads."""
    if user.impersonate:
        yield "Impersonate-User", user.impersonate
    if user.impersonate_uid:
        yield "Impersonate-Uid", user.impersonate_uid
    for group in user.impersonate_groups or ():
        yield "Impersonate-Group", group
    for key, values in (user.impersonate_extra or {}).items():
        for value in values:
            yield f"Impersonate-Extra-{quote(key.lower(), safe=_HEADER_NAME)}", value


def _credentials(found: Selected, tls: Tls | None) -> Credentials:
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


def _exec_plugin(spec: Exec, found: Selected, tls: Tls) -> Credentials:
    from serinus.base.clock import Clock
    from serinus.kube.execplugin import ExecPlugin

    return ExecPlugin(spec, found.cluster, Clock(), tls.use_certificate)


def _extension(found: Selected) -> Mapping[str, Any]:
    values = (entry.extension for entry in found.extensions if entry.name == EXTENSION)
    first = next(values, None)
    return first if isinstance(first, dict) else {}
