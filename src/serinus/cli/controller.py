"""`serinus controller`: the controller as a process of its own, against any cluster."""

from __future__ import annotations

import os
import random
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import click

from serinus.cli.election import election_options, is_in_pod
from serinus.cli.stopping import run_until_stopped

if TYPE_CHECKING:
    from serinus.control.counting.telemetry import Telemetry
    from serinus.kube.transport.wire import Transport

METRICS_PORT, HEALTH_PORT = 8090, 8080
SMI_VERSIONS = ("v1alpha1", "v1alpha2", "v1alpha3", "v1alpha4")
AMBASSADOR_VERSIONS = ("getambassador.io/v2", "getambassador.io/v3alpha1")
PORT = click.IntRange(0, 65535)


@click.command()
@click.option("-n", "--namespace", help="Watch this namespace only; otherwise all.")
@click.option(
    "--instance-id",
    metavar="ID",
    help="Work for objects whose label argo-rollouts.argoproj.io/controller-instance-id is ID; "
    "otherwise for those without the label.",
)
@click.option("--context", help="Context of the kubeconfig; otherwise its current one.")
@click.option(
    "--kubeconfig",
    help="Path of the kubeconfig; otherwise KUBECONFIG, ~/.kube/config, a pod's service account.",
)
@click.option(
    "--metrics-port",
    type=PORT,
    help=f"Port of /metrics; 0: none. Otherwise {METRICS_PORT}, if it is free.",
)
@click.option(
    "--healthz-port",
    type=PORT,
    help=f"Port of /healthz and /readyz; 0: none. Otherwise {HEALTH_PORT}, if it is free.",
)
@click.option(
    "--listen",
    metavar="ADDRESS",
    help="Address of these pages; otherwise all of a pod's, and 127.0.0.1 elsewhere.",
)
@click.option(
    "--beside-argo-rollouts",
    is_flag=True,
    help="Work even if Argo Rollouts' controller does: for objects that it does not take.",
)
@click.option(
    "--qps",
    type=click.FloatRange(min=1),
    default=50.0,
    show_default=True,
    help="API requests a second, over time.",
)
@click.option(
    "--burst",
    type=click.IntRange(min=1),
    default=100,
    show_default=True,
    help="API requests that may come at once.",
)
@click.option(
    "--disable-step-plugin",
    "disabled",
    metavar="NAME",
    multiple=True,
    help="Steps of this plugin count as done; may be given again.",
)
@click.option(
    "--traffic-split-api-version",
    type=click.Choice(SMI_VERSIONS),
    default=SMI_VERSIONS[0],
    show_default=True,
    help="In which version TrafficSplits of split.smi-spec.io are asked for.",
)
@click.option(
    "--ambassador-api-version",
    type=click.Choice(AMBASSADOR_VERSIONS),
    default=AMBASSADOR_VERSIONS[0],
    show_default=True,
    help="In which version Ambassador's Mappings are asked for.",
)
@election_options
@click.pass_obj
def controller(options: dict[str, str | None], /, **given: Any) -> None:
    """Run the controller until Ctrl-C; it logs a line of JSON a reconcile to standard error.

    Several of them may run: with --leader-elect only the one that holds the Lease works, the
    others stand by. One that loses the Lease ends with an error, to be started anew.
    """
    from serinus.cli.logs import log_as_json

    log_as_json()
    for name in ("namespace", "context", "kubeconfig"):
        given[name] = given[name] or options[name]
    run_until_stopped(_control(given))


async def _control(options: dict[str, Any]) -> None:
    from serinus.cli.election import elector_of
    from serinus.cli.remote import addresses_of, clock_of, resolver_of
    from serinus.control.counting.metered import MeteredTransport
    from serinus.control.counting.telemetry import Telemetry
    from serinus.control.neighbour import alone, neighbour_of
    from serinus.control.wiring import USER_AGENT, World, run_controller
    from serinus.kube.auth import connect, make_transport
    from serinus.kube.calls import Limits
    from serinus.kube.client import Client
    from serinus.kube.fence import FencedTransport

    connection = connect(options["kubeconfig"], options["context"])
    clock, telemetry = clock_of(connection), Telemetry()
    limits = Limits(requests_per_second=options["qps"], burst=options["burst"])
    transport = MeteredTransport(make_transport(connection), telemetry.requested)

    async def work(transport: Transport, own_lease: str = "") -> None:
        world = World(
            client=Client(transport, clock, user_agent=USER_AGENT, limits=limits),
            clock=clock,
            rng=random.Random(),
            namespace=options["namespace"],
            instance_id=options["instance_id"] or "",
            resolve=resolver_of(connection),
            addresses=addresses_of(os.environ),
            telemetry=telemetry,
            api_versions=_versions(options),
            disabled_step_plugins=frozenset(options["disabled"]),
        )
        other = None if options["beside_argo_rollouts"] else neighbour_of(world, own_lease)
        await alone(other, lambda: run_controller(world))

    async with AsyncExitStack() as stack:
        stack.push_async_callback(transport.close)
        elector = elector_of(options, connection, transport, clock)
        if elector is not None:
            telemetry.elect(elector)
        await _serve_pages(stack, telemetry, options)
        if elector is None:
            await work(transport)
        else:
            fenced, seat = FencedTransport(transport, elector.fence), elector.seat
            await elector.lead(lambda: work(fenced, f"{seat.namespace}/{seat.name}"))


def _versions(options: dict[str, Any]) -> dict[str, str]:
    """Which version of an API group is spoken."""
    group, _, version = options["ambassador_api_version"].partition("/")
    return {"split.smi-spec.io": options["traffic_split_api_version"], group: version}


async def _serve_pages(
    stack: AsyncExitStack, telemetry: Telemetry, options: dict[str, Any]
) -> None:
    from serinus.cli.health import (
        EVERYWHERE,
        LOOPBACK,
        health_pages,
        metrics_page,
        serving,
        serving_if_free,
    )

    host = options["listen"] or (EVERYWHERE if is_in_pod() else LOOPBACK)
    for pages, port, usual in (
        (metrics_page(telemetry), options["metrics_port"], METRICS_PORT),
        (health_pages(telemetry), options["healthz_port"], HEALTH_PORT),
    ):
        if port is None:
            await stack.enter_async_context(serving_if_free(pages, usual, host))
        elif port:
            await stack.enter_async_context(serving(pages, port, host))
