"""Which element of one vector belongs to which of the other, and the labels of the outcome.

Source: Prometheus's vector matching. Knows no operator.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from promql_parser import BinModifier, LabelModifierType, VectorMatchCardinality

from serinus.local.metrics.labels import NAME, Labels
from serinus.local.metrics.promql.values import Element, QueryFailed, Vector


class Matched(NamedTuple):
    """Two values that belong together, as written left and right of the operator."""

    labels: Labels
    left: float
    right: float


def matching_key(modifier: BinModifier | None) -> Callable[[Labels], Hashable]:
    """What must be equal for two elements to belong together."""
    matching = modifier.matching if modifier is not None else None
    if matching is None:
        return lambda labels: labels.nameless()
    if matching.type == LabelModifierType.Include:
        names = tuple(matching.labels)
        return lambda labels: tuple(labels.pairs.get(name) for name in names)
    dropped = frozenset([*matching.labels, NAME])
    return lambda labels: labels.without(dropped)


def matched_pairs(
    modifier: BinModifier | None, drops_name: bool
) -> Callable[[Vector, Vector], list[Matched]]:
    """One to one, or many to one under group_left / group_right.

    The returned function raises QueryFailed if a match is ambiguous.
    """
    key = matching_key(modifier)
    card = modifier.card if modifier is not None else VectorMatchCardinality.OneToOne
    grouped = card != VectorMatchCardinality.OneToOne
    swapped = card == VectorMatchCardinality.OneToMany
    shown = _outcome_labels(modifier, grouped, drops_name)

    def run(left: Vector, right: Vector) -> list[Matched]:
        many, one = (right, left) if swapped else (left, right)
        if not many or not one:
            return []
        partners = _unique(one, key, "left" if swapped else "right")
        found: list[Matched] = []
        taken: set[Hashable] = set()
        for labels, value in many:
            match = key(labels)
            partner = partners.get(match)
            if partner is None:
                continue
            outcome = shown(labels, partner[0])
            _claim(taken, outcome if grouped else match, grouped, labels)
            pair = (partner[1], value) if swapped else (value, partner[1])
            found.append(Matched(outcome, *pair))
        return found

    return run


def _unique(one: Vector, key: Callable[[Labels], Hashable], side: str) -> dict[Hashable, Element]:
    partners: dict[Hashable, Element] = {}
    for element in one:
        match = key(element[0])
        if match in partners:
            raise QueryFailed(
                f"found duplicate series for the match group on the {side} hand-side of the "
                f"operation: [{partners[match][0]}, {element[0]}]; many-to-many matching not "
                "allowed: matching labels must be unique on one side"
            )
        partners[match] = element
    return partners


def _claim(taken: set[Hashable], place: Hashable, grouped: bool, labels: Labels) -> None:
    """Two elements must not have the same outcome."""
    if place in taken:
        hint = (
            "grouping labels must ensure unique matches"
            if grouped
            else "many-to-one matching must be explicit (group_left/group_right)"
        )
        raise QueryFailed(f"multiple matches for labels: {hint}; the second is {labels}")
    taken.add(place)


def _outcome_labels(
    modifier: BinModifier | None, grouped: bool, drops_name: bool
) -> Callable[[Labels, Labels], Labels]:
    """Labels of the outcome from those of the many side and those of its partner."""
    included = tuple((modifier.group_labels if modifier is not None else None) or ())
    matching = modifier.matching if modifier is not None else None

    def shown(many: Labels, one: Labels) -> Labels:
        labels = many.nameless() if drops_name else many
        if not grouped and matching is not None:
            if matching.type == LabelModifierType.Include:
                labels = labels.only(matching.labels)
            else:
                labels = labels.without(frozenset(matching.labels))
        for name in included:
            labels = labels.changed(name, one.pairs.get(name, ""))
        return labels

    if not grouped and matching is None and not drops_name:
        return lambda many, one: many
    return shown
