"""Weights through ingress-nginx: one canary Ingress beside each stable Ingress.

Pure: objects in, patches out. Facts of the format: Argo Rollouts, trafficRouting.nginx. Only
networking.k8s.io/v1 (clusters since 1.22). Must not know other routers, nor who does the I/O.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from serinus.api.argo import NginxTrafficRouting
from serinus.api.names import GROUP_VERSION, WRITTEN_AT
from serinus.api.validation.derived import canary_ingress_name
from serinus.core.routing import Abilities, RouterSeen, Routing, Unknown
from serinus.traffic.router import (
    Create,
    ObjectRef,
    Objects,
    Patch,
    Route,
    RoutingError,
    Write,
)

DEFAULT_PREFIX = "nginx.ingress.kubernetes.io"
CLASS_ANNOTATION = "kubernetes.io/ingress.class"
NO_INGRESS = (
    "trafficRouting.nginx names no Ingress; set stableIngress to the Ingress of the stable Service"
)


class NginxRouter:
    """The router `nginx`: `spec` is strategy.canary.trafficRouting.nginx."""

    name = "nginx"
    abilities: Abilities = frozenset()

    def references(self, route: Route) -> Sequence[ObjectRef]:
        """Every stable Ingress and its canary Ingress."""
        return [ref for pair in _pairs(route, {}) for ref in (pair.stable, pair.canary)]

    def read(self, route: Route, objects: Objects) -> RouterSeen:
        """The weight that all canary Ingresses show.

        Unknown if an Ingress is missing, unreadable or not ours, or if they differ: then the
        canary may get any of `weights`, so whoever decides leaves room for the greatest and
        counts on the least. (A canary Ingress that is not there sends nothing to the canary.)
        """
        pairs = _pairs(route, objects)
        problems = [problem for pair in pairs for problem in _problems(pair)]
        shown = [_shown(pair) for pair in pairs]
        known = [routing for routing in shown if isinstance(routing, Routing)]
        if not problems and len(set(known)) > 1:
            problems.append(_disagreement(pairs))
        if not pairs:
            problems.append(NO_INGRESS)
        all_known = len(known) == len(shown)
        return RouterSeen(
            router=self.name,
            routing=Unknown("; ".join(problems)) if problems else known[0],
            written_at=max((at for pair in pairs if (at := _written_at(pair))), default=None),
            weights=tuple(sorted({r.weight for r in known})) if problems and all_known else (),
            drifted=not problems and any(_patch(p, known[0]) for p in pairs),
        )

    def write(
        self, route: Route, objects: Objects, routing: Routing, at: datetime
    ) -> Sequence[Write]:
        """Patches of the canary Ingresses; one that is missing is created with weight 0."""
        if routing.header_routes:
            raise RoutingError("nginx has no header routes; remove the steps setHeaderRoute")
        pairs = _pairs(route, objects)
        stamp = {WRITTEN_AT: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
        writes: list[Write] = []
        problems = [] if pairs else [NO_INGRESS]
        for pair in pairs:
            try:
                writes += _write(pair, routing, stamp)
            except RoutingError as error:
                problems.append(str(error))
        rises = any(_rises(pair, routing) for pair in pairs) if pairs else routing.weight > 0
        if problems and rises:
            raise RoutingError("; ".join(problems))
        return writes


@dataclass(frozen=True, slots=True)
class _Pair:
    """A stable Ingress, its canary Ingress, and what was read of both."""

    route: Route
    stable: ObjectRef
    canary: ObjectRef
    original: Mapping[str, Any] | None
    live: Mapping[str, Any] | None


def _pairs(route: Route, objects: Objects) -> list[_Pair]:
    spec: NginxTrafficRouting = route.spec
    pairs = []
    for name in dict.fromkeys(spec.ingresses()):
        stable = _ingress(route, name)
        canary = _ingress(route, canary_ingress_name(route.owner_name, name))
        pairs.append(_Pair(route, stable, canary, objects.get(stable), objects.get(canary)))
    return pairs


def _ingress(route: Route, name: str) -> ObjectRef:
    return ObjectRef("networking.k8s.io/v1", "ingresses", "Ingress", route.namespace, name)


# --- reading -------------------------------------------------------------------------------------


def _problems(pair: _Pair) -> list[str]:
    """Why this pair cannot be relied on, as sentences."""
    found = []
    for check in (_copied_spec, _live, _shown_or_error):
        try:
            check(pair)
        except RoutingError as error:
            found.append(str(error))
    return list(dict.fromkeys(found))


def _live(pair: _Pair) -> Mapping[str, Any]:
    """The canary Ingress, if it is there, ours and here to stay."""
    name = pair.canary.name
    if pair.live is None:
        raise RoutingError(f"Ingress {name} does not exist")
    metadata = pair.live.get("metadata") or {}
    owners = metadata.get("ownerReferences") or []
    if not (_is_owned(pair, owners) or _is_orphan(pair)):
        whose = next((f"{o.get('kind')} {o.get('name')}" for o in owners), "nobody that it names")
        raise RoutingError(
            f"Ingress {name} belongs to {whose}, not to this Rollout {pair.route.owner_name}; "
            "delete that Ingress or rename one of the two"
        )
    if metadata.get("deletionTimestamp"):
        raise RoutingError(f"Ingress {name} is being deleted; it is made anew when it is gone")
    return pair.live


def _shown(pair: _Pair) -> Routing | None:
    """What the canary Ingress says; 0 where there is none; None if it cannot be told."""
    if pair.live is None:
        return Routing(0, pair.route.total)
    try:
        return _shown_or_error(pair)
    except RoutingError:
        return None


def _shown_or_error(pair: _Pair) -> Routing:
    annotations, prefix = _annotations(_live(pair)), _prefix(pair)
    name = pair.canary.name
    if annotations.get(f"{prefix}/canary") != "true":
        raise RoutingError(
            f'Ingress {name}: annotation {prefix}/canary is not "true"; somebody changed it: '
            "set it again, or delete that Ingress, which is then made anew"
        )
    weight = annotations.get(f"{prefix}/canary-weight", "0")
    total = annotations.get(f"{prefix}/canary-weight-total", "100")
    if not (_is_number(weight) and _is_number(total) and int(weight) <= int(total)):
        raise RoutingError(
            f"Ingress {name}: {prefix}/canary-weight {weight!r} is not a weight "
            f"from 0 to the total {total!r}"
        )
    return Routing(int(weight), int(total))


def _is_number(text: Any) -> bool:
    return isinstance(text, str) and text.isascii() and text.isdecimal()


def _disagreement(pairs: Sequence[_Pair]) -> str:
    shown = [(pair.canary.name, _shown(pair)) for pair in pairs]
    told = ", ".join(f"{name} says {r.weight} of {r.total}" for name, r in shown if r)
    return f"the canary Ingresses differ: {told}"


def _written_at(pair: _Pair) -> datetime | None:
    text = _annotations(pair.live or {}).get(WRITTEN_AT)
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (TypeError, ValueError):
        return None


def _is_owned(pair: _Pair, owners: Sequence[Mapping[str, Any]]) -> bool:
    uid = pair.route.owner_uid  # "": the Rollout is gone, and nothing is its own
    return bool(uid) and any(o.get("controller") and o.get("uid") == uid for o in owners)


def _is_orphan(pair: _Pair) -> bool:
    """A canary Ingress of our name that nobody owns: its Rollout was deleted without it."""
    metadata = (pair.live or {}).get("metadata") or {}
    notes = metadata.get("annotations") or {}
    return not metadata.get("ownerReferences") and notes.get(f"{_prefix(pair)}/canary") == "true"


def _rises(pair: _Pair, routing: Routing) -> bool:
    """Would this pair's canary get more, or perhaps more, than now?"""
    shown = _shown(pair)
    if shown is None:
        return routing.weight > 0
    return routing.weight * shown.total > shown.weight * routing.total


