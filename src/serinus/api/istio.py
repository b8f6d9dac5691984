"""Istio's VirtualService and DestinationRule, as far as a split of requests is written into them:
which routes of a VirtualService are meant, and whose each of their destinations is.

Objects stay plain data (unknown fields must survive a write). Rules and router read them by this
one file. Source of the format: networking.istio.io/v1; of the choice: Argo Rollouts' router.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from serinus.api.argo import IstioDestinationRule, IstioVirtualService
from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire

GROUP = "networking.istio.io"
GROUP_VERSION = f"{GROUP}/v1"
"""Served since Istio 1.22; an object that was applied as v1alpha3 or v1beta1 is the same one."""
SECTIONS = ("http", "tls", "tcp")
TOTAL = 100
"""What the weights of a route add up to."""


class VirtualService(Wire, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()
    spec: Mapping[str, Any] = {}


class DestinationRule(Wire, frozen=True, kw_only=True):
    metadata: ObjectMeta = ObjectMeta()
    spec: Mapping[str, Any] = {}


class Part(Enum):
    """Whose a destination of a route is."""

    STABLE = "stable"
    CANARY = "canary"
    KEPT = "kept"
    """An additional subset: the user's own, with a weight that stays."""
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Ours:
    """The names of one Rollout, by which its destinations are known."""

    namespace: str
    stable_service: str
    canary_service: str
    rule: IstioDestinationRule | None
    rule_host: str = ""
    """The host of the DestinationRule; "" if that could not be read: then every host will do."""
    managed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """A route that is split: where it stands, and how people call it."""

    section: str
    index: int
    label: str


class Unfit(ValueError):
    """A VirtualService cannot be split as it is; says what is wrong with it, without its name."""


def located(name: str, namespace: str) -> tuple[str, str]:
    """Namespace and name of `name` or `name.namespace`. Raises Unfit for more parts than that."""
    parts = name.split(".")
    if not all(parts) or len(parts) > 2:
        raise Unfit(f"{name!r} is neither a name nor name.namespace")
    return (parts[1] if len(parts) == 2 else namespace), parts[0]


