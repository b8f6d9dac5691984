"""Mistakes around step plugins, weights of experiments and routed objects, made around the real
planner: in what it sees or in what it answers. As `mutants.py` they may look into the planner.
"""

from __future__ import annotations

from dataclasses import replace

from msgspec.structs import replace as with_fields

from serinus.api import names
from serinus.api.argo import StepPluginStatus
from serinus.core.rollout.actions import CallStep, MarkExperiment, Plan, SetRouting
from serinus.core.rollout.calls import Operation, Phase
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import HeaderRoute, Routing, Unknown

# --- Step plugins --------------------------------------------------------------------------------


def _with_entries(made: Plan, entries: tuple[StepPluginStatus, ...]) -> Plan:
    if made.status is None:
        return made
    canary = with_fields(made.status.canary, step_plugin_statuses=entries)
    return replace(made, status=with_fields(made.status, canary=canary))


def takes_running_for_done(snapshot: Snapshot) -> Snapshot:
    """Whoever answers has done it."""
    answers = {
        asked: replace(told, answer=replace(told.answer, phase=Phase.SUCCESSFUL))
        if told.answer.phase is Phase.RUNNING
        else told
        for asked, told in snapshot.step_answers.items()
    }
    return replace(snapshot, step_answers=answers)


def takes_failed_for_error(snapshot: Snapshot) -> Snapshot:
    """A plugin that says no is asked again."""
    answers = {
        asked: replace(told, answer=replace(told.answer, phase=Phase.ERROR))
        if told.answer.phase is Phase.FAILED
        else told
        for asked, told in snapshot.step_answers.items()
    }
    return replace(snapshot, step_answers=answers)


def undoes_nothing(snapshot: Snapshot, made: Plan) -> Plan:
    """After an abort nobody tells the plugins."""
    entries = made.status.canary.step_plugin_statuses if made.status else ()
    kept = tuple(entry for entry in entries if entry.operation == Operation.RUN)
    actions = (
        a
        for a in made.actions
        if not (isinstance(a, CallStep) and a.call.asked.operation != Operation.RUN)
    )
    return _with_entries(replace(made, actions=tuple(actions)), kept)


def stops_nothing(snapshot: Snapshot, made: Plan) -> Plan:
    """A full promotion leaves its plugins at work."""
    entries = made.status.canary.step_plugin_statuses if made.status else ()
    kept = tuple(entry for entry in entries if entry.operation != Operation.TERMINATE)
    return _with_entries(made, kept)


def calls_before_it_is_noted(snapshot: Snapshot, made: Plan) -> Plan:
    """What is called is remembered afterwards."""
    noted = snapshot.rollout.status.canary.step_plugin_statuses
    calls = [action for action in made.actions if isinstance(action, CallStep)]
    if not calls or made.status is None or not noted:
        return made
    return _with_entries(made, ())


# --- Weights of experiments ----------------------------------------------------------------------


def gives_without_a_note(snapshot: Snapshot) -> Snapshot:
    """The Experiment is not told that traffic comes."""
    trials = tuple(
        with_fields(one, metadata=with_fields(one.metadata, annotations={names.IN_TRAFFIC: "app"}))
        if one.status.phase == "Running"
        else one
        for one in snapshot.experiments
    )
    return replace(snapshot, experiments=trials)


def lets_go_at_once(snapshot: Snapshot, made: Plan) -> Plan:
    """The note goes with the weight, before any proxy has heard of it."""
    for trial in snapshot.experiments:
        over = trial.status.phase not in ("Pending", "Running")
        if over and names.IN_TRAFFIC in trial.metadata.annotations:
            name, version = trial.metadata.name, trial.metadata.resource_version
            actions = (*made.actions, MarkExperiment(name, version, in_traffic=False))
            return replace(made, actions=actions)
    return made


def gives_before_they_are_ready(snapshot: Snapshot) -> Snapshot:
    """What runs is ready."""
    trials = {
        template.service_name
        for one in snapshot.experiments
        for template in one.status.template_statuses
    }
    services = {
        name: replace(seen, endpoints={name: 2}) if name in trials else seen
        for name, seen in snapshot.services.items()
    }
    return replace(snapshot, services=services)


def keeps_what_trials_get(snapshot: Snapshot, made: Plan) -> Plan:
    """What an experiment has it keeps."""
    shown = snapshot.routers[0].routing
    if not isinstance(shown, Routing) or not shown.additional:
        return made
    changed = [
        replace(a, routing=replace(a.routing, additional=shown.additional))
        if isinstance(a, SetRouting)
        else a
        for a in made.actions
    ]
    return replace(made, actions=tuple(changed))


# --- Routers -------------------------------------------------------------------------------------


def reads_one_object(snapshot: Snapshot) -> Snapshot:
    """Of several routed objects that differ, only the one with the least weight is looked at."""
    routers = tuple(
        replace(seen, routing=Routing(min(seen.weights)), weights=())
        if isinstance(seen.routing, Unknown) and seen.weights
        else seen
        for seen in snapshot.routers
    )
    return replace(snapshot, routers=routers)


def keeps_its_copies(snapshot: Snapshot, made: Plan) -> Plan:
    """A mirror stays when its canary goes."""
    shown = snapshot.routers[0].routing
    copies = shown.mirror_routes if isinstance(shown, Routing) else ()
    routes: tuple[HeaderRoute, ...] = ()
    changed = [
        replace(a, routing=replace(a.routing, mirror_routes=copies, header_routes=routes))
        if isinstance(a, SetRouting)
        else a
        for a in made.actions
    ]
    return replace(made, actions=tuple(changed))
