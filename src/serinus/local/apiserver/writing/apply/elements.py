"""One step of a field's path as `fieldsV1` spells it: a name, the keys of an item, a value.

`f:name`, `k:{"name":"x"}`, `v:"x"`, `i:0`; and as people read it: `.name`, `[name="x"]`, `[="x"]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="sorted").encode
_decode = msgspec.json.Decoder().decode


def field_element(name: str) -> str:
    """The step to a field of an object."""
    return "f:" + name


def key_element(keys: Mapping[str, Any]) -> str:
    """The step to the item of a list whose key fields have these values."""
    return "k:" + _encode(keys).decode()


@lru_cache(maxsize=4_096)
def text_key_element(key: str, text: str) -> str:
    """`key_element` of a single key that is text, as most are."""
    return key_element({key: text})


def value_element(value: Any) -> str:
    """The step to the item of a set that is this value."""
    return "v:" + _encode(value).decode()


def canonical(element: str) -> str | None:
    """A step in our own spelling, so that equal steps are equal texts; None if of no known form.

    Raises ValueError if it has a known form but cannot be read.
    """
    form, text = element[:2], element[2:]
    match form:
        case "f:":
            return element
        case "k:":
            keys = _decode(text)
            if not isinstance(keys, dict) or not keys:
                raise ValueError(f"{element} must hold an object with the key fields")
            return key_element(keys)
        case "v:":
            return value_element(_decode(text))
        case "i:":
            return f"i:{int(text)}"
    if len(element) < 2 or element[1] != ":":
        raise ValueError(f"{element!r} is not a path element: it must begin with f:, k:, v: or i:")
    return None


def shown(element: str) -> str:
    """A step as people read it in a path."""
    form, text = element[:2], element[2:]
    if form == "f:":
        return "." + text
    if form == "k:":
        keys = _decode(text)
        return "[" + ",".join(f"{name}={_text(keys[name])}" for name in sorted(keys)) + "]"
    return f"[={_text(_decode(text))}]" if form == "v:" else f"[{text}]"


def _text(value: Any) -> str:
    return str(msgspec.json.encode(value).decode())
