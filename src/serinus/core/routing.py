"""What a traffic router can be told and what it shows. Spoken by planners and by `traffic/`."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum


class Ability(Enum):
    """What a router can be told beside a weight; the value is the word for people."""

    HEADERS = "header routes"
    MIRRORS = "mirror routes"
    EXPERIMENTS = "weights of an experiment's Services"


Abilities = frozenset[Ability]
ALL_ABILITIES: Abilities = frozenset(Ability)


@dataclass(frozen=True, slots=True)
class HeaderRoute:
    """Requests that match `matches` (header, kind exact|prefix|regex, value) get the canary.

    Whether several are alternatives or all needed is the router's: Istio takes any, the Gateway API
    all of them, the load balancer of AWS one value of each header, as in the original's routers.
    Matches of one header stand together.
    """

    name: str
    matches: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class MirrorMatch:
    """One way to match a request: (kind exact|prefix|regex, value) of each part that is set."""

    method: tuple[str, str] | None = None
    path: tuple[str, str] | None = None
    headers: tuple[tuple[str, str, str], ...] = ()
    """(header, kind, value), all of them must match."""


@dataclass(frozen=True, slots=True)
class MirrorRoute:
    """The canary gets a copy of `percentage` (0..100) of the requests that match any of `matches`.

    The answers to copies are thrown away: a mirror gives the canary load, but no user.
    """

    name: str
    matches: tuple[MirrorMatch, ...]
    percentage: int = 100


@dataclass(frozen=True, slots=True)
class Additional:
    """A Service of an experiment that gets `weight` of the total, taken from stable's part."""

    service: str
    weight: int
    port: int = field(default=0, compare=False)
    """The port that takes requests, for routers that have to name one; 0: it has none."""


@dataclass(frozen=True, slots=True)
class Routing:
    """One router's whole order. `weight` is the canary's part of `total`, 0 <= weight <= total.

    Routes stand in the order of the Rollout's managedRoutes, which is their precedence.
    """

    weight: int
    total: int = 100
    header_routes: tuple[HeaderRoute, ...] = ()
    mirror_routes: tuple[MirrorRoute, ...] = ()
    additional: tuple[Additional, ...] = ()
    """weight + all additional weights <= total; stable gets the rest."""

    @property
    def reaches(self) -> bool:
        """Users may get to the canary by it."""
        return bool(self.weight or self.header_routes)

    @property
    def is_nothing(self) -> bool:
        """The canary gets neither users nor copies of requests."""
        return not (self.reaches or self.mirror_routes)

    @property
    def is_stable_alone(self) -> bool:
        """Neither a canary nor an experiment gets anything."""
        return self.is_nothing and not self.additional


@dataclass(frozen=True, slots=True)
class Unknown:
    """What could not be read is neither zero nor one; `why` tells people."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RouterSeen:
    """What one router showed: its objects' content, and whether the data plane confirmed it."""

    router: str
    routing: Routing | Unknown
    written_at: datetime | None = None
    """Instant of our last routing write, as noted on the routed object by that same write."""
    seen_since: datetime | None = None
    """Since when the observer has seen it so: a write may arrive long after its own instant."""
    weights: tuple[int, ...] = ()
    """With Unknown: all weights that its objects show, where they are not one (a write that was
    cut short, an object that is missing shows 0), lowest first; empty if nothing can be said.
    Every mix of them may be in force; writing the routing that was written before mends it."""
    header_routes: tuple[HeaderRoute, ...] = ()
    mirror_routes: tuple[MirrorRoute, ...] = ()
    """With Unknown: every route that any of its objects shows."""
    able: Abilities = ALL_ABILITIES
    """What this router can be told; what it cannot is not asked of it."""
    drifted: bool = False
    """The routing is as it reads, but an object that copies another one is not up to date:
    writing the same routing again mends it."""
    verified: bool | None = None
    """The data plane itself obeys `routing`: True, False; None where it cannot be asked."""

    @property
    def gives_nothing(self) -> bool:
        """Every object that it has shows that stable gets all, also where one of them is missing
        and the routing as a whole is not known.
        """
        if isinstance(self.routing, Routing):
            return self.routing.is_stable_alone
        routes = self.header_routes or self.mirror_routes
        return bool(self.weights) and not any(self.weights) and not routes
