"""`serinus get experiment`, `terminate` and `retry experiment`."""

from __future__ import annotations

import click

from serinus.api.experiment import Experiment
from serinus.base.errors import SerinusError
from serinus.cli.cluster import Cluster, reach
from serinus.cli.options import KubectlCommand, cluster_options, show, view_options
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS
from serinus.core.rollout.commands import Edit
from serinus.kube.errors import NotFound
from serinus.kube.resource import Resource
from serinus.present.experiment import experiment_listing, experiment_overview
from serinus.present.family import Trial

_KINDS = {"experiment": EXPERIMENTS, "analysisrun": ANALYSIS_RUNS}


@click.command(
    "experiment", cls=KubectlCommand, short_help="An experiment and its pods and runs, or the list."
)
@click.argument("name", required=False)
@view_options("an experiment")
@cluster_options
def get_experiment(
    name: str | None,
    watch: bool,
    all_namespaces: bool,
    no_color: bool,
    timeout_seconds: float | None,
    **where: str | None,
) -> None:
    """Show the experiment NAME (or experiment/NAME); without a name, list experiments."""
    with reach(**where) as cluster:
        if name is not None:
            trial = _trial(cluster, name)
            if watch:
                _watch(cluster, name, timeout_seconds, color=not no_color)
            else:
                show(experiment_overview(trial, cluster.now()), color=not no_color)
            return
        namespace = None if all_namespaces else cluster.namespace
        found = cluster.door.list(EXPERIMENTS, namespace, Experiment)
        lines = experiment_listing(found, cluster.now(), namespaces=all_namespaces)
        show(lines, color=not no_color)


def _trial(cluster: Cluster, name: str) -> Trial:
    try:
        return cluster.trial(name)
    except NotFound as error:
        raise _missing(cluster, "experiment", name) from error


def _watch(cluster: Cluster, name: str, timeout_seconds: float | None, *, color: bool) -> None:
    from serinus.cli import screen

    screen.watch(screen.EXPERIMENT, cluster, name, timeout_seconds, color=color)


@click.command()
@click.argument("kind", type=click.Choice(sorted(_KINDS)))
@click.argument("name")
@cluster_options
def terminate(kind: str, name: str, **where: str | None) -> None:
    """End the experiment or the analysis run NAME; a rollout that waits for it pauses."""
    with reach(**where) as cluster:
        _patch(cluster, _KINDS[kind], kind, name, Edit({"spec": {"terminate": True}}))
        click.echo(f"{kind} {name!r} terminated")


def retry_experiment(cluster: Cluster, name: str) -> None:
    """Run it again from its beginning: its whole status goes."""
    _patch(cluster, EXPERIMENTS, "experiment", name, Edit({"status": None}))
    click.echo(f"experiment {name!r} retried")


def _patch(cluster: Cluster, resource: Resource, kind: str, name: str, edit: Edit) -> None:
    try:
        cluster.apply(resource, name, edit)
    except NotFound as error:
        raise _missing(cluster, kind, name) from error


def _missing(cluster: Cluster, kind: str, name: str) -> SerinusError:
    where = f"in namespace {cluster.namespace!r}"
    return SerinusError(f"there is no {kind} {name!r} {where}; another namespace is named with -n")
