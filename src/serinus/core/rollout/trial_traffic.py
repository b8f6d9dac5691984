"""The traffic of an experiment's pods: when they get it, and until when they must stay.

An Experiment is planned by itself and takes its pods away when it is over. So before a router is
told of them, it is noted on the Experiment that traffic comes, conditional on the version in which
it was running; its pods stay until the note is taken off, and that is when no router shows them any
more, settled. Whatever is lost in between, no request is sent to pods that are gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from serinus.api import names
from serinus.api.experiment import Experiment
from serinus.api.validation.experiment import service_ports
from serinus.core.rollout import reach
from serinus.core.rollout.actions import Action, MarkExperiment
from serinus.core.rollout.course import Course
from serinus.core.rollout.desired import Proposal
from serinus.core.rollout.edits import left_behind
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.standing import Standing
from serinus.core.rollout.trials import current_trial, find, step_of
from serinus.core.routing import Ability, Additional, Routing, Unknown

RUNNING = "Running"


@dataclass(frozen=True, slots=True)
class _Part:
    """What one template of the step's experiment is to get."""

    experiment: Experiment
    destination: Additional
    replicas: int


def with_trial(standing: Standing, course: Course, proposal: Proposal) -> Proposal:
    """The weights of the step's experiment: all of its templates begin together, or none.

    One whose Service has no ready endpoint any more is left at once (rule S3).
    """
    parts = tuple(_parts(standing, course))
    alive = tuple(part for part in parts if _endpoints(standing, part) != 0)
    shown = tuple(part for part in alive if _is_shown(standing, part))
    held = _held(standing, course, parts) if len(shown) < len(parts) else None
    if held is not None and not standing.frozen:
        proposal = proposal.because(*held)
    given = tuple(part.destination for part in (alive if held is None else shown))
    if any(is_noted(trial) for trial in standing.snapshot.experiments):
        settles = reach.settle_wake(standing)
        proposal = replace(proposal, wakes=(*proposal.wakes, *([settles] if settles else ())))
    most = standing.total - proposal.routing.weight
    if sum(one.weight for one in given) > most:
        given = ()
    return replace(proposal, routing=replace(proposal.routing, additional=given))


def _parts(standing: Standing, course: Course) -> Iterator[_Part]:
    """Of an experiment that is running: what its templates ask for."""
    step, trial = step_of(standing, course), find(standing, current_trial(standing, course))
    if step is None or trial is None or course.promote_full or not _is_running(trial):
        return
    if standing.snapshot.leaving:
        return  # with its router everything goes back to stable
    told = {one.name: one for one in trial.status.template_statuses}
    for template in step.templates:
        status = told.get(template.name)
        if template.weight and status and status.status == RUNNING and status.service_name:
            port = _port(trial, template.name)
            destination = Additional(status.service_name, template.weight, port)
            replicas = 1 if template.replicas is None else template.replicas
            yield _Part(trial, destination, replicas)


def _port(trial: Experiment, template: str) -> int:
    """Of the Service of a template: the only one, or that named http, or the first; 0 for none."""
    made = next((one for one in trial.spec.templates if one.name == template), None)
    ports = service_ports(made.template) if made is not None else ()
    named = [port for port in ports if port.name == "http"] or list(ports)
    return named[0].container_port if named else 0


def _is_running(trial: Experiment) -> bool:
    return trial.status.phase == RUNNING and not trial.spec.terminate


def _endpoints(standing: Standing, part: _Part) -> int | None:
    return reach.all_endpoints(standing.snapshot.services.get(part.destination.service))


def _is_shown(standing: Standing, part: _Part) -> bool:
    able = [seen for seen in standing.routers if Ability.EXPERIMENTS in seen.able]
    return bool(able) and all(
        isinstance(seen.routing, Routing) and part.destination in seen.routing.additional
        for seen in able
    )


def _held(standing: Standing, course: Course, parts: tuple[_Part, ...]) -> tuple[Hold, str] | None:
    """Why the experiment gets nothing new now; None if it may."""
    name = parts[0].experiment.metadata.name
    if standing.frozen or course.in_doubt:
        return Hold.FROZEN, f"experiment {name} gets no traffic while nothing may rise"
    if any(isinstance(seen.routing, Unknown) for seen in standing.routers):
        return Hold.UNKNOWN, f"experiment {name} gets no traffic while the routing is not known"
    if not is_noted(parts[0].experiment):
        return Hold.ROUTER, f"experiment {name} is told first that traffic comes"
    for part in parts:
        ready, service = _endpoints(standing, part), part.destination.service
        if ready is None or ready < max(part.replicas, 1):
            text = f"{ready or 0}/{part.replicas} ready for weight {part.destination.weight}"
            return Hold.CAPACITY, f"Service {service} of experiment {name}: {text}"
    return None


def without_the_dead(standing: Standing, shown: Routing) -> Routing:
    """What a router shows, without Services of experiments that lost all pods.

    It holds whatever the steps say, also under an invalid spec (rule S3).
    """
    services = standing.snapshot.services
    kept = (a for a in shown.additional if reach.all_endpoints(services.get(a.service)) != 0)
    return replace(shown, additional=tuple(kept))


# --- The note ------------------------------------------------------------------------------------


def is_noted(trial: Experiment) -> bool:
    """Its pods stay, whatever becomes of it."""
    return names.IN_TRAFFIC in trial.metadata.annotations


def traffic_notes(standing: Standing, course: Course) -> list[Action]:
    """Put on the experiment that is to get traffic, taken off those that can get none any more."""
    wanted = {part.experiment.metadata.name for part in _parts(standing, course)}
    actions: list[Action] = []
    for trial in standing.snapshot.experiments:
        name, noted = trial.metadata.name, is_noted(trial)
        on = name in wanted and not noted and not standing.frozen
        off = noted and name not in wanted and _is_let_go(standing, trial)
        if on or off:
            actions.append(MarkExperiment(name, trial.metadata.resource_version, in_traffic=on))
    return actions


def _is_let_go(standing: Standing, trial: Experiment) -> bool:
    """No router shows a Service of its, and that is settled."""
    services = {one.service_name for one in trial.status.template_statuses}
    if left_behind(standing.snapshot.rollout) or not reach.routing_drained(standing):
        return False
    return not any(
        isinstance(seen.routing, Unknown)
        or services & {one.service for one in seen.routing.additional}
        for seen in standing.routers
    )
