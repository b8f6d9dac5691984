"""What becomes of an object with owners, by how these stand. Pure.

The rules are the API's: it stays while one owner is there to stay, and loses its references to the
others; without such an owner it goes, in the manner that its own finalizers ask for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from serinus.api.kubernetes import ObjectMeta, OwnerReference

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"


class Standing(Enum):
    """How an owner stands: it stays, it waits for its dependents to go, or it is not there."""

    STAYS = "stays"
    WAITS = "waits"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`kept` is None if the references stay as they are; `propagation` is empty if the object
    stays."""

    kept: tuple[OwnerReference, ...] | None = None
    propagation: str = ""


def verdict(meta: ObjectMeta, standings: Sequence[Standing], has_dependents: bool) -> Verdict:
    """What to do with the object of `meta`; `standings` are those of its owners, in order."""
    if not standings:
        return Verdict()
    if Standing.STAYS in standings:
        pairs = zip(meta.owner_references, standings, strict=True)
        kept = tuple(owner for owner, standing in pairs if standing is Standing.STAYS)
        return Verdict(kept if len(kept) < len(standings) else None)
    if ORPHAN in meta.finalizers:
        return Verdict(propagation="Orphan")
    waits = Standing.WAITS in standings and has_dependents
    foreground = waits or FOREGROUND in meta.finalizers
    return Verdict(propagation="Foreground" if foreground else "Background")


def blocks(meta: ObjectMeta, uid: str) -> bool:
    """Whether an owner that goes in the foreground waits for this object."""
    return any(owner.uid == uid and owner.block_owner_deletion for owner in meta.owner_references)
