"""The options of requests, as their query says them: checked all at once, in Kubernetes' words.

Pure over the query. Knows no kinds and no store.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from serinus.base.errors import FieldProblem
from serinus.local.apiserver.errors import StatusError, invalid
from serinus.local.apiserver.kinds.names import invalid_value, quoted

Query = Mapping[str, str]

_MANAGER_LIMIT_BYTES = 128
_VALIDATIONS = ("", "Ignore", "Strict", "Warn")
_TRUE = frozenset(("1", "true", "t"))


def is_true(text: str | None) -> bool:
    """A flag of a query: absent is false, present without a value too."""
    return (text or "").lower() in _TRUE


def refused_options(kind: str, problems: Iterable[FieldProblem]) -> StatusError:
    """422 for the options of a request, e.g. of kind "ListOptions"."""
    return invalid(kind, "meta.k8s.io", "", problems)


def unsupported_value(path: str, value: str, supported: Iterable[str]) -> FieldProblem:
    """`path: Unsupported value: "value": supported values: "a", "b"`."""
    listed = ", ".join(map(quoted, supported))
    return FieldProblem(path, f"Unsupported value: {quoted(value)}: supported values: {listed}")


def require_write_options(kind: str, query: Query, *, apply: bool = False) -> None:
    """StatusError 422 unless the options of a write are known ones.

    `kind` is CreateOptions, UpdateOptions or PatchOptions; `apply` says that it is a patch of the
    server-side kind, which alone may be forced and must name its manager.
    """
    problems = list(_write_problems(kind, query, apply=apply))
    if problems:
        raise refused_options(kind, problems)


def _write_problems(kind: str, query: Query, *, apply: bool) -> Iterator[FieldProblem]:
    manager = query.get("fieldManager", "")
    if kind == "PatchOptions" and "force" in query and not apply:
        yield FieldProblem("force", "Forbidden: may not be specified for non-apply patch")
    if apply and not manager:
        yield FieldProblem("fieldManager", "Required value: is required for apply patch")
    if len(manager.encode()) > _MANAGER_LIMIT_BYTES:
        words = f"Too long: may not be more than {_MANAGER_LIMIT_BYTES} bytes"
        yield FieldProblem("fieldManager", words)
    elif not manager.isprintable():
        at, letter = next((i, c) for i, c in enumerate(manager) if not c.isprintable())
        why = f"invalid character U+{ord(letter):04X} (at position {at})"
        yield invalid_value("fieldManager", manager, why)
    yield from dry_run_problems(query.get("dryRun", ""))
    validation = query.get("fieldValidation", "")
    if validation not in _VALIDATIONS:
        yield unsupported_value("fieldValidation", validation, _VALIDATIONS)


def dry_run_problems(*words: str) -> Iterator[FieldProblem]:
    """What is wrong with the words of `dryRun`; empty ones are silence."""
    unknown = [word for word in words if word not in ("", "All")]
    if unknown:
        listed = ", ".join(map(quoted, unknown))
        yield FieldProblem(
            "dryRun", f'Unsupported value: []string{{{listed}}}: supported values: "All"'
        )


def require_list_options(query: Query) -> None:
    """StatusError 422 unless the options of a list or watch go together."""
    watching = is_true(query.get("watch"))
    problems = list(_watch_problems(query) if watching else _list_problems(query))
    if problems:
        raise refused_options("ListOptions", problems)


_MATCH = "resourceVersionMatch"


def _list_problems(query: Query) -> Iterator[FieldProblem]:
    match = query.get(_MATCH, "")
    if match:
        if not query.get("resourceVersion"):
            yield _forbidden(_MATCH, f"{_MATCH} is forbidden unless resourceVersion is provided")
        if query.get("continue"):
            yield _forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided")
        if match not in ("Exact", "NotOlderThan"):
            yield unsupported_value(_MATCH, match, ("Exact", "NotOlderThan", ""))
        if match == "Exact" and query.get("resourceVersion") == "0":
            yield _forbidden(_MATCH, f'{_MATCH} "exact" is forbidden for resourceVersion "0"')
    if "sendInitialEvents" in query:
        yield _forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list")


def _watch_problems(query: Query) -> Iterator[FieldProblem]:
    match, initial = query.get(_MATCH, ""), "sendInitialEvents" in query
    if initial and match != "NotOlderThan":
        yield _forbidden(_MATCH, f"sendInitialEvents requires setting {_MATCH} to NotOlderThan")
    if not match:
        return
    if not initial:
        words = f"{_MATCH} is forbidden for watch unless sendInitialEvents is provided"
        yield _forbidden(_MATCH, words)
    if match != "NotOlderThan":
        yield unsupported_value(_MATCH, match, ("NotOlderThan",))
    if query.get("continue"):
        yield _forbidden(_MATCH, f"{_MATCH} is forbidden when continue is provided")


def _forbidden(path: str, why: str) -> FieldProblem:
    return FieldProblem(path, f"Forbidden: {why}")
