"""What a traffic router can be told and what it shows. Spoken by planners and by `traffic/`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class HeaderRoute:
    """Requests that match all `matches` (header, kind exact|prefix|regex, value) get the canary."""

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


@dataclass(frozen=True, slots=True)
class Routing:
    """One router's whole order. `weight` is the canary's part of `total`, 0 <= weight <= total."""

    weight: int
    total: int = 100
    header_routes: tuple[HeaderRoute, ...] = ()
    mirror_routes: tuple[MirrorRoute, ...] = ()
    additional: tuple[Additional, ...] = ()
    """weight + all additional weights <= total; stable gets the rest."""


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
    drifted: bool = False
    """The routing is as it reads, but an object that copies another one is not up to date:
    writing the same routing again mends it."""
    verified: bool | None = None
    """The data plane itself obeys `routing`: True, False; None where it cannot be asked."""
