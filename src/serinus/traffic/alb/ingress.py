"""One Ingress of the AWS Load Balancer Controller: what it shows, and what has to change.

Pure. Only annotations of the Rollout's own action and of its managed routes, and the paths that
lead to these, are looked at; all else on the Ingress is somebody else's.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from serinus.api import alb
from serinus.api.argo import AlbTrafficRouting
from serinus.api.names import WRITTEN_AT
from serinus.core.routing import Additional, HeaderRoute, Routing
from serinus.traffic.alb import action
from serinus.traffic.alb.action import Forward, Group
from serinus.traffic.router import ObjectRef, Objects, Route, RoutingError

Rules = list[dict[str, Any]]
NOTHING = Routing(0)


@dataclass(frozen=True, slots=True)
class View:
    """One Ingress that is named, and what was read of it."""

    route: Route
    ref: ObjectRef
    live: Mapping[str, Any] | None

    @property
    def spec(self) -> AlbTrafficRouting:
        found: AlbTrafficRouting = self.route.spec
        return found

    @property
    def action(self) -> str:
        """The name of the action that splits."""
        return alb.action_name(self.spec, self.route.stable_service)

    @property
    def annotations(self) -> Mapping[str, Any]:
        return ((self.live or {}).get("metadata") or {}).get("annotations") or {}

    @property
    def written_at(self) -> datetime | None:
        text = self.annotations.get(WRITTEN_AT)
        try:
            return datetime.fromisoformat(text).astimezone(UTC) if text else None
        except (TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return f"Ingress {self.ref.name}"


def views_of(route: Route, objects: Objects) -> list[View]:
    """Every Ingress that the router names."""
    spec: AlbTrafficRouting = route.spec
    found = []
    for name in dict.fromkeys(spec.names()):
        ref = ObjectRef("networking.k8s.io/v1", "ingresses", "Ingress", route.namespace, name)
        found.append(View(route, ref, objects.get(ref)))
    return found


# --- Reading -------------------------------------------------------------------------------------


def obstacles(view: View, routing: Routing = NOTHING) -> list[str]:
    """Why what is written there may not be obeyed, or cannot be written whole."""
    if view.live is None:
        return [f"{view} does not exist; create it, or correct trafficRouting.alb"]
    if (view.live.get("metadata") or {}).get("deletionTimestamp"):
        return [f"{view} is being deleted"]
    found = []
    try:
        if not any(_leads_to(path, view.action) for rule in _rules(view) for path in _paths(rule)):
            found.append(
                f"{view} has no path to the action {view.action}; add a backend with that service "
                f"name and the port name {alb.USE_ANNOTATION}"
            )
        others = _others(view)
        for name in (one.name for one in routing.header_routes):
            owner = others.get(_key(view, name))
            if owner is not None:
                found.append(
                    f"{view}: the action {name} is of the Rollout {owner} (its annotation "
                    f"{alb.MANAGED}); give the managed route another name"
                )
    except RoutingError as error:
        found.append(str(error))
    return found


def shown(view: View) -> Routing:
    """What it says. Raises RoutingError where that cannot be understood.

    An action that is not there, or that leads to no Service, gives the canary nothing.
    """
    problems = obstacles(view)
    if problems:
        raise RoutingError("; ".join(problems))
    forward = _split(view)
    headers = tuple(_header_routes(view))
    names = [group.service for group in forward.groups]
    total = sum(group.weight for group in forward.groups)
    key = alb.action_key(view.spec, view.action)
    if len(names) != len(set(names)):
        raise RoutingError(f"{view}: annotation {key} names a Service twice; remove one")
    if forward.groups and not total:
        raise RoutingError(f"{view}: annotation {key} gives everybody weight 0; remove it")
    roles = (view.route.canary_service, view.route.stable_service)
    canary = sum(group.weight for group in forward.groups if group.service == roles[0])
    added = tuple(
        Additional(group.service, group.weight, int(group.port) if group.port.isdecimal() else 0)
        for group in forward.groups
        if group.service not in roles
    )
    return Routing(canary, total or view.route.total, header_routes=headers, additional=added)


def _split(view: View) -> Forward:
    key = alb.action_key(view.spec, view.action)
    text = view.annotations.get(key)
    try:
        return action.read_action(text) if text is not None else Forward()
    except ValueError as error:
        raise RoutingError(
            f"{view}: annotation {key} cannot be read: {error}; correct it, or remove it: it is "
            "then made anew"
        ) from error


def _header_routes(view: View) -> list[HeaderRoute]:
    """The managed routes that lead to the canary by some path, in their order."""
    rules, others, found = _rules(view), _others(view), []
    for name in _routes(view):
        key, asked = alb.action_key(view.spec, name), alb.conditions_key(view.spec, name)
        texts = (view.annotations.get(key), view.annotations.get(asked))
        reached = any(_leads_to(path, name) for rule in rules for path in _paths(rule))
        if key in others or None in texts or not reached:
            continue
        try:
            groups = [one for one in action.read_action(texts[0]).groups if one.weight]
            matches = action.read_conditions(texts[1])
        except ValueError as error:
            raise RoutingError(f"{view}: route {name!r} cannot be read: {error}") from error
        services = [one.service for one in groups]
        if view.route.canary_service not in services:
            continue  # it leads nobody to the canary, and goes with the next write
        if len(services) > 1:
            raise RoutingError(f"{view}: route {name!r} does not lead to the canary alone")
        found.append(HeaderRoute(name, matches))
    return found


def _rules(view: View) -> Rules:
    """Copied. Raises RoutingError."""
    try:
        found = copy.deepcopy(list(((view.live or {}).get("spec") or {}).get("rules") or ()))
        for rule in found:
            for path in _paths(rule):
                _leads_to(path, "")
    except (AttributeError, TypeError) as error:
        raise RoutingError(f"{view} cannot be read: {error}") from error
    return found


def _paths(rule: Mapping[str, Any]) -> list[dict[str, Any]]:
    return (rule.get("http") or {}).get("paths") or []


def _leads_to(path: Mapping[str, Any], name: str) -> bool:
    """The path's requests go where the annotation of that action says."""
    service = (path.get("backend") or {}).get("service") or {}
    port = (service.get("port") or {}).get("name")
    return bool(service.get("name") == name and port == alb.USE_ANNOTATION)