def _annotations(ingress: Mapping[str, Any]) -> Mapping[str, Any]:
    return (ingress.get("metadata") or {}).get("annotations") or {}


def _prefix(pair: _Pair) -> str:
    spec: NginxTrafficRouting = pair.route.spec
    return spec.annotation_prefix or DEFAULT_PREFIX


# --- writing -------------------------------------------------------------------------------------


def _write(pair: _Pair, routing: Routing, stamp: Mapping[str, str]) -> list[Write]:
    if pair.live is None:
        manifest = _manifest(pair, Routing(0, routing.total), stamp)
        told = f"Creating canary ingress `{pair.canary.name}` with weight `0`"
        return [Create(pair.canary, manifest, "CreatingCanaryIngress", told)]
    metadata = _live(pair)["metadata"]
    patch = _patch(pair, routing)
    if not patch:
        return []
    changed = patch.get("metadata", {})
    patch["metadata"] = {
        **changed,
        "resourceVersion": metadata["resourceVersion"],
        "annotations": changed.get("annotations", {}) | stamp,
    }
    told = f"Updating Ingress `{pair.canary.name}` to desiredWeight '{routing.weight}'"
    return [Patch(pair.canary, patch, "PatchingCanaryIngress", told)]


def _patch(pair: _Pair, routing: Routing) -> dict[str, Any]:
    """The merge patch from what is there to what is wanted; empty if nothing differs."""
    live = _live(pair)
    annotations = _weight_annotations(pair, routing)
    spec: Mapping[str, Any] = {}
    try:
        spec = _copied_spec(pair)
        annotations = _wanted_annotations(pair, routing)
    except RoutingError:
        # Without its original nothing can be copied; what takes traffic away needs no copy.
        if _rises(pair, routing):
            raise
    changed = _difference(_annotations(live), annotations)
    copied = _difference(live.get("spec") or {}, spec)
    metadata: dict[str, Any] = {"annotations": changed} if changed else {}
    if _is_orphan(pair) and pair.route.owner_uid:
        metadata["ownerReferences"] = [_owner(pair)]
    return {
        **({"metadata": metadata} if metadata else {}),
        **({"spec": copied} if copied else {}),
    }