def service_at(host: str, namespace: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that a host means; None if it can be none.

    A short name is one of `namespace`, that of the object that it stands in.
    """
    name, *rest = host.split(".")
    if len(rest) > 1 and rest[1] != "svc":
        return None
    return (rest[0] if rest else namespace), name


def part_of(destination: Mapping[str, Any], namespace: str, ours: Ours) -> Part:
    """Whose `destination` is; `namespace` is that of the VirtualService.

    A subset counts before its host: with a DestinationRule both sides may have the same host.
    """
    host, subset = str(destination.get("host", "")), str(destination.get("subset") or "")
    service, rule = service_at(host, namespace), ours.rule
    if rule is not None and subset and (not ours.rule_host or service == rule_service(ours)):
        if subset == rule.canary_subset_name:
            return Part.CANARY
        if subset == rule.stable_subset_name:
            return Part.STABLE
        if subset in rule.additional_subset_names:
            return Part.KEPT
    for part, name in ((Part.CANARY, ours.canary_service), (Part.STABLE, ours.stable_service)):
        if name and service == (ours.namespace, name):
            return part
    return Part.OTHER


def rule_service(ours: Ours) -> tuple[str, str] | None:
    """Namespace and name of the Service that the DestinationRule divides."""
    return service_at(ours.rule_host, ours.namespace)


# --- Which routes --------------------------------------------------------------------------------


def chosen(
    spec: Mapping[str, Any], wanted: IstioVirtualService, namespace: str, ours: Ours
) -> list[Chosen]:
    """The routes to split: of each section those that are named, else the only one.

    Raises Unfit with everything that is wrong: a route that is not there, one that lacks stable
    or canary, several where none is named.
    """
    found: list[Chosen] = []
    problems: list[str] = []
    for section in SECTIONS:
        rows = _rows(spec, section, ours)
        if not rows and not _named(wanted, section):
            continue
        try:
            picked = _picked(section, rows, wanted)
        except Unfit as error:
            problems.append(str(error))
            continue
        found += picked
        for one in picked:
            problems += _lacks(one, spec[section][one.index], namespace, ours)
    if not found and not problems:
        problems.append("has no route to split in http, tls or tcp")
    if problems:
        raise Unfit("; ".join(problems))
    return found


def _rows(spec: Mapping[str, Any], section: str, ours: Ours) -> list[tuple[Chosen, Any]]:
    """The user's own routes of a section."""
    rows = []
    for index, route in enumerate(_list(spec, section)):
        name = str(route.get("name") or "")
        if section == "http" and name in ours.managed:
            continue
        label = f"route {name!r}" if name else f"{section}[{index}]"
        rows.append((Chosen(section, index, label), route))
    return rows


def _list(body: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    found = body.get(name) or ()
    if not isinstance(found, list | tuple) or not all(isinstance(one, Mapping) for one in found):
        raise Unfit(f"its {name} is no list of objects")
    return found


def _named(wanted: IstioVirtualService, section: str) -> bool:
    named = {"http": wanted.routes, "tls": wanted.tls_routes, "tcp": wanted.tcp_routes}
    return bool(named[section])


def _picked(
    section: str, rows: Sequence[tuple[Chosen, Any]], wanted: IstioVirtualService
) -> list[Chosen]:
    there = ", ".join(one.label for one, _ in rows) or "none"
    if not _named(wanted, section):
        if len(rows) == 1:
            return [rows[0][0]]
        field = {"http": "routes", "tls": "tlsRoutes", "tcp": "tcpRoutes"}[section]
        raise Unfit(f"has several {section} routes ({there}): name those to split in {field}")
    picked: dict[int, Chosen] = {}
    for text, matches in _tests(section, wanted):
        hits = [one for one, route in rows if matches(route)]
        if not hits:
            raise Unfit(f"has no {section} route {text}; it has {there}")
        if section == "http" and len(hits) > 1:
            raise Unfit(f"has {len(hits)} http routes {text}; give each a name of its own")
        picked |= {one.index: one for one in hits}
    return list(picked.values())


def _tests(section: str, wanted: IstioVirtualService) -> Iterator[tuple[str, Any]]:
    """What is asked for, in words, and whether a route is it."""
    if section == "http":
        for name in wanted.routes:
            yield repr(name), lambda route, name=name: route.get("name") == name
    elif section == "tls":
        for tls in wanted.tls_routes:
            key = ({tls.port}, set(tls.sni_hosts))
            text = f"of port {tls.port} with exactly the hosts {', '.join(tls.sni_hosts)}"
            yield text, lambda route, key=key: (_ports(route), _hosts(route)) == key
    else:
        for tcp in wanted.tcp_routes:
            yield f"of port {tcp.port}", lambda route, port=tcp.port: _ports(route) == {port}


def _ports(route: Mapping[str, Any]) -> set[Any]:
    return {match.get("port", 0) for match in _list(route, "match")}


def _hosts(route: Mapping[str, Any]) -> set[Any]:
    return {host for match in _list(route, "match") for host in match.get("sniHosts") or ()}


# --- Their destinations --------------------------------------------------------------------------


def parts_of(
    route: Mapping[str, Any], namespace: str, ours: Ours
) -> list[tuple[Part, Mapping[str, Any]]]:
    """Each entry of a route's `route`, and whose it is."""
    rows = _list(route, "route")
    return [(part_of(one.get("destination") or {}, namespace, ours), one) for one in rows]


def _lacks(one: Chosen, route: Mapping[str, Any], namespace: str, ours: Ours) -> Iterator[str]:
    """What keeps a route from being split."""
    try:
        rows = parts_of(route, namespace, ours)
    except Unfit as error:
        yield f"{one.label}: {error}"
        return
    there = ", ".join(_place(row) for _, row in rows) or "none"
    for part in (Part.STABLE, Part.CANARY):
        count = sum(found is part for found, _ in rows)
        if count == 0:
            yield f"{one.label} has no destination {_sought(part, ours)}; it has {there}"
        elif count > 1:
            yield f"{one.label} has {count} destinations {_sought(part, ours)}; keep one"


def weight_of(row: Mapping[str, Any]) -> int:
    """The weight of a destination; none is 0. Raises Unfit for what is no weight."""
    weight = row.get("weight") or 0
    if not isinstance(weight, int | float) or weight != int(weight) or weight < 0:
        raise Unfit(f"has the weight {weight!r}, which is no whole number from 0 on")
    return int(weight)


def strangers(
    one: Chosen, route: Mapping[str, Any], namespace: str, ours: Ours, added: Sequence[str]
) -> Iterator[str]:
    """Destinations that are not this Rollout's and get a part: then a weight is no share.

    `added` are the Services of an experiment that were put there for it.
    """
    for part, row in parts_of(route, namespace, ours):
        service = service_at(str((row.get("destination") or {}).get("host", "")), namespace)
        known = service is not None and service[0] == ours.namespace and service[1] in added
        if part is Part.OTHER and row.get("weight") and not known:
            yield (
                f"{one.label} gives {row['weight']} to {_place(row)}, which is not this Rollout's: "
                "set that weight to 0, or list its subset in additionalSubsetNames"
            )


def _place(row: Mapping[str, Any]) -> str:
    destination = row.get("destination") or {}
    subset = destination.get("subset")
    return f"host {destination.get('host', '')}" + (f" subset {subset}" if subset else "")


def _sought(part: Part, ours: Ours) -> str:
    canary = part is Part.CANARY
    ways = []
    if service := ours.canary_service if canary else ours.stable_service:
        ways.append(f"to the host {service}")
    if ours.rule is not None:
        rule = ours.rule
        ways.append(
            f"to the subset {rule.canary_subset_name if canary else rule.stable_subset_name}"
        )
    return " or ".join(ways)


# --- Subsets of a DestinationRule ----------------------------------------------------------------


def subset(spec: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The subset of that name. Raises Unfit if a DestinationRule has none, or several."""
    there = _list(spec, "subsets")
    found = [one for one in there if one.get("name") == name]
    if len(found) == 1:
        return found[0]
    if found:
        raise Unfit(f"has {len(found)} subsets {name!r}; keep one")
    names = ", ".join(str(one.get("name")) for one in there) or "none"
    raise Unfit(f"has no subset {name!r}; it has {names}")
