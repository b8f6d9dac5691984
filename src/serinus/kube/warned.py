"""What a server warns of in an answer that it gives all the same (RFC 9111, field `Warning`).

An API server names unknown fields so, which it then drops, and what admission thinks. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_ONE = re.compile(r'\b299 \S+ "((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\(.)")


def warnings_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The texts of all warnings, each once; header names are in lower case, as in a Response."""
    found = _ONE.findall(headers.get("warning", ""))
    return tuple(dict.fromkeys(_ESCAPED.sub(r"\1", text) for text in found))
