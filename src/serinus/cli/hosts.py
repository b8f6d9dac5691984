"""Which hosts the Ingresses of a cluster answer for; a request to another one is lost for sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from difflib import get_close_matches
from typing import Any

from serinus.base.errors import SerinusError
from serinus.cli.door import Door
from serinus.kube.auth import Connection
from serinus.kube.errors import ApiError
from serinus.kube.resource import INGRESSES

_SHOWN = 10


def check_host(connection: Connection, host: str) -> None:
    """Raises SerinusError with the hosts there are if no Ingress has this one.

    Says nothing where the Ingresses cannot be read: then the answers will tell.
    """
    with closing(Door(connection)) as door:
        try:
            ingresses = door.list(INGRESSES, None, dict)
        except ApiError:
            return
    known = hosts_of(ingresses)
    name = host.rsplit(":", 1)[0] if host.rsplit(":", 1)[-1].isdecimal() else host
    if not any(_answers(one, name.lower()) for one in known):
        raise SerinusError(f"no Ingress has the host {name!r}; {_hint(name, known)}")


def hosts_of(ingresses: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The hosts of all rules, sorted; "" stands for every host."""
    found: set[str] = set()
    for ingress in ingresses:
        spec = ingress.get("spec") or {}
        found |= {str(rule.get("host") or "").lower() for rule in spec.get("rules") or ()}
        if spec.get("defaultBackend"):
            found.add("")
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
