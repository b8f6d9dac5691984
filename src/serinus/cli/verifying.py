"""Tells the controller which weights the embedded gateway has in force.

A real cluster has nobody who could be asked: there the settle time stands in for it.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.control.looking.in_force import Question, Verify
from serinus.core.routing import Routing
from serinus.local.gateway.gateway import Gateway

_ROUTER = "nginx"
"""The router whose objects the gateway obeys and tells about."""


def verify_by(gateway: Gateway) -> Verify:
    """A question is answered by every split that its Ingresses ask for."""

    async def verify(question: Question) -> bool | None:
        if question.router != _ROUTER:
            return None
        namespace, service = question.route.namespace, question.route.stable_service
        answers: list[bool | None] = []
        for ingress, port in _places(question):
            found = await gateway.weights_in_force(namespace, ingress, service, port)
            answers.append(None if found is None else is_obeyed(found, question.routing))
        if False in answers:
            return False
        return None if None in answers or not answers else True

    return verify


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
