"""`serinus controller`: the controller as a process of its own, against any cluster."""

from __future__ import annotations

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
    """Run the controller until Ctrl-C; it logs one line of JSON a reconcile to standard error."""
    from serinus.cli.logs import log_as_json

    log_as_json()
    given = {"namespace": namespace, "context": context, "kubeconfig": kubeconfig}
    run_until_stopped(_control({k: v or options[k] for k, v in given.items()}))


async def _control(options: dict[str, str | None]) -> None:
    from serinus.cli.remote import clock_of, resolver_of
    from serinus.control.wiring import World, run_controller
    from serinus.kube.auth import connect, make_transport
    from serinus.kube.client import Client

    connection = connect(options["kubeconfig"], options["context"])
    clock = clock_of(connection)
    client = Client(make_transport(connection), clock, user_agent="serinus-controller")
    try:
        await run_controller(
            World(
                client=client,
                clock=clock,
                rng=random.Random(),
                namespace=options["namespace"],
                resolve=resolver_of(connection),
            )
        )
    finally:
        await client.close()
