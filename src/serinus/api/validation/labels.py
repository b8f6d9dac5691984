"""Syntax of names, labels and label selectors, and whether a selector matches labels."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from serinus.api.kubernetes import LabelSelector, LabelSelectorRequirement
from serinus.base.errors import FieldProblem

_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def is_dns_label(name: str) -> bool:
    """Whether `name` may name a container or a port: lower-case letters, digits, dashes."""
    return bool(_DNS_LABEL.fullmatch(name))


def is_object_name(name: str) -> bool:
    """Whether an object may be called so: a DNS subdomain."""
    return len(name) <= 253 and bool(_DOMAIN.fullmatch(name))


def validate_key(key: str, path: str) -> Iterator[FieldProblem]:
    """The key of a label or annotation."""
    domain, slash, name = key.rpartition("/")
    if not _PART.fullmatch(name) or (slash and not _DOMAIN.fullmatch(domain)):
        yield FieldProblem(
            path, f"{key!r} is no label key; use letters, digits, '-', '_', '.', as app.acme.com/x"
        )


def validate_labels(labels: Mapping[str, str], path: str) -> Iterator[FieldProblem]:
    """Keys and values."""
    for key, value in labels.items():
        yield from validate_key(key, path)
        if value and not _PART.fullmatch(value):
            yield FieldProblem(
                f"{path}.{key}",
                f"{value!r} is no label value; use at most 63 letters, digits, '-', '_', '.'",
            )


def validate_annotations(annotations: Mapping[str, str], path: str) -> Iterator[FieldProblem]:
    """Keys only: values are free."""
    for key in annotations:
        yield from validate_key(key.lower(), path)


def validate_selector(selector: LabelSelector, path: str) -> Iterator[FieldProblem]:
    """Syntax, and that it selects anything in particular."""
    if not selector.match_labels and not selector.match_expressions:
        yield FieldProblem(path, "is empty; it must select the pods of this object and no others")
    yield from validate_labels(selector.match_labels, f"{path}.matchLabels")
    for index, term in enumerate(selector.match_expressions):
        here = f"{path}.matchExpressions[{index}]"
        yield from validate_key(term.key, f"{here}.key")
        if term.operator not in _OPERATORS:
            yield FieldProblem(f"{here}.operator", f"must be one of {', '.join(_OPERATORS)}")
        elif (term.operator in ("In", "NotIn")) != bool(term.values):
            wanted = "needs" if term.operator in ("In", "NotIn") else "takes no"
            yield FieldProblem(f"{here}.values", f"operator {term.operator} {wanted} values")


def matches(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Whether `selector` selects something with these labels."""
    return all(labels.get(key) == value for key, value in selector.match_labels.items()) and all(
        _holds(term, labels) for term in selector.match_expressions
    )


def _holds(term: LabelSelectorRequirement, labels: Mapping[str, str]) -> bool:
    match term.operator:
        case "In":
            return labels.get(term.key) in term.values
        case "NotIn":
            return labels.get(term.key) not in term.values
        case "Exists":
            return term.key in labels
    return term.key not in labels
