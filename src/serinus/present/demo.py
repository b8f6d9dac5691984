"""The live view of a demonstration: pace, weights, what is waited for, traffic, the tree.

Pure. `picture` is redrawn on a terminal; `news` are the lines between two pictures for an output
that is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from serinus.present.describe import actual_weight, full_weight, is_promoted, waiting_for
from serinus.present.family import Family
from serinus.present.lines import Line, Span, Tone, line
from serinus.present.phase import phase_of
from serinus.present.tree import outline, tree

BAR_WIDTH = 40
_KEY_WIDTH = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """Answers of one version so far."""

    requests: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One instant of a demonstration."""

    now: datetime
    speed: float
    title: str
    """What is going on, as `release v2, good: to be promoted`."""
    family: Family | None = None
    traffic: Mapping[str, Counted] = field(default_factory=dict)
    lost: int = 0


def picture(scene: Scene) -> tuple[Line, ...]:
    """Everything, for a terminal."""
    head = (line(Span(scene.title, Tone.STRONG)), _key("pace", pace(scene.speed)))
    if scene.family is None:
        return head
    family = scene.family
    return (
        *head,
        _weights(family),
        *(_key("waiting", Span(why, Tone.RESTING)) for why in waiting_for(family.rollout)),
        _traffic(scene),
        (),
        *outline(tree(family, scene.now), scene.now),
    )


def pace(speed: float) -> str:
    """How time passes here."""
    if speed == 1:
        return "one second here is one second of the rollout"
    return f"one second here is {speed:g} seconds of the rollout"


def news(before: Scene | None, after: Scene) -> tuple[Line, ...]:
    """What has changed, a line each, stamped with the rollout's time of day."""
    stamp = Span(f"{after.now:%H:%M:%S}  ", Tone.FAINT)
    told: list[str | Span] = []
    if before is None or before.title != after.title:
        told += [Span(after.title, Tone.STRONG)]
        told += [pace(after.speed)] if before is None else []
    old = _facts(before.family) if before and before.family else {}
    new = _facts(after.family) if after.family else {}
    told += [text for key, text in new.items() if old.get(key) != text]
    lost = after.lost - (before.lost if before else 0)
    told += [Span(f"{lost} requests lost", Tone.BAD)] if lost > 0 else []
    return tuple(line(stamp, one) for one in told)


def _facts(family: Family) -> dict[str, str]:
    """What is worth a line when it changes, under a key that stays."""
    rollout, canary = family.rollout, family.rollout.spec.strategy.canary
    facts = {"phase": f"rollout {rollout.metadata.name}: {phase_of(rollout)}"}
    if canary is not None:
        weight, total = _canary_weight(family), full_weight(canary)
        facts["weight"] = f"weights: canary {weight}, stable {total - weight}"
        index, steps = rollout.status.current_step_index, len(canary.steps)
        if index is not None and index < steps:
            kind = ", ".join(canary.steps[index].kinds())
            facts["step"] = f"step {index + 1} of {steps}: {kind}"
    waiting = waiting_for(rollout)
    if waiting:
        facts["waiting"] = "waiting: " + "; ".join(waiting)
    for one in family.replica_sets:
        wanted = 1 if one.spec.replicas is None else one.spec.replicas
        ready = one.status.ready_replicas
        told = f"{ready} of {wanted} pods ready" if wanted else "no pods"
        facts[f"set {one.metadata.name}"] = f"{one.metadata.name}: {told}"
    for run in family.runs:
        facts[f"run {run.metadata.name}"] = f"analysis {run.metadata.name}: " + (
            f"{run.status.phase} {run.status.message}".strip() or "Pending"
        )
        for result in run.status.metric_results:
            ended = [one for one in result.measurements if one.phase not in ("Running", "Pending")]
            if ended:
                last = ended[-1]
                key = f"metric {run.metadata.name} {result.name}"
                value = f" {last.value}" if last.value else ""
                number = result.count + result.error
                facts[key] = f"  {result.name} no. {number}:{value} {last.phase}".rstrip()
    return facts


def _canary_weight(family: Family) -> int:
    """What goes to a revision on trial: nothing once it is the stable one."""
    return 0 if is_promoted(family.rollout) else actual_weight(family)


def _weights(family: Family) -> Line:
    canary = family.rollout.spec.strategy.canary
    if canary is None:
        return _key("weights", "no canary strategy")
    weight, total = _canary_weight(family), full_weight(canary)
    filled = round(BAR_WIDTH * weight / total)
    steps, index = len(canary.steps), family.rollout.status.current_step_index or 0
    step = f"   step {min(index, steps)}/{steps}" if steps else ""
    return line(
        "weights".ljust(_KEY_WIDTH),
        Span(f"stable {total - weight:3} ", Tone.GOOD),
        Span("█" * (BAR_WIDTH - filled), Tone.GOOD),
        Span("█" * filled, Tone.RESTING),
        Span(f" {weight:3} canary", Tone.RESTING),
        step,
    )


def _traffic(scene: Scene) -> Line:
    parts = list(_versions(scene.traffic)) or [Span("none yet")]
    lost = Span(f"lost {scene.lost:,}", Tone.BAD if scene.lost else Tone.GOOD)
    return line("traffic".ljust(_KEY_WIDTH), *parts, lost)


def _versions(traffic: Mapping[str, Counted]) -> Iterator[Span]:
    for version, counted in sorted(traffic.items()):
        failed = f" ({counted.errors:,} failed)" if counted.errors else ""
        tone = Tone.BAD if counted.errors else Tone.PLAIN
        yield Span(f"{version} {counted.requests:,}{failed}   ", tone)


def _key(name: str, value: str | Span) -> Line:
    return line(name.ljust(_KEY_WIDTH), value)
