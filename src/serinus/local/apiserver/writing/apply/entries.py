"""The list `metadata.managedFields`: one entry per writer, operation, version and half.

Entries stay the plain dicts that are stored; what a write does not touch stays the same object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serinus.local.apiserver.writing.apply.compare import Changes
from serinus.local.apiserver.writing.apply.fieldset import (
    EMPTY,
    Node,
    difference,
    of_names,
    read_set,
    shared,
    union,
)

Entry = Mapping[str, Any]
Entries = Sequence[Entry]

APPLY, UPDATE = "Apply", "Update"
UPDATE_LIMIT = 10
"""So many writers by update are told apart; older ones are joined."""
OLD_UPDATES = "ancient-changes"
BEFORE_APPLY = "before-first-apply"
# nobody owns what says which object it is, or belongs to the server
_NEVER_OWNED = of_names(
    *("apiVersion", "kind", "metadata", "metadata.name", "metadata.namespace", "metadata.uid"),
    *("metadata.creationTimestamp", "metadata.selfLink", "metadata.clusterName"),
    *("metadata.generation", "metadata.managedFields", "metadata.resourceVersion"),
)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the name, the version that was written in, and the half of the object."""

    manager: str
    api_version: str
    subresource: str = ""

    def entry(self, operation: str, fields: Node, time: str | None) -> dict[str, Any]:
        """An entry of this writer; without `time` it carries none."""
        made: dict[str, Any] = {
            "manager": self.manager,
            "operation": operation,
            "apiVersion": self.api_version,
        }
        if time is not None:
            made["time"] = time
        made |= {"fieldsType": "FieldsV1", "fieldsV1": shared(fields)}
        if self.subresource:
            made["subresource"] = self.subresource
        return made

    def wrote(self, entry: Entry, operation: str) -> bool:
        """Whether an entry is the one to which a write of this writer is added."""
        return (
            entry["manager"] == self.manager
            and entry["operation"] == operation
            and entry.get("subresource", "") == self.subresource
            and (operation == APPLY or entry["apiVersion"] == self.api_version)
        )


def owned(fields: Node) -> Node:
    """The part of a set that anyone may own."""
    return difference(fields, _NEVER_OWNED)


def fields_of(entry: Entry) -> Node:
    """The set of an entry."""
    fields: Node = entry["fieldsV1"]
    return fields


def given_up(entries: Entries, gone: Node) -> list[Entry]:
    """The entries without the fields of `gone`; those that own nothing any more are left out."""
    kept: list[Entry] = []
    for entry in entries:
        fields = fields_of(entry)
        rest = difference(fields, gone)
        if rest is fields:
            kept.append(entry)
        elif rest:
            kept.append({**entry, "fieldsV1": shared(rest)})
    return kept


def after_update(entries: Entries, changes: Changes, writer: Writer, time: str) -> Entries:
    """The entries after a write that made these changes: what it changed belongs to its writer.

    Nothing owned changed: the very same list.
    """
    gone = union(changes.changed, changes.removed)
    if not gone:
        return entries
    kept = given_up(entries, gone)
    fields = owned(changes.changed)
    if fields:
        mine = next((e for e in kept if writer.wrote(e, UPDATE)), None)
        if mine is not None:
            kept.remove(mine)
            fields = union(fields_of(mine), fields)
        kept.append(writer.entry(UPDATE, fields, time))
    elif len(kept) == len(entries) and all(a is b for a, b in zip(kept, entries, strict=True)):
        return entries
    return ordered(_capped(kept))


def ordered(entries: Entries) -> list[Entry]:
    """Entries in the order in which they are shown: appliers first, each by time and name."""
    return sorted(
        entries,
        key=lambda entry: (
            entry["operation"],
            entry.get("time") or "",
            entry["manager"],
            entry["apiVersion"],
            entry.get("subresource", ""),
        ),
    )


def _capped(entries: list[Entry]) -> list[Entry]:
    """At most `UPDATE_LIMIT` writers by update: the oldest of a version are joined into one."""
    updates = [entry for entry in entries if entry["operation"] == UPDATE]
    if len(updates) <= UPDATE_LIMIT:
        return entries
    updates.sort(key=lambda entry: (entry.get("time") or "", entry["manager"]))
    excess = len(updates) - UPDATE_LIMIT
    buckets: dict[str, list[Entry]] = {}
    for entry in updates:
        if excess == 0:
            break
        bucket = buckets.setdefault(entry["apiVersion"], [])
        bucket.append(entry)
        excess -= len(bucket) > 1
    joined = [bucket for bucket in buckets.values() if len(bucket) > 1]
    gone = [id(entry) for bucket in joined for entry in bucket]
    return [e for e in entries if id(e) not in gone] + [_bucket(bucket) for bucket in joined]


def _bucket(joined: list[Entry]) -> Entry:
    fields = EMPTY
    for entry in joined:
        fields = union(fields, fields_of(entry))
    last = joined[-1]
    return Writer(OLD_UPDATES, last["apiVersion"]).entry(UPDATE, fields, last.get("time"))


def is_reset(given: Any) -> bool:
    """Whether a client asks to forget all owners: an empty list, or one with one empty entry."""
    return given in ([], [{}])


def read_entries(given: Any) -> list[Entry] | None:
    """Entries as a client wrote them, in our own spelling; None if they are not usable."""
    if not isinstance(given, list) or not given:
        return None
    try:
        return ordered([_read_entry(entry) for entry in given])
    except (ValueError, TypeError):
        return None


def _read_entry(given: Any) -> Entry:
    if not isinstance(given, dict):
        raise ValueError("an entry must be an object")
    texts = {name: given.get(name) or "" for name in ("manager", "apiVersion", "subresource")}
    time, operation = given.get("time"), given.get("operation")
    if not all(isinstance(text, str) for text in (*texts.values(), time or "")):
        raise ValueError("manager, apiVersion, subresource and time must be text")
    if operation not in (APPLY, UPDATE) or not texts["apiVersion"]:
        raise ValueError("operation must be Apply or Update, and apiVersion be given")
    if given.get("fieldsType") != "FieldsV1":
        raise ValueError("fieldsType must be FieldsV1")
    writer = Writer(texts["manager"], texts["apiVersion"], texts["subresource"])
    return writer.entry(operation, read_set(given.get("fieldsV1") or {}), time)
