"""Which hosts a cluster's Ingresses and HTTPRoutes answer for; requests to others are lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from difflib import get_close_matches
from typing import Any

from serinus.base.errors import SerinusError
from serinus.cli.door import Door
from serinus.kube.auth import Connection
from serinus.kube.errors import ApiError
from serinus.kube.resource import HTTPROUTES, INGRESSES, Resource

_SHOWN = 10


def check_host(connection: Connection, host: str) -> None:
    """Raises SerinusError with the hosts there are if no Ingress or HTTPRoute has this one.

    Says nothing where the Ingresses cannot be read: then the answers will tell.
    """
    with closing(Door(connection)) as door:
        ingresses, routes = _listed(door, INGRESSES), _listed(door, HTTPROUTES)
    if ingresses is None:
        return
    known = tuple(sorted({*hosts_of(ingresses), *hosts_of_routes(routes or ())}))
    name = host.rsplit(":", 1)[0] if host.rsplit(":", 1)[-1].isdecimal() else host
    if not any(_answers(one, name.lower()) for one in known):
        kinds = "Ingress or HTTPRoute" if routes else "Ingress"
        raise SerinusError(f"no {kinds} has the host {name!r}; {_hint(name, known)}")


def _listed(door: Door, resource: Resource) -> Sequence[Mapping[str, Any]] | None:
    try:
        return door.list(resource, None, dict)
    except ApiError:
        return None


def hosts_of(ingresses: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The hosts of all rules, sorted; "" stands for every host."""
    found: set[str] = set()
    for ingress in ingresses:
        spec = ingress.get("spec") or {}
        found |= {str(rule.get("host") or "").lower() for rule in spec.get("rules") or ()}
        if spec.get("defaultBackend"):
            found.add("")
    return tuple(sorted(found))


def hosts_of_routes(routes: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The same of HTTPRoutes; one without hostnames answers for those of its listeners."""
    found: set[str] = set()
    for route in routes:
        names = (route.get("spec") or {}).get("hostnames") or [""]
        found |= {str(name).lower() for name in names}
    return tuple(sorted(found))


def _answers(known: str, host: str) -> bool:
    """`*.example.com` stands for one label in front."""
    if known.startswith("*."):
        return host.partition(".")[2] == known[2:]
    return known in ("", host)


def _hint(host: str, known: tuple[str, ...]) -> str:
    if not known:
        return "there is no Ingress yet: apply one first"
    near = get_close_matches(host, known, n=1)
    if near:
        return f"did you mean {near[0]}? There are: {', '.join(known[:_SHOWN])}"
    return f"there are: {', '.join(known[:_SHOWN])}"
