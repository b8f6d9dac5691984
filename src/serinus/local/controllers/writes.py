"""Writes as every controller does them: a status as a patch, one deletion, many writes at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from serinus.api.kubernetes import ObjectMeta
from serinus.api.wire import Wire, builtins
from serinus.kube.client import Client
from serinus.kube.errors import ApiError, Forbidden, NotFound
from serinus.kube.informer import Informer

_FIRST_BATCH = 1


def status_patch(before: Wire, after: Wire, resource_version: str = "") -> dict[str, Any]:
    """The merge patch that turns one status into another, if the object is still that version.

    Fields with their default are left out of an object, as the API does with zeros.
    """
    patch: dict[str, Any] = {"status": _difference(builtins(before), builtins(after))}
    if resource_version:
        patch["metadata"] = {"resourceVersion": resource_version}
    return patch


def _difference(was: dict[str, Any], now: dict[str, Any]) -> dict[str, Any]:
    """The merge patch from one object to another; a null for each name that goes."""
    patch: dict[str, Any] = {}
    for name in {**was, **now}:
        old, new = was.get(name), now.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            if inner := _difference(old, new):
                patch[name] = inner
        elif old != new or (name in now and name not in was):
            patch[name] = new
    return patch


async def delete_one(
    client: Client,
    informer: Informer[Any],
    meta: ObjectMeta,
    *,
    propagation: str = "Background",
    resource_version: str | None = None,
) -> None:
    """Delete exactly that object, and let the informer know; gone already is what we want."""
    try:
        left = await client.delete(
            *(informer.resource, meta.name, meta.namespace or None),
            propagation=propagation,
            uid=meta.uid,
            resource_version=resource_version,
        )
    except NotFound:
        left = None
    if left is None:
        informer.expect_gone(meta.namespace, meta.name, meta.uid)
    else:
        informer.expect(left)


async def in_batches(writes: Sequence[Callable[[], Awaitable[None]]]) -> None:
    """One write, then two, four and so on: where the first is refused, the rest is not tried."""
    done, size = 0, _FIRST_BATCH
    while done < len(writes):
        await all_done([write() for write in writes[done : done + size]])
        done += size
        size *= 2


async def all_done(writes: Iterable[Awaitable[None]]) -> None:
    """Wait for all of them, then raise what the first of them raised, if any did."""
    for outcome in await asyncio.gather(*writes, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def is_ending(error: ApiError) -> bool:
    """Whether a create was refused since its namespace is on its way out."""
    return isinstance(error, Forbidden) and "is being terminated" in str(error)
