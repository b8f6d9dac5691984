"""Sends a provider's requests over HTTP and gives back what was answered.

All limits are wall time. Host names go through a resolver that is handed in, so that the same
metric works against DNS and against names that only this process knows.
"""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator, Mapping
from urllib.parse import quote, quote_plus

import aiohttp
import msgspec
from aiohttp.abc import AbstractResolver, ResolveResult

from serinus.base.errors import SerinusError
from serinus.core.http import BasicAuth, ClientCredentials, HttpAnswer, HttpRequest

Resolve = Callable[[str, int], Awaitable[tuple[str, int]]]
"""Host and port to the host and port to connect to; what it does not know it gives back."""
MAX_BODY_BYTES = 10_000_000


class Unanswered(SerinusError):
    """A request that got no answer: no connection, no time, too much of it."""


class _NamedResolver(AbstractResolver):
    """aiohttp's resolver over ours; what ours leaves a name goes to DNS."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._dns = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address, number = await self._resolve(host, port)
        found = await self._dns.resolve(address, number, family)
        return [ResolveResult(**{**entry, "hostname": host}) for entry in found]

    async def close(self) -> None:
        await self._dns.close()


class Asker:
    """One HTTP session, opened when first needed."""

    def __init__(self, resolve: Resolve | None = None) -> None:
        self._resolve = resolve
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: HttpRequest) -> HttpAnswer:
        """The answer, whatever its status. Raises Unanswered."""
        try:
            async with asyncio.timeout(request.timeout_seconds or None):
                return await self._sent(request)
        except TimeoutError:
            raise Unanswered(
                f"no answer from {request.url} within {request.timeout_seconds:g} s"
            ) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unanswered(f"cannot ask {request.url}: {_reason(error)}") from None

    async def close(self) -> None:
        """Ends the session; what is under way ends with an error."""
        if self._session is not None:
            await self._session.close()

    async def _sent(self, request: HttpRequest) -> HttpAnswer:
        headers = dict(request.headers)
        match request.authorization:
            case BasicAuth(username, password):
                pair = base64.b64encode(f"{username}:{password}".encode()).decode()
                headers["Authorization"] = f"Basic {pair}"
            case ClientCredentials() as credentials:
                token = await self._token(credentials, verify_tls=request.verify_tls)
                headers["Authorization"] = f"Bearer {token}"
        data = request.body if request.form is None else aiohttp.FormData(list(request.form))
        options: dict[str, ssl.SSLContext | bool] = {} if request.verify_tls else {"ssl": False}
        async with self._opened().request(
            request.method,
            request.url,
            params=list(request.query) or None,
            data=data,
            headers=headers,
            **options,  # type: ignore[arg-type]  # mypy reads any option into each parameter
        ) as response:
            body = await _limited(response)
            names = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(response.status, body, names)

    async def _token(self, credentials: ClientCredentials, *, verify_tls: bool) -> str:
        form = [("grant_type", "client_credentials")]
        if credentials.scopes:
            form.append(("scope", " ".join(credentials.scopes)))
        answer = await self._sent(
            HttpRequest(
                method="POST",
                url=credentials.token_url,
                form=tuple(form),
                authorization=BasicAuth(credentials.client_id, credentials.client_secret),
                verify_tls=verify_tls,
            )
        )
        try:
            body = msgspec.json.decode(answer.body, type=dict)
        except msgspec.DecodeError:
            body = {}
        token = body.get("access_token")
        if answer.status != 200 or not isinstance(token, str):
            said = body.get("error_description") or body.get("error") or f"HTTP {answer.status}"
            raise ValueError(f"no token from {credentials.token_url}: {said}")
        return token

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver = _NamedResolver(self._resolve) if self._resolve else None
            # names of pods change their address at any moment: no cache
            connector = aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False)
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=aiohttp.ClientTimeout(total=None)
            )
        return self._session


async def _limited(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise ValueError(f"the answer is larger than {MAX_BODY_BYTES} bytes")
    return bytes(body)


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__


def redacted(text: str, secrets: Mapping[str, str]) -> str:
    """`text` without the values of secrets, however a URL, JSON or a traceback spells them."""
    spelled = {one for value in secrets.values() for one in _spellings(value)} - {""}
    for one in sorted(spelled, key=len, reverse=True):
        text = text.replace(one, "*****")
    return text


def _spellings(value: str) -> Iterator[str]:
    for one in (value, value.strip()):
        yield from (one, repr(one)[1:-1], msgspec.json.encode(one).decode()[1:-1])
        yield from (quote(one), quote(one, safe=""), quote_plus(one))
        yield base64.b64encode(one.encode()).decode()