def _managed(view: View) -> dict[str, list[str]]:
    try:
        return action.read_managed(view.annotations.get(alb.MANAGED))
    except ValueError as error:
        raise RoutingError(
            f"{view}: annotation {alb.MANAGED} cannot be read: {error}; correct it, or remove it"
        ) from error


def _others(view: View) -> dict[str, str]:
    """Annotations of other Rollouts, and whose they are."""
    rows = _managed(view).items()
    return {key: name for name, keys in rows if name != view.route.owner_name for key in keys}


def _routes(view: View) -> tuple[str, ...]:
    """The names of our header routes: those that are managed, then those that once were."""
    booked = _managed(view).get(view.route.owner_name, ())
    start = alb.conditions_key(view.spec, "")
    once = (key.removeprefix(start) for key in booked if key.startswith(start))
    return tuple(dict.fromkeys((*view.route.managed, *once)))


# --- Writing -------------------------------------------------------------------------------------


def changes(view: View, routing: Routing) -> dict[str, Any]:
    """The merge patch from what is there to what is wanted; empty if nothing differs.

    What cannot be read is left alone, but for the action itself, which is ours as a whole.
    """
    if view.live is None or (view.live.get("metadata") or {}).get("deletionTimestamp"):
        return {}
    notes: dict[str, str | None] = {}
    wanted = _wanted_split(view, routing)
    key = alb.action_key(view.spec, view.action)
    if not _says(view, key, wanted):
        notes[key] = action.action_text(wanted)
    spec: dict[str, Any] = {}
    try:
        managed, others = _managed(view), _others(view)
        headers = [r for r in routing.header_routes if _key(view, r.name) not in others]
        notes |= _header_notes(view, headers, others)
        notes |= _books(view, managed, headers)
        rules = _rules(view)
        routed = _routed(view, rules, headers, others)
        spec = {} if routed == rules else {"rules": routed}
    except RoutingError:
        pass  # `obstacles` tells of it, and keeps what gives more from being written
    return {
        **({"metadata": {"annotations": notes}} if notes else {}),
        **({"spec": spec} if spec else {}),
    }


