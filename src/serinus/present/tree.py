"""The rollout tree: revisions newest first, their ReplicaSets, pods and AnalysisRuns.

Pure: objects and `now` (the server's) in, nodes out. How nodes look on a screen is `outline`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from serinus.api.analysis import AnalysisRun, MetricResult
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import Pod, ReplicaSet
from serinus.api.names import SCALE_DOWN_DEADLINE
from serinus.base.durations import format_duration
from serinus.present import icons
from serinus.present.family import Family, Trial, hash_of, newest_first, revision_of, roles
from serinus.present.lines import Line, Span, Tone, line, table
from serinus.present.phase import phase_of

BAD_STATES = frozenset({"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "Error", "Failed"})


@dataclass(frozen=True, slots=True)
class Node:
    """One row: `state` is a word of `icons`, `since` gives the age, `info` and `note` the rest."""

    icon: str
    name: str
    kind: str = ""
    state: str = ""
    since: datetime | None = None
    info: tuple[str, ...] = ()
    note: str = ""
    children: tuple[Node, ...] = ()


def tree(family: Family, now: datetime) -> Node:
    """The whole family under its Rollout."""
    metadata = family.rollout.metadata
    return Node(
        icon=icons.ROLLOUT,
        name=metadata.name,
        kind="Rollout",
        state=phase_of(family.rollout).word,
        since=metadata.creation_timestamp,
        children=tuple(_revisions(family, now)),
    )


def experiment_tree(trial: Trial, now: datetime) -> Node:
    """The Experiment over its ReplicaSets, in the order of their names, and its runs."""
    experiment, metadata = trial.experiment, trial.experiment.metadata
    sets = sorted(trial.replica_sets, key=lambda one: one.metadata.name)
    runs = sorted(trial.runs, key=lambda one: one.metadata.name)
    return Node(
        icon=icons.EXPERIMENT,
        name=metadata.name,
        kind="Experiment",
        state=experiment.status.phase or "Pending",
        since=metadata.creation_timestamp,
        children=(*(_replica_set(one, trial.pods, now) for one in sets), *map(_run, runs)),
    )


def outline(node: Node, now: datetime) -> tuple[Line, ...]:
    """The tree as a table with the columns NAME KIND STATUS AGE INFO."""
    head = [line(Span(name, Tone.FAINT)) for name in ("NAME", "KIND", "STATUS", "AGE", "INFO")]
    return table([head, *_rows(node, now, "", "")])


# --- Nodes ----------------------------------------------------------------------------------------


def _revisions(family: Family, now: datetime) -> Iterator[Node]:
    """One node a revision. A run or an Experiment belongs to the newest revision of its hash."""
    ordered = newest_first(family.replica_sets)
    numbers: dict[str, int] = {}
    for one in ordered:
        numbers.setdefault(hash_of(one.metadata), revision_of(one.metadata))
    for number in dict.fromkeys(revision_of(one.metadata) for one in ordered):
        runs = [one for one in family.runs if _number(one, numbers) == number]
        trials = [one for one in family.trials if _number(one.experiment, numbers) == number]
        yield Node(
            icon=icons.REVISION,
            name=f"revision:{number}",
            children=(
                *(
                    _replica_set(one, family.pods, now, _roles(family, one))
                    for one in ordered
                    if revision_of(one.metadata) == number
                ),
                *(
                    experiment_tree(one, now)
                    for one in sorted(trials, key=lambda t: _age_key(t.experiment), reverse=True)
                ),
                *(_run(one) for one in sorted(runs, key=_age_key, reverse=True)),
            ),
        )


def _number(one: AnalysisRun | Experiment, numbers: dict[str, int]) -> int:
    return revision_of(one.metadata) or numbers.get(hash_of(one.metadata), 0)


def _age_key(one: AnalysisRun | Experiment) -> tuple[float, str]:
    created = one.metadata.creation_timestamp
    return (created.timestamp() if created else 0.0, one.metadata.name)


def _roles(family: Family, one: ReplicaSet) -> tuple[str, ...]:
    return roles(family.rollout, hash_of(one.metadata))


def _replica_set(
    one: ReplicaSet, pods: Iterable[Pod], now: datetime, played: tuple[str, ...] = ()
) -> Node:
    pods = [pod for pod in pods if _belongs(pod, one)]
    return Node(
        icon=icons.REPLICA_SET,
        name=one.metadata.name,
        kind="ReplicaSet",
        state=_replica_set_state(one, pods),
        since=one.metadata.creation_timestamp,
        info=(*played, *_delay(one, now)),
        children=tuple(_pod(pod) for pod in sorted(pods, key=lambda pod: pod.metadata.name)),
    )


def _belongs(pod: Pod, one: ReplicaSet) -> bool:
    owner = pod.metadata.controller()
    return owner is not None and owner.uid == one.metadata.uid


def _replica_set_state(one: ReplicaSet, pods: Iterable[Pod]) -> str:
    wanted = 1 if one.spec.replicas is None else one.spec.replicas
    status = one.status
    if wanted == 0 and status.replicas == 0:
        return "ScaledDown"
    if any(_pod_state(pod) in BAD_STATES for pod in pods):
        return "Degraded"
    current = status.observed_generation >= one.metadata.generation
    settled = status.replicas == wanted and status.available_replicas >= wanted
    return "Healthy" if current and settled else "Progressing"


def _delay(one: ReplicaSet, now: datetime) -> tuple[str, ...]:
    text = one.metadata.annotations.get(SCALE_DOWN_DEADLINE, "")
    if not text or one.spec.replicas == 0:
        return ()
    try:
        left = datetime.fromisoformat(text) - now
    except (TypeError, ValueError):
        return (f"delay:{text}",)
    return (f"delay:{format_duration(left)}",) if left.total_seconds() > 0 else ("delay:passed",)


def _pod(pod: Pod) -> Node:
    statuses = pod.status.container_statuses
    restarts = sum(one.restart_count for one in statuses)
    total = len(pod.spec.containers) or len(statuses)
    info = [f"ready:{sum(one.ready for one in statuses)}/{total}"]
    info += [f"restarts:{restarts}"] if restarts else []
    return Node(
        icon=icons.POD,
        name=pod.metadata.name,
        kind="Pod",
        state=_pod_state(pod),
        since=pod.metadata.creation_timestamp,
        info=tuple(info),
    )


def _pod_state(pod: Pod) -> str:
    """The word that kubectl shows, and NotReady for what runs but gets no traffic."""
    if pod.metadata.deletion_timestamp:
        return "Terminating"
    for one in (*pod.status.init_container_statuses, *pod.status.container_statuses):
        if one.state.waiting and one.state.waiting.reason:
            return one.state.waiting.reason
        ended = one.state.terminated
        if ended and one in pod.status.container_statuses:
            return ended.reason or ("Completed" if ended.exit_code == 0 else "Error")
    word = pod.status.reason or pod.status.phase or "Pending"
    return "NotReady" if word == "Running" and not pod.ready() else word


def _run(run: AnalysisRun) -> Node:
    results = [one for one in run.status.metric_results if not one.dry_run]
    return Node(
        icon=icons.RUN,
        name=run.metadata.name,
        kind="AnalysisRun",
        state=run.status.phase or "Pending",
        since=run.metadata.creation_timestamp,
        info=_counts(results),
        children=tuple(_metric(one) for one in run.status.metric_results),
    )


def _metric(result: MetricResult) -> Node:
    """One metric with its counts, its last value and, if it went wrong, why."""
    last = result.measurements[-1] if result.measurements else None
    info = [*_counts([result]), *(["dry-run"] if result.dry_run else [])]
    info += [f"last:{last.value}"] if last and last.value else []
    return Node(
        icon=icons.METRIC,
        name=result.name,
        kind="Metric",
        state=result.phase or "Pending",
        since=last.started_at if last else None,
        info=tuple(info),
        note=result.message or (last.message if last else ""),
    )


def _counts(results: Sequence[MetricResult]) -> tuple[str, ...]:
    rows = (
        (icons.OK, sum(one.successful for one in results)),
        (icons.BAD, sum(one.failed for one in results)),
        (icons.UNSURE, sum(one.inconclusive for one in results)),
        (icons.WARNING, sum(one.error for one in results)),
    )
    return tuple(f"{icon} {count}" for icon, count in rows if count)


# --- Rows -----------------------------------------------------------------------------------------


def _rows(node: Node, now: datetime, front: str, below: str) -> Iterator[list[Line]]:
    """`front` draws the branch to this node, `below` what its children begin with."""
    name = line(Span(front, Tone.FAINT), f"{node.icon} {node.name}")
    age = format_duration(now - node.since) if node.since else ""
    measured = node.kind in ("AnalysisRun", "Metric", "Experiment")
    state = icons.run_state(node.state) if measured else icons.state(node.state)
    info = line(",".join(node.info), Span(f"  {node.note}" if node.note else "", Tone.FAINT))
    yield [name, line(node.kind), (state,), line(age), info]
    for number, child in enumerate(node.children, 1):
        last = number == len(node.children)
        branch, bar = ("└──", "   ") if last else ("├──", "│  ")
        yield from _rows(child, now, below + branch, below + bar)
