"""Who belongs to whom: what a controller's selector matches is adopted, what it no longer does is
released.

The rules are the API's: at most one controller for each object; one that is being deleted adopts
and releases nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from serinus.api.kubernetes import LabelSelector, ObjectMeta, PartialObject
from serinus.api.validation.labels import matches
from serinus.api.wire import builtins
from serinus.kube.client import Client
from serinus.kube.errors import NotFound
from serinus.kube.informer import Informer
from serinus.kube.resource import Resource

OWNER_INDEX = "owner"
NAMESPACE_INDEX = "namespace"


class Thing(Protocol):
    """Anything with metadata."""

    @property
    def metadata(self) -> ObjectMeta: ...


T = TypeVar("T", bound=Thing)


@dataclass(frozen=True, slots=True)
class Owner:
    """A controller's object, and what it selects."""

    resource: Resource
    metadata: ObjectMeta
    selector: LabelSelector

    def reference(self) -> dict[str, Any]:
        """The owner reference that makes it the controller of something."""
        return {
            "apiVersion": self.resource.api_version,
            "kind": self.resource.kind,
            "name": self.metadata.name,
            "uid": self.metadata.uid,
            "controller": True,
            "blockOwnerDeletion": True,
        }


@dataclass(frozen=True, slots=True)
class Claims(Generic[T]):
    """What an owner has, what it should take, and what it should let go."""

    owned: tuple[T, ...]
    adopted: tuple[T, ...]
    released: tuple[T, ...]


def owner_uids(thing: Thing) -> Iterable[str]:
    """The index of things by the uid of their controller; those without one by `orphans_of`."""
    owner = thing.metadata.controller()
    return (owner.uid if owner is not None else orphans_of(thing.metadata.namespace),)


def namespaces(thing: Thing) -> Iterable[str]:
    """The index NAMESPACE_INDEX."""
    return (thing.metadata.namespace,)


def orphans_of(namespace: str) -> str:
    """The value of OWNER_INDEX for what has no controller."""
    return f"orphans of {namespace}"


def claims(owner: Owner, things: Iterable[T]) -> Claims[T]:
    """What of `things` is the owner's, by reference and by selector."""
    owned, adopted, released = [], [], []
    ends = owner.metadata.deletion_timestamp is not None
    for thing in things:
        controller = thing.metadata.controller()
        fits = matches(owner.selector, thing.metadata.labels)
        if controller is not None:
            if controller.uid == owner.metadata.uid and fits:
                owned.append(thing)
            elif controller.uid == owner.metadata.uid and not ends:
                released.append(thing)
        elif fits and not ends and thing.metadata.deletion_timestamp is None:
            adopted.append(thing)
    return Claims(tuple(owned), tuple(adopted), tuple(released))


async def claimed(
    client: Client,
    owner: Owner,
    informer: Informer[T],
    may_adopt: Callable[[T], bool] = lambda _: True,
) -> tuple[T, ...]:
    """What `owner` has in the end, after the server was told of what it takes and lets go.

    `informer` has the index OWNER_INDEX.
    """
    meta = owner.metadata
    candidates = informer.store.by_index(OWNER_INDEX, meta.uid)
    orphans = informer.store.by_index(OWNER_INDEX, orphans_of(meta.namespace))
    found = claims(owner, (*candidates, *filter(may_adopt, orphans)))
    for thing in found.released:
        left = [o for o in thing.metadata.owner_references if o.uid != meta.uid]
        await _refer(client, informer, thing.metadata, [builtins(one) for one in left])
    if not found.adopted or not await _is_there(client, owner):
        return found.owned
    for thing in found.adopted:
        others = [builtins(one) for one in thing.metadata.owner_references]
        await _refer(client, informer, thing.metadata, [*others, owner.reference()])
    again = informer.store.by_index(OWNER_INDEX, meta.uid)
    return claims(owner, again).owned


async def _is_there(client: Client, owner: Owner) -> bool:
    """Asked of the server: a cache may not know yet that the owner is on its way out."""
    meta = owner.metadata
    found = await client.get(owner.resource, meta.name, meta.namespace, type=PartialObject)
    return found.metadata.uid == meta.uid and found.metadata.deletion_timestamp is None


async def _refer(
    client: Client, informer: Informer[T], meta: ObjectMeta, references: list[Any]
) -> None:
    patch = {
        "metadata": {
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
            "ownerReferences": references or None,
        }
    }
    try:
        answer = await client.patch(informer.resource, meta.name, patch, meta.namespace)
    except NotFound:
        return  # gone already: nobody's
    informer.expect(answer)
