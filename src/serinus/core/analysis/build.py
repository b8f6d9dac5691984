"""A prepared spec to the manifest of an AnalysisRun. The name is the caller's: it is derived."""

from __future__ import annotations

from typing import Any

from serinus.api.analysis import AnalysisRunSpec
from serinus.api.names import GROUP_VERSION
from serinus.api.wire import builtins
from serinus.core.analysis.subject import RunIdentity


def build_run(spec: AnalysisRunSpec, identity: RunIdentity) -> dict[str, Any]:
    """The object to create; a repeated create finds its own by the name."""
    metadata: dict[str, Any] = {"name": identity.name, "namespace": identity.namespace}
    if identity.labels:
        metadata["labels"] = dict(identity.labels)
    if identity.annotations:
        metadata["annotations"] = dict(identity.annotations)
    if identity.owner:
        metadata["ownerReferences"] = [dict(identity.owner)]
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "AnalysisRun",
        "metadata": metadata,
        "spec": builtins(spec),
    }
