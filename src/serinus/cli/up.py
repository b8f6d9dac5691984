"""`serinus up`: a cluster and the controller on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serinus.base.errors import SerinusError
from serinus.cli.composition import apply, controlled, embedded, example_folder, manifests
from serinus.cli.health import metrics_page, serving
from serinus.cli.logs import log_as_sentences
from serinus.cli.stopping import run_until_stopped
from serinus.local.cluster import Cluster
from serinus.local.instances import DEFAULT_NAME, Claim, claimed, runtime_folder
from serinus.local.node.images import image_table, image_table_of

if TYPE_CHECKING:
    from serinus.local.datadir import DataDir

EXAMPLES = ("checkout",)


@click.command()
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Port of the ingress; 0: any."
)
@click.option(
    "--speed",
    type=click.FloatRange(1, 60),
    default=1.0,
    show_default=True,
    help="Seconds of the cluster's time that pass in one second.",
)
@click.option("--example", type=click.Choice(EXAMPLES), help="Apply an example at the start.")
@click.option(
    "--images",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="YAML table of programs that run for images (docs/embedded-cluster.md).",
)
@click.option("--no-controller", is_flag=True, help="Leave out the controller; run it by itself.")
@click.option(
    "--name",
    default=DEFAULT_NAME,
    show_default=True,
    help="Name of this cluster, for several on one machine.",
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder in which all objects outlive the process; otherwise they end with it.",
)
@click.option("--reset", is_flag=True, help="Empty the folder of --data-dir first.")
def up(**given: Any) -> None:
    """Run a cluster on this machine: real processes as pods, a real ingress, real metrics."""
    options = UpOptions(**given)
    if options.reset and options.data_dir is None:
        raise SerinusError(
            "--reset empties a stored cluster and needs to know which: add --data-dir FOLDER; "
            "without --data-dir nothing outlives `serinus up`, so there is nothing to reset"
        )
    log_as_sentences()
    with claimed(runtime_folder(os.environ), options.name) as claim, ExitStack() as stack:
        data = None
        if options.data_dir is not None:
            data = _stored(stack, options.data_dir, options.reset)
        run_until_stopped(_up(options, claim, data))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpOptions:
    """What was asked for on the command line."""

    port: int
    speed: float
    example: str | None
    images: Path | None
    no_controller: bool
    name: str
    data_dir: Path | None
    reset: bool


def _stored(stack: ExitStack, folder: Path, reset: bool) -> DataDir:
    """The folder, locked and open until `stack` ends; emptied first if that was asked for."""
    from serinus.local import datadir

    stack.enter_context(datadir.locked(folder))
    if reset:
        click.echo(f"--reset removes from {folder}: {datadir.contents(folder)}", err=True)
        datadir.reset(folder)
    return stack.enter_context(datadir.opened(folder))


async def _up(options: UpOptions, claim: Claim, data: DataDir | None) -> None:
    table = image_table() if options.images is None else image_table_of(options.images)
    made = embedded(speed=options.speed, port=options.port, images=table, data=data)
    example, no_controller = options.example, options.no_controller
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(made)
        pages = ""
        if not no_controller:
            telemetry = await stack.enter_async_context(controlled(cluster))
            own = await stack.enter_async_context(serving(metrics_page(telemetry), 0))
            pages = f"http://127.0.0.1:{own}/metrics"
        if example is not None:
            client = cluster.client("admin")
            for manifest in manifests(example_folder(example)):
                await apply(client, manifest)
        claim.announce(cluster.kubeconfig)
        click.echo(welcome(cluster, example, pages))
        await asyncio.Event().wait()  # until a signal, or a part that fails, cancels this


def welcome(cluster: Cluster, example: str | None, pages: str) -> str:
    """What a person needs next; the first line is for `eval`. `pages`: the controller's, if any."""
    host = "checkout.example.com" if example else "HOST"
    lines = [
        f"export KUBECONFIG={cluster.kubeconfig}",
        "",
        f"ingress   {cluster.ingress_url}   (class nginx)",
        f"metrics   {cluster.metrics_url}   (Prometheus API)",
        *([f"counters  {pages}   (of the controller)"] if pages else []),
        f"time      one second here is {cluster.clock.speed:g} s of the cluster's time",
        "",
        "In another terminal, with the first line:",
    ]
    if not pages:
        lines.append("  serinus controller")
    if example:
        lines += [
            f"  serinus get rollout checkout-service -n {NAMESPACE} -w",
            f"  serinus load --host {host} --rps 300",
            f"  serinus set image checkout-service checkout={IMAGE}:v2 -n {NAMESPACE}",
        ]
    else:
        lines += [
            "  kubectl create namespace my-app",
            "  kubectl apply -f your-rollout.yaml",
            "  serinus load --host HOST --rps 50",
        ]
    lines += [f"  curl -H 'Host: {host}' {cluster.ingress_url}/", "", "Ctrl-C ends it all."]
    return "\n".join(lines)


NAMESPACE = "production"
IMAGE = "ghcr.io/acme/checkout-service"
