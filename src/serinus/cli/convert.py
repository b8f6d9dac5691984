"""`serinus convert deployment`: prints the Rollout for a Deployment, and what to do with both."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import wrap
from typing import Any

import click

from serinus.base.errors import SerinusError
from serinus.cli.options import cluster_options


@click.group(name="convert")
def convert_() -> None:
    """Turn what is there into a Rollout; prints, changes nothing."""


@convert_.command(short_help="Of the cluster, or in a file.")
@click.argument("name", required=False)
@click.option("-f", "--filename", metavar="FILE", help="File with the Deployment; - for stdin.")
@click.option(
    "--strategy",
    type=click.Choice(["canary", "blue-green"]),
    default="canary",
    show_default=True,
    help="Which kind of release; its steps are a beginning, to be changed.",
)
@click.option("--workload-ref", is_flag=True, help="Let the Deployment lend its pods.")
@click.option(
    "--scale-down",
    type=click.Choice(["never", "onsuccess", "progressively"]),
    help="With --workload-ref: what becomes of its own pods; otherwise onsuccess.",
)
@cluster_options
def deployment(name: str | None, filename: str | None, **given: Any) -> None:
    """Print the Rollout for the Deployment NAME (of the cluster), or for the one in a file.

    The pods are copied as they came. Comments on top say in which order to apply; what cannot be
    carried over is told on standard error.
    """
    from serinus.api.converting import convert
    from serinus.base.documents import write_document

    if (name is None) == (filename is None):
        raise click.UsageError("name a Deployment, or give a file with -f; one of them")
    if given["scale_down"] and not given["workload_ref"]:
        raise click.UsageError("--scale-down goes with --workload-ref")
    found = _read(filename) if filename else _fetched(str(name), given)
    scale_down = (given["scale_down"] or "onsuccess") if given["workload_ref"] else None
    made = convert(found, given["strategy"], scale_down)
    for number, step in enumerate(made.order, 1):
        first, *rest = wrap(step, 96)
        click.echo("\n".join([f"# {number}. {first}", *(f"#    {line}" for line in rest)]))
    click.echo(write_document(made.rollout), nl=False)
    for text in made.lost:
        click.echo(f"not carried over: {text}", err=True)


def _read(filename: str) -> dict[str, Any]:
    """The one Deployment in a file."""
    from serinus.base.documents import Flaw, read_documents

    try:
        text = sys.stdin.read() if filename == "-" else Path(filename).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SerinusError(f"{filename} cannot be read: {error}") from error
    found = []
    for document in read_documents(text):
        if isinstance(document, Flaw):
            raise SerinusError(f"{filename}:{document.line}: {document.message}")
        if isinstance(document.value, dict) and document.value.get("kind") == "Deployment":
            found.append(document.value)
    if len(found) != 1:
        raise SerinusError(f"{filename} has {len(found)} Deployments; give one at a time")
    return found[0]


def _fetched(name: str, given: dict[str, Any]) -> dict[str, Any]:
    from serinus.cli.cluster import reach
    from serinus.kube.resource import DEPLOYMENTS

    where = {key: given[key] for key in ("namespace", "context", "kubeconfig")}
    with reach(**where) as cluster:
        return cluster.plain(DEPLOYMENTS, name)
