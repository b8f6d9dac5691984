"""An Experiment for people: header and tree, or one line each.

Layout of `kubectl argo rollouts get experiment`. Pure: objects and the server's time in.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from serinus.api.experiment import Experiment
from serinus.api.kubernetes import PodTemplateView
from serinus.api.wire import decode
from serinus.base.durations import format_duration
from serinus.present import icons
from serinus.present.family import Trial
from serinus.present.lines import Line, Span, Tone, line, table
from serinus.present.tree import experiment_tree, outline

_KEY_WIDTH = 17


def experiment_overview(trial: Trial, now: datetime) -> tuple[Line, ...]:
    """All that `get experiment` shows: header, empty line, tree."""
    experiment = trial.experiment
    status, metadata = experiment.status, experiment.metadata
    fields: list[tuple[str, str | Span]] = [
        ("Name", metadata.name),
        ("Namespace", metadata.namespace),
        ("Status", icons.run_state(status.phase or "Pending")),
    ]
    fields += [("Message", status.message)] if status.message else []
    fields += [("Images" if not n else "", image) for n, image in enumerate(images(trial))]
    head = (line((f"{name}:" if name else "").ljust(_KEY_WIDTH), value) for name, value in fields)
    return (*head, (), *outline(experiment_tree(trial, now), now))


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


def images(trial: Trial) -> list[str]:
    """Every image of pods that run, once."""
    return sorted(
        {
            container.image
            for one in trial.replica_sets
            if one.spec.replicas or one.status.replicas
            for container in decode(PodTemplateView, one.spec.template).spec.containers
        }
    )
