"""Lists: selection, order, pages. A page continues the very version that the first page showed.

Sync and pure over the store; knows no HTTP.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from serinus.local.apiserver.errors import StatusError, bad_request, expired
from serinus.local.apiserver.reading.representation import ListMeta
from serinus.local.apiserver.state import State
from serinus.local.apiserver.storing.store import Collection, Expired, Version
from serinus.local.apiserver.wire.selectors import Predicate, selection

_NOW = -1
"""The version of a place that is to be continued in the present."""


@dataclass(frozen=True, slots=True)
class Page:
    """The versions of one page and what the list says of itself."""

    versions: list[Version]
    meta: ListMeta


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a next page begins: after `key`, in the collection as of `resource_version`."""

    resource_version: int
    namespace: str
    name: str


def read_selection(query: Mapping[str, str]) -> Predicate | None:
    """The test that a request's selectors ask for; None selects everything."""
    return selection(query.get("labelSelector", ""), query.get("fieldSelector", ""))


def read_resource_version(query: Mapping[str, str]) -> int | None:
    """The request's resourceVersion; None if it has none or asks for "any" (0)."""
    text = query.get("resourceVersion", "")
    if text in ("", "0"):
        return None
    if not text.isdecimal():
        raise bad_request(f"invalid resource version: {text!r} was not given by this server")
    return int(text)


def list_page(
    state: State, collection: Collection, namespace: str, query: Mapping[str, str]
) -> Page:
    """The page that a request asks for; StatusError 410 if its version is forgotten."""
    test = read_selection(query)
    limit = _read_limit(query)
    place = _read_place(query.get("continue", ""))
    if place is not None and read_resource_version(query) is not None:
        raise bad_request("specifying resource version is not allowed when using continue")
    try:
        versions, resource_version = _candidates(state, collection, namespace, query, place)
    except Expired as error:
        raise _too_old(place) from error
    if test is not None:
        versions = [version for version in versions if test(version.object)]
    rest = len(versions) - limit if limit else 0
    if rest <= 0:
        return Page(versions, ListMeta(str(resource_version)))
    page = versions[:limit]
    token = _write_place(_Place(resource_version, *page[-1].key))
    remaining = rest if test is None else None
    return Page(page, ListMeta(str(resource_version), token, remaining))


def _candidates(
    state: State,
    collection: Collection,
    namespace: str,
    query: Mapping[str, str],
    place: _Place | None,
) -> tuple[list[Version], int]:
    within = namespace or None
    if place is not None:
        after = (place.namespace, place.name)
        at = place.resource_version
        if at == _NOW:
            at = state.store.resource_version
        then = collection.as_of(at, within)
        return [version for version in then if version.key > after], at
    wanted = read_resource_version(query)
    now = state.store.resource_version
    if wanted is not None and wanted > now:
        raise _too_new(wanted, now)
    match = query.get("resourceVersionMatch", "")
    if wanted is not None and (match == "Exact" or (not match and _read_limit(query))):
        return collection.as_of(wanted, within), wanted
    return collection.sorted(within), now


def _too_new(wanted: int, now: int) -> StatusError:
    return StatusError(
        504,
        "Timeout",
        f"Too large resource version: {wanted}, current: {now}",
        {
            "causes": [
                {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
            ],
            "retryAfterSeconds": 1,
        },
    )


def _too_old(place: _Place | None) -> StatusError:
    """410; a page comes with a token that goes on in the present, inconsistently."""
    if place is None:
        return expired("The resourceVersion for the provided list is too old.")
    refusal = expired(
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted "
        "between the time the first chunk was returned and now may show up in the list."
    )
    refusal.metadata["continue"] = _write_place(_Place(_NOW, place.namespace, place.name))
    return refusal


def _read_limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", "0")
    if not text.isdecimal():
        raise bad_request(f"limit {text!r} is not a whole number of objects")
    return int(text)


def _write_place(place: _Place) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def _read_place(token: str) -> _Place | None:
    if not token:
        return None
    try:
        padded = token + "=" * (-len(token) % 4)
        return msgspec.json.decode(base64.urlsafe_b64decode(padded), type=_Place)
    except (binascii.Error, msgspec.DecodeError, UnicodeError, ValueError) as error:
        raise bad_request(
            "invalid continue token: continue key is not valid: list again from the start"
        ) from error
