"""What may be a name, a label, an annotation, a finalizer, an owner; and how Kubernetes says so.

Pure: values in, problems out. The sentences are part of the interface: clients and people know
them. Knows no kinds but the few whose names are labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from serinus.base.errors import FieldProblem

Object = Mapping[str, Any]

_LABEL_LIMIT = 63
_SUBDOMAIN_LIMIT = 253
ANNOTATIONS_LIMIT_BYTES = 256 * 1024
ENTRIES_LIMIT = 10_000
_DOMAIN_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_DOMAIN_LABEL}(\.{_DOMAIN_LABEL})*"
_DOMAIN_LABEL_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_LABEL_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_NAME_PART = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_PART_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    f"validation is '{_NAME_PART}')"
)
_SUBDOMAIN_WORDS = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    f"for validation is '{_SUBDOMAIN}')"
)
_LABEL_WORDS = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    f"for validation is '{_DOMAIN_LABEL}')"
)
_LABEL_1035_WORDS = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
    "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
    f"'abc-123', regex used for validation is '{_DOMAIN_LABEL_1035}')"
)
_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    f"or '12345', regex used for validation is '{_LABEL_VALUE}')"
)
_STANDARD_FINALIZERS = frozenset(("foregroundDeletion", "orphan", "kubernetes"))


def quoted(text: str) -> str:
    """A value as it stands in a message: in double quotes, at most 300 letters of it."""
    shown = text if len(text) <= 300 else text[:300] + "..."
    return '"' + shown.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def invalid_value(path: str, value: str, why: str) -> FieldProblem:
    """`path: Invalid value: "value": why`."""
    return FieldProblem(path, f"Invalid value: {quoted(value)}: {why}")


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"


def subdomain_faults(value: str) -> Iterator[str]:
    """Why `value` is no DNS subdomain."""
    if len(value) > _SUBDOMAIN_LIMIT:
        yield _too_long(_SUBDOMAIN_LIMIT)
    if not re.fullmatch(_SUBDOMAIN, value):
        yield _SUBDOMAIN_WORDS


def label_faults(value: str) -> Iterator[str]:
    """Why `value` is no DNS label."""
    if len(value) > _LABEL_LIMIT:
        yield _too_long(_LABEL_LIMIT)
    if not re.fullmatch(_DOMAIN_LABEL, value):
        yield "must not contain dots" if re.fullmatch(_SUBDOMAIN, value) else _LABEL_WORDS


def label_1035_faults(value: str) -> Iterator[str]:
    """Why `value` is no DNS label that begins with a letter."""
    if len(value) > _LABEL_LIMIT:
        yield _too_long(_LABEL_LIMIT)
    if not re.fullmatch(_DOMAIN_LABEL_1035, value):
        yield _LABEL_1035_WORDS


def label_value_faults(value: str) -> Iterator[str]:
    """Why `value` is no label's value."""
    if len(value) > _LABEL_LIMIT:
        yield _too_long(_LABEL_LIMIT)
    if not re.fullmatch(_LABEL_VALUE, value):
        yield _VALUE_WORDS


def qualified_name_faults(value: str) -> Iterator[str]:
    """Why `value` is no `name` or `example.com/name`."""
    prefix, slash, name = value.rpartition("/")
    if "/" in prefix:
        yield (
            f"a qualified name {_PART_WORDS} with an optional DNS subdomain prefix and '/' "
            "(e.g. 'example.com/MyName')"
        )
        return
    if slash and not prefix:
        yield "prefix part must be non-empty"
    elif slash:
        yield from (f"prefix part {fault}" for fault in subdomain_faults(prefix))
    if not name:
        yield "name part must be non-empty"
    elif len(name) > _LABEL_LIMIT:
        yield f"name part {_too_long(_LABEL_LIMIT)}"
    if not re.fullmatch(_NAME_PART, name):
        yield f"name part {_PART_WORDS}"


_NAME_FAULTS = {("", "namespaces"): label_faults, ("", "services"): label_1035_faults}


def name_problems(group: str, plural: str, metadata: Object) -> list[FieldProblem]:
    """What is wrong with the name of an object, and with what it was made from."""
    name, generated = metadata.get("name") or "", metadata.get("generateName") or ""
    faults = _NAME_FAULTS.get((group, plural), subdomain_faults)
    found = []
    if generated:
        # what follows it begins and ends with a letter
        base = generated[:-1] + "a" if generated.endswith(("-", ".")) else generated
        found += [
            invalid_value("metadata.generateName", generated, fault)
            for fault in faults(base)
            if fault not in (_too_long(_LABEL_LIMIT), _too_long(_SUBDOMAIN_LIMIT))
        ]
    if not name:
        words = "Required value: name or generateName is required"
        return [*found, FieldProblem("metadata.name", words)]
    return found + [invalid_value("metadata.name", name, fault) for fault in faults(name)]


