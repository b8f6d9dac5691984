"""The requests that carry out plans: each answer goes into the caches, each lost one is a doubt.

One request an action, on behalf of the object whose plan it is. Decides nothing, retries nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from serinus.api.kubernetes import ObjectMeta
from serinus.base.errors import SerinusError
from serinus.control.kinds import ROLLOUTS
from serinus.control.looking.caches import Caches
from serinus.control.looking.interest import Key
from serinus.control.writing.doubts import Doubts, Place, is_doubtful
from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists, NotFound
from serinus.kube.resource import Resource

_ROLLOUT = ROLLOUTS.kind
Warned = Callable[[tuple[str, ...]], None]


class NameTaken(SerinusError):
    """Somebody else has an object of the name that we derived.

    `lasts`: it does not go by itself, as the things of a namesake that was deleted do.
    """

    def __init__(self, resource: Resource, made: Mapping[str, Any], whose: ObjectMeta) -> None:
        metadata = made["metadata"]
        owners = metadata.get("ownerReferences", ())
        owner = next((one for one in owners if one.get("controller")), None)
        text = f"{owner['kind']} {owner['name']}" if owner else "nobody"
        super().__init__(f"{resource.kind} {metadata['name']} is there and belongs to {text}")
        self.resource, self.name = resource, str(metadata["name"])
        namesake = owner is not None and owner["name"] == whose.name and owner["kind"] == _ROLLOUT
        self.lasts = not (namesake or "deletionTimestamp" in metadata)


class Sender:
    """Writes through one client; with `waits` no later look of a key is older than its writes."""

    def __init__(self, client: Client, caches: Caches, doubts: Doubts, *, waits: bool) -> None:
        self._client, self._caches, self._doubts = client, caches, doubts
        self._waits = waits

    async def create(
        self,
        whose: ObjectMeta,
        resource: Resource,
        body: dict[str, Any],
        warned: Warned | None = None,
    ) -> None:
        """Finding our own is success: names are derived, a repeated create is the first one.

        Raises NameTaken if somebody else has that name.
        """
        name = body["metadata"]["name"]
        sending = self._client.create(resource, body, whose.namespace, warned=warned)
        try:
            await self.sent(whose, Place(resource, whose.namespace, name), sending)
        except AlreadyExists:
            made = await self._client.get(resource, name, whose.namespace)
            owners = made["metadata"].get("ownerReferences", ())
            if whose.uid not in {owner["uid"] for owner in owners}:
                raise NameTaken(resource, made, whose) from None
            self._wrote(whose, resource, made)

    async def patch(
        self,
        whose: ObjectMeta,
        resource: Resource,
        name: str,
        patch: Mapping[str, Any],
        subresource: str | None = None,
    ) -> None:
        """A merge patch of an object in the same namespace."""
        namespace = whose.namespace
        sending = self._client.patch(resource, name, patch, namespace, subresource=subresource)
        await self.sent(whose, Place(resource, namespace, name), sending)

    async def delete(
        self, whose: ObjectMeta, resource: Resource, name: str, resource_version: str
    ) -> None:
        """One that is gone already is success."""
        place = Place(resource, whose.namespace, name)
        uid = self._caches.uid(resource, whose.namespace, name)
        try:
            left = await self._client.delete(
                resource, name, whose.namespace, resource_version=resource_version
            )
        except NotFound:
            left = None
        except SerinusError as error:
            self._doubt(whose, place, error)
            raise
        if left is None:
            self._caches.gone(resource, whose.namespace, name, uid)
        else:
            self._wrote(whose, resource, left)

    async def sent(
        self, whose: ObjectMeta, place: Place, sending: Awaitable[Mapping[str, Any]]
    ) -> None:
        """Takes the answer to any request into the caches; without one the object is in doubt."""
        try:
            made = await sending
        except SerinusError as error:
            self._doubt(whose, place, error)
            raise
        self._wrote(whose, place.resource, made)

    def _wrote(self, whose: ObjectMeta, resource: Resource, made: Mapping[str, Any]) -> None:
        self._caches.wrote(resource, made, key_of(whose) if self._waits else None)

    def _doubt(self, whose: ObjectMeta, place: Place, error: SerinusError) -> None:
        if is_doubtful(error):
            self._doubts.note(key_of(whose), place)


def key_of(whose: ObjectMeta) -> Key:
    """The key under which an object is worked on."""
    return whose.namespace, whose.name
