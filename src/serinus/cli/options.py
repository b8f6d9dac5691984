"""What all commands of the command line share: options, the spelling of names, coloured output."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast

import click

from serinus.base.durations import parse_pause_duration
from serinus.present.lines import Line, to_ansi, to_plain

F = TypeVar("F", bound=Callable[..., Any])
ROLLOUT_WORDS = frozenset(
    {"rollout", "rollouts", "ro", "rollout.argoproj.io", "rollouts.argoproj.io"}
)


class RolloutName(click.ParamType[str]):
    """`NAME` or `rollout/NAME`."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        kind, slash, rest = str(value).rpartition("/")
        if slash and kind.lower() not in ROLLOUT_WORDS:
            self.fail(f"{value!r} names a {kind!r}; write NAME or rollout/NAME", param, ctx)
        if not rest:
            self.fail(f"{value!r} has no name; write NAME or rollout/NAME", param, ctx)
        return rest


class Seconds(click.ParamType[float]):
    """Seconds as a number, or a duration such as 5m; 0 means without end."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        try:
            return parse_pause_duration(str(value)).total_seconds()
        except ValueError as error:
            self.fail(str(error), param, ctx)


class ReportFile(click.Path):
    """A file that is written at the end: that it can be is known before the run, not after it."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        path = Path(str(super().convert(value, param, ctx)))
        if not path.exists() and not os.access(path.parent, os.W_OK):
            self.fail(f"there is no folder {str(path.parent)!r} that you may write to", param, ctx)
        return path


class KubectlCommand(click.Command):
    """Takes flags also as kubectl writes them: `-w=false`, `--watch=true`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, [self._plain(argument) for argument in args])

    def _plain(self, argument: str) -> str:
        name, equals, value = argument.partition("=")
        if not equals or value.lower() not in ("true", "false"):
            return argument
        for option in self.params:
            if isinstance(option, click.Option) and option.is_flag and name in option.opts:
                chosen = option.opts if value.lower() == "true" else option.secondary_opts
                return next((one for one in chosen if one.startswith("--")), argument)
        return argument


def cluster_options(command: F) -> F:
    """-n, --context and --kubeconfig; where they are not given, those of the group hold."""
    for option in (
        click.option(
            "--kubeconfig", help="Path of the kubeconfig; else KUBECONFIG, ~/.kube/config."
        ),
        click.option("--context", help="Context of the kubeconfig; else its current one."),
        click.option("-n", "--namespace", help="Namespace; otherwise that of the context."),
    ):
        command = option(command)
    return command


def view_options(kind: str) -> Callable[[F], F]:
    """NAME's companions of `get`: -w, -A, --no-color, --timeout-seconds; and which exclude each
    other. `kind` is the noun with its article, such as "a rollout".
    """

    def dress(command: F) -> F:
        @wraps(command)
        def checked(**given: Any) -> Any:
            if given["name"] and given["all_namespaces"]:
                raise click.UsageError(f"{kind}'s name and --all-namespaces exclude each other")
            if given["watch"] and not given["name"]:
                raise click.UsageError(f"--watch needs {kind}'s NAME")
            return command(**given)

        dressed: Any = checked
        for option in (
            click.option(
                "--timeout-seconds", type=float, help="With -w: end after so many seconds."
            ),
            click.option("--no-color", is_flag=True, help="Without colours."),
            click.option(
                "-A", "--all-namespaces", is_flag=True, help="List those of all namespaces."
            ),
            click.option("-w", "--watch", is_flag=True, help="Go on showing it as it changes."),
        ):
            dressed = option(dressed)
        return cast(F, dressed)

    return dress


def show(lines: Iterable[Line], *, color: bool = True) -> None:
    """Write lines to standard output, with colours only on a terminal that wants them."""
    click.echo((to_ansi if color and wants_color() else to_plain)(lines), nl=False, color=True)


def wants_color() -> bool:
    """A terminal, and neither NO_COLOR nor TERM=dumb."""
    dumb = os.environ.get("TERM") == "dumb" or bool(os.environ.get("NO_COLOR"))
    return sys.stdout.isatty() and not dumb
