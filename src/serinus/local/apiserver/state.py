"""What every verb works on: store, kinds, clock, chance, and the checks that were handed in."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from serinus.base.clock import Clock
from serinus.local.apiserver.admission import Admission, StoreView
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.registry import Registry
from serinus.local.apiserver.storing.store import Collection, Store

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class State:
    """The server's state, handed to every verb."""

    store: Store
    registry: Registry
    clock: Clock
    random: random.Random
    admission: tuple[Admission, ...] = ()
    closing: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def view(self) -> StoreView:
        """The store, for reading."""
        return StoreView(self.store)

    def collection(self, kind: Kind) -> Collection:
        """The objects of a kind, whichever version it is served in."""
        return self.store.collection(*kind.place)

    def collections(self) -> Iterator[tuple[Kind, Collection]]:
        """Every served kind once, with its objects."""
        seen: set[tuple[str, str]] = set()
        for served in self.registry.all():
            kind = served.kind
            if kind.place not in seen:
                seen.add(kind.place)
                yield kind, self.collection(kind)

    def timestamp(self) -> str:
        """The clock's instant as objects carry it: whole seconds, UTC."""
        return format_time(self.clock.now())

    def new_uid(self) -> str:
        """A random UID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def name_suffix(self) -> str:
        """Five letters for `generateName`."""
        return "".join(self.random.choices(_SUFFIX_LETTERS, k=5))


def format_time(instant: datetime) -> str:
    """`2026-01-01T00:00:00Z`, rounded down to whole seconds."""
    return instant.replace(microsecond=0, tzinfo=None).isoformat() + "Z"
