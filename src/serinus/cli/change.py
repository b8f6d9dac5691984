"""Commands that change a rollout: promote, abort, retry, pause, restart, undo, set image.

What they write is decided in `core.rollout.commands`; here are only options and answers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

import click
from msgspec import Raw

from serinus.api.argo import Rollout, WorkloadRef
from serinus.api.kubernetes import ReplicaSet
from serinus.base.errors import SerinusError
from serinus.cli.cluster import WORKLOADS, Cluster, raw_template, reach
from serinus.cli.options import KubectlCommand, RolloutName, Seconds, cluster_options
from serinus.cli.trial import retry_experiment
from serinus.core.rollout import commands
from serinus.core.rollout.commands import Edit
from serinus.kube.resource import REPLICASETS, Resource
from serinus.present.family import Relatives, family_of
from serinus.present.phase import phase_of


@click.command(cls=KubectlCommand)
@click.argument("name", type=RolloutName())
@click.option("--full", is_flag=True, help="Skip all steps, pauses and analyses.")
@cluster_options
def promote(name: str, full: bool, **where: str | None) -> None:
    """Go on with the rollout NAME: leave its pause, or its current step."""
    with reach(**where) as cluster:
        command = commands.promote_fully if full else commands.promote
        if cluster.change(name, command):
            click.echo(f"rollout {name!r} {'fully ' if full else ''}promoted")
        else:
            now = phase_of(cluster.rollout(name))
            click.echo(f"rollout {name!r} has nothing to be promoted from: {now}")


@click.command()
@click.argument("name", type=RolloutName())
@cluster_options
def abort(name: str, **where: str | None) -> None:
    """Give up the update of the rollout NAME; traffic goes back to stable."""
    with reach(**where) as cluster:
        if cluster.change(name, commands.abort):
            click.echo(f"rollout {name!r} aborted")
        else:
            click.echo(f"rollout {name!r} has no update to abort: its revision is stable already")
            click.echo(f"To go back to an earlier revision: serinus undo {name}")


@click.command()
@click.argument("words", nargs=-1, required=True, metavar="[rollout] NAME")
@cluster_options
def retry(words: tuple[str, ...], **where: str | None) -> None:
    """Try the aborted update of the rollout NAME again, or `experiment NAME`, from the start."""
    if len(words) == 2 and words[0].lower() == "experiment":
        with reach(**where) as cluster:
            retry_experiment(cluster, words[1])
        return
    name = _name_after(words, "rollout")
    with reach(**where) as cluster:
        if cluster.change(name, commands.retry):
            click.echo(f"rollout {name!r} retried")
        else:
            now = phase_of(cluster.rollout(name))
            click.echo(f"rollout {name!r} is not aborted, there is nothing to retry: {now}")


@click.command()
@click.argument("name", type=RolloutName())
@cluster_options
def pause(name: str, **where: str | None) -> None:
    """Freeze the rollout NAME where it stands; `promote` goes on."""
    with reach(**where) as cluster:
        cluster.change(name, lambda _: commands.pause())
        click.echo(f"rollout {name!r} paused")


@click.command()
@click.argument("name", type=RolloutName())
@click.option("-i", "--in", "wait", type=Seconds(), default="0", help="Later: in 10m, say.")
@cluster_options
def restart(name: str, wait: float, **where: str | None) -> None:
    """Replace all pods of the rollout NAME, a few at a time, as disruption budgets allow."""
    with reach(**where) as cluster:
        # The server's time: its clock decides which pods are older.
        cluster.change(name, lambda _: commands.restart(cluster.now() + timedelta(seconds=wait)))
        click.echo(f"rollout {name!r} restarts {f'in {wait:g} s' if wait else 'now'}")


@click.command()
@click.argument("name", type=RolloutName())
@click.option(
    "--to-revision", type=int, default=0, help="The revision; otherwise the last but one."
)
@cluster_options
def undo(name: str, to_revision: int, **where: str | None) -> None:
    """Take the pod template of an earlier revision again, also where a workloadRef lends it."""
    with reach(**where) as cluster:

        def command(rollout: Rollout) -> tuple[Edit, ...]:
            return commands.undo(rollout, _revisions(cluster, rollout), to_revision)

        rollout = cluster.rollout(name)
        ref = rollout.spec.workload_ref
        if ref is None:
            changed = cluster.change(name, command)
        else:
            lent = _lent(cluster, ref)
            revisions = _revisions(cluster, rollout)
            edits = commands.undo(
                rollout, revisions, to_revision, lent=Raw(lent.template), at=lent.at
            )
            changed = lent.apply(cluster, edits)
        if changed:
            click.echo(f"rollout {name!r} undone")
        else:
            click.echo(f"rollout {name!r} has the template of that revision already")


def _revisions(cluster: Cluster, rollout: Rollout) -> tuple[ReplicaSet, ...]:
    sets = cluster.door.list(REPLICASETS, cluster.namespace, ReplicaSet)
    return family_of(rollout, Relatives(sets)).replica_sets


@click.group("set")
def set_() -> None:
    """Change a rollout."""


@set_.command("image", short_help="Give containers of a rollout new images.")
@click.argument("name", type=RolloutName())
@click.argument("images", nargs=-1, required=True, metavar="CONTAINER=IMAGE...")
@cluster_options
def set_image(name: str, images: tuple[str, ...], **where: str | None) -> None:
    """Give containers of the rollout NAME new images; the container `*` means all of them."""
    wanted = _images(images)
    with reach(**where) as cluster:
        ref = cluster.rollout(name).spec.workload_ref
        if ref is None:
            changed = cluster.change(name, lambda r: commands.set_images(raw_template(r), wanted))
        else:
            lent = _lent(cluster, ref)
            edits = commands.set_images(json.loads(lent.template), wanted, lent.at)
            changed = lent.apply(cluster, edits)
        click.echo(f"rollout {name!r} {'image updated' if changed else 'has these images already'}")


@dataclass(frozen=True, slots=True)
class _Lent:
    """A template that a rollout refers to; it is patched where it is."""

    resource: Resource
    name: str
    at: str
    template: bytes
    """As it came, JSON."""

    def apply(self, cluster: Cluster, edits: tuple[Edit, ...]) -> bool:
        for edit in edits:
            cluster.apply(self.resource, self.name, edit)
        return bool(edits)


def _lent(cluster: Cluster, ref: WorkloadRef) -> _Lent:
    if ref.kind not in WORKLOADS:
        raise SerinusError(f"workloadRef names a {ref.kind}; known: {', '.join(WORKLOADS)}")
    resource, at = WORKLOADS[ref.kind]
    workload = cluster.plain(resource, ref.name)
    owner = workload if at == "/template" else workload.get("spec") or {}
    return _Lent(resource, ref.name, at, json.dumps(owner.get("template") or {}).encode())


def _images(words: tuple[str, ...]) -> dict[str, str]:
    images: dict[str, str] = {}
    for word in words:
        container, equals, image = word.partition("=")
        if not (container and equals and image):
            raise click.BadParameter(
                f"{word!r} is not CONTAINER=IMAGE, as checkout=shop/checkout:v2"
            )
        images[container] = image
    return images


def _name_after(words: tuple[str, ...], kind: str) -> str:
    """`NAME`, `rollout NAME` or `rollout/NAME`."""
    if len(words) == 2 and words[0].lower() == kind:
        words = words[1:]
    if len(words) != 1:
        raise click.UsageError(f"write `{kind} NAME`, not {' '.join(words)!r}")
    name: str = RolloutName().convert(words[0], None, None)
    return name
