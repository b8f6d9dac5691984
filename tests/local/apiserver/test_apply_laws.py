"""Laws of owned fields and of the apply merge, over generated sets and configurations."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from serinus.local.apiserver.kinds.schema import Schema
from serinus.local.apiserver.writing.apply.apply import Application, Conflicts, apply
from serinus.local.apiserver.writing.apply.compare import compare
from serinus.local.apiserver.writing.apply.entries import Entries, Writer, after_update, fields_of
from serinus.local.apiserver.writing.apply.fieldset import (
    EMPTY,
    Node,
    difference,
    difference_below,
    has,
    intersection,
    paths,
    read_set,
    shared,
    union,
)
from serinus.local.apiserver.writing.apply.typed import field_set
from serinus.local.apiserver.writing.apply.types import root_type

TEXT = {"type": "string"}
PARTS = {
    "type": "array",
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["name"],
    "items": {
        "type": "object",
        "properties": {
            "name": TEXT,
            "size": {"type": "integer"},
            "tags": {"type": "array", "x-kubernetes-list-type": "set", "items": TEXT},
        },
    },
}
INNER = {
    "labels": {"type": "object", "additionalProperties": TEXT},
    "parts": PARTS,
    "words": {"type": "array", "items": TEXT},
    "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
    "whole": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": TEXT},
}
SCHEMA = Schema(
    {
        "type": "object",
        "properties": {
            "metadata": {"type": "object", "properties": {"name": TEXT}},
            "spec": {"type": "object", "properties": INNER},
            "paused": {"type": "boolean"},
        },
    }
)
KIND = root_type(SCHEMA)

names = st.sampled_from("abc")
texts = st.sampled_from(["x", "y"])
tags = st.lists(names, min_size=1, unique=True)


def part(name: str) -> st.SearchStrategy[dict[str, Any]]:
    more = st.fixed_dictionaries({}, optional={"size": st.integers(0, 1), "tags": tags})
    return more.map(lambda fields: {"name": name, **fields})


parts = st.lists(names, min_size=1, unique=True).flatmap(
    lambda chosen: st.tuples(*map(part, chosen)).map(list)
)
free = st.recursive(
    texts | st.lists(texts, min_size=1, max_size=2),
    lambda children: st.dictionaries(names, children, min_size=1, max_size=2),
    max_leaves=4,
)
specs = st.fixed_dictionaries(
    {},
    optional={
        "labels": st.dictionaries(names, texts, min_size=1),
        "parts": parts,
        "words": st.lists(texts, min_size=1, max_size=2),
        "free": st.dictionaries(names, free, min_size=1),
        "whole": st.dictionaries(names, texts, min_size=1),
    },
)
configs = st.fixed_dictionaries(
    {}, optional={"spec": specs.filter(bool), "paused": st.booleans()}
).map(lambda fields: {"metadata": {"name": "n"}, **fields})
sets = configs.map(lambda config: field_set(KIND, config)[0])
whole_sets = configs.map(lambda config: compare(KIND, {}, config).changed)
any_sets = sets | whole_sets | st.just(EMPTY)


def members(fields: Node) -> set[tuple[str, ...]]:
    return set(paths(fields))


@given(any_sets, any_sets)
def test_operations_on_sets_are_those_of_sets_of_paths(left: Node, right: Node) -> None:
    a, b = members(left), members(right)
    assert members(union(left, right)) == a | b
    assert members(intersection(left, right)) == a & b
    assert members(difference(left, right)) == a - b
    below = {path for path in a if any(path[: len(p)] == p for p in b)}
    assert members(difference_below(left, right)) == a - below
    assert all(has(left, path) for path in a)
    assert not any(has(left, path) for path in b - a)


@given(any_sets, any_sets, any_sets)
def test_sets_have_one_spelling(one: Node, two: Node, three: Node) -> None:
    assert union(one, two) == union(two, one)
    assert union(union(one, two), three) == union(one, union(two, three))
    assert difference(union(one, two), two) == difference(one, two)
    assert union(difference(one, two), intersection(one, two)) == one
    assert difference(difference(one, two), three) == difference(one, union(two, three))


@given(any_sets, any_sets)
def test_what_changes_nothing_returns_its_very_argument(left: Node, right: Node) -> None:
    assert union(left, intersection(left, right)) is left or not left
    assert difference(left, difference(right, left)) is left


@given(any_sets)
def test_a_set_survives_the_wire_and_the_store(fields: Node) -> None:
    assert read_set(json.loads(json.dumps(fields))) == fields
    assert shared(fields) == fields


@given(configs, configs)
def test_a_comparison_names_exactly_what_differs(old: dict[str, Any], new: dict[str, Any]) -> None:
    changes = compare(KIND, old, new)
    assert compare(KIND, old, json.loads(json.dumps(old))) == (EMPTY, EMPTY)
    assert intersection(changes.changed, changes.removed) == EMPTY
    before, after = (members(compare(KIND, {}, value).changed) for value in (old, new))
    assert members(changes.removed) == before - after
    assert after - before <= members(changes.changed) <= after


def applied(
    live: dict[str, Any],
    entries: Entries,
    config: dict[str, Any],
    manager: str,
    *,
    force: bool = True,
) -> tuple[dict[str, Any], Entries]:
    fields, problems = field_set(KIND, config)
    assert not problems
    asked = Application(config, fields, Writer(manager, "v1"), force)
    value, owners = apply(KIND, live, entries, asked, "2026-01-01T00:00:00Z")
    return dict(value), owners


def only(name: str = "n") -> dict[str, Any]:
    return {"metadata": {"name": name}}


def by_manager(entries: Entries) -> dict[str, Node]:
    return {entry["manager"]: fields_of(entry) for entry in entries}


def in_any_order(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: in_any_order(child) for name, child in value.items()}
    if isinstance(value, list):
        return sorted(map(in_any_order, value), key=json.dumps)
    return value


@given(configs, configs)
def test_an_apply_that_is_repeated_changes_nothing(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    live, entries = applied(only(), (), first, "me")
    live, entries = applied(live, entries, second, "you")
    again, owners = applied(live, entries, second, "you", force=False)
    assert again == live
    assert owners == entries


@given(configs, configs)
def test_a_manager_that_applies_nothing_takes_along_what_nobody_else_owns(
    mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    live, entries = applied(only(), (), mine, "me")
    live, entries = applied(live, entries, theirs, "they")
    live, entries = applied(live, entries, only(), "me")
    assert live == theirs
    assert set(by_manager(entries)) <= {"they"}


@given(configs, configs)
def test_what_a_manager_applies_anew_replaces_what_it_applied(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    live, entries = applied(only(), (), first, "me")
    live, entries = applied(live, entries, second, "me")
    assert live == second


@given(configs, configs)
def test_the_order_of_managers_that_do_not_conflict_does_not_matter(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    def both(*rows: tuple[str, dict[str, Any]]) -> tuple[Any, dict[str, Node]]:
        live: dict[str, Any] = only()
        entries: Entries = ()
        for manager, config in rows:
            live, entries = applied(live, entries, config, manager, force=False)
        return in_any_order(live), by_manager(entries)

    try:
        first = both(("one", one), ("two", two))
    except Conflicts:
        assume(False)
        raise
    assert first == both(("two", two), ("one", one))


@given(configs, configs)
def test_a_conflict_is_a_field_of_another_that_would_change(
    mine: dict[str, Any], theirs: dict[str, Any]
) -> None:
    live, entries = applied(only(), (), theirs, "they")
    changed = compare(KIND, theirs, applied(live, entries, mine, "me")[0]).changed
    found: set[tuple[str, ...]] = set()
    try:
        applied(live, entries, mine, "me", force=False)
    except Conflicts as refused:
        found = {conflict.path for conflict in refused.found}
    assert found == members(intersection(changed, by_manager(entries).get("they", EMPTY)))


@given(configs, configs)
def test_an_update_takes_what_it_changes_and_every_field_has_an_owner(
    first: dict[str, Any], second: dict[str, Any]
) -> None:
    live, entries = applied(only(), (), first, "me")
    owners = after_update(entries, compare(KIND, live, second), Writer("u", "v1"), "t")
    sets_of = by_manager(owners)
    everything = EMPTY
    for fields in sets_of.values():
        everything = union(everything, fields)
    leaves = members(field_set(KIND, second)[0])
    assert {path for path in leaves if path[:1] != ("f:metadata",)} <= members(everything)
    assert intersection(sets_of.get("me", EMPTY), sets_of.get("u", EMPTY)) == EMPTY
