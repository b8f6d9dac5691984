"""One apply: what the object becomes, who owns what then, and with whom it is in conflict.

A field that the applier owned before and does not apply any more goes, unless someone else owns
it too. Pure; the time is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from serinus.local.apiserver.writing.apply.compare import MISSING, compare
from serinus.local.apiserver.writing.apply.entries import (
    APPLY,
    UPDATE,
    Entries,
    Entry,
    Writer,
    fields_of,
    given_up,
    ordered,
    owned,
)
from serinus.local.apiserver.writing.apply.fieldset import (
    EMPTY,
    Node,
    Path,
    difference,
    has,
    intersection,
    path_text,
    paths,
    union,
)
from serinus.local.apiserver.writing.apply.merge import merge, with_named, without
from serinus.local.apiserver.writing.apply.types import Type

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that another writer owns and that the apply would change."""

    entry: Entry
    path: Path

    @property
    def owner(self) -> str:
        """`"kubectl-edit" using apps/v1`, or `"me"` for one who applies, too."""
        text = f'"{self.entry["manager"]}"'
        if self.entry.get("subresource"):
            text += f' with subresource "{self.entry["subresource"]}"'
        if self.entry["operation"] == UPDATE:
            text += f" using {self.entry['apiVersion']}"
        return text

    @property
    def where(self) -> str:
        """The path as people read it."""
        return path_text(self.path)


class Conflicts(Exception):
    """An apply without force that would change fields of others."""

    def __init__(self, found: list[Conflict]) -> None:
        self.found = found
        super().__init__(_message(found))


def _message(found: list[Conflict]) -> str:
    if len(found) == 1:
        return f"Apply failed with 1 conflict: conflict with {found[0].owner}: {found[0].where}"
    lines: list[str] = []
    for owner in sorted({conflict.owner for conflict in found}):
        lines.append(f"conflicts with {owner}:")
        lines += [f"- {conflict.where}" for conflict in found if conflict.owner == owner]
    return f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Application:
    """What is applied: the configuration, its set of fields, by whom, whether against others.

    `allowed` are fields that may be taken over without force.
    """

    config: Object
    fields: Node
    writer: Writer
    force: bool = False
    allowed: Node = field(default_factory=dict)


def apply(
    kind: Type, live: Object, entries: Entries, asked: Application, time: str
) -> tuple[Object, Entries]:
    """The object after the apply and its owners; `Conflicts` without force.

    An apply that changes no value leaves the very object; one that changes no owner, the list.
    """
    last = next((e for e in entries if asked.writer.wrote(e, APPLY)), None)
    others = [entry for entry in entries if entry is not last]
    mine = owned(asked.fields)
    merged = merge(kind, live, asked.config)
    if last is not None:
        # with name and kind, which nobody owns: they keep what they are in
        merged = _pruned(kind, merged, last, union(_all_of(others), asked.fields))
    changes = compare(kind, live, merged)
    taken = union(changes.changed, changes.removed)
    _require_no_conflict(others, changes.changed, asked)
    if last is not None and not taken and fields_of(last) == mine:
        return live, entries
    # the time tells when the object changed; who joins without a change has none
    when = time if taken else last.get("time") if last is not None else None
    kept = given_up(others, taken)
    if mine:
        kept.append(asked.writer.entry(APPLY, mine, when))
    return (merged if taken else live), ordered(kept)


def _all_of(entries: Entries) -> Node:
    fields = EMPTY
    for entry in entries:
        fields = union(fields, fields_of(entry))
    return fields


def _pruned(kind: Type, merged: Object, last: Entry, wanted: Node) -> Object:
    """`merged` without what was applied last time and is wanted by nobody now."""
    if not difference(fields_of(last), wanted):
        return merged
    gone = difference(with_named(kind, fields_of(last)), with_named(kind, wanted))
    rest = without(kind, merged, gone)
    return {} if rest is MISSING else rest


def _require_no_conflict(others: Entries, changed: Node, asked: Application) -> None:
    if asked.force or not changed:
        return
    found = [
        Conflict(entry, path)
        for entry in others
        for path in paths(intersection(fields_of(entry), changed))
    ]
    if any(not has(asked.allowed, conflict.path) for conflict in found):
        raise Conflicts([c for c in found if not has(asked.allowed, c.path)])
