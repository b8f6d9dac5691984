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
class Routing:
    """One router's whole order. `weight` is the canary's part of `total`, 0 <= weight <= total."""

    weight: int
    total: int = 100
    header_routes: tuple[HeaderRoute, ...] = ()


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
    verified: bool | None = None
    """The data plane itself obeys `routing`: True, False; None where it cannot be asked."""
