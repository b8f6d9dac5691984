"""Reads kubeconfig files as kubectl does: merges them, picks a context, resolves paths.

Knows the file format only; what to do with the result is auth's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from serinus.base.errors import SerinusError
from serinus.kube.tls import Pem

INTERACTIVE_MODES = ("Never", "IfAvailable", "Always")
EXEC_VERSIONS = ("client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1")


class KubeconfigError(SerinusError):
    """A kubeconfig that cannot be used; the text names the file and the field."""


class Extension(msgspec.Struct, frozen=True):
    """Something that a tool left in the file, under a name of its own."""

    name: str
    extension: Any = None


class Cluster(msgspec.Struct, frozen=True, rename="kebab"):
    """Where a server is and how to know it."""

    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    extensions: tuple[Extension, ...] | None = None


class EnvironmentVariable(msgspec.Struct, frozen=True):
    """One variable for an exec plugin."""

    name: str
    value: str


class Exec(msgspec.Struct, frozen=True, rename="camel"):
    """A program that prints credentials (client.authentication.k8s.io)."""

    api_version: str = ""
    command: str = ""
    args: tuple[str, ...] | None = None
    env: tuple[EnvironmentVariable, ...] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = "IfAvailable"


class User(msgspec.Struct, frozen=True, rename="kebab"):
    """Who we are to a server."""

    token: str = ""
    token_file: str = msgspec.field(default="", name="tokenFile")
    username: str = ""
    password: str = ""
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    exec: Exec | None = None
    auth_provider: Any = None
    impersonate: str = msgspec.field(default="", name="as")
    impersonate_uid: str = msgspec.field(default="", name="as-uid")
    impersonate_groups: tuple[str, ...] | None = msgspec.field(default=None, name="as-groups")
    impersonate_extra: dict[str, tuple[str, ...]] | None = msgspec.field(
        default=None, name="as-user-extra"
    )


class Context(msgspec.Struct, frozen=True):
    """A cluster, a user and a namespace, under one name."""

    cluster: str = ""
    user: str = ""
    namespace: str = ""
    extensions: tuple[Extension, ...] | None = None


class _NamedCluster(msgspec.Struct, frozen=True):
    name: str
    cluster: Cluster = Cluster()


class _NamedUser(msgspec.Struct, frozen=True):
    name: str
    user: User | None = None


class _NamedContext(msgspec.Struct, frozen=True):
    name: str
    context: Context = Context()


class _File(msgspec.Struct, frozen=True, rename="kebab"):
    current_context: str = ""
    clusters: tuple[_NamedCluster, ...] | None = None
    users: tuple[_NamedUser, ...] | None = None
    contexts: tuple[_NamedContext, ...] | None = None
    extensions: tuple[Extension, ...] | None = None


@dataclass(frozen=True, slots=True)
class Selected:
    """One context of the merged files, with what it refers to; paths are absolute."""

    context_name: str
    context: Context
    cluster: Cluster
    user: User
    extensions: tuple[Extension, ...]
    source: str


T = TypeVar("T")


def authority_of(cluster: Cluster) -> Pem:
    """The certificates that the server's is checked by."""
    data, path = cluster.certificate_authority_data, cluster.certificate_authority
    return Pem("certificate-authority", data, path)


def select(path: str | None, context: str | None, environ: Mapping[str, str]) -> Selected:
    """The context named `context` (else the current one) of the file at `path`.

    Without a path: of the files that KUBECONFIG names, else of ~/.kube/config. Of several files
    the first that sets a name wins. Raises KubeconfigError.
    """
    paths = [Path(path)] if path else kubeconfig_paths(environ)
    files = [(where, _read(where)) for where in paths if path or where.exists()]
    source = ", ".join(map(str, paths))
    if not files:
        raise KubeconfigError(
            f"no kubeconfig at {source}; give one with --kubeconfig or KUBECONFIG"
        )
    contexts = _by_name([_named(file.contexts, "context") for _, file in files])
    name = context or next((f.current_context for _, f in files if f.current_context), "")
    if not name:
        raise KubeconfigError(
            f"{source}: current-context is not set; choose one with --context: {_list(contexts)}"
        )
    chosen = _pick(contexts, name, f"{source}: contexts")
    clusters = _by_name(
        [
            {n: _resolved(c, where, _CLUSTER_PATHS) for n, c in _named(f.clusters, "cluster")}
            for where, f in files
        ]
    )
    users = _by_name(
        [
            {n: _resolved(u, where, _USER_PATHS) for n, u in _named(f.users, "user")}
            for where, f in files
        ]
    )
    cluster = _pick(clusters, chosen.cluster, f"{source}: context {name}: cluster")
    user = _pick(users, chosen.user, f"{source}: context {name}: user") if chosen.user else User()
    extensions = (
        *(cluster.extensions or ()),
        *(chosen.extensions or ()),
        *(extension for _, file in files for extension in file.extensions or ()),
    )
    return Selected(name, chosen, cluster, user, extensions, source)


def kubeconfig_paths(environ: Mapping[str, str]) -> list[Path]:
    """The files that count when none is named."""
    listed = [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    if listed:
        return [Path(part) for part in listed]
    home = environ.get("HOME") or environ.get("USERPROFILE")
    return [(Path(home) if home else Path.home()) / ".kube" / "config"]


_CLUSTER_PATHS = ("certificate_authority",)
_USER_PATHS = ("client_certificate", "client_key", "token_file")


def _read(path: Path) -> _File:
    import yaml

    try:
        text = path.read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        loaded = yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)  # not the error's text: it quotes the file
        where = f" (line {mark.line + 1})" if mark else ""
        raise KubeconfigError(f"{path}: is not YAML{where}") from error
    try:
        return msgspec.convert(loaded, _File, strict=False)
    except msgspec.ValidationError as error:
        raise KubeconfigError(f"{path}: {error}") from error


def _named(entries: Sequence[Any] | None, field: str) -> list[tuple[str, Any]]:
    return [(entry.name, getattr(entry, field)) for entry in entries or ()]


def _by_name(files: Sequence[Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for entries in files:
        for name, value in dict(entries).items():
            merged.setdefault(name, value)
    return merged


def _pick(known: Mapping[str, T], name: str, where: str) -> T:
    if name not in known:
        raise KubeconfigError(f"{where}: there is no {name!r}; known: {_list(known)}")
    return known[name]


def _list(known: Mapping[str, Any]) -> str:
    return ", ".join(sorted(known)) or "none"


def _resolved(value: Any, where: Path, fields: Sequence[str]) -> Any:
    """Relative paths are relative to the file that names them; a bare exec command is not one."""
    value = value or User()
    changes = {
        field: str(where.parent.absolute() / getattr(value, field))
        for field in fields
        if getattr(value, field)
    }
    command = value.exec.command if isinstance(value, User) and value.exec else ""
    if os.sep in command:
        full = str(where.parent.absolute() / command)
        changes["exec"] = msgspec.structs.replace(value.exec, command=full)
    return msgspec.structs.replace(value, **changes)
