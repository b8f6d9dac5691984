"""Which webhooks of the stored configurations concern a write. Pure.

Facts of admissionregistration.k8s.io/v1: rules, scopes, selectors, and the order of names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from serinus.local.apiserver.admission import StoreView
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.kinds.webhook_configurations import GROUP
from serinus.local.apiserver.state import State
from serinus.local.apiserver.wire.paths import Target
from serinus.local.apiserver.wire.selectors import selects

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """What a write is about, as rules name it; `operation` is CREATE, UPDATE or DELETE.

    `versions` are all in which the kind is served, the one of the request first.
    """

    operation: str
    kind: Kind
    versions: tuple[str, ...]
    subresource: str
    namespace: str
    name: str
    dry_run: bool


def subject_of(state: State, kind: Kind, target: Target, operation: str, dry_run: bool) -> Subject:
    """What webhooks are told of a write beside the object itself."""
    return Subject(
        operation,
        kind,
        state.registry.versions(kind),
        target.subresource,
        target.namespace,
        target.name,
        dry_run,
    )


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook of a configuration, and the version in which it wants to see the object."""

    fields: Object
    version: str

    @property
    def name(self) -> str:
        """The webhook's own name, as errors show it."""
        return str(self.fields.get("name") or "")

    @property
    def tolerated(self) -> bool:
        """Whether a webhook that cannot be asked is passed over (`failurePolicy: Ignore`)."""
        return self.fields.get("failurePolicy") == "Ignore"

    @property
    def timeout_seconds(self) -> float:
        """How long it may take, on the wall."""
        return float(self.fields.get("timeoutSeconds") or 10)

    @property
    def again(self) -> bool:
        """Whether it wants to see what later ones made of its object."""
        return self.fields.get("reinvocationPolicy") == "IfNeeded"

    @property
    def has_side_effects(self) -> bool:
        """Whether it must not be asked about a dry run."""
        return self.fields.get("sideEffects") not in ("None", "NoneOnDryRun")


def concerned(
    view: StoreView, plural: str, subject: Subject, value: Object | None, old: Object | None
) -> Iterator[Webhook]:
    """The webhooks of one sort that are to be asked, in the order in which they are."""
    if subject.kind.group == GROUP:
        return  # a broken webhook must not guard its own removal
    for configuration in view.list(GROUP, plural):
        for fields in configuration.get("webhooks") or ():
            version = _wanted_version(fields, subject)
            if version and _selected(view, fields, subject, value, old):
                yield Webhook(fields, version)


def _wanted_version(fields: Object, subject: Subject) -> str:
    """The version in which the object is sent, "" if no rule concerns the write."""
    exact = fields.get("matchPolicy") == "Exact"
    versions = subject.versions[:1] if exact else subject.versions
    for rule in fields.get("rules") or ():
        if not _concerns(rule, subject):
            continue
        named = rule.get("apiVersions") or ()
        for version in versions:
            if "*" in named or version in named:
                return version
    return ""


def _concerns(rule: Object, subject: Subject) -> bool:
    kind, scope = subject.kind, rule.get("scope") or "*"
    return (
        _named(rule.get("operations"), subject.operation)
        and _named(rule.get("apiGroups"), kind.group)
        and scope in ("*", "Namespaced" if kind.namespaced else "Cluster")
        and any(_covers(pattern, subject) for pattern in rule.get("resources") or ())
    )


def _named(names: Sequence[str] | None, wanted: str) -> bool:
    return any(name in ("*", wanted) for name in names or ())


def _covers(pattern: str, subject: Subject) -> bool:
    """`pods`, `pods/status`, `pods/*`, `*/scale`, `*` (no subresources) or `*/*`."""
    plural, _, part = pattern.partition("/")
    return plural in ("*", subject.kind.plural) and (
        part in ("*", subject.subresource) if part else not subject.subresource
    )


def _selected(
    view: StoreView, fields: Object, subject: Subject, value: Object | None, old: Object | None
) -> bool:
    candidates = [labels(o) for o in (value, old) if o is not None]
    if not any(selects(fields.get("objectSelector"), found) for found in candidates):
        return False
    if subject.kind.group == "" and subject.kind.plural == "namespaces":
        return any(selects(fields.get("namespaceSelector"), found) for found in candidates)
    if not subject.kind.namespaced:
        return True
    namespace = view.get("", "namespaces", subject.namespace)
    return selects(fields.get("namespaceSelector"), labels(namespace or {}))


def labels(value: Object) -> Mapping[str, str]:
    """The labels of an object."""
    return (value.get("metadata") or {}).get("labels") or {}