def _difference(live: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in wanted.items() if live.get(key) != value}


def _manifest(pair: _Pair, routing: Routing, stamp: Mapping[str, str]) -> dict[str, Any]:
    annotations = {**_wanted_annotations(pair, routing), **stamp}
    return {
        "apiVersion": pair.canary.api_version,
        "kind": pair.canary.kind,
        "metadata": {
            "name": pair.canary.name,
            "namespace": pair.canary.namespace,
            "annotations": _without_nulls(annotations),
            "ownerReferences": [_owner(pair)],
        },
        "spec": _without_nulls(_copied_spec(pair)),
    }


def _owner(pair: _Pair) -> dict[str, Any]:
    return {
        "apiVersion": GROUP_VERSION,
        "kind": "Rollout",
        "name": pair.route.owner_name,
        "uid": pair.route.owner_uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _without_nulls(mapping: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if value is not None}


def _wanted_annotations(pair: _Pair, routing: Routing) -> dict[str, Any]:
    """Ours, and the user's. One that the user takes out of the spec again stays on the object:
    nobody can tell it from one that somebody else put there (Quirk: as in the original)."""
    spec: NginxTrafficRouting = pair.route.spec
    additional, prefix = spec.additional_ingress_annotations, _prefix(pair)
    return {
        CLASS_ANNOTATION: _annotations(pair.original or {}).get(CLASS_ANNOTATION),
        **{k if k.startswith(prefix) else f"{prefix}/{k}": v for k, v in additional.items()},
        **spec.canary_ingress_annotations,
        **_weight_annotations(pair, routing),
    }


def _weight_annotations(pair: _Pair, routing: Routing) -> dict[str, str | None]:
    prefix = _prefix(pair)
    return {
        f"{prefix}/canary": "true",
        f"{prefix}/canary-weight": str(routing.weight),
        f"{prefix}/canary-weight-total": str(routing.total) if routing.total != 100 else None,
    }


def _copied_spec(pair: _Pair) -> dict[str, Any]:
    """Class, TLS and the rules with a path to the stable Service, that one renamed; None: absent.

    Raises RoutingError if the stable Ingress is not there or has no such rule.
    """
    name, service = pair.stable.name, pair.route.stable_service
    if pair.original is None:
        raise RoutingError(f"Ingress {name} does not exist; create it, or correct stableIngress")
    try:
        spec = copy.deepcopy(pair.original.get("spec") or {})
        rules = [rule for rule in spec.get("rules") or () if _rename(rule, pair.route)]
    except (AttributeError, TypeError) as error:
        raise RoutingError(f"Ingress {name} cannot be read: {error}") from error
    if not rules:
        raise RoutingError(
            f"Ingress {name} has no rule with a path to the Service {service}; add one"
        )
    return {
        "ingressClassName": spec.get("ingressClassName"),
        "tls": spec.get("tls") or None,
        "rules": rules,
    }


def _rename(rule: dict[str, Any], route: Route) -> bool:
    """Point the rule's paths to the stable Service at the canary's; False if it has none."""
    paths = (rule.get("http") or {}).get("paths") or []
    backends = [(path.get("backend") or {}).get("service") or {} for path in paths]
    ours = [backend for backend in backends if backend.get("name") == route.stable_service]
    for backend in ours:
        backend["name"] = route.canary_service
    return bool(ours)
