"""Unread parts of decoded objects get bytes of their own, wherever they are in the type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
import pytest

from serinus.api.argo import Rollout
from serinus.api.kubernetes import ReplicaSet
from serinus.kube.raws import raw_copier

Raw = msgspec.Raw


class Leaf(msgspec.Struct, frozen=True):
    raw: Raw = Raw(b"{}")


class Other(msgspec.Struct, frozen=True, tag=True):
    raw: Raw


class Another(msgspec.Struct, frozen=True, tag=True):
    raw: Raw


class Tree(msgspec.Struct, frozen=True):
    one: Leaf = Leaf()
    maybe: Leaf | None = None
    some: tuple[Leaf, ...] = ()
    more: Sequence[Raw] = ()
    named: dict[str, Raw] = {}
    mapped: Mapping[str, Leaf] = {}
    choice: Other | Another | None = None
    noted: Annotated[Raw, "unread"] = Raw()
    plain: list[int] = []


JSON = b"""{"one": {"raw": [1]}, "maybe": {"raw": 2}, "some": [{"raw": 3}, {}], "more": [4, 5],
 "named": {"a": 6}, "mapped": {"b": {"raw": 7}}, "choice": {"type": "Another", "raw": 8},
 "noted": 9, "plain": [1]}"""


def raws(value: Any) -> list[Raw]:
    if isinstance(value, Raw):
        return [value]
    if isinstance(value, msgspec.Struct):
        return [raw for name in value.__struct_fields__ for raw in raws(getattr(value, name))]
    if isinstance(value, dict):
        return [raw for part in value.values() for raw in raws(part)]
    return [raw for part in value for raw in raws(part)] if isinstance(value, list | tuple) else []


def views(value: Any) -> int:
    """How many Raws still look into the bytes that they came from (those make a copy)."""
    return sum(raw.copy() is not raw for raw in raws(value))


def test_every_view_is_cut_and_the_content_stays() -> None:
    decoded = msgspec.json.decode(JSON, type=Tree)
    before = msgspec.json.encode(decoded)
    assert views(decoded) == 9
    copier = raw_copier(Tree)
    assert copier is not None
    kept = copier(decoded)
    assert views(kept) == 0
    assert msgspec.json.encode(kept) == before


@pytest.mark.parametrize("type_", [dict, int, list[str], Mapping[str, Any]])
def test_types_without_unread_parts_need_no_copying(type_: Any) -> None:
    assert raw_copier(type_) is None


@pytest.mark.parametrize("type_", [ReplicaSet, Rollout])
def test_the_templates_of_real_kinds_are_cut(type_: Any) -> None:
    decoded = msgspec.json.decode(b'{"spec": {"template": {"spec": {"a": 1}}}}', type=type_)
    assert views(decoded) == 1
    copier = raw_copier(type_)
    assert copier is not None
    assert views(copier(decoded)) == 0
