"""`managedFields` of every write: who wrote which field last.

Between the writes of whole objects and the pure reckoning of `apply/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.local.apiserver.kinds.registry import Served
from serinus.local.apiserver.wire.http import Request
from serinus.local.apiserver.writing.apply.born import born
from serinus.local.apiserver.writing.apply.compare import Changes, compare
from serinus.local.apiserver.writing.apply.entries import (
    BEFORE_APPLY,
    UPDATE,
    Entries,
    Entry,
    Writer,
    after_update,
    fields_of,
    is_reset,
    owned,
    read_entries,
)
from serinus.local.apiserver.writing.apply.fieldset import EMPTY, Node, difference_below, of_names
from serinus.local.apiserver.writing.apply.merge import in_pieces
from serinus.local.apiserver.writing.apply.types import root_type

Object = Mapping[str, Any]

_NAME_LIMIT = 128
UNKNOWN = "unknown"
SERVER = "kube-apiserver"
"""The writer of what the server makes by itself."""
_FIELD = "managedFields"
_STATUS = of_names("status")


def read_manager(request: Request) -> str:
    """The name of the writer: `fieldManager`, else the first part of the User-Agent."""
    given = request.query.get("fieldManager")
    if given:
        return given
    agent = request.headers.get("user-agent", "").partition("/")[0]
    return "".join(filter(str.isprintable, agent))[:_NAME_LIMIT] or UNKNOWN


def after_create(served: Served, value: Object, manager: str, time: str) -> Entries:
    """The owners of a new object: its writer owns all that was asked for, and the defaults."""
    kind = served.kind
    came = compare(root_type(served.schema), born(kind), value).changed
    writer = Writer(manager, kind.api_version)
    return after_update((), Changes(came, EMPTY), writer, time)


def after_replacement(
    served: Served, before: Object, value: Object, writer: Writer, time: str
) -> Entries:
    """The owners after a write that made `value` of `before`.

    Owners that the writer states in `value` are taken over, except through a half of the object;
    without any, those of before stay. An object without owners gets none before its first apply.
    """
    metadata = before["metadata"]
    known: Entries = metadata.get(_FIELD) or ()
    given = value["metadata"].get(_FIELD)
    if given is not None and given is not known and not writer.subresource and given != known:
        known = () if is_reset(given) else read_entries(given) or known
    if not known:
        return known
    known = as_typed(served, known)
    changes = compare(root_type(served.schema), before, value)
    return after_update(known, changes, writer, time)


def as_typed(served: Served, entries: Entries) -> Entries:
    """The owners as the schema of now sees them: a definition may have changed since they wrote.

    The very same list if it has not.
    """
    if not served.kind.custom:
        return entries
    kind, changed = root_type(served.schema), False
    made: list[Entry] = []
    for entry in entries:
        fields = fields_of(entry)
        now = in_pieces(kind, fields)
        changed = changed or now is not fields
        made.append(entry if now is fields else {**entry, "fieldsV1": now})
    return made if changed else entries


def before_first_apply(served: Served, live: Object, half: str, time: str) -> Entries:
    """The owner of all that is in an object without owners when it is first applied to."""
    came = compare(root_type(served.schema), born(served.kind), live).changed
    fields = owned(difference_below(came, ignored(served, half)))
    writer = Writer(BEFORE_APPLY, served.kind.api_version)
    return [writer.entry(UPDATE, fields, time)] if fields else []


def ignored(served: Served, half: str) -> Node:
    """What a write to this half of an object cannot own."""
    return _STATUS if not half and "status" in served.kind.subresources else EMPTY


def with_owners(value: dict[str, Any], entries: Entries) -> dict[str, Any]:
    """`value` with these owners; an object without any has no such field."""
    metadata = value["metadata"]
    if metadata.get(_FIELD) is entries:
        return value
    kept = {name: child for name, child in metadata.items() if name != _FIELD}
    if entries:
        kept[_FIELD] = entries
    return {**value, "metadata": kept}


def same_but_times(left: Entries, right: Entries) -> bool:
    """Whether two lists of owners differ in nothing but when each wrote last."""
    return len(left) == len(right) and all(
        {**one, "time": None} == {**other, "time": None}
        for one, other in zip(left, right, strict=True)
    )
