"""A world of `pingPong`: what its router holds is by Service, and knows no roles. See `world.py`.

`services["canary"]` is the Service pong and `services["stable"]` ping, whoever is stable; so what
users get (`shares`) is told without any notion of a role.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace as with_
from typing import Any

from core.rollout import world
from core.rollout.parts import Service
from serinus.api.pingpong import with_roles
from serinus.core.rollout import actions as act
from serinus.core.rollout.snapshot import Snapshot
from serinus.core.routing import RouterSeen, Routing

NAMES = {"ping": "stable", "pong": "canary"}


class World(world.World):
    """Its router is told by names, as a VirtualService is; what it shows goes by the roles."""

    def __init__(self, steps: Iterable[Any], **options: Any) -> None:
        services = {"pingService": "ping", "pongService": "pong"}
        super().__init__(
            steps, **{"canaryService": "", "stableService": "", "pingPong": services, **options}
        )
        self.services = {"stable": Service("ping"), "canary": Service("pong")}
        self.moves: list[str] = []
        """What was ever written to a Service or the router."""

    @property
    def role(self) -> str:
        return self.status.canary.stable_ping_pong

    def snapshot(self) -> Snapshot:
        seen = super().snapshot()
        routers = tuple(with_(one, routing=self._by_role(one)) for one in seen.routers)
        return with_(seen, rollout=with_roles(self.rollout), routers=routers)

    def _by_role(self, seen: RouterSeen) -> Any:
        return self._turned(seen.routing) if isinstance(seen.routing, Routing) else seen.routing

    def _turned(self, routing: Routing) -> Routing:
        canary = with_roles(self.rollout).spec.strategy.canary
        if canary is None or canary.canary_service == "pong":
            return routing
        return with_(routing, weight=routing.total - routing.weight)

    def apply(self, action: act.Action) -> None:
        match action:
            case act.SetRouting(name, routing, at):
                self.moves.append(f"weight {routing.weight}")
                action = act.SetRouting(name, self._turned(routing), at)
            case act.PointService(name, version, hash_, at):
                self.moves.append(f"{name} to {self.version_of(hash_)}")
                action = act.PointService(NAMES[name], version, hash_, at)
        super().apply(action)

    def version_of(self, hash_: str) -> str:
        return next(f"v{n}" for n in range(1, 9) if world.hash_of(f"v{n}") == hash_)

    def users(self) -> dict[str, float]:
        """Who gets which part, by version."""
        parts = {h: share for h, share in self.shares().items() if share}
        return {self.version_of(h) if h != "nobody" else h: s for h, s in parts.items()}


def first_deploy(steps: Iterable[Any], **options: Any) -> World:
    """A world whose v1 is deployed, stable and at rest."""
    made = World(steps, **options)
    made.run()
    made.timeline.clear()
    made.events.clear()
    made.moves.clear()
    return made
