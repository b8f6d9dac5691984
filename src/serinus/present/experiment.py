"""An Experiment for people: header and tree, or one line each.

Layout of `kubectl argo rollouts get experiment`. Pure: objects and the server's time in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import Pod, PodTemplateView, ReplicaSet
from serinus.api.wire import decode
from serinus.base.durations import format_duration
from serinus.present import icons
from serinus.present.family import Family, gather
from serinus.present.lines import Line, Span, Tone, line, table
from serinus.present.tree import experiment_tree, outline

_KEY_WIDTH = 17


def belongings(
    experiment: Experiment,
    replica_sets: Iterable[ReplicaSet],
    pods: Iterable[Pod],
    runs: Iterable[AnalysisRun],
) -> Family:
    """What the Experiment owns, out of all objects of its namespace."""
    return gather(Rollout(metadata=experiment.metadata), replica_sets, pods, runs)


def experiment_overview(experiment: Experiment, family: Family, now: datetime) -> tuple[Line, ...]:
    """All that `get experiment` shows: header, empty line, tree."""
    status, metadata = experiment.status, experiment.metadata
    fields: list[tuple[str, str | Span]] = [
        ("Name", metadata.name),
        ("Namespace", metadata.namespace),
        ("Status", icons.run_state(status.phase or "Pending")),
    ]
    fields += [("Message", status.message)] if status.message else []
    fields += [("Images" if not n else "", image) for n, image in enumerate(_images(family))]
    head = (line((f"{name}:" if name else "").ljust(_KEY_WIDTH), value) for name, value in fields)
    return (*head, (), *outline(experiment_tree(experiment, family, now), now))


def experiment_listing(
    experiments: Iterable[Experiment], now: datetime, *, namespaces: bool = False
) -> tuple[Line, ...]:
    """One line each, sorted by namespace and name."""
    titles = (*(("NAMESPACE",) if namespaces else ()), "NAME", "STATUS", "DURATION", "AGE")
    rows = [[line(Span(title, Tone.FAINT)) for title in titles]]
    for one in sorted(experiments, key=lambda e: (e.metadata.namespace, e.metadata.name)):
        born = one.metadata.creation_timestamp
        cells: list[str | Span] = [
            *([one.metadata.namespace] if namespaces else []),
            one.metadata.name,
            icons.run_state(one.status.phase or "Pending"),
            one.spec.duration or "-",
            format_duration(now - born) if born else "",
        ]
        rows.append([line(cell) for cell in cells])
    return table(rows)


def _images(family: Family) -> list[str]:
    """Every image of pods that run, once."""
    return sorted(
        {
            container.image
            for one in family.replica_sets
            if one.spec.replicas or one.status.replicas
            for container in decode(PodTemplateView, one.spec.template).spec.containers
        }
    )
