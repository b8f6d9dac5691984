"""Experiments whose pods get a part of the traffic: a small world's other controller.

An Experiment is planned by itself, takes its pods away when it is over, and keeps them as long as
it is noted on it that requests may come. Carries no judgement.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from serinus.api import names
from serinus.api.experiment import Experiment, ExperimentSpec, ExperimentStatus, TemplateStatus
from serinus.api.kubernetes import ObjectMeta
from serinus.core.rollout.snapshot import ServiceSeen
from simulation.model import World
from simulation.parts import Trial
from simulation.shape import Shape, hash_of, version_of

Named = tuple[str, World]
ENDS = ("Successful", "Failed", "Inconclusive", "Error")
"""An experiment may also pass before its pods had any traffic."""


def trial_of(world: World, name: str, hash_: str, step: int) -> Trial:
    """A new one; its pods have to come first if they are to get traffic."""
    asked = world.shape.tried_at(step)
    return Trial(
        name,
        version_of(hash_),
        step,
        "Pending" if asked else "Running",
        attempt=world.attempt,
        ready=(0,) * len(asked),
    )


def with_trial(world: World, name: str, version: str, **changes: object) -> World:
    """A write to an Experiment, if that was decided on how it is."""
    trials = tuple(
        replace(one, written=one.written + 1, **changes)  # type: ignore[arg-type]
        if (one.name, str(one.written)) == (name, version)
        else one
        for one in world.trials
    )
    return replace(world, trials=trials)


def become(world: World, name: str, **changes: object) -> World:
    """Its own controller, or a person, changes it."""
    one = next(one for one in world.trials if one.name == name)
    return with_trial(world, name, str(one.written), **changes)


def is_over(trial: Trial) -> bool:
    return trial.stopped or trial.phase not in ("Pending", "Running")


def wanted(shape: Shape, trial: Trial) -> tuple[int, ...]:
    """The pods of each template."""
    return tuple(pods for _, pods in shape.tried_at(trial.step)) if trial.ready else ()


def service_of(trial: Trial, number: int) -> str:
    return f"{trial.name}-t{number}"


def behind(world: World) -> tuple[tuple[str, int], ...]:
    """The Services of all experiments and the ready pods behind each."""
    return tuple(
        (service_of(trial, number), ready)
        for trial in world.trials
        for number, ready in enumerate(trial.ready)
    )


def has_had_its_time(world: World, trial: Trial) -> bool:
    """It passes; one whose pods are to get traffic does not before they have it, if they may."""
    status = world.status
    here = (trial.attempt, trial.step) == (world.attempt, world.index)
    held = world.paused or world.invalid or status.abort or status.promote_full
    given = {service for service, _ in world.router.tried}
    if not trial.ready or not here or held or world.version != world.recorded:
        return True
    return service_of(trial, 0) in given and trial.ready == wanted(world.shape, trial)


# --- What may happen -----------------------------------------------------------------------------


def healthy(world: World) -> Iterator[Named]:
    """Its controller at work: pods come, and go when it is over and no request may come."""
    for one in world.trials:
        if not one.ready:
            continue
        whole = wanted(world.shape, one)
        if not is_over(one) and one.ready != whole:
            yield (
                f"pods of trial {one.step} get ready",
                become(world, one.name, ready=whole, phase="Running"),
            )
        if is_over(one) and any(one.ready) and not one.noted:
            yield f"pods of trial {one.step} go", become(world, one.name, ready=(0,) * len(whole))


def deaths(world: World) -> Iterator[Named]:
    for one in world.trials:
        for number, ready in enumerate(one.ready):
            if ready:
                left = (*one.ready[:number], 0, *one.ready[number + 1 :])
                name = f"pods of trial {one.step} template {number} die"
                yield name, become(world, one.name, ready=left)


# --- How it looks --------------------------------------------------------------------------------


def experiment_of(trial: Trial) -> Experiment:
    """As the controller reads it."""
    phase = "Successful" if trial.stopped and trial.phase == "Running" else trial.phase
    return Experiment(
        metadata=ObjectMeta(
            name=trial.name,
            resource_version=str(trial.written),
            labels={names.POD_HASH: hash_of(trial.version)},
            annotations={names.IN_TRAFFIC: "app"} if trial.noted else {},
        ),
        spec=ExperimentSpec(terminate=trial.stopped),
        status=ExperimentStatus(phase=phase, template_statuses=tuple(_templates(trial))),
    )


def _templates(trial: Trial) -> Iterator[TemplateStatus]:
    gone = is_over(trial) and not any(trial.ready) and not trial.noted
    begun = trial.phase != "Pending" and not gone
    status = "Successful" if is_over(trial) else "Running" if begun else "Progressing"
    for number, ready in enumerate(trial.ready):
        yield TemplateStatus(
            name=f"t{number}",
            status=status,
            replicas=ready,
            service_name=service_of(trial, number) if begun else "",
        )


def services_of(world: World) -> dict[str, ServiceSeen]:
    """The Services of experiments by name."""
    return {
        name: ServiceSeen(
            name=name,
            resource_version="1",
            selector_hash=name,
            written_at=None,
            endpoints={name: ready} if ready else {},
        )
        for name, ready in behind(world)
    }
