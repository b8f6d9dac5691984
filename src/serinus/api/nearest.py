"""Which known field someone may have meant by an unknown one: its nearest name and level."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from serinus.api.fields import fields_of, places

_INDEX = re.compile(r"\[\d+\]")


def suggestion(root: type[msgspec.Struct], level: type[msgspec.Struct], path: str) -> str:
    """The path of the known field that was probably meant by `path`, or "".

    `level` is the Struct at which the field stands. The same name at another level comes first,
    then a similar name at this level, then a similar name anywhere.
    """
    above, _, name = path.rpartition(".")
    elsewhere = places(root)
    if name in elsewhere:
        return _nearest(above, elsewhere[name])
    here = _similar(name, fields_of(level))
    if here:
        return f"{above}.{here}" if above else here
    other = _similar(name, elsewhere)
    return _nearest(above, elsewhere[other]) if other else ""


def _similar(name: str, known: Iterable[str]) -> str:
    by_key = {_key(word): word for word in known}
    found = get_close_matches(_key(name), by_key, n=1, cutoff=0.75)
    return by_key[found[0]] if found else ""


def _key(name: str) -> str:
    return re.sub(r"[_-]", "", name).lower()


def _nearest(above: str, paths: Iterable[str]) -> str:
    """The path with the shortest way from `above`; indices that both share are filled in."""
    here = _INDEX.sub("[]", above).split(".")

    def way(path: str) -> tuple[int, int]:
        parts = path.split(".")[:-1]
        shared = _shared(here, parts)
        return len(here) + len(parts) - 2 * shared, len(parts)

    found = min(paths, key=way).split(".")
    shared = _shared(here, found)
    return ".".join([*above.split(".")[:shared], *found[shared:]]) if shared else ".".join(found)


def _shared(left: list[str], right: list[str]) -> int:
    count = 0
    for one, other in zip(left, right, strict=False):
        if one != other:
            break
        count += 1
    return count
