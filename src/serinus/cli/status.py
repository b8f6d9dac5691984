"""`serinus status NAME`: tell the phase, line by line, until the rollout is Healthy or Degraded."""

from __future__ import annotations

import click

from serinus.base.errors import SerinusError
from serinus.cli.cluster import Cluster, reach
from serinus.cli.options import KubectlCommand, RolloutName, Seconds, cluster_options
from serinus.present.phase import Phase, phase_of

FINAL = ("Healthy", "Degraded")


@click.command(cls=KubectlCommand)
@click.argument("name", type=RolloutName())
@click.option("-w", "--watch/--no-watch", default=True, help="Wait for the end (the default).")
@click.option("-t", "--timeout", type=Seconds(), default="0", help="Give up after so long, as 10m.")
@cluster_options
@click.pass_context
def status(
    ctx: click.Context,
    /,
    name: str,
    watch: bool,
    timeout: float,
    **where: str | None,
) -> None:
    """Wait until the rollout NAME is Healthy; exit status 1 if Degraded or out of time."""
    with reach(**where) as cluster:
        phase = phase_of(cluster.rollout(name))
        click.echo(str(phase))
        if watch and phase.word not in FINAL:
            phase = _wait(cluster, name, phase, timeout)
    ctx.exit(1 if phase.word == "Degraded" else 0)


def _wait(cluster: Cluster, name: str, phase: Phase, timeout_seconds: float) -> Phase:
    """Follow the rollout to the end; every change of phase or message is a line."""
    import asyncio

    from serinus.cli.follower import Follower, followed

    last = phase

    async def follow() -> Phase:
        nonlocal last
        async with (
            asyncio.timeout(timeout_seconds or None),
            followed(cluster, name, Follower.family, alone=True) as seen,
        ):
            async for family in seen:
                if family is None:
                    raise SerinusError(f"rollout {name!r} was deleted")
                if (now := phase_of(family.rollout)) != last:
                    last = now
                    click.echo(str(now))
                if now.word in FINAL:
                    return now
        raise AssertionError("unreachable: following has no other end")

    try:
        return asyncio.run(follow())
    except TimeoutError:
        raise SerinusError(
            f"rollout {name!r} did not come to an end in {timeout_seconds:g} s; it is {last}; "
            f"`serinus get rollout {name}` says what it waits for"
        ) from None
