"""The lines above the tree: what this rollout is, where it stands, what it waits for and why.

Layout of `kubectl argo rollouts get rollout`, and one line of ours: Waiting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from serinus.api.argo import CanaryStrategy, Rollout
from serinus.api.kubernetes import PodTemplateView
from serinus.api.wire import decode
from serinus.present import icons
from serinus.present.experiment import images
from serinus.present.family import Family, hash_of, newest_first, roles
from serinus.present.lines import Line, Span, Tone, line
from serinus.present.phase import phase_of
from serinus.present.tree import outline, tree

WAITING = "Waiting"
"""Condition type of ours: True while something is held back, its message says what and why."""

_KEY_WIDTH = 17
_NEXT_ERROR = re.compile(r"(?:(?<=is invalid:)|;) (?=spec\b)")
_ROLE_TONES = {
    "stable": Tone.GOOD,
    "active": Tone.GOOD,
    "canary": Tone.RESTING,
    "preview": Tone.MOVING,
    "ping": Tone.RESTING,
    "pong": Tone.RESTING,
}


def overview(family: Family, now: datetime) -> tuple[Line, ...]:
    """All that `get rollout` shows: header, empty line, tree."""
    return (*header(family), (), *outline(tree(family, now), now))


def header(family: Family) -> tuple[Line, ...]:
    """The lines above the tree."""
    rollout, phase = family.rollout, phase_of(family.rollout)
    return (
        _field("Name", rollout.metadata.name),
        _field("Namespace", rollout.metadata.namespace),
        _field("Status", icons.state(phase.word)),
        *_message(phase.message),
        *(_field("Waiting", Span(why, Tone.RESTING)) for why in waiting_for(rollout)),
        *_strategy(family),
        *_images(family),
        *_replicas(rollout),
    )


def waiting_for(rollout: Rollout) -> Sequence[str]:
    """What is held back and why, as sentences; nothing if nothing is."""
    conditions = rollout.status.conditions
    held = [one for one in conditions if one.type == WAITING and one.status == "True"]
    return [one.message or one.reason for one in held]


def set_weight(rollout: Rollout) -> int:
    """The weight that the steps ask for now: the last setWeight at or before the current step."""
    canary, status = rollout.spec.strategy.canary, rollout.status
    if canary is None or status.abort:
        return 0
    index = status.current_step_index or 0
    if is_promoted(rollout) or index >= len(canary.steps):
        return full_weight(canary)
    weights = [step.set_weight for step in canary.steps[: index + 1] if step.set_weight is not None]
    return weights[-1] if weights else 0


def actual_weight(family: Family) -> int:
    """Routed: what the status records. Basic: available canary pods of all, in percent."""
    rollout, canary = family.rollout, family.rollout.spec.strategy.canary
    status = rollout.status
    if canary is None:
        return 0
    if is_promoted(rollout):
        return full_weight(canary)
    if canary.traffic_routing is not None:
        return status.canary.weights.canary.weight if status.canary.weights else 0
    available = [
        (one.status.available_replicas, "canary" in roles(rollout, hash_of(one.metadata)))
        for one in family.replica_sets
    ]
    everything = sum(count for count, _ in available)
    return sum(count for count, mine in available if mine) * 100 // everything if everything else 0


def is_promoted(rollout: Rollout) -> bool:
    """The revision that is wanted is the stable one."""
    status = rollout.status
    return status.current_pod_hash == status.stable_rs != ""


def full_weight(canary: CanaryStrategy) -> int:
    """What weights are parts of; 100 unless maxTrafficWeight says otherwise."""
    routing = canary.traffic_routing
    return (routing.max_traffic_weight if routing else None) or 100


# --- Parts ----------------------------------------------------------------------------------------


def _field(name: str, value: str | Span, indent: int = 0) -> Line:
    return line(f"{' ' * indent}{name}:".ljust(_KEY_WIDTH), value)


def _message(text: str) -> Iterator[Line]:
    """Each error of a spec on a line of its own: in the status they are one sentence."""
    for number, part in enumerate(_NEXT_ERROR.split(text) if text else ()):
        yield _field("Message", part) if number == 0 else line(" " * _KEY_WIDTH, part)


def _strategy(family: Family) -> Iterator[Line]:
    rollout, strategy = family.rollout, family.rollout.spec.strategy
    if strategy.blue_green is not None:
        yield _field("Strategy", "BlueGreen")
    if strategy.canary is None:
        return
    yield _field("Strategy", "Canary")
    steps, index = len(strategy.canary.steps), rollout.status.current_step_index or 0
    if steps:
        yield _field("Step", f"{min(index, steps)}/{steps}", indent=2)
    yield _field("SetWeight", str(set_weight(rollout)), indent=2)
    yield _field("ActualWeight", str(actual_weight(family)), indent=2)


def _images(family: Family) -> Iterator[Line]:
    """Every image that runs, once, and for which parts."""
    parts: dict[str, list[str]] = {}
    for one in newest_first(family.replica_sets):
        if one.status.replicas == 0 and one.spec.replicas == 0:
            continue
        played = roles(family.rollout, hash_of(one.metadata))
        for container in decode(PodTemplateView, one.spec.template).spec.containers:
            known = parts.setdefault(container.image, [])
            known += [role for role in played if role not in known]
    for image in {image for trial in family.trials for image in images(trial)}:
        parts.setdefault(image, []).append(f"{icons.EXPERIMENT}:experiment")
    for number, (image, known) in enumerate(sorted(parts.items())):
        label = ("Images:" if number == 0 else "").ljust(_KEY_WIDTH)
        tone = _ROLE_TONES.get(known[0], Tone.PLAIN) if known else Tone.PLAIN
        named = line(" (", Span(", ".join(known), tone), ")") if known else ()
        yield line(label, image, *named)


def _replicas(rollout: Rollout) -> Iterator[Line]:
    status = rollout.status
    yield line("Replicas:")
    rows = (
        ("Desired", 1 if rollout.spec.replicas is None else rollout.spec.replicas),
        ("Current", status.replicas),
        ("Updated", status.updated_replicas),
        ("Ready", status.ready_replicas),
        ("Available", status.available_replicas),
    )
    for name, count in rows:
        yield _field(name, str(count), indent=2)
