"""Reads the object files beside the tests into a family, as the commands get it from a server."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from serinus.api.analysis import AnalysisRun
from serinus.api.argo import Rollout
from serinus.api.experiment import Experiment
from serinus.api.kubernetes import Pod, ReplicaSet
from serinus.api.wire import decode
from serinus.present.family import Family, Relatives, family_of

HERE = Path(__file__).parent
NOON = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
TYPES = {
    "Rollout": Rollout,
    "ReplicaSet": ReplicaSet,
    "Pod": Pod,
    "AnalysisRun": AnalysisRun,
    "Experiment": Experiment,
}


def documents(file: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((HERE / file).read_text()))


def family(file: str = "checkout.yaml", **status: Any) -> Family:
    """The family in a file; `status` replaces fields of the Rollout's status."""
    found: dict[str, list[Any]] = {kind: [] for kind in TYPES}
    for document in documents(file):
        if document["kind"] == "Rollout":
            document["status"] |= status
        found[document["kind"]].append(decode(TYPES[document["kind"]], document))
    (rollout,) = found["Rollout"]
    kinds = (found[kind] for kind in ("ReplicaSet", "Pod", "AnalysisRun", "Experiment"))
    return family_of(rollout, Relatives(*map(tuple, kinds)))


def golden(name: str) -> str:
    return (HERE / "golden" / name).read_text()
