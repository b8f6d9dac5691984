"""Asks webhooks over HTTP: one after the other where they change the object, else all at once.

Knows the loopback: a Service leads to the port of one of its ready pods, and `http` is allowed
there, where Kubernetes wants `https` always.
"""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import msgspec

from serinus.base.errors import SerinusError
from serinus.local.apiserver.errors import StatusError
from serinus.local.apiserver.kinds.webhook_configurations import MUTATING
from serinus.local.apiserver.webhooks.configured import Webhook
from serinus.local.apiserver.webhooks.gate import Gate, Question
from serinus.local.apiserver.webhooks.review import (
    Asked,
    Ruling,
    UnreadableReview,
    not_asked,
    patched,
    question,
    ruling,
)

log = logging.getLogger(__name__)
Address = tuple[str, int]
Object = Mapping[str, Any]
ANSWER_LIMIT_BYTES = 3 * 1024 * 1024


class WebhookAsker:
    """Sends questions and reads answers; `resolve` says where a Service's name leads."""

    def __init__(self, new_uid: Callable[[], str]) -> None:
        self.resolve: Callable[[str, int], Address] = lambda host, port: (host, port)
        self._new_uid = new_uid
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, gate: Gate, asked: Question) -> Object | None:
        """The object as the webhooks leave it; StatusError if one denies or cannot be asked."""
        if asked.sort == MUTATING and asked.value is not None:
            return await self._changed(gate, asked, dict(asked.value))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._settled(gate, webhook, asked, asked.value))
                for webhook in asked.webhooks
            ]
        for task in tasks:
            found = task.result()
            if isinstance(found, StatusError):
                raise found
            gate.warnings += found.warnings
        return asked.value

    async def _changed(self, gate: Gate, asked: Question, value: dict[str, Any]) -> Object:
        seen: dict[int, Object] = {}
        for place, webhook in enumerate(asked.webhooks):
            value = seen[place] = await self._applied(gate, webhook, asked, value)
        for place, webhook in enumerate(asked.webhooks):
            if webhook.again and seen[place] != value:
                value = await self._applied(gate, webhook, asked, value)
        return value

    async def _applied(
        self, gate: Gate, webhook: Webhook, asked: Question, value: dict[str, Any]
    ) -> dict[str, Any]:
        found = await self._settled(gate, webhook, asked, value)
        if isinstance(found, StatusError):
            raise found
        gate.warnings += found.warnings
        try:
            return patched(webhook, value, found)
        except UnreadableReview as error:
            if webhook.tolerated:
                return value
            raise not_asked(webhook, error) from error

    async def _settled(
        self, gate: Gate, webhook: Webhook, asked: Question, value: Object | None
    ) -> Ruling | StatusError:
        """A webhook's ruling, its denial, or the refusal because it could not be asked."""
        if asked.subject.dry_run and webhook.has_side_effects:
            text = f"admission webhook {webhook.name!r} does not support dry run"
            return StatusError(400, "BadRequest", text)
        uid = self._new_uid()
        by = Asked(gate.caller, uid)
        body = msgspec.json.encode(question(webhook, asked.subject, by, value, asked.old))
        try:
            async with asyncio.timeout(webhook.timeout_seconds):
                return ruling(webhook, uid, await self._post(webhook, body))
        except StatusError as denial:
            return denial
        except (aiohttp.ClientError, SerinusError, OSError, ValueError) as error:
            failure = error if str(error) else TimeoutError("context deadline exceeded")
            if webhook.tolerated:
                log.warning("%s", not_asked(webhook, failure))
                return Ruling()
            return not_asked(webhook, failure)

    async def _post(self, webhook: Webhook, body: bytes) -> bytes:
        config = webhook.fields.get("clientConfig") or {}
        url, server_name = self._address(config)
        if self._session is None:
            self._session = aiohttp.ClientSession(trust_env=False)
        asked = self._session.post(
            url,
            data=body,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            ssl=_trust(config) if url.startswith("https:") else True,
            server_hostname=server_name if url.startswith("https:") else None,
            params={"timeout": f"{webhook.timeout_seconds:g}s"},
            allow_redirects=False,
        )
        try:
            async with asked as answer:
                text = await answer.content.read(ANSWER_LIMIT_BYTES)
        except aiohttp.ClientConnectorError as error:
            where = f'Post "{url}": dial tcp {error.host}:{error.port}: connect'
            reason = os.strerror(error.os_error.errno or 0).lower()
            raise UnreadableReview(f"{where}: {reason}") from error
        if answer.status != 200:
            raise UnreadableReview(f'Post "{url}": it answered with status {answer.status}')
        return text

    def _address(self, config: Object) -> tuple[str, str | None]:
        """The URL to post to, and the name that a certificate must have."""
        service = config.get("service")
        if not service:
            url = str(config.get("url") or "")
            return url, urlsplit(url).hostname
        name = f"{service['name']}.{service['namespace']}.svc"
        host, port = self.resolve(name, int(service.get("port") or 443))
        scheme = "https" if config.get("caBundle") else "http"
        path = str(service.get("path") or "/").lstrip("/")
        return f"{scheme}://{host}:{port}/{path}", name

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _trust(config: Object) -> ssl.SSLContext:
    bundle = config.get("caBundle")
    return ssl.create_default_context(cadata=b64decode(bundle).decode() if bundle else None)
