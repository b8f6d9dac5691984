"""The manifest of the Experiment that a step starts: its pods are those of revisions. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.api import names
from serinus.api.analysis import AnalysisRunArgument
from serinus.api.argo import Rollout, RolloutExperimentTemplate, TemplateService
from serinus.api.wire import builtins
from serinus.base.errors import SerinusError
from serinus.control.writing.manifests import at, inherited, owner
from serinus.core.analysis.fieldref import field_value
from serinus.core.rollout.actions import MarkExperiment, StartExperiment
from serinus.core.rollout.snapshot import Revision


def experiment(
    rollout: Rollout, action: StartExperiment, revisions: Mapping[str, Revision]
) -> dict[str, Any]:
    """`revisions` by hash. Raises SerinusError if an argument cannot be filled."""
    step = action.step
    hashes = {"canary": action.revision_hash, "stable": action.stable_hash}
    spec: dict[str, Any] = {
        "templates": [
            _template(rollout, one, revisions[hashes[one.spec_ref]]) for one in step.templates
        ]
    }
    if step.duration:
        spec["duration"] = step.duration
    if step.scale_down_delay_seconds is not None:
        spec["scaleDownDelaySeconds"] = step.scale_down_delay_seconds
    if rollout.spec.progress_deadline_seconds is not None:
        spec["progressDeadlineSeconds"] = rollout.spec.progress_deadline_seconds
    if step.dry_run:
        spec["dryRun"] = builtins(step.dry_run)
    spec["analysisRunMetadata"] = builtins(step.analysis_run_metadata)
    document = builtins(rollout)
    if step.analyses:
        spec["analyses"] = [
            {**builtins(one), "args": [_argument(arg, document, action) for arg in one.args]}
            for one in step.analyses
        ]
    return {
        "apiVersion": names.GROUP_VERSION,
        "kind": "Experiment",
        "metadata": {
            "name": action.name,
            "namespace": rollout.metadata.namespace,
            "labels": {
                names.POD_HASH: action.revision_hash,
                names.STEP_INDEX: str(action.step_index),
                **inherited(rollout.metadata),
            },
            "annotations": {names.REVISION: str(revisions[action.revision_hash].number)},
            "ownerReferences": [owner(rollout)],
        },
        "spec": spec,
    }


def _template(
    rollout: Rollout, asked: RolloutExperimentTemplate, revision: Revision
) -> dict[str, Any]:
    """A revision's pods, without its hash and what was put on them, and with labels of their own.

    The labels that a template adds go into its selector too, as in the original.
    """
    pods = revision.template.manifest()
    metadata = dict(pods.get("metadata") or {})
    added = {"labels": asked.metadata.labels, "annotations": asked.metadata.annotations}
    for part, more in added.items():
        injected = revision.injected.get(part, {})
        plain: Mapping[str, str] = metadata.get(part) or {}
        kept = {k: v for k, v in plain.items() if injected.get(k) != v and k != names.POD_HASH}
        metadata[part] = {**kept, **more}
    selector = builtins(asked.selector or rollout.spec.selector)
    selector["matchLabels"] = {**selector.get("matchLabels", {}), **asked.metadata.labels}
    made = {
        "name": asked.name,
        "replicas": 1 if asked.replicas is None else asked.replicas,
        "minReadySeconds": rollout.spec.min_ready_seconds,
        "selector": selector,
        "template": {**pods, "metadata": metadata},
    }
    if asked.service is None and not asked.weight:
        return made
    return {**made, "service": builtins(asked.service or TemplateService())}


def marked(rollout: Rollout, action: MarkExperiment) -> dict[str, Any]:
    """The patch of an Experiment that says whether its pods are somebody's traffic."""
    note = {names.IN_TRAFFIC: rollout.metadata.name if action.in_traffic else None}
    return at(action.resource_version, {"metadata": {"annotations": note}})


def _argument(
    argument: AnalysisRunArgument, document: Mapping[str, Any], action: StartExperiment
) -> dict[str, str]:
    source, value = argument.value_from, argument.value
    if source is not None and source.pod_template_hash_value is not None:
        latest = source.pod_template_hash_value == "Latest"
        value = action.revision_hash if latest else action.stable_hash
    elif source is not None and source.field_ref is not None:
        try:
            value = field_value(document, source.field_ref.field_path)
        except ValueError as error:
            raise SerinusError(f"argument {argument.name} of {action.name}: {error}") from error
    return {"name": argument.name, "value": value}
