"""What `get experiment` shows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from serinus.api.analysis import AnalysisRun
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import Pod, ReplicaSet
from serinus.api.wire import decode
from serinus.present.experiment import belongings, experiment_listing, experiment_overview
from serinus.present.lines import to_plain

NOW = datetime(2026, 1, 1, 0, 5, tzinfo=UTC)


def meta(name: str, owner: str = "", kind: str = "") -> dict[str, Any]:
    made: dict[str, Any] = {
        "name": name,
        "namespace": "shop",
        "uid": f"uid-{name}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    if owner:
        reference = {"kind": kind, "name": owner, "uid": f"uid-{owner}", "controller": True}
        made["ownerReferences"] = [reference]
    return made


EXPERIMENT = decode(
    Experiment,
    {
        "metadata": meta("trial"),
        "spec": {"duration": "10m"},
        "status": {"phase": "Failed", "message": "it was slow"},
    },
)
PODS = {"spec": {"containers": [{"name": "web", "image": "web:v1"}]}}


def test_an_experiment_is_a_header_and_a_tree_of_what_it_owns() -> None:
    mine = {
        "metadata": meta("trial-a", "trial", "Experiment"),
        "spec": {"replicas": 1, "template": PODS},
    }
    other = {"metadata": meta("other", "else", "Experiment"), "spec": {"template": PODS}}
    pod = {"metadata": meta("trial-a-1", "trial-a", "ReplicaSet"), **PODS}
    run = {"metadata": meta("trial-slow", "trial", "Experiment"), "status": {"phase": "Failed"}}
    family = belongings(
        EXPERIMENT,
        [decode(ReplicaSet, mine), decode(ReplicaSet, other)],
        [decode(Pod, pod)],
        [decode(AnalysisRun, run)],
    )
    shown = to_plain(experiment_overview(EXPERIMENT, family, NOW)).splitlines()
    assert [text.split() for text in shown[:5]] == [
        ["Name:", "trial"],
        ["Namespace:", "shop"],
        ["Status:", "✖", "Failed"],
        ["Message:", "it", "was", "slow"],
        ["Images:", "web:v1"],
    ]
    assert [text.split()[:3] for text in shown[7:]] == [
        ["Σ", "trial", "Experiment"],
        ["├──⧉", "trial-a", "ReplicaSet"],
        ["│", "└──□", "trial-a-1"],
        ["└──α", "trial-slow", "AnalysisRun"],
    ]


def test_experiments_are_listed_with_their_phase() -> None:
    lines = to_plain(experiment_listing([EXPERIMENT], NOW, namespaces=True)).splitlines()
    assert [text.split() for text in lines] == [
        ["NAMESPACE", "NAME", "STATUS", "DURATION", "AGE"],
        ["shop", "trial", "✖", "Failed", "10m", "5m"],
    ]
