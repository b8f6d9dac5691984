"""`serinus` and `kubectl serinus`: the table of commands, and one place where errors are told.

A command's module is imported when the command runs: `--help` and `version` need click alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib import import_module

import click

from serinus import __version__

COMMANDS: dict[str, tuple[str, str]] = {
    "demo": ("serinus.cli.demo:demo", "Release a good and a bad version on this machine."),
    "up": ("serinus.cli.up:up", "Run a cluster and the controller on this machine."),
    "kubectl": ("serinus.cli.kubectl:kubectl", "Run kubectl against the running local cluster."),
    "controller": ("serinus.cli.controller:controller", "Run the controller against a cluster."),
    "load": ("serinus.cli.load:load", "Send steady traffic and report per version."),
    "get": ("serinus.cli.show:get", "Show a rollout with all that belongs to it, or list them."),
    "status": ("serinus.cli.status:status", "Wait until a rollout is Healthy or Degraded."),
    "promote": ("serinus.cli.change:promote", "Go on: leave a pause or a step, or --full."),
    "abort": ("serinus.cli.change:abort", "Give up an update; traffic goes back to stable."),
    "retry": ("serinus.cli.change:retry", "Try an aborted update again."),
    "terminate": ("serinus.cli.trial:terminate", "End an experiment or an analysis run."),
    "pause": ("serinus.cli.change:pause", "Freeze a rollout where it stands."),
    "restart": ("serinus.cli.change:restart", "Replace all pods, a few at a time."),
    "undo": ("serinus.cli.change:undo", "Take the template of an earlier revision again."),
    "set": ("serinus.cli.change:set_", "Change a rollout: `set image`."),
    "lint": ("serinus.cli.lint:lint", "Check manifests: every error at once, with its line."),
    "webhook": ("serinus.cli.webhook:webhook", "The same checks as an admission webhook."),
    "convert": ("serinus.cli.convert:convert_", "Print the Rollout for a Deployment."),
    "version": ("serinus.cli.main:version", "Show the version."),
}
"""Name -> where it is (module:attribute) and one line of help that needs no import."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        try:
            command: click.Command = getattr(import_module(module), attribute)
        except ModuleNotFoundError as error:
            if (error.name or "serinus").split(".")[0] == "serinus":
                raise
            raise click.ClickException(
                f"`serinus {cmd_name}` needs the package {error.name}, which is not installed; "
                "install the parts for one machine with: pip install 'serinus[local]'"
            ) from error
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            ctx.fail(f"no command is named {args[0]!r}{_nearest(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("-n", "--namespace", help="Namespace; otherwise that of the context.")
@click.option("--context", help="Context of the kubeconfig; otherwise its current one.")
@click.option("--kubeconfig", help="Path of the kubeconfig; otherwise KUBECONFIG, ~/.kube/config.")
@click.version_option(__version__, prog_name="serinus", message="%(prog)s %(version)s")
@click.pass_context
def cli(
    ctx: click.Context, namespace: str | None, context: str | None, kubeconfig: str | None
) -> None:
    """Progressive delivery for Kubernetes: releases that prove themselves, or go back."""
    ctx.obj = {"namespace": namespace, "context": context, "kubeconfig": kubeconfig}


@click.command()
@click.option("--short", is_flag=True, help="The number alone.")
def version(short: bool) -> None:
    """Show the version."""
    click.echo(__version__ if short else f"serinus {__version__}")


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; errors are told in a sentence, never as a traceback."""
    program = sys.argv[0].replace("\\", "/").rsplit("/", 1)[-1]
    name = "kubectl serinus" if program.startswith("kubectl") else "serinus"
    try:
        status = cli.main(args=arguments, prog_name=name, standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        # Nobody reads any more; keep the interpreter from flushing into the broken pipe.
        sys.stdout = None
        sys.exit(141)
    except Exception as error:
        if os.environ.get("SERINUS_DEBUG"):
            raise
        click.echo(_sentence(error), err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _sentence(error: BaseException) -> str:
    """What went wrong, for a person; of several errors at once, the first that says so itself."""
    from serinus.base.errors import SerinusError

    found: list[BaseException] = [error]
    while any(isinstance(one, BaseExceptionGroup) for one in found):
        found = [
            inner
            for one in found
            for inner in (one.exceptions if isinstance(one, BaseExceptionGroup) else (one,))
        ]
    told = next((one for one in found if isinstance(one, SerinusError)), None)
    if told is not None:
        return f"error: {told}"
    return (
        f"error: this is a fault of serinus itself, {type(found[0]).__name__}: {found[0]}\n"
        "please report it; SERINUS_DEBUG=1 shows where it happened"
    )


def _nearest(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, known, n=2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


if __name__ == "__main__":
    main()
