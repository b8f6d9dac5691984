"""Events have two addresses: `v1` and `events.k8s.io/v1` are two spellings of one stored object.

Pure: from one spelling to the other, and what either may hold. Stored is the one of `v1`.
Source of names and rules: Kubernetes' conversion and validation of events, whose problems name
fields as `v1` does, whichever spelling was sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.kinds.names import invalid_value, qualified_name_faults, quoted

Object = Mapping[str, Any]

CORE = ("", "events")
OWN = ("events.k8s.io", "events")
SELECTED = {
    **{
        f"regarding.{name}": f"involvedObject.{name}"
        for name in ("kind", "namespace", "name", "uid")
    },
    **{
        f"regarding.{name}": f"involvedObject.{name}"
        for name in ("apiVersion", "resourceVersion", "fieldPath")
    },
    "reportingController": "reportingComponent",
}
"""Fields to select by, and how stored objects call them."""
_CORE_VERSION, _OWN_VERSION = "v1", "events.k8s.io/v1"
_STORED_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_OWN_NAMES = {stored: own for own, stored in _STORED_NAMES.items()}
_SHORT, _LONGEST_MESSAGE = 128, 1024
_FIXED = (
    *("involvedObject", "reason", "message", "source", "firstTimestamp", "lastTimestamp"),
    *("count", "type", "eventTime", "action", "related", "reportingComponent"),
    "reportingInstance",
)
_NAMESPACE_WORDS = "does not match event.namespace"


def as_stored(value: Object) -> dict[str, Any]:
    """An event as `v1` spells it; one that is spelled so already stays."""
    if value.get("apiVersion") == _CORE_VERSION:
        return dict(value)
    return _renamed(value, _STORED_NAMES) | {"apiVersion": _CORE_VERSION}


def as_own(value: Object) -> dict[str, Any]:
    """An event as `events.k8s.io/v1` spells it; one that is spelled so already stays."""
    if value.get("apiVersion") == _OWN_VERSION:
        return dict(value)
    return _renamed(value, _OWN_NAMES) | {"apiVersion": _OWN_VERSION}


def as_read(value: Object) -> dict[str, Any]:
    """As `as_own`, with the instant that readers expect there even where nobody wrote it."""
    return {"eventTime": None} | as_own(value)


def _renamed(value: Object, names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): child for name, child in value.items()}


def event_problems(
    key: tuple[str, str], before: Object | None, value: Object
) -> Iterator[FieldProblem]:
    """What an event may not say; more is asked of those that come by `events.k8s.io`."""
    event = as_stored(value)
    yield from _place_problems(event)
    if event.get("eventTime"):
        yield from _new_style_problems(event)
    if key != OWN:
        return
    if before is None:
        yield from _creation_problems(event)
    else:
        yield from _change_problems(as_stored(before), event)


def _place_problems(event: Object) -> Iterator[FieldProblem]:
    own = event["metadata"].get("namespace", "")
    about = (event.get("involvedObject") or {}).get("namespace") or ""
    at_home = own in ("default", "kube-system") if event.get("eventTime") else own == "default"
    if about == own or (not about and at_home) or (about and event.get("eventTime")):
        return
    yield invalid_value("involvedObject.namespace", about, _NAMESPACE_WORDS)


def _new_style_problems(event: Object) -> Iterator[FieldProblem]:
    controller = event.get("reportingComponent") or ""
    if not controller:
        yield FieldProblem("reportingController", "Required value")
    for fault in qualified_name_faults(controller):
        yield invalid_value("reportingController", controller, fault)
    for name in ("reportingInstance", "action", "reason"):
        text = event.get(name) or ""
        if not text:
            yield FieldProblem(name, "Required value")
        if len(text) > _SHORT:
            yield invalid_value(name, "", f"can have at most {_SHORT} characters")
    if len(event.get("message") or "") > _LONGEST_MESSAGE:
        yield invalid_value("message", "", f"can have at most {_LONGEST_MESSAGE} characters")


def _creation_problems(event: Object) -> Iterator[FieldProblem]:
    yield from _series_problems(event)
    if not event.get("eventTime"):
        yield FieldProblem("eventTime", "Required value")
    if event.get("type") not in ("Normal", "Warning"):
        yield invalid_value("type", "", f"has invalid value: {event.get('type') or ''}")
    for name in ("firstTimestamp", "lastTimestamp", "count", "source"):
        said = event.get(name)
        if any(said.values()) if isinstance(said, Mapping) else said:
            yield invalid_value(name, "", "needs to be unset")


def _change_problems(before: Object, event: Object) -> Iterator[FieldProblem]:
    if event.get("series") != before.get("series"):
        yield from _series_problems(event)
    for name in _FIXED:
        new = event.get(name)
        if (new or None) != (before.get(name) or None):
            path = "reportingController" if name == "reportingComponent" else name
            shown = f"{quoted(new)}: " if isinstance(new, str) else ""
            yield FieldProblem(path, f"Invalid value: {shown}field is immutable")


def _series_problems(event: Object) -> Iterator[FieldProblem]:
    series = event.get("series")
    if not series:
        return
    if (series.get("count") or 0) < 2:
        yield invalid_value("series.count", "", "should be at least 2")
    if not series.get("lastObservedTime"):
        yield FieldProblem("series.lastObservedTime", "Required value")
