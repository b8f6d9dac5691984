"""What was wrong once outside the planner's own worlds (validation, routers, analyses, the shell),
as functions in place of those that mended it. `mended.py` says where each is put back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgspec

from serinus.control.writing import manifests
from serinus.core.analysis import judge, templates
from serinus.core.analysis import plan as run_plan
from serinus.core.rollout import safety
from serinus.core.rollout.desired import Proposal
from serinus.kube.errors import NotFound
from serinus.kube.resource import PODS, REPLICASETS
from serinus.traffic.istio import rule, split
from serinus.traffic.router import Patch

# --- Validation -----------------------------------------------------------------------------------


class AnyWord(tuple[str, ...]):
    """Takes every text for one of its words."""

    __slots__ = ()

    def __contains__(self, word: object) -> bool:
        return True


def says_something_in_two_fields(template: bytes) -> bool:
    """Labels and annotations are looked at, containers are not."""
    metadata = (msgspec.json.decode(template) if template else {}).get("metadata") or {}
    return bool(metadata.get("labels") or metadata.get("annotations"))


def kinds_that_exclude_each_other(step: Any) -> tuple[str, ...]:
    """Of four kinds a step may have one; the others mix with any."""
    given = [f for f in ("set_weight", "pause", "experiment", "analysis") if getattr(step, f)]
    some = any(getattr(step, field) is not None for field in step.__struct_fields__)
    return tuple(given) or (("other",) if some else ())


# --- Routers --------------------------------------------------------------------------------------

_weighted, _point = split._weighted, rule.point


def weighted_without_strangers(view: Any, route: Any, routing: Any) -> dict[str, Any]:
    """Destinations of others are deleted."""
    made = _weighted(view, route, routing)
    own = split.istio.parts_of(made, view.ref.namespace, view.ours)
    return {**made, "route": [row for part, row in own if part is not split.Part.OTHER]}


def pointed_without_other_subsets(route: Any, *args: Any, **more: Any) -> list[Patch]:
    """Subsets of others are deleted."""
    told = route.spec.destination_rule
    own = (told.canary_subset_name, told.stable_subset_name)
    made: list[Patch] = []
    for write in _point(route, *args, **more):
        patch: Any = write.patch
        kept = [one for one in patch["spec"]["subsets"] if one["name"] in own]
        made.append(replace(write, patch={**patch, "spec": {"subsets": kept}}))
    return made


def wanted_also_without_change(view: Any, routing: Any) -> dict[str, Any]:
    """Routes are written whatever they are."""
    return split.wanted(view, routing) or {"spec": dict(view.spec)}


def wanted_of_http_alone(view: Any, routing: Any) -> dict[str, Any]:
    """A VirtualService that has no HTTP routes ends the loop over all of them."""
    if routing.header_routes and not split.shown(view).has_http:
        raise KeyError("http")
    return split.wanted(view, routing)


def may_with_any_service(standing: Any, course: Any, proposal: Proposal) -> Proposal:
    """A subset selects the canary before it has a pod."""
    made = safety.clamp(standing, course, proposal)
    wanted = proposal.canary_selector
    return replace(made, canary_selector=wanted) if wanted and not made.writes else made


# --- Analyses -------------------------------------------------------------------------------------


def flattened_without_a_guard(
    references: Iterable[Any], known: Any, path: str, problems: list[Any]
) -> Iterator[Any]:
    """A circle of templates is walked again and again; here ten times."""
    waiting, walked = list(references), 0
    while waiting and walked < 10:
        reference, walked = waiting.pop(0), walked + 1
        spec = known.get(reference)
        if spec is not None:
            yield templates._Sourced(templates.label_of(reference), spec)
            waiting = [*spec.templates, *waiting]


_refused, _judged = run_plan._refused, judge.judge


def refused_without_an_end(run: Any, fault: str, now: Any) -> Any:
    """A run that could not start has no end, and so no time to live."""
    made = _refused(run, fault, now)
    assert made.status is not None
    return replace(made, status=msgspec.structs.replace(made.status, completed_at=None))


def judged_without_data(metric: Any, outcome: Any, now: Any) -> judge.Verdict:
    """What was not measured has passed."""
    made = _judged(metric, outcome, now)
    unmeasured = made.no_data or made.phase == judge.ERROR
    return replace(made, phase=judge.SUCCESSFUL, no_data=False) if unmeasured else made


# --- The shell ------------------------------------------------------------------------------------


async def labelled_with_the_note_first(self: Any, seen: Any, action: Any) -> int:
    """A pod that cannot be labelled ends it, and the note says that it was."""
    rollout = seen.snapshot.rollout
    revision = next(r for r in seen.snapshot.revisions if r.name == action.revision)
    patch = manifests.labelled_revision(revision, action)
    await self._sender.patch(rollout.metadata, REPLICASETS, action.revision, patch)
    for pod in revision.pods:
        change = manifests.labelled_pod(pod, revision.injected, action)
        if change and not pod.deleting:
            with suppress(NotFound):
                patch = manifests.at(pod.resource_version, change)
                await self._sender.patch(rollout.metadata, PODS, pod.name, patch)
    return 1


def scaled_without_a_note(rollout: Any, replicas: int) -> dict[str, Any]:
    """The note of what was wanted when it was scaled stays as it was."""
    return {"spec": {"replicas": replicas, "minReadySeconds": rollout.spec.min_ready_seconds}}


def nothing_is_freed(self: Any, key: Any) -> Iterator[Any]:
    """Whoever lent its pods stays at 0."""
    return iter(())


async def one_without_another_try(self: Any, key: Any) -> None:
    """A key that failed is not looked at again before something happens to it."""
    wake_at = await self._reconciler.reconcile(key)
    self._watcher.worked(self._reconciler.kind, key, 0.0, None)
    if wake_at is not None:
        self._queue.add_at(key, wake_at)
    await asyncio.sleep(0)


def a_bad_object_hides_its_page(self: Any, body: bytes) -> Any:
    """Nothing of a list is known of which one object cannot be read."""
    return [], self._raw.decode(body).metadata
