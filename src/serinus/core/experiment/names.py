"""How the things of an Experiment are called: derived, so that a repeated create finds its own."""

from __future__ import annotations

from collections.abc import Collection

from serinus.api.experiment import Experiment, ExperimentTemplate
from serinus.api.hashes import owned_hash
from serinus.api.template import read_template


def set_name(experiment: Experiment, template: ExperimentTemplate, collisions: int | None) -> str:
    """Of a template's ReplicaSet; a number at the end where the plain name was somebody else's."""
    base = f"{experiment.metadata.name}-{template.name}"
    return f"{base}-{collisions}" if collisions else base


def set_hash(experiment: Experiment, template: ExperimentTemplate, collisions: int | None) -> str:
    """Of a template's pods: never that of a revision with the same pods, nor of another template.

    A Service selects by it; under the hash of its revision a baseline would get that one's traffic.
    """
    owner = (experiment.metadata.uid, template.name)
    return owned_hash(read_template(template.template), owner, collisions)


def run_name(experiment: Experiment, analysis: str, taken: Collection[str]) -> str:
    """The next free name of an analysis' run: one of an attempt before is never taken up again."""
    base = f"{experiment.metadata.name}-{analysis}"
    attempt, name = 0, base
    while name in taken:
        attempt += 1
        name = f"{base}.{attempt}"
    return name
