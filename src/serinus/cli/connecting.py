"""Which cluster a command of a person talks to: the one of the kubeconfig, else the local one.

Imported by every short command, so it costs next to nothing until a local cluster is looked for.
"""

from __future__ import annotations

import os

import click

from serinus.kube.auth import Connection, connect
from serinus.kube.kubeconfig import kubeconfig_paths


def connected(kubeconfig: str | None, context: str | None) -> Connection:
    """The connection of the options or the environment.

    Where nothing names or holds a kubeconfig and a local cluster runs, it is that one, and it is
    said on standard error. Raises KubeconfigError, TlsError, SerinusError.
    """
    return connect(kubeconfig or _local(context), context)


def _local(context: str | None) -> str | None:
    environment = os.environ
    if context or environment.get("KUBECONFIG") or "KUBERNETES_SERVICE_HOST" in environment:
        return None
    if any(path.exists() for path in kubeconfig_paths(environment)):
        return None
    from serinus.local.instances import ENVIRONMENT_NAME, chosen, running, runtime_folder

    folder = runtime_folder(environment)
    wanted = environment.get(ENVIRONMENT_NAME)
    if not wanted and not running(folder):
        return None  # the error that follows says how to name a kubeconfig
    instance = chosen(folder, wanted or None)
    click.echo(f"using the local cluster {instance.name!r} ({instance.kubeconfig})", err=True)
    return instance.kubeconfig
