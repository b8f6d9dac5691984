"""`--help` says something about each option, and the pages name what the environment may say."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest

from serinus.cli.main import cli
from tidy.source import PACKAGE, ROOT

PAGES = "\n".join(path.read_text() for path in (ROOT / "README.md", *ROOT.glob("docs/*.md")))
NOT_OURS = {"HOME", "USERPROFILE", "PATH", "TERM", "NO_PROXY", "no_proxy"}
"""Variables of the machine, with the meaning that they have everywhere."""


def everything(command: click.Command = cli, name: str = "serinus") -> Iterator[click.Context]:
    context = click.Context(command, info_name=name)
    yield context
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            assert found is not None
            yield from everything(found, f"{name} {inner}")


@pytest.mark.parametrize("context", list(everything()), ids=lambda context: context.info_name)
def test_help_explains_every_option_and_cuts_no_sentence(context: click.Context) -> None:
    options = [one for one in context.command.params if isinstance(one, click.Option)]
    assert [one.name for one in options if not one.help] == []
    commands = context.get_help().partition("\nCommands:")[2]
    assert [line for line in commands.splitlines() if line.endswith("...")] == []


def test_the_pages_name_the_variables_that_are_read() -> None:
    read = re.compile(r'environ(?:\.get\(|\[)"(\w+)"|environ, "(\w+)"|"(SERINUS_[A-Z]+)"')
    found = {
        next(filter(None, match))
        for path in PACKAGE.rglob("*.py")
        for match in read.findall(path.read_text())
    }
    assert {"KUBECONFIG", "NO_COLOR", "SERINUS_CLUSTER", "SERINUS_DEBUG"} <= found
    assert sorted(name for name in found - NOT_OURS if f"`{name}" not in PAGES) == []
