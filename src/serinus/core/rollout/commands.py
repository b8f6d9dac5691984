"""What a person's command does to a Rollout: pure functions object -> patches.

A patch that counts on what it read (a step index, a container's place) carries a precondition, so
that it fails instead of hitting a newer object: read again and ask again. Order matters where two
patches come: the status first. Knows neither a client nor a terminal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Raw

from serinus.api.apart import without_apart
from serinus.api.argo import Rollout
from serinus.api.kubernetes import PodTemplateMetadata, ReplicaSet
from serinus.api.names import EPHEMERAL_METADATA, POD_HASH, REVISION
from serinus.api.template import read_template
from serinus.base.errors import SerinusError
from serinus.core.rollout.canary import INCONCLUSIVE_TRIAL


class CommandError(SerinusError):
    """A command that makes no sense for this object: why, and what would."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One patch of the object; `subresource` is "status" or "" (the object itself)."""

    patch: Mapping[str, Any] | Sequence[Mapping[str, Any]]
    kind: Literal["merge", "json"] = "merge"
    subresource: Literal["", "status"] = ""


def abort(rollout: Rollout | None = None) -> tuple[Edit, ...]:
    """Give up this update: traffic back to stable; nothing to say to a rollout without one."""
    if rollout is not None and _is_at_rest(rollout):
        return ()
    return (_status({"abort": True}),)


def _is_at_rest(rollout: Rollout) -> bool:
    """The wanted revision is stable, and no edit waits to be seen."""
    status = rollout.status
    seen = status.observed_generation == str(rollout.metadata.generation)
    return seen and bool(status.stable_rs) and status.stable_rs == status.current_pod_hash


def retry(rollout: Rollout) -> tuple[Edit, ...]:
    """Try an aborted update again, from its first step; nothing to say to one that is not."""
    return (_status({"abort": False}),) if rollout.status.abort else ()


def pause() -> tuple[Edit, ...]:
    """Freeze the rollout where it stands."""
    return (Edit({"spec": {"paused": True}}),)


def restart(at: datetime) -> tuple[Edit, ...]:
    """Replace all pods that are older than `at`, a few at a time, as soon as that is now."""
    return (Edit({"spec": {"restartAt": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}}),)


def promote(rollout: Rollout) -> tuple[Edit, ...]:
    """Go on: leave the pause, or else (a canary that is not paused) the current step.

    An analysis or experiment that ended Inconclusive is left together with its pause and its step.
    """
    status = rollout.status
    edits: list[Edit] = []
    if _stands_inconclusive(rollout):
        change = {"pauseConditions": None, "controllerPause": False, **_next_step(rollout)}
        edits.append(_status(change, rollout))
    elif status.pause_conditions:
        edits.append(_status({"pauseConditions": None}))
    elif not rollout.spec.paused and _next_step(rollout):
        edits.append(_status({"pauseConditions": None, **_next_step(rollout)}, rollout))
    return (*edits, *_unpause(rollout))


def promote_fully(rollout: Rollout) -> tuple[Edit, ...]:
    """Skip all steps, pauses and analyses; nothing to say to a rollout that is at rest."""
    status = rollout.status
    edits = [] if status.current_pod_hash == status.stable_rs else [_status({"promoteFull": True})]
    return (*edits, *_unpause(rollout))


def set_images(
    template: Mapping[str, Any], images: Mapping[str, str], at: str = "/spec/template"
) -> tuple[Edit, ...]:
    """Give containers of a pod template new images, by container name; `*` means all of them.

    `template` is the template as it came, `at` the JSON pointer to it in the object that is
    patched (the workload, where the rollout has a workloadRef). Raises CommandError with all the
    names that no container has.
    """
    found = list(_containers(template, at))
    names = [name for _, name, _ in found]
    unknown = [name for name in images if name != "*" and name not in names]
    if unknown:
        raise CommandError(
            f"no container is named {', '.join(sorted(unknown))}; there are: {', '.join(names)}"
        )
    patch: list[dict[str, Any]] = []
    for pointer, name, image in found:
        wanted = images.get(name, images.get("*"))
        if wanted is not None and wanted != image:
            patch.append({"op": "test", "path": f"{pointer}/name", "value": name})
            patch.append({"op": "add", "path": f"{pointer}/image", "value": wanted})
    return (Edit(patch, "json"),) if patch else ()


