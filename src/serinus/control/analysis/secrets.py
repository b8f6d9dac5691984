"""Reads the value of a Secret, for one use. What it gives back is never kept, logged or written."""

from __future__ import annotations

import base64
import binascii

from serinus.api.analysis import SecretKeyRef
from serinus.base.errors import SerinusError
from serinus.kube.client import Client
from serinus.kube.errors import NotFound
from serinus.kube.resource import SECRETS


async def read_secret(
    client: Client, namespace: str, where: SecretKeyRef, used_as: str = ""
) -> str:
    """The text under a key. Raises SerinusError, which begins with `used_as` if that is given."""
    place = f"Secret {namespace}/{where.name}"
    place = f"{used_as}: {place}" if used_as else place
    try:
        secret = await client.get(SECRETS, where.name, namespace)
    except NotFound:
        raise SerinusError(f"{place} does not exist; create it, or correct the name") from None
    encoded = (secret.get("data") or {}).get(where.key)
    if encoded is None:
        raise SerinusError(f"{place} has no key {where.key}; add it, or correct the key")
    try:
        return base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise SerinusError(
            f"{place}: {where.key} is not text in UTF-8; only text can be sent"
        ) from None
