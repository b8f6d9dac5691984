"""The transport to a real server: HTTP/1.1 over TLS or plain, by aiohttp.

Knows no Kubernetes. aiohttp is imported when the first request is sent, as its import costs more
than most commands.
"""

from __future__ import annotations

import asyncio
import io
import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from serinus.base.errors import SerinusError
from serinus.kube.credentials import Credentials, NoCredentials
from serinus.kube.errors import NoAnswer, Unauthorized
from serinus.kube.proxy import proxy_of_environment
from serinus.kube.tls import Tls
from serinus.kube.transport.pool import READ_BUFFER_BYTES, Pool
from serinus.kube.transport.wire import Request, Response, StreamResponse

if TYPE_CHECKING:
    import aiohttp

MAX_BODY_BYTES = 256 * 1024 * 1024
"""Of one answer: a page of 500 objects of the largest size that etcd takes is not near it."""
_CONNECT_SECONDS = 10.0


class HttpTransport:
    """Sends requests to `url` (scheme, host, port and an optional path prefix).

    `tls` is used for https; None means the system's trusted authorities. `proxy` is a proxy's URL;
    without it HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment hold. `headers` go with each
    request; names may repeat.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        tls: Tls | None = None,
        server_name: str | None = None,
        proxy: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._url = url.rstrip("/")
        self._credentials = credentials or NoCredentials()
        self._server_name = server_name
        self._proxy = proxy or proxy_of_environment(url, os.environ) or None
        self._headers = tuple(headers)
        self._pool = Pool(tls)

    async def send(self, request: Request) -> Response:
        async with self._open(request, request.timeout_seconds) as answer:
            try:
                body = await _read(request, answer)
            except _failures() as error:
                raise _no_answer(request, error) from error
            return Response(answer.status, _headers(answer), body)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamResponse]:
        async with self._open(request, None, request.timeout_seconds) as answer:
            yield _Stream(request, answer)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def _open(
        self, request: Request, total: float | None, head: float | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer's head; once more with renewed credentials if the first was 401."""
        with _refused(request):
            who = await self._credentials.headers()
        async with self._answer(request, total, head, who) as answer:
            if answer.status == 401:
                with _refused(request):
                    renewed = await self._credentials.renewed(who)
            if answer.status != 401 or renewed is None:
                yield answer
                return
        async with self._answer(request, total, head, renewed) as answer:
            yield answer

    @asynccontextmanager
    async def _answer(
        self, request: Request, total: float | None, head: float | None, who: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        async with self._pool.session() as session:
            answer = await self._ask(session, request, (total, head), who)
            try:
                yield answer
            finally:
                # A whole answer gives the connection back; one that was broken off must not be
                # used again.
                answer.release() if answer.content.at_eof() else answer.close()

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        request: Request,
        limits: tuple[float | None, float | None],
        who: Mapping[str, str],
    ) -> aiohttp.ClientResponse:
        import aiohttp
        from multidict import CIMultiDict
        from yarl import URL

        total, head = limits
        query = f"?{urlencode(request.query)}" if request.query else ""
        options: dict[str, Any] = (
            {"server_hostname": self._server_name} if self._server_name else {}
        )
        headers = CIMultiDict((*request.headers.items(), *self._headers, *who.items()))
        try:
            async with asyncio.timeout(head):
                return await session.request(
                    request.method,
                    URL(self._url + request.path + query, encoded=True),
                    headers=headers,
                    data=_body(request.body),
                    timeout=aiohttp.ClientTimeout(total=total, sock_connect=_CONNECT_SECONDS),
                    allow_redirects=False,
                    proxy=self._proxy,
                    **options,
                )
        except _failures() as error:
            raise _no_answer(request, error) from error


class _Stream:
    def __init__(self, request: Request, answer: aiohttp.ClientResponse) -> None:
        self._request = request
        self._answer = answer
        self.status = answer.status
        self.headers: Mapping[str, str] = _headers(answer)

    async def chunks(self) -> AsyncIterator[bytes]:
        try:
            async for chunk in self._answer.content.iter_any():
                yield chunk
        except _failures() as error:
            raise _no_answer(self._request, error) from error


def _body(body: bytes | None) -> bytes | io.BytesIO | None:
    """aiohttp wants large bodies in pieces, so that writing one does not hold up the loop."""
    return io.BytesIO(body) if body is not None and len(body) > READ_BUFFER_BYTES else body


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


@contextmanager
def _refused(request: Request) -> Iterator[None]:
    """Credentials that cannot be had are a refusal of the request."""
    try:
        yield
    except SerinusError as error:
        raise Unauthorized(401, "NoCredentials", f"{request.asked}: {error}") from error


async def _read(request: Request, answer: aiohttp.ClientResponse) -> bytes:
    """The whole body, unless it is larger than anything that a server sends in its right mind."""
    told = answer.content_length
    pieces: list[bytes] = []
    size = told or 0
    if size <= MAX_BODY_BYTES:
        size = 0
        async for piece in answer.content.iter_any():
            pieces.append(piece)
            size += len(piece)
            if size > MAX_BODY_BYTES:
                break
    if size > MAX_BODY_BYTES:
        raise NoAnswer(
            f"{request.asked}: the answer is larger than {MAX_BODY_BYTES >> 20} MiB, given up",
            sent=True,
        )
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _failures() -> tuple[type[Exception], ...]:
    import aiohttp

    return (aiohttp.ClientError, OSError, TimeoutError)


def _no_answer(request: Request, error: Exception) -> NoAnswer:
    import aiohttp

    match error:
        case aiohttp.ClientConnectorCertificateError():
            return NoAnswer(
                f"{request.asked}: the server's certificate is not trusted "
                f"({error.certificate_error}); check certificate-authority-data in the kubeconfig",
                sent=False,
            )
        case aiohttp.ClientHttpProxyError():
            text = f"{request.asked}: the proxy refused with {error.status} {error.message}"
            return NoAnswer(text, sent=False)
        case aiohttp.ClientConnectorError():
            why = error.os_error.strerror or str(error.os_error)
            text = f"{request.asked}: no connection to {error.host}:{error.port} ({why})"
            return NoAnswer(text, sent=False)
        case aiohttp.ConnectionTimeoutError():
            return NoAnswer(f"{request.asked}: no connection in {_CONNECT_SECONDS:g} s", sent=False)
        case TimeoutError():
            text = f"{request.asked}: no answer within {request.timeout_seconds or 0:g} s"
            return NoAnswer(text, sent=True)
    return NoAnswer(f"{request.asked}: the connection broke ({type(error).__name__})", sent=True)
