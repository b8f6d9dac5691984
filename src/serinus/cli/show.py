"""`serinus get rollout NAME [-w]`, and without a name the list of rollouts."""

from __future__ import annotations

import click

from serinus.api.argo import Rollout
from serinus.cli.cluster import Cluster, reach
from serinus.cli.options import (
    ROLLOUT_WORDS,
    KubectlCommand,
    RolloutName,
    cluster_options,
    show,
    view_options,
)
from serinus.cli.trial import get_experiment
from serinus.control.kinds import ROLLOUTS
from serinus.present.describe import overview
from serinus.present.listing import listing

_EXPERIMENT_WORDS = frozenset({"experiment", "experiments", "exp"})


class _KindGroup(click.Group):
    """Takes every spelling of the kind, and `rollout/NAME` in one word."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        kind, slash, name = args[0].partition("/") if args else ("", "", "")
        if kind.lower() in _EXPERIMENT_WORDS:
            args = ["experiment", *([name] if slash else []), *args[1:]]
        if kind.lower() in ROLLOUT_WORDS:
            args = ["rollout", *([name] if slash else []), *args[1:]]
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            ctx.fail(f"{kind!r} is shown by kubectl; here are: rollout [NAME], experiment [NAME]")
        return super().resolve_command(ctx, args)


@click.group(cls=_KindGroup)
def get() -> None:
    """Show a rollout with all that belongs to it, or list rollouts."""


@get.command(cls=KubectlCommand, short_help="The tree of a rollout, or the list.")
@click.argument("name", required=False, type=RolloutName())
@view_options("a rollout")
@cluster_options
def rollout(
    name: str | None,
    watch: bool,
    all_namespaces: bool,
    no_color: bool,
    timeout_seconds: float | None,
    **where: str | None,
) -> None:
    """Show the rollout NAME (or rollout/NAME); without a name, list rollouts."""
    with reach(**where) as cluster:
        if name is None:
            _list(cluster, all_namespaces, color=not no_color)
        elif watch:
            _watch(cluster, name, timeout_seconds, color=not no_color)
        else:
            family = cluster.family(name)
            show(overview(family, cluster.now()), color=not no_color)


def _list(cluster: Cluster, everywhere: bool, *, color: bool) -> None:
    found = cluster.door.list(ROLLOUTS, None if everywhere else cluster.namespace, Rollout)
    if not found:
        where = "any namespace" if everywhere else f"namespace {cluster.namespace!r}"
        click.echo(f"there are no rollouts in {where}", err=True)
        return
    show(listing(found, cluster.now(), namespaces=everywhere), color=color)


def _watch(cluster: Cluster, name: str, timeout_seconds: float | None, *, color: bool) -> None:
    cluster.rollout(name)
    from serinus.cli import screen

    screen.watch(screen.ROLLOUT, cluster, name, timeout_seconds, color=color)


get.add_command(get_experiment)
