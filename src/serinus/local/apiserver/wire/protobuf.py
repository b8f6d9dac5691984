"""Kubernetes' protobuf bodies, decoded into the objects that JSON would give.

`kubectl create namespace` and its kin send them and do not fall back to JSON. Driven by a table of
facts (protobuf_fields.json, made by scripts/make_protobuf_fields.py); answers are always JSON.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from serinus.local.apiserver.errors import StatusError, bad_request

PROTOBUF = "application/vnd.kubernetes.protobuf"
_MAGIC = b"k8s\0"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEPTH_LIMIT = 50
_PACKAGES = {
    "v1": "core/v1",
    "apps/v1": "apps/v1",
    "authentication.k8s.io/v1": "authentication/v1",
    "authorization.k8s.io/v1": "authorization/v1",
    "autoscaling/v2": "autoscaling/v2",
    "batch/v1": "batch/v1",
    "coordination.k8s.io/v1": "coordination/v1",
    "discovery.k8s.io/v1": "discovery/v1",
    "networking.k8s.io/v1": "networking/v1",
    "policy/v1": "policy/v1",
}


class _Field(NamedTuple):
    """A row of the table: JSON name, kind, and its flags spelt out."""

    name: str
    kind: str
    zero_is_meant: bool
    repeated: bool
    mapped: bool
    inline: bool


class _Malformed(Exception):
    """The bytes are no message."""


def decode_protobuf(body: bytes) -> dict[str, Any]:
    """The object of a body; StatusError 415 for an unknown kind, 400 for rubbish."""
    if not body.startswith(_MAGIC):
        raise bad_request("the body does not begin like a Kubernetes protobuf message")
    try:
        kind, api_version, raw = _envelope(body[len(_MAGIC) :])
        message = _message_name(api_version, kind)
        if message not in _table():
            raise StatusError(
                415,
                "UnsupportedMediaType",
                f"{api_version} {kind} is not accepted as protobuf here; write it to a file and "
                "use kubectl create -f or kubectl apply -f, which send JSON",
            )
        value = _decode(message, raw, 0)
    except (_Malformed, IndexError, struct.error, UnicodeDecodeError) as error:
        raise bad_request(f"the protobuf body cannot be read: {error}") from error
    return {"apiVersion": api_version, "kind": kind, **value}


def _message_name(api_version: str, kind: str) -> str:
    if kind == "DeleteOptions":
        return "meta/v1.DeleteOptions"
    return f"{_PACKAGES.get(api_version, api_version)}.{kind}"


def _envelope(data: bytes) -> tuple[str, str, bytes]:
    """kind, apiVersion and the raw object of the wrapping message."""
    kind = api_version = ""
    raw = b""
    for number, value in _fields(data):
        if number == 1:
            for inner, text in _fields(_bytes(value)):
                if inner == 1:
                    api_version = _bytes(text).decode()
                elif inner == 2:
                    kind = _bytes(text).decode()
        elif number == 2:
            raw = _bytes(value)
    return kind, api_version, raw


@cache
def _table() -> dict[str, dict[int, _Field]]:
    path = files("serinus.local.apiserver.wire") / "protobuf_fields.json"
    loaded: dict[str, dict[str, str]] = msgspec.json.decode(path.read_bytes())
    return {
        message: {int(number): _read_field(text) for number, text in rows.items()}
        for message, rows in loaded.items()
    }


def _read_field(text: str) -> _Field:
    name, kind, flags = (*text.split(" "), "")[:3]
    return _Field(name, kind, "*" in flags, "[" in flags, "{" in flags, "^" in flags)


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field on the wire."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
                yield tag >> 3, value
            case 1:
                yield tag >> 3, data[at : at + 8]
                at += 8
            case 2:
                size, at = _varint(data, at)
                if at + size > len(data):
                    raise _Malformed("a field is longer than its message")
                yield tag >> 3, data[at : at + size]
                at += size
            case 5:
                yield tag >> 3, data[at : at + 4]
                at += 4
            case wire:
                raise _Malformed(f"unknown wire type {wire}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = data[at]
        value |= (byte & 127) << shift
        at += 1
        if byte < 128:
            return value, at
        shift += 7
    raise _Malformed("a number is too long")


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise _Malformed("a number stands where text is expected")
    return value


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise _Malformed("text stands where a number is expected")
    return value - 2**64 if value >= 2**63 else value


def _decode(message: str, data: bytes, depth: int) -> dict[str, Any]:
    if depth > _DEPTH_LIMIT:
        raise _Malformed("it is nested too deeply")
    known = _table()[message]
    made: dict[str, Any] = {}
    for number, raw in _fields(data):
        field = known.get(number)
        if field is None:
            continue
        if field.mapped:
            key, value = _entry(field, _bytes(raw), depth)
            made.setdefault(field.name, {})[key] = value
            continue
        value = _value(field.kind, raw, depth)
        if field.repeated:
            made.setdefault(field.name, []).append(value)
        elif field.inline and field.name == "-":
            made |= value
        elif field.zero_is_meant or value not in (None, "", 0, False, {}):
            made[field.name] = value
    return made


def _entry(field: _Field, data: bytes, depth: int) -> tuple[str, Any]:
    key, value = "", _ZEROS.get(field.kind, "")
    for number, raw in _fields(data):
        if number == 1:
            key = _bytes(raw).decode()
        elif number == 2:
            value = _value(field.kind, raw, depth)
    return key, value


def _value(kind: str, raw: int | bytes, depth: int) -> Any:
    match kind:
        case "s":
            return _bytes(raw).decode()
        case "b":
            return base64.b64encode(_bytes(raw)).decode()
        case "i":
            return _number(raw)
        case "o":
            return bool(raw)
        case "d":
            return struct.unpack("<d", _bytes(raw))[0]
        case "q":
            return next((_bytes(v).decode() for n, v in _fields(_bytes(raw)) if n == 1), "0")
        case "t":
            return _time(_bytes(raw))
        case "n":
            return _int_or_string(_bytes(raw))
        case "r":
            return _raw_json(_bytes(raw))
    return _decode(kind, _bytes(raw), depth + 1)


def _time(data: bytes) -> str | None:
    parts = {number: _number(value) for number, value in _fields(data)}
    if not parts.get(1):
        return None
    try:
        instant = _EPOCH + timedelta(seconds=parts[1], microseconds=parts.get(2, 0) // 1000)
    except OverflowError as error:
        raise _Malformed("a time is out of range") from error
    return instant.isoformat().replace("+00:00", "Z")


def _int_or_string(data: bytes) -> int | str | None:
    parts = dict(_fields(data))
    if parts.get(1):
        return _bytes(parts.get(3, b"")).decode()
    return _number(parts[2]) if parts.get(2) else 0


def _raw_json(data: bytes) -> Any:
    text = next((_bytes(value) for number, value in _fields(data) if number == 1), b"null")
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise _Malformed("an embedded value is no JSON") from error


_ZEROS: dict[str, Any] = {"i": 0, "o": False, "q": "0"}
