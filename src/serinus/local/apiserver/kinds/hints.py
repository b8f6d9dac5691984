"""Which known field someone probably meant by an unknown one: a similar name, or another level.

Pure over schemas. Asked only when something is wrong, so it may look far.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from difflib import get_close_matches

from serinus.local.apiserver.kinds.schema import Node, Schema

_SEEN_LIMIT = 4_000
_INDEX = re.compile(r"\[\d+\]")


def hint(schema: Schema, path: str) -> str:
    """` (did you mean "spec.replicas"?)` for an unknown field, or empty text.

    A similar name beside it comes first, then the same name at the nearest other level.
    """
    above, _, name = path.rpartition(".")
    near = get_close_matches(name, list(schema.fields(_steps(above))), n=1, cutoff=0.75)
    beside = f"{above}.{near[0]}".lstrip(".") if near else ""
    meant = beside or _elsewhere(schema, name)
    return f' (did you mean "{meant}"?)' if meant else ""


def _steps(path: str) -> tuple[str, ...]:
    plain = _INDEX.sub("", path)
    return tuple(plain.split(".")) if plain else ()


def _elsewhere(schema: Schema, name: str) -> str:
    """The shortest path that ends in `name`; metadata and status are not searched."""
    waiting: deque[tuple[str, Node]] = deque([("", schema.root)])
    for _ in range(_SEEN_LIMIT):
        if not waiting:
            break
        path, node = waiting.popleft()
        node = schema.resolve(node)
        for field, child in (node.get("properties") or {}).items():
            if not path and field in ("metadata", "status"):
                continue
            if field == name:
                return f"{path}{field}"
            waiting.append((f"{path}{field}.", child))
        if isinstance(items := node.get("items"), Mapping):
            waiting.append((f"{path.removesuffix('.')}[].", items))
    return ""
