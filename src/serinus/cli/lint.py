"""`serinus lint -f FILE`: what is wrong with manifests, all at once. Asks no cluster."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from serinus.api.linting import Report

ENDINGS = (".yaml", ".yml", ".json")
WRONG, UNREADABLE = 1, 2


class NoFiles(click.ClickException):
    """There is nothing to look at."""

    exit_code = UNREADABLE


@click.command()
@click.option(
    "-f",
    "--filename",
    "names",
    multiple=True,
    metavar="FILE",
    help="File or folder (with all below it), - for standard input; may be repeated.",
)
@click.argument("more", nargs=-1, metavar="[FILE]...")
@click.option("-n", "--namespace", help="Namespace of objects that name none.")
@click.option("--strict", is_flag=True, help="Unknown fields are errors.")
@click.option(
    "-o", "--output", type=click.Choice(["text", "json"]), default="text", help="How to tell it."
)
@click.pass_context
def lint(
    ctx: click.Context,
    /,
    *,
    names: tuple[str, ...],
    more: tuple[str, ...],
    namespace: str | None,
    strict: bool,
    output: str,
) -> None:
    """Check Rollouts, AnalysisTemplates, AnalysisRuns and Experiments, and how they fit together.

    Exit status 0: no errors; 1: errors; 2: a file cannot be read. What the objects refer to and
    is not in the files is a note. Templates of Helm are to be rendered first.
    """
    from serinus.api.linting import ERROR
    from serinus.api.linting import lint as look
    from serinus.core.analysis.checks import LANGUAGE

    files = [one for name in (*names, *more) for one in _texts(name)]
    if not files:
        raise NoFiles("nothing to look at: name files or folders with -f, or - for standard input")
    given = namespace or (ctx.obj or {}).get("namespace") or ""
    report = look(files, LANGUAGE, namespace=given, strict=strict)
    if output == "json":
        click.echo(json.dumps(_as_data(report), indent=2))
    else:
        for remark in report.remarks:
            click.echo(str(remark))
        click.echo(_summary(report), err=True)
    ctx.exit(WRONG if report.count(ERROR) else 0)


def _texts(name: str) -> Iterator[tuple[str, str]]:
    """Names and texts of the files that `name` means."""
    if name == "-":
        yield "<stdin>", sys.stdin.read()
        return
    path = Path(name)
    if not path.exists():
        raise NoFiles(f"there is no file {name!r}")
    found = sorted(p for p in path.rglob("*") if p.suffix in ENDINGS) if path.is_dir() else [path]
    for one in found:
        if not one.is_file() and path.is_dir():
            continue
        try:
            yield str(one), one.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise NoFiles(f"{one} cannot be read: {why}") from error


def _as_data(report: Report) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "remarks": [asdict(remark) for remark in report.remarks],
        "checked": report.checked,
        "others": report.others,
        **{f"{severity}s": report.count(severity) for severity in ("error", "warning", "note")},
    }


def _summary(report: Report) -> str:
    found = [
        f"{number} {severity}{'' if number == 1 else 's'}"
        for severity in ("error", "warning", "note")
        if (number := report.count(severity))
    ]
    checked = f"{report.checked} object{'' if report.checked == 1 else 's'} checked"
    others = f", {report.others} of other kinds" if report.others else ""
    return f"{checked}{others}: {', '.join(found) or 'nothing wrong'}"