def undo(
    rollout: Rollout,
    revisions: Iterable[ReplicaSet],
    to_revision: int = 0,
    *,
    lent: Raw | None = None,
    at: str = "/spec/template",
) -> tuple[Edit, ...]:
    """Take the template of an earlier revision again; 0 means the one before the newest.

    `revisions` are the ReplicaSets that the rollout owns. Where it has a workloadRef, `lent` is the
    workload's template, and `at` the JSON pointer to it: the workload is what is patched. Without
    effect if that template is there already. Raises CommandError if there is no such revision.
    """
    numbered = sorted(((_number(one), one) for one in revisions), key=lambda pair: -pair[0])
    known = ", ".join(str(number) for number, _ in numbered) or "none"
    if to_revision:
        chosen = next((one for number, one in numbered if number == to_revision), None)
        if chosen is None:
            raise CommandError(f"there is no revision {to_revision}; there are: {known}")
    elif len(numbered) < 2:
        raise CommandError(f"there is no revision before the newest one; there are: {known}")
    else:
        chosen = numbered[1][1]
    injected = _injected(chosen)
    current = rollout.spec.template if lent is None else lent
    earlier = chosen.spec.template
    if read_template(current) == read_template(earlier, injected):
        return ()
    plain = _without_ours(without_apart(msgspec.json.decode(earlier)), injected)
    return (Edit([{"op": "replace", "path": at, "value": plain}], "json"),)


# --- Parts ----------------------------------------------------------------------------------------


def _status(change: Mapping[str, Any], seen: Rollout | None = None) -> Edit:
    """`seen`: only while the object is still as it was read."""
    patch: dict[str, Any] = {"status": dict(change)}
    if seen is not None and seen.metadata.resource_version:
        patch["metadata"] = {"resourceVersion": seen.metadata.resource_version}
    return Edit(patch, subresource="status")


def _unpause(rollout: Rollout) -> tuple[Edit, ...]:
    return (Edit({"spec": {"paused": False}}),) if rollout.spec.paused else ()


def _next_step(rollout: Rollout) -> dict[str, int]:
    canary = rollout.spec.strategy.canary
    index = rollout.status.current_step_index or 0
    if canary is None or index >= len(canary.steps):
        return {}
    return {"currentStepIndex": index + 1}


def _stands_inconclusive(rollout: Rollout) -> bool:
    status = rollout.status
    run = status.canary.current_step_analysis_run_status
    ended = run is not None and run.status == "Inconclusive"
    ended = ended or any(one.reason == INCONCLUSIVE_TRIAL for one in status.pause_conditions)
    return ended and bool(status.pause_conditions) and status.controller_pause


def _containers(template: Mapping[str, Any], at: str) -> Iterable[tuple[str, str, str]]:
    """JSON pointer, name and image of every container."""
    spec = template.get("spec") or {}
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(kind) or ()):
            yield (
                f"{at}/spec/{kind}/{index}",
                container.get("name", ""),
                container.get("image", ""),
            )


def _number(revision: ReplicaSet) -> int:
    text = revision.metadata.annotations.get(REVISION, "")
    return int(text) if text.isdecimal() else 0


def _injected(revision: ReplicaSet) -> PodTemplateMetadata:
    text = revision.metadata.annotations.get(EPHEMERAL_METADATA)
    return msgspec.json.decode(text, type=PodTemplateMetadata) if text else PodTemplateMetadata()


def _without_ours(template: dict[str, Any], injected: PodTemplateMetadata) -> dict[str, Any]:
    """The template as its author wrote it: no hash label, no ephemeral metadata."""
    metadata = dict(template.get("metadata") or {})
    ours: Mapping[str, Mapping[str, str | None]] = {
        "labels": {**injected.labels, POD_HASH: None},
        "annotations": injected.annotations,
    }
    for field, mine in ours.items():
        theirs: Mapping[str, str] = metadata.pop(field, None) or {}
        kept = {k: v for k, v in theirs.items() if k not in mine or mine[k] not in (None, v)}
        if kept:
            metadata[field] = kept
    return {**template, "metadata": metadata}
