"""Everything that can be said about the objects in some files, before a cluster sees them. Pure.

The same rules as the controller's. What the objects refer to is looked for in the same files; what
is not there is a note: it may well be in the cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from serinus.api.findings import Findings
from serinus.api.reading import Reading, read
from serinus.api.validation.check import KINDS, check
from serinus.api.validation.labels import is_object_name
from serinus.api.validation.language import UNKNOWN, Language
from serinus.api.wire import Unreadable, decode
from serinus.base.documents import Document, Flaw, read_documents
from serinus.base.errors import FieldProblem

T = TypeVar("T", bound=msgspec.Struct)

ERROR, WARNING, NOTE = "error", "warning", "note"
OURS = "argoproj.io/"


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing to say; `line` is 1 or more, `kind` and `name` are of the object, if it has any."""

    file: str
    line: int
    severity: str
    kind: str
    namespace: str
    name: str
    path: str
    message: str

    def __str__(self) -> str:
        about = f"{self.kind} {self.name}: " if self.kind else ""
        where = f"{self.path}: " if self.path else ""
        return f"{self.file}:{self.line}: {self.severity}: {about}{where}{self.message}"


@dataclass(frozen=True, slots=True)
class Report:
    """All remarks, in the order of files and lines, and how many objects were looked at."""

    remarks: tuple[Remark, ...]
    checked: int
    others: int
    """Objects of kinds that have no rules here; they may be referred to."""

    def count(self, severity: str) -> int:
        """How many remarks are so severe."""
        return sum(remark.severity == severity for remark in self.remarks)


@dataclass(frozen=True, slots=True)
class _Found:
    """One object of a file; `at` is where it stands in its document, "" if it is all of it."""

    file: str
    document: Document
    body: Mapping[str, Any]
    at: str = ""

    @property
    def kind(self) -> str:
        return str(self.body.get("kind") or "")

    @property
    def metadata(self) -> Mapping[str, Any]:
        found = self.body.get("metadata")
        return found if isinstance(found, Mapping) else {}

    def remark(self, severity: str, path: str, message: str) -> Remark:
        below = f"{self.at}.{path}" if self.at and path else self.at or path
        line = self.document.line_of(below)
        namespace, name = (str(self.metadata.get(key) or "") for key in ("namespace", "name"))
        return Remark(self.file, line, severity, self.kind, namespace, name, path, message)


def lint(
    files: Iterable[tuple[str, str]],
    language: Language = UNKNOWN,
    *,
    namespace: str = "",
    strict: bool = False,
) -> Report:
    """What is wrong in `files`, each a name and its text.

    `namespace` is that of objects that name none. With `strict` an unknown field is an error, as
    it is for a client that validates strictly.
    """
    found: list[_Found] = []
    remarks: list[Remark] = []
    for file, text in files:
        for document in read_documents(text):
            if isinstance(document, Flaw):
                remarks.append(_of_text(file, document))
                continue
            remarks += (_of_text(file, flaw) for flaw in document.flaws)
            found += _objects(file, document, document.value, "")
    world = _Files(found, namespace)
    ours = [one for one in found if _is_ours(one)]
    for one in ours:
        remarks += _remarks(one, world, language, strict=strict)
    remarks += _repeated(ours, namespace)
    order = {file: index for index, file in enumerate(dict.fromkeys(r.file for r in remarks))}
    remarks.sort(key=lambda remark: (order[remark.file], remark.line))
    return Report(tuple(remarks), len(ours), len(found) - len(ours))


def _of_text(file: str, flaw: Flaw) -> Remark:
    return Remark(file, flaw.line, ERROR, "", "", "", "", flaw.message)


def _objects(file: str, document: Document, value: Any, at: str) -> Iterator[_Found]:
    """The objects of a document; those of a List, one by one."""
    if not isinstance(value, Mapping):
        return
    items = value.get("items")
    if str(value.get("kind") or "").endswith("List") and isinstance(items, list):
        for index, item in enumerate(items):
            yield from _objects(file, document, item, f"{at}.items[{index}]".lstrip("."))
    else:
        yield _Found(file, document, value, at)


def _is_ours(found: _Found) -> bool:
    return found.kind in KINDS and str(found.body.get("apiVersion") or "").startswith(OURS)


def _remarks(one: _Found, world: _Files, language: Language, *, strict: bool) -> Iterator[Remark]:
    if one.body.get("apiVersion") != f"{OURS}v1alpha1":
        yield one.remark(ERROR, "apiVersion", f"must be {OURS}v1alpha1")
    yield from _name(one)
    try:
        reading: Reading[Any] = read(KINDS[one.kind], one.body)
        found = check(_placed(reading, world.namespace), world, language)
    except ValueError as error:
        yield one.remark(ERROR, "", f"cannot be read: {error}")
        return
    yield from _told(one, found, strict=strict)


def _placed(reading: Reading[Any], namespace: str) -> Reading[Any]:
    """The object in the namespace that it would be applied to."""
    metadata = reading.object.metadata
    if metadata.namespace or not namespace:
        return reading
    placed = msgspec.structs.replace(metadata, namespace=namespace)
    return Reading(msgspec.structs.replace(reading.object, metadata=placed), reading.findings)


def _told(one: _Found, found: Findings, *, strict: bool) -> Iterator[Remark]:
    rows: Sequence[tuple[str, tuple[FieldProblem, ...]]] = (
        (ERROR, found.errors),
        (ERROR if strict else WARNING, found.warnings),
        (NOTE, found.missing),
    )
    for severity, problems in rows:
        for problem in dict.fromkeys(problems):
            message = problem.message
            if severity == NOTE:
                message = f"{message.removeprefix('waiting for ')} is not in these files"
            yield one.remark(severity, problem.path, " ".join(message.split()))


def _name(one: _Found) -> Iterator[Remark]:
    name = one.metadata.get("name")
    if not name and not one.metadata.get("generateName"):
        yield one.remark(ERROR, "metadata.name", "is missing")
    elif name and not is_object_name(str(name)):
        yield one.remark(
            ERROR, "metadata.name", f"{name!r}: use lower-case letters, digits, '-' and '.'"
        )


def _repeated(ours: Sequence[_Found], namespace: str) -> Iterator[Remark]:
    first: dict[tuple[str, str, str], _Found] = {}
    for one in ours:
        name = str(one.metadata.get("name") or "")
        place = str(one.metadata.get("namespace") or namespace)
        before = first.setdefault((one.kind, place, name), one)
        if before is not one and name:
            where = f"{before.file}:{before.document.line_of(before.at)}"
            yield one.remark(WARNING, "metadata.name", f"is there already, at {where}")


class _Files:
    """The objects of all files as a Lookup; one without namespace may be in any."""

    def __init__(self, found: Sequence[_Found], namespace: str) -> None:
        self.namespace = namespace
        self._bodies = {
            (one.kind, str(one.metadata.get("namespace") or ""), str(one.metadata.get("name"))): one
            for one in found
        }

    def get(self, kind: type[T], namespace: str, name: str) -> T | Unreadable | None:
        for place in (namespace, ""):
            found = self._bodies.get((kind.__name__, place, name))
            if found is not None:
                return _decoded(kind, found)
        return None


def _decoded(kind: type[T], found: _Found) -> T | Unreadable:
    """A template of ours as far as it can be read: what is wrong with the rest is told there."""
    try:
        return read(kind, found.body).object if _is_ours(found) else decode(kind, found.body)
    except ValueError as error:
        where = {key: str(found.metadata.get(key) or "") for key in ("namespace", "name")}
        return Unreadable(**where, error=str(error))
