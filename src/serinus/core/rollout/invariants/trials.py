"""Independent assertions about the traffic of experiments: who may get it, whose pods may go.

See `check.py`; shares no judgement with `trial_traffic.py`.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.experiment import Experiment
from serinus.api.names import IN_TRAFFIC
from serinus.core.rollout.actions import MarkExperiment, Plan, Retire, SetRouting
from serinus.core.rollout.invariants.seen import FINISHED, ready_endpoints
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import Additional, Unknown


def broken_trials(snapshot: Snapshot, plan: Plan) -> Iterator[str]:
    """What is wrong with the parts that a plan gives to experiments, or takes the note from."""
    shown = set(_shown(snapshot))
    for action in plan.actions:
        match action:
            case SetRouting(routing=routing):
                for one in routing.additional:
                    if one not in shown:
                        yield from _new(snapshot, one.service)
            case MarkExperiment(name, in_traffic=False):
                if {one.service for one in shown} & _services(snapshot, name):
                    yield f"experiment {name} is let go although a router sends requests to it"
                if any(isinstance(seen.routing, Unknown) for seen in snapshot.routers):
                    yield f"experiment {name} is let go although the routing is not known"
            case Retire("Experiment", name):
                if _noted(snapshot, name):
                    yield f"experiment {name} is deleted although requests may come to it"


def _new(snapshot: Snapshot, service: str) -> Iterator[str]:
    owners = [one for one in snapshot.experiments if service in _services(snapshot, _name(one))]
    if not any(one.status.phase not in FINISHED and _noted(snapshot, _name(one)) for one in owners):
        yield f"Service {service} gets traffic although no experiment knows that it comes"
    if ready_endpoints(snapshot.services.get(service)) == 0:
        yield f"Service {service} of an experiment gets traffic and has no ready endpoint"


def _shown(snapshot: Snapshot) -> Iterator[Additional]:
    for seen in snapshot.routers:
        if not isinstance(seen.routing, Unknown):
            yield from seen.routing.additional


def _name(experiment: Experiment) -> str:
    return experiment.metadata.name


def _noted(snapshot: Snapshot, name: str) -> bool:
    return any(
        one.metadata.name == name and IN_TRAFFIC in one.metadata.annotations
        for one in snapshot.experiments
    )


def _services(snapshot: Snapshot, name: str) -> set[str]:
    return {
        template.service_name
        for one in snapshot.experiments
        if one.metadata.name == name
        for template in one.status.template_statuses
    } - {""}
