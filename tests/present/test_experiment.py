"""What `get experiment` shows."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import Pod, ReplicaSet
from serinus.api.wire import decode
from serinus.present.describe import overview
from serinus.present.experiment import experiment_listing, experiment_overview
from serinus.present.family import Relatives, Trial, family_of, trial_of
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
        "metadata": {
            **meta("trial", "shop", "Rollout"),
            "annotations": {"rollout.argoproj.io/revision": "2"},
        },
        "spec": {"duration": "10m"},
        "status": {"phase": "Failed", "message": "it was slow"},
    },
)
PODS = {"spec": {"containers": [{"name": "web", "image": "web:v1"}]}}


def trial() -> tuple[Trial, Relatives]:
    """The experiment over one ReplicaSet, its pod and a run; there is a ReplicaSet of another."""
    mine = {
        "metadata": meta("trial-a", "trial", "Experiment"),
        "spec": {"replicas": 1, "template": PODS},
    }
    other = {"metadata": meta("other", "else", "Experiment"), "spec": {"template": PODS}}
    pod = {"metadata": meta("trial-a-1", "trial-a", "ReplicaSet"), **PODS}
    run = {"metadata": meta("trial-slow", "trial", "Experiment"), "status": {"phase": "Failed"}}
    among = Relatives(
        (decode(ReplicaSet, mine), decode(ReplicaSet, other)),
        (decode(Pod, pod),),
        (decode(AnalysisRun, run),),
        (EXPERIMENT,),
    )
    return trial_of(EXPERIMENT, among), among


def test_an_experiment_is_a_header_and_a_tree_of_what_it_owns() -> None:
    shown = to_plain(experiment_overview(trial()[0], NOW)).splitlines()
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


def test_a_rollout_shows_the_experiment_of_a_step_under_its_revision() -> None:
    sets = [
        {
            "metadata": {
                **meta(f"shop-{number}", "shop", "Rollout"),
                "annotations": {"rollout.argoproj.io/revision": str(number)},
            },
            "spec": {"replicas": 1, "template": PODS},
        }
        for number in (1, 2)
    ]
    among = trial()[1]
    own = replace(
        among, replica_sets=(*(decode(ReplicaSet, one) for one in sets), *among.replica_sets)
    )
    rollout = decode(Rollout, {"metadata": meta("shop"), "spec": {"strategy": {"canary": {}}}})
    shown = to_plain(overview(family_of(rollout, own), NOW)).splitlines()
    tree = [text.split()[:3] for text in shown[shown.index("") + 2 :]]
    assert tree == [
        ["⟳", "shop", "Rollout"],
        ["├──#", "revision:2"],
        ["│", "├──⧉", "shop-2"],
        ["│", "└──Σ", "trial"],
        ["│", "├──⧉", "trial-a"],
        ["│", "│", "└──□"],
        ["│", "└──α", "trial-slow"],
        ["└──#", "revision:1"],
        ["└──⧉", "shop-1", "ReplicaSet"],
    ]
    assert "Images:          web:v1 (Σ:experiment)" in shown


def test_experiments_are_listed_with_their_phase() -> None:
    lines = to_plain(experiment_listing([EXPERIMENT], NOW, namespaces=True)).splitlines()
    assert [text.split() for text in lines] == [
        ["NAMESPACE", "NAME", "STATUS", "DURATION", "AGE"],
        ["shop", "trial", "✖", "Failed", "10m", "5m"],
    ]
