"""The transport to a real server: HTTP/1.1 over TLS or plain, by aiohttp.

Knows no Kubernetes. aiohttp is imported when the first request is sent, as its import costs more
than most commands.
"""

from __future__ import annotations

import asyncio
import io
import socket
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

from serinus.base.errors import SerinusError
from serinus.kube.credentials import Credentials, NoCredentials
from serinus.kube.errors import NoAnswer, Unauthorized
from serinus.kube.transport.wire import Request, Response, StreamResponse

if TYPE_CHECKING:
    import aiohttp

_CONNECT_SECONDS = 10.0
_IDLE_CONNECTION_SECONDS = 60.0
_READ_BUFFER_BYTES = 256 * 1024
# A dead peer (pulled cable, lost node) is noticed after about 30 + 3 x 10 seconds.
_KEEPALIVE_OPTIONS = (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3))


class HttpTransport:
    """Sends requests to `url` (scheme, host, port and an optional path prefix).

    `tls` is used for https; None means the system's trusted authorities. `proxy` is a proxy's URL;
    without it HTTPS_PROXY and NO_PROXY of the environment hold for https.
    """

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
        proxy: str | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._credentials = credentials or NoCredentials()
        self._tls = tls
        self._server_name = server_name
        self._proxy = proxy or _proxy_of_environment(url)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        async with self._open(request, request.timeout_seconds) as answer:
            try:
                body = await answer.read()
            except _failures() as error:
                raise _no_answer(request, error) from error
            return Response(answer.status, _headers(answer), body)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[StreamResponse]:
        async with self._open(request, None, request.timeout_seconds) as answer:
            yield _Stream(request, answer)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def _open(
        self, request: Request, total: float | None, head: float | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer's head; once more with renewed credentials if the first was 401."""
        answer = await self._ask(request, total, head, await self._who(request))
        if answer.status == 401:
            renewed = await self._who(request, renew=True)
            if renewed:
                answer.release()
                answer = await self._ask(request, total, head, renewed)
        try:
            yield answer
        finally:
            # A whole answer gives the connection back; a broken off one must not be used again.
            answer.release() if answer.content.at_eof() else answer.close()

    async def _who(self, request: Request, *, renew: bool = False) -> Mapping[str, str]:
        try:
            return await self._credentials.headers(renew=renew)
        except SerinusError as error:
            raise Unauthorized(401, "NoCredentials", f"{request.asked}: {error}") from error

    async def _ask(
        self, request: Request, total: float | None, head: float | None, who: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        import aiohttp
        from yarl import URL

        query = f"?{urlencode(request.query)}" if request.query else ""
        options: dict[str, Any] = (
            {"server_hostname": self._server_name} if self._server_name else {}
        )
        try:
            async with asyncio.timeout(head):
                return await self._connected().request(
                    request.method,
                    URL(self._url + request.path + query, encoded=True),
                    headers={**request.headers, **who},
                    data=_body(request.body),
                    timeout=aiohttp.ClientTimeout(total=total, sock_connect=_CONNECT_SECONDS),
                    allow_redirects=False,
                    proxy=self._proxy,
                    **options,
                )
        except _failures() as error:
            raise _no_answer(request, error) from error

    def _connected(self) -> aiohttp.ClientSession:
        import aiohttp

        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=0,
                ssl=self._tls or True,
                keepalive_timeout=_IDLE_CONNECTION_SECONDS,
                socket_factory=_socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                read_bufsize=_READ_BUFFER_BYTES,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity"},
            )
        return self._session


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
    return io.BytesIO(body) if body is not None and len(body) > _READ_BUFFER_BYTES else body


def _headers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in answer.headers.items():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers


def _socket(address: tuple[Any, ...]) -> socket.socket:
    family, kind, protocol = address[0], address[1], address[2]
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE_OPTIONS:
        if hasattr(socket, name):  # not every system has them
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made


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


def _proxy_of_environment(url: str) -> str | None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return None
    if parts.hostname in ("localhost", "127.0.0.1", "::1"):
        return None
    return None if proxy_bypass(parts.netloc.rpartition("@")[2]) else getproxies().get("https")
