"""The note on a routed object: for which Rollout it was written, and by what of its strategy.

With it the object can be led back to stable when nobody names it any more: the Rollout was deleted,
or another router or strategy was put into it. Knows no router.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from serinus.api.argo import CanaryStrategy, Rollout, RolloutSpec, Strategy
from serinus.api.kubernetes import ObjectMeta
from serinus.api.names import ROUTED_FOR
from serinus.api.wire import Wire, decode, encode


class RoutedFor(Wire, frozen=True, kw_only=True):
    """What is noted. Of the strategy only what says who gets the traffic."""

    rollout: str = ""
    """namespace/name: a routed object may be in another namespace."""
    strategy: CanaryStrategy = CanaryStrategy()


def routing_note(rollout: Rollout) -> str:
    """The note on all that is written for `rollout` as it is now; "" for one without a router."""
    canary, metadata = rollout.spec.strategy.canary, rollout.metadata
    if canary is None or canary.traffic_routing is None:
        return ""
    kept = CanaryStrategy(
        canary_service=canary.canary_service,
        stable_service=canary.stable_service,
        ping_pong=canary.ping_pong,
        traffic_routing=canary.traffic_routing,
    )
    whose = f"{metadata.namespace}/{metadata.name}"
    return encode(RoutedFor(rollout=whose, strategy=kept)).decode()


def noted_routing(item: Mapping[str, Any]) -> RoutedFor | None:
    """The note of a plain object; None if there is none that can be read."""
    text = (item["metadata"].get("annotations") or {}).get(ROUTED_FOR)
    try:
        return decode(RoutedFor, text) if text else None
    except ValueError:
        return None


def routed_for(item: Mapping[str, Any]) -> Iterator[str]:
    """Index of plain objects: namespace/name of the Rollout that they were last routed for."""
    note = noted_routing(item)
    if note is not None and note.rollout.count("/") == 1:
        yield note.rollout


def as_noted(rollout: Rollout, note: RoutedFor) -> Rollout:
    """The same Rollout with the routing of the note; its steps are its own, if it has some."""
    canary, noted = rollout.spec.strategy.canary, note.strategy
    if canary is not None:
        noted = replace(
            canary,
            canary_service=noted.canary_service,
            stable_service=noted.stable_service,
            ping_pong=noted.ping_pong,
            traffic_routing=noted.traffic_routing,
        )
    return replace(rollout, spec=replace(rollout.spec, strategy=Strategy(canary=noted)))


def gone_as_noted(namespace: str, name: str, note: RoutedFor) -> Rollout:
    """What is left of a Rollout that was deleted: its name, and whom its routers gave what."""
    spec = RolloutSpec(strategy=Strategy(canary=note.strategy))
    return Rollout(metadata=ObjectMeta(namespace=namespace, name=name), spec=spec)
