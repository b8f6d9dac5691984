"""Lists: pages of objects, decoded as a whole where possible, item by item where one is bad."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from serinus.kube.errors import UnreadableAnswer
from serinus.kube.objects import Unreadable, identity_of_bytes
from serinus.kube.raws import raw_copier

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """All objects of a consistent list, and the resource version that they were read at."""

    items: tuple[T, ...]
    resource_version: str

    def __iter__(self) -> Iterator[T]:
        return iter(self.items)


class ListMeta(msgspec.Struct, frozen=True, rename="camel"):
    """What a page says about itself; with `continue_` set there is another page."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct, Generic[T]):
    metadata: ListMeta = ListMeta()
    items: list[T] | None = None


PageItems = list[T | Unreadable]


class PageDecoder(Generic[T]):
    """Decodes pages of `type_` objects; what it returns holds no view into the page's bytes."""

    def __init__(self, type_: type[T]) -> None:
        page_of: Any = _Page
        self._item = msgspec.json.Decoder(type_)
        self._whole = msgspec.json.Decoder(page_of[type_])
        self._raw = msgspec.json.Decoder(_Page[msgspec.Raw])
        self._copy = raw_copier(type_)

    def decode(self, body: bytes) -> tuple[PageItems[T], ListMeta]:
        """The page's items and meta; raises UnreadableAnswer if it is no list at all."""
        try:
            page = self._whole.decode(body)
        except msgspec.ValidationError:
            return self._one_by_one(body)
        except msgspec.DecodeError as error:
            raise UnreadableAnswer(f"the list is not JSON: {error}") from error
        return [self._own(item) for item in page.items or ()], page.metadata

    def decode_item(self, raw: bytes) -> T:
        """One object; raises msgspec.DecodeError if it is not of the type."""
        return self._own(self._item.decode(raw))

    def _one_by_one(self, body: bytes) -> tuple[PageItems[T], ListMeta]:
        try:
            page = self._raw.decode(body)
        except msgspec.ValidationError as error:
            raise UnreadableAnswer(f"the answer is not a list: {error}") from error
        items: PageItems[T] = []
        for raw in page.items or ():
            try:
                items.append(self.decode_item(bytes(raw)))
            except msgspec.ValidationError as error:
                items.append(_unreadable(bytes(raw), str(error)))
        return items, page.metadata

    def _own(self, item: T) -> T:
        return item if self._copy is None else self._copy(item)


def _unreadable(raw: bytes, error: str) -> Unreadable:
    try:
        return Unreadable(*identity_of_bytes(raw), error)
    except msgspec.ValidationError as broken:
        raise UnreadableAnswer(f"an item of the list has no metadata: {broken}") from broken
