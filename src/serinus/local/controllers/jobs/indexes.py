"""The indexes of a Job whose pods are told apart by a number. Pure.

Names and texts are the API's: `0-2,5` in the status, a label and an annotation on each pod, and
JOB_COMPLETION_INDEX in its environment.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from serinus.local.node.podspec import NodePod

INDEX = "batch.kubernetes.io/job-completion-index"
VARIABLE = "JOB_COMPLETION_INDEX"


def index_of(pod: NodePod) -> int | None:
    """The index of a pod, if it has one."""
    text = pod.metadata.annotations.get(INDEX, "")
    return int(text) if text.isdecimal() else None


def read_indexes(text: str) -> frozenset[int]:
    """The numbers in `0-2,5`."""
    found: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return frozenset(found)


def write_indexes(indexes: Iterable[int]) -> str:
    """Numbers as text, neighbours joined; two of them are joined by a comma, as in the API."""
    runs: list[list[int]] = []
    for index in sorted(indexes):
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    words = (
        f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(str(index) for index in run)
        for run in runs
    )
    return ",".join(words)


def numbered(pod: dict[str, Any], job: str, index: int) -> dict[str, Any]:
    """A pod that is about to be made, with its number wherever it may be looked for."""
    metadata, spec = pod["metadata"], pod["spec"]
    noted = {INDEX: str(index)}
    metadata = metadata | {
        "annotations": (metadata.get("annotations") or {}) | noted,
        "labels": (metadata.get("labels") or {}) | noted,
    }
    spec = {"hostname": f"{job}-{index}"} | spec
    for field in ("initContainers", "containers"):
        if spec.get(field):
            spec[field] = [_told(container) for container in spec[field]]
    return pod | {"metadata": metadata, "spec": spec}


def _told(container: dict[str, Any]) -> dict[str, Any]:
    env = container.get("env") or []
    if any(variable.get("name") == VARIABLE for variable in env):
        return container
    source = {"fieldRef": {"apiVersion": "v1", "fieldPath": f"metadata.labels['{INDEX}']"}}
    return container | {"env": [*env, {"name": VARIABLE, "valueFrom": source}]}
