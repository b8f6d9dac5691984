"""A step as an HTTP call: the contract of docs/step-plugins.md, as JSON over POST.

Knows neither the rollout's objects nor when to call; opens no connection of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import msgspec

from serinus.base.errors import SerinusError
from serinus.core.http import HttpAnswer, HttpRequest
from serinus.core.rollout.calls import Phase, StepAnswer, StepCall
from serinus.steps.plugin import Tools

VERSION = "1"
MOST_TIMEOUT_SECONDS = 60
_METHODS = ("POST", "PUT")


class _Config(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    """A step's `config`; `input` goes to the server as it is."""

    url: str
    method: str = "POST"
    headers: tuple[_Header, ...] = ()
    timeout_seconds: float = 10
    insecure: bool = False
    input: Any = None


class _Header(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    key: str
    value: str = ""
    value_from: _ValueFrom | None = None


class _ValueFrom(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True
):
    secret_key_ref: _SecretKeyRef


class _SecretKeyRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    key: str


class _Said(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a server answers."""

    phase: Phase
    message: str = ""
    state: Any = None
    requeue_after_seconds: float = 0.0


class HttpPlugin:
    """Stateless; see `plugin.py`."""

    def problems(self, config: Any) -> tuple[str, ...]:
        """All that is wrong with a config that can be read at all."""
        try:
            read = _read(config)
        except SerinusError as error:
            return (str(error),)
        return tuple(_problems(read))

    async def call(self, call: StepCall, tools: Tools) -> StepAnswer:
        """One request, one answer."""
        config = _read(call.config)
        if wrong := _problems(config):
            raise SerinusError("; ".join(wrong))
        headers = [("Content-Type", "application/json"), ("Idempotency-Key", call.id)]
        for header in config.headers:
            headers.append((header.key, await _value(header, tools)))
        request = HttpRequest(
            method=config.method,
            url=config.url,
            headers=tuple(headers),
            body=msgspec.json.encode(_told(call, config)).decode(),
            timeout_seconds=config.timeout_seconds,
            verify_tls=not config.insecure,
        )
        return _meant(await tools.send(request), config.url)


def _read(config: Any) -> _Config:
    try:
        return msgspec.convert(config, _Config)
    except msgspec.ValidationError as error:
        raise SerinusError(f"the config of the http plugin: {error}") from None


def _problems(config: _Config) -> list[str]:
    found = []
    parts = urlsplit(config.url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        found.append(f"url {config.url!r} is not one of http or https")
    if config.method not in _METHODS:
        found.append(f"method {config.method} is none of {', '.join(_METHODS)}")
    if not 0 < config.timeout_seconds <= MOST_TIMEOUT_SECONDS:
        found.append(f"timeoutSeconds must be above 0 and at most {MOST_TIMEOUT_SECONDS}")
    for header in config.headers:
        if bool(header.value) == (header.value_from is not None):
            found.append(f"header {header.key} needs one of value and valueFrom")
    return found


async def _value(header: _Header, tools: Tools) -> str:
    if header.value_from is None:
        return header.value
    secret = header.value_from.secret_key_ref
    return await tools.secret(secret.name, secret.key)


def _told(call: StepCall, config: _Config) -> dict[str, Any]:
    asked = call.asked
    return {
        "version": VERSION,
        "id": call.id,
        "operation": asked.operation,
        "rollout": {"namespace": call.namespace, "name": call.name, "uid": call.uid},
        "canaryHash": call.canary_hash,
        "stableHash": call.stable_hash,
        "stepIndex": asked.index,
        "attempt": asked.attempt,
        "call": asked.number,
        "input": config.input,
        "state": call.state,
    }


def _meant(answer: HttpAnswer, url: str) -> StepAnswer:
    if not 200 <= answer.status < 300:
        return _error(f"{url} answered {answer.status}: {answer.excerpt()}")
    try:
        said = msgspec.json.decode(answer.body, type=_Said)
    except msgspec.DecodeError as error:
        return _error(f"{url} answered what the contract does not know ({error}): ", answer)
    return StepAnswer(
        phase=said.phase,
        message=said.message,
        state=said.state,
        requeue_after_seconds=said.requeue_after_seconds,
    )


def _error(message: str, answer: HttpAnswer | None = None) -> StepAnswer:
    found = StepAnswer(phase=Phase.ERROR, message=message)
    return replace(found, message=message + answer.excerpt()) if answer else found
