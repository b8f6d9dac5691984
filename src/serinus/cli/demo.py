"""`serinus demo`: a good release and a bad one, on this machine, watched live."""

from __future__ import annotations

import sys
from contextlib import AsyncExitStack
from pathlib import Path

import click

from serinus.cli.composition import controlled, embedded
from serinus.cli.drawing import drawn
from serinus.cli.logs import log_as_sentences
from serinus.cli.options import ReportFile
from serinus.cli.stopping import run_until_stopped
from serinus.cli.story import HOST, NAME, NAMESPACE, RELEASES, Story
from serinus.present.lines import to_ansi, to_plain
from serinus.present.report import DemoReport, ReleaseReport, report_lines, to_json

NEXT = (
    ("serinus up --example checkout --speed 30", "the same, to play with by hand"),
    (f"serinus get rollout {NAME} -n {NAMESPACE} -w", "watch it from another terminal"),
    (f"serinus load --host {HOST} --rps 300", "send it traffic"),
)


@click.command()
@click.option(
    "--speed",
    type=click.FloatRange(1, 60),
    default=30.0,
    show_default=True,
    help="Seconds of the rollout that pass in one second.",
)
@click.option(
    "--rps",
    type=click.FloatRange(1, 2000),
    default=300.0,
    show_default=True,
    help="Requests a second; with fewer, a bad release may pass its first gate.",
)
@click.option("--report", type=ReportFile(), help="Write JSON here.")
def demo(speed: float, rps: float, report: Path | None) -> None:
    """Release a good version and a bad one on this machine, with real processes and traffic.

    Exit status 0 only if the good one was promoted, the bad one rolled back and nothing lost.
    """
    log_as_sentences()
    releases = run_until_stopped(_demo(speed, rps))
    found = DemoReport(
        speed=speed, requests_per_second=rps, releases=tuple(releases), next_commands=NEXT
    )
    if report is not None:
        report.write_bytes(to_json(found))
    lines = report_lines(found)
    click.echo(to_ansi(lines) if sys.stdout.isatty() else to_plain(lines))
    if found.problems():
        sys.exit(1)


async def _demo(speed: float, rps: float) -> list[ReleaseReport]:
    click.echo("starting a cluster on this machine ...", err=True)
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(embedded(speed=speed, port=0))
        await stack.enter_async_context(controlled(cluster))
        story = Story(cluster, rps)
        await stack.enter_async_context(story.follower.following())
        await stack.enter_async_context(drawn(story.scene))
        await story.start()
        return [await story.release(release) for release in RELEASES]
