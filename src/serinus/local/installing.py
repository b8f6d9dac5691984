"""Brings kinds and single objects into a server in which they may be already, from an earlier run.

Knows no kind by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from serinus.kube.client import Client
from serinus.kube.errors import AlreadyExists
from serinus.kube.resource import CRDS, Resource


async def install_definition(client: Client, definition: Mapping[str, Any]) -> None:
    """Make the definition, or bring the stored one, of another version of ours, up to this one.

    Labels and annotations that others have put on it stay; their changes of its spec do not.
    """
    try:
        await client.create(CRDS, definition)
    except AlreadyExists:
        await client.patch(CRDS, definition["metadata"]["name"], {"spec": definition["spec"]})


async def install(client: Client, resource: Resource, body: Mapping[str, Any]) -> None:
    """Make the object; one that is there stays as it is."""
    with suppress(AlreadyExists):
        await client.create(resource, body)
