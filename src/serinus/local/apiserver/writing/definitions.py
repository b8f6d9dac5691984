"""Definitions come and go: what is served follows them, and their objects leave with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.local.apiserver.kinds.custom import DEFINITIONS, served_versions
from serinus.local.apiserver.kinds.kinds import Kind
from serinus.local.apiserver.state import State


def is_definition(kind: Kind) -> bool:
    """Whether objects of this kind define other kinds."""
    return (kind.group, kind.plural) == DEFINITIONS


def serve(state: State, definition: Mapping[str, Any]) -> None:
    """Serve what a stored definition says, from the next request on."""
    spec = definition["spec"]
    versions = served_versions(definition)
    state.registry.replace(spec["group"], spec["names"]["plural"], versions)


def serve_stored(state: State) -> None:
    """Serve exactly the custom kinds that the stored definitions describe."""
    stored = state.store.collection(*DEFINITIONS).sorted()
    named = {(v.object["spec"]["group"], v.object["spec"]["names"]["plural"]) for v in stored}
    served = {(s.kind.group, s.kind.plural) for s in state.registry.all() if s.kind.custom}
    for group, plural in served - named:
        state.registry.replace(group, plural, ())
    for version in stored:
        serve(state, version.object)


def stop_serving(state: State, definition: Mapping[str, Any]) -> None:
    """Serve the kind no longer; its watches end."""
    spec = definition["spec"]
    group, plural = spec["group"], spec["names"]["plural"]
    state.registry.replace(group, plural, ())
    state.store.drop(group, plural)
