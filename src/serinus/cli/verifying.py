"""Tells the controller which weights the embedded gateway has in force.

A real cluster has nobody who could be asked: there the settle time stands in for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from serinus.api.gatewayapi import ROUTER as GATEWAY_API
from serinus.control.looking.in_force import Question, Verify
from serinus.core.routing import Routing
from serinus.local.gateway.gateway import Backends, Gateway

Ask = Callable[[Gateway, Question], Awaitable[bool | None]]


def verify_by(gateway: Gateway) -> Verify:
    """A question is answered by every split that a router's objects ask for."""

    async def verify(question: Question) -> bool | None:
        ask = _ASKS.get(question.router)
        return None if ask is None else await ask(gateway, question)

    return verify


def together(answers: list[bool | None]) -> bool | None:
    """One that is not obeyed is enough; nothing at all says nothing."""
    if False in answers:
        return False
    return None if None in answers or not answers else True


# --- Ingresses -----------------------------------------------------------------------------------


async def _ingresses(gateway: Gateway, question: Question) -> bool | None:
    namespace, service = question.route.namespace, question.route.stable_service
    answers: list[bool | None] = []
    for ingress, port in _places(question):
        found = await gateway.weights_in_force(namespace, ingress, service, port)
        answers.append(None if found is None else is_obeyed(found, question.routing))
    return together(answers)


def is_obeyed(parts: dict[str, int], routing: Routing) -> bool:
    """Whether these parts give the canary `weight` of `total`; a single part is the stable one."""
    stable = min(parts, key=len)
    canary, whole = sum(parts.values()) - parts[stable], sum(parts.values())
    return canary * routing.total == routing.weight * whole


def _places(question: Question) -> Iterator[tuple[str, int | str]]:
    """Each stable Ingress, and each port of the stable Service that its paths lead to."""
    names = set(question.route.spec.ingresses())
    for ref, body in question.objects.items():
        if ref.name not in names or body is None:
            continue
        ports = {
            port.get("number") or port.get("name"): None
            for rule in (body.get("spec") or {}).get("rules") or ()
            for path in (rule.get("http") or {}).get("paths") or ()
            if (backend := (path.get("backend") or {}).get("service") or {}).get("name")
            == question.route.stable_service
            if (port := backend.get("port") or {})
        }
        yield from ((ref.name, port) for port in ports if port)


# --- Traefik's own -------------------------------------------------------------------------------


async def _traefik_services(gateway: Gateway, question: Question) -> bool | None:
    answers: list[bool | None] = []
    for ref, body in question.objects.items():
        found = await gateway.traefik_service_in_force(ref.namespace, ref.name)
        entries = (((body or {}).get("spec") or {}).get("weighted") or {}).get("services") or ()
        wanted = {
            f"{one.get('namespace') or ref.namespace}-{one['name']}-{one.get('port')}": one.get(
                "weight", 1
            )
            for one in entries
            if (one.get("kind") or "Service") == "Service"
        }
        answers.append(None if found is None else wanted.items() <= found.items())
    return together(answers)


# --- The Gateway API -----------------------------------------------------------------------------


async def _routes(gateway: Gateway, question: Question) -> bool | None:
    """The rules of HTTPRoutes that lead to either Service; nobody tells of the other kinds here."""
    answers: list[bool | None] = []
    route = question.route
    ours = {f"{route.namespace}-{name}" for name in (route.stable_service, route.canary_service)}
    for ref, body in question.objects.items():
        if ref.kind != "HTTPRoute":
            return None
        found = await gateway.http_route_in_force(ref.namespace, ref.name)
        wanted = rules_of(body or {}, ref.namespace)
        answers.append(None if found is None else _of(ours, found) == _of(ours, wanted))
    return together(answers)


def _of(names: set[str], rules: set[tuple[int, Backends]]) -> set[tuple[int, Backends]]:
    return {(place, parts) for place, parts in rules if any(name in names for name, _ in parts)}


def rules_of(body: Mapping[str, Any], namespace: str) -> set[tuple[int, Backends]]:
    """The rules of an HTTPRoute, from 0, with its backends as the gateway names them."""
    rules = (body.get("spec") or {}).get("rules") or ()
    return {
        (
            place,
            tuple(
                (
                    f"{one.get('namespace') or namespace}-{one.get('name')}",
                    1 if one.get("weight") is None else one["weight"],
                )
                for one in rule.get("backendRefs") or ()
            ),
        )
        for place, rule in enumerate(rules)
    }


_ASKS: Mapping[str, Ask] = {
    "nginx": _ingresses,
    "traefik": _traefik_services,
    GATEWAY_API: _routes,
}
"""The routers whose objects the gateway obeys and tells about."""
