"""`serinus load`: steady traffic from this process, and a report per version at its end."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.cli.connecting import connected
from serinus.cli.hosts import check_host
from serinus.cli.options import ReportFile, Seconds, show
from serinus.local.load.sender import LoadPlan, Sender
from serinus.present.load import load_lines, progress_line

TELL_SECONDS = 5.0


@click.command()
@click.option("--host", required=True, help="The Host header, as the Ingress names it.")
@click.option(
    "--rps",
    type=click.FloatRange(min=0, min_open=True),
    required=True,
    help="Requests a second, by the wall's clock.",
)
@click.option("--for", "span", type=Seconds(), help="End after so long, as 5m; else at Ctrl-C.")
@click.option("--path", default="/", show_default=True, help="Path of each request.")
@click.option("--url", help="Where the ingress is; otherwise that of `serinus up`.")
@click.option("--report", type=ReportFile(), help="Write the end report here, as JSON.")
@click.option("--context", help="Context of the kubeconfig, to find that of `serinus up`.")
@click.option("--kubeconfig", help="Path of the kubeconfig, for the same.")
def load(
    host: str, rps: float, span: float | None, path: str, report: Path | None, **where: str | None
) -> None:
    """Send RPS requests a second to HOST, never one twice, and report what each version did.

    Lost are requests without an answer, and answers that no pod gave. Exit status 1 if any is.
    """
    url = urlsplit(where["url"] or _ingress_of_cluster(host, where["kubeconfig"], where["context"]))
    if url.scheme != "http" or not url.hostname:
        raise SerinusError(f"--url must be http://HOST:PORT, not {url.geturl()!r}")
    plan = LoadPlan(
        address=url.hostname,
        port=url.port or 80,
        host=host,
        per_second=rps,
        path=path,
        for_seconds=span,
    )
    found = asyncio.run(_send(plan))
    if report is not None:
        report.write_text(json.dumps(found, indent=2) + "\n")
    show(load_lines(found))
    if found["lost_count"]:
        raise click.exceptions.Exit(1)


def _ingress_of_cluster(host: str, kubeconfig: str | None, context: str | None) -> str:
    """What `serinus up` noted in its kubeconfig; it has to know the host."""
    given = click.get_current_context().find_root().obj or {}
    connection = connected(kubeconfig or given.get("kubeconfig"), context or given.get("context"))
    url = connection.extension.get("ingress")
    if not isinstance(url, str):
        raise SerinusError(
            f"the cluster of context {connection.context!r} is not one of `serinus up`; "
            "say where its ingress is with --url http://HOST:PORT"
        )
    check_host(connection, host)
    return url


async def _send(plan: LoadPlan) -> dict[str, Any]:
    """Send until the end or until a signal; what is under way is waited for."""
    clock, stop, loop = Clock(), asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    sender = Sender(plan, clock)

    async def tell() -> None:
        while True:
            await clock.sleep_wall(TELL_SECONDS)
            show((progress_line(sender.tally.brief()),))

    telling = asyncio.create_task(tell())
    try:
        tally = await sender.run(stop)
    finally:
        telling.cancel()
    return tally.as_json()
