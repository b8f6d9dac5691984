"""The manifest of the AnalysisRun that a plan starts. Pure."""

from __future__ import annotations

from typing import Any

from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.wire import builtins
from serinus.base.errors import SerinusError
from serinus.control.writing.manifests import inherited, owner
from serinus.core.analysis.build import build_run
from serinus.core.analysis.subject import RunIdentity, Subject, Templates
from serinus.core.analysis.templates import prepare
from serinus.core.rollout.actions import StartRun
from serinus.core.rollout.gates import BACKGROUND, POST_PROMOTION, PRE_PROMOTION, STEP

_PATHS = {
    STEP: "spec.strategy.canary.steps[{}].analysis",
    BACKGROUND: "spec.strategy.canary.analysis",
    PRE_PROMOTION: "spec.strategy.blueGreen.prePromotionAnalysis",
    POST_PROMOTION: "spec.strategy.blueGreen.postPromotionAnalysis",
}


def analysis_run(rollout: Rollout, action: StartRun, templates: Templates) -> dict[str, Any]:
    """The run of a gate. Raises SerinusError with every problem if its templates are not sound.

    Validation has found those before; a template that changed in between is found here.
    """
    path = _PATHS[action.kind].format(action.step_index)
    subject = Subject(
        document=builtins(rollout),
        latest_hash=action.revision_hash,
        stable_hash=action.stable_hash,
    )
    endless = action.kind == BACKGROUND  # it is ended with its update
    prepared = prepare(action.analysis, templates, subject, path=path, endless=endless)
    if prepared.problems:
        raise SerinusError("; ".join(map(str, prepared.problems)))
    metadata, selector = action.analysis.analysis_run_metadata, rollout.spec.selector
    identity = RunIdentity(
        name=action.name,
        namespace=rollout.metadata.namespace,
        owner=owner(rollout),
        labels={
            **(selector.match_labels if selector else {}),
            **metadata.labels,
            names.POD_HASH: action.revision_hash,
            names.ROLLOUT_TYPE: action.kind,
            **({} if action.step_index is None else {names.STEP_INDEX: str(action.step_index)}),
            **inherited(rollout.metadata),
        },
        annotations={names.REVISION: str(action.number), **metadata.annotations},
    )
    return build_run(prepared.spec, identity)