def metadata_problems(metadata: Object, *, custom: bool) -> list[FieldProblem]:
    """What is wrong with labels, annotations, finalizers and owner references."""
    return [
        *_label_problems(metadata.get("labels")),
        *_annotation_problems(metadata.get("annotations")),
        *_owner_problems(metadata.get("ownerReferences") or []),
        *_finalizer_problems(metadata.get("finalizers") or [], custom=custom),
    ]


def _texts(path: str, entries: Any) -> Iterator[FieldProblem]:
    """What keeps `entries` from being a map of texts."""
    if not isinstance(entries, Mapping):
        yield FieldProblem(path, "Invalid value: must be an object of texts")
        return
    if len(entries) > ENTRIES_LIMIT:
        yield FieldProblem(path, f"Too many: must have at most {ENTRIES_LIMIT} items")
    for key, value in entries.items():
        if not isinstance(value, str):
            yield FieldProblem(f"{path}.{key}", "Invalid value: must be text; quote it in YAML")


def _label_problems(entries: Any) -> list[FieldProblem]:
    path = "metadata.labels"
    if entries is None:
        return []
    if found := list(_texts(path, entries)):
        return found
    for key, value in entries.items():
        found += [invalid_value(path, key, fault) for fault in qualified_name_faults(key)]
        found += [invalid_value(path, value, fault) for fault in label_value_faults(value)]
    return found


def _annotation_problems(entries: Any) -> list[FieldProblem]:
    path = "metadata.annotations"
    if entries is None:
        return []
    if found := list(_texts(path, entries)):
        return found
    for key in entries:
        found += [invalid_value(path, key, fault) for fault in qualified_name_faults(key.lower())]
    size = sum(len(key.encode()) + len(value.encode()) for key, value in entries.items())
    if size > ANNOTATIONS_LIMIT_BYTES:
        words = f"Too long: may not be more than {ANNOTATIONS_LIMIT_BYTES} bytes"
        found.append(FieldProblem(path, words))
    return found


def _owner_problems(references: Any) -> list[FieldProblem]:
    path = "metadata.ownerReferences"
    if not isinstance(references, list):
        return [FieldProblem(path, "Invalid value: must be a list of objects")]
    if not all(isinstance(reference, Mapping) for reference in references):
        return [FieldProblem(path, "Invalid value: must hold objects only")]
    found: list[FieldProblem] = []
    for reference in references:
        found += _reference_problems(path, reference)
    leading = [f"{r.get('kind')}/{r.get('name')}" for r in references if r.get("controller")]
    found += [
        FieldProblem(
            path,
            "Invalid value: Only one reference can have Controller set to true. Found "
            f'"true" in references for {leading[0]} and {other}',
        )
        for other in leading[1:]
    ]
    return found


def _reference_problems(path: str, reference: Object) -> Iterator[FieldProblem]:
    for field in ("apiVersion", "kind", "name", "uid"):
        value = reference.get(field) or ""
        why = "version must not be empty" if field == "apiVersion" else "must not be empty"
        if not isinstance(value, str):
            yield FieldProblem(f"{path}.{field}", "Invalid value: must be text")
        elif not value:
            yield invalid_value(f"{path}.{field}", value, why)
    if (reference.get("apiVersion"), reference.get("kind")) == ("v1", "Event"):
        yield FieldProblem(path, "Invalid value: /v1, Kind=Event is disallowed from being an owner")


def _finalizer_problems(finalizers: Any, *, custom: bool) -> list[FieldProblem]:
    path = "metadata.finalizers"
    if not isinstance(finalizers, list) or not all(isinstance(f, str) for f in finalizers):
        return [FieldProblem(path, "Invalid value: must be a list of texts")]
    found = [
        invalid_value(path, name, fault)
        for name in finalizers
        for fault in qualified_name_faults(name)
    ]
    if not custom:
        why = "name is neither a standard finalizer name nor is it fully qualified"
        found += [invalid_value(path, name, why) for name in finalizers if _is_bare(name)]
    if {"foregroundDeletion", "orphan"} <= set(finalizers):
        why = "finalizer orphan and foregroundDeletion cannot be both set"
        found.append(FieldProblem(path, f"Invalid value: {why}"))
    return found


def _is_bare(finalizer: str) -> bool:
    return "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS


def added_finalizer_problems(before: Object, after: Object) -> Sequence[FieldProblem]:
    """An object that is being deleted takes no further finalizers."""
    if "deletionTimestamp" not in before:
        return ()
    added = set(after.get("finalizers") or ()) - set(before.get("finalizers") or ())
    if not added:
        return ()
    listed = ", ".join(quoted(name) for name in sorted(added))
    message = (
        "Forbidden: no new finalizers can be added if the object is being deleted, found new "
        f"finalizers []string{{{listed}}}"
    )
    return [FieldProblem("metadata.finalizers", message)]
