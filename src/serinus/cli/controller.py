"""`serinus controller`: the controller as a process of its own, against any cluster."""

from __future__ import annotations

import asyncio
import random

import click

from serinus.cli.stopping import run_until_stopped


@click.command()
@click.option("-n", "--namespace", help="Watch this namespace only; otherwise all.")
@click.option("--context", help="Context of the kubeconfig; otherwise its current one.")
@click.option("--kubeconfig", help="Path of the kubeconfig; otherwise KUBECONFIG, in-cluster.")
@click.pass_obj
def controller(
    options: dict[str, str | None],
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    """Run the controller until Ctrl-C; one line of JSON a reconcile on standard error."""
    from serinus.cli.logs import log_as_json

    log_as_json()
    run_until_stopped(
        _control(
            namespace or options["namespace"],
            context or options["context"],
            kubeconfig or options["kubeconfig"],
        )
    )