def _key(view: View, name: str) -> str:
    return alb.action_key(view.spec, name)


def _wanted_split(view: View, routing: Routing) -> Forward:
    """The canary, the Services of an experiment, stable: in the original's order."""
    port, rest = str(view.spec.service_port), routing.total - routing.weight
    groups = [Group(view.route.canary_service, port, routing.weight)]
    for extra in routing.additional:
        groups.append(Group(extra.service, str(extra.port or port), extra.weight))
        rest -= extra.weight
    groups.append(Group(view.route.stable_service, port, rest))
    sticky = view.spec.stickiness_config
    seconds = sticky.duration_seconds if sticky is not None and sticky.enabled else 0
    return Forward(tuple(groups), seconds)


def _says(view: View, key: str, wanted: Forward) -> bool:
    try:
        return action.read_action(view.annotations.get(key)).says_as(wanted)
    except ValueError:
        return False


def _header_notes(
    view: View, headers: Sequence[HeaderRoute], others: Mapping[str, str]
) -> dict[str, str | None]:
    """Action and conditions of each managed route; None for those that go."""
    found: dict[str, str | None] = {}
    wanted = {one.name: one.matches for one in headers}
    only = Forward((Group(view.route.canary_service, str(view.spec.service_port), alb.TOTAL),))
    for name in dict.fromkeys((*_routes(view), *wanted)):
        key, asked = _key(view, name), alb.conditions_key(view.spec, name)
        if key in others:
            continue
        if name not in wanted:
            found |= {one: None for one in (key, asked) if one in view.annotations}
            continue
        if not _says(view, key, only):
            found[key] = action.action_text(only)
        if not _asks(view, asked, wanted[name]):
            found[asked] = action.conditions_text(wanted[name])
    return found


def _asks(view: View, key: str, matches: action.Matches) -> bool:
    try:
        return action.read_conditions(view.annotations.get(key)) == matches
    except ValueError:
        return False


def _books(
    view: View, managed: Mapping[str, Sequence[str]], headers: Sequence[HeaderRoute]
) -> dict[str, str | None]:
    """The annotation that says which annotations are ours; a Rollout that is gone has none."""
    wanted = {name: list(keys) for name, keys in managed.items()}
    if view.route.owner_uid:
        ours = [_key(view, view.action)]
        for one in headers:
            ours += [_key(view, one.name), alb.conditions_key(view.spec, one.name)]
        wanted[view.route.owner_name] = ours
    else:
        wanted.pop(view.route.owner_name, None)
    if wanted == managed:
        return {}
    return {alb.MANAGED: action.managed_text(wanted) if wanted else None}


def _routed(
    view: View, rules: Rules, headers: Sequence[HeaderRoute], others: Mapping[str, str]
) -> Rules:
    """Every rule with the paths of the header routes above all others, in their order."""
    ours = {name for name in _routes(view) if _key(view, name) not in others}
    ours |= {one.name for one in headers}
    made = copy.deepcopy(rules)
    for rule in made:
        if not rule.get("http"):
            continue
        kept = [path for path in _paths(rule) if not any(_leads_to(path, n) for n in ours)]
        rule["http"]["paths"] = [*(_path(one.name) for one in headers), *kept]
    return made


def _path(name: str) -> dict[str, Any]:
    service = {"name": name, "port": {"name": alb.USE_ANNOTATION}}
    return {"path": "/*", "pathType": "ImplementationSpecific", "backend": {"service": service}}
