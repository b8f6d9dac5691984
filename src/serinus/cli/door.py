"""A light door to an API server: one kept connection, one request after another.

For commands that live for a tenth of a second, where the import of an asynchronous client would
cost more than the work (benchmarks/cli.py). Long-lived followers use `kube.client`.
"""

from __future__ import annotations

import os
import ssl
from base64 import b64encode
from collections.abc import Coroutine, Mapping, Sequence
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, TypeVar
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

import msgspec

from serinus import __version__
from serinus.kube.asides import ServerWarnings, date_of
from serinus.kube.auth import Connection
from serinus.kube.credentials import NoCredentials
from serinus.kube.errors import NoAnswer, UnreadableAnswer, error_of_answer
from serinus.kube.proxy import proxy_of_environment
from serinus.kube.resource import Resource

T = TypeVar("T")
TIMEOUT_SECONDS = 30.0
PATCH_TYPES = {"merge": "application/merge-patch+json", "json": "application/json-patch+json"}


class Door:
    """Requests to the server of `connection`; raises kube's ApiErrors. Not for several threads."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._url = urlsplit(connection.url)
        self._http: HTTPConnection | None = None
        self._who: Mapping[str, str] | None = None
        self._warnings = ServerWarnings()
        self.date: datetime | None = None
        """The server's time at its last answer."""

    def get(self, resource: Resource, namespace: str, name: str, type: type[T]) -> T:
        """One object."""
        answer = self.ask("GET", resource.path(namespace, name))
        found: T = _decoded(answer, type, f"{resource.kind} {namespace}/{name}")
        return found

    def list(
        self, resource: Resource, namespace: str | None, type: type[T], labels: str = ""
    ) -> tuple[T, ...]:
        """All objects of a namespace (None: of all) that carry the labels."""
        query = {"labelSelector": labels} if labels else {}
        answer = self.ask("GET", resource.path(namespace), query)
        listing: Any = _decoded(answer, _listing_of(type), f"the list of {resource.full_name}")
        items: tuple[T, ...] = listing.items
        return items

    def patch(
        self,
        path: str,
        patch: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        kind: str = "merge",
    ) -> None:
        """Patch what is at `path`; `kind` is merge or json."""
        headers = {"content-type": PATCH_TYPES[kind]}
        query = {"fieldManager": "serinus-cli"}
        self.ask("PATCH", path, query, (msgspec.json.encode(patch), headers))

    def ask(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        content: tuple[bytes, Mapping[str, str]] | None = None,
    ) -> bytes:
        """One request and its answer's body; `content` is a body and its headers.

        Credentials are renewed once if the server does not take them.
        """
        target = self._url.path.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")
        body, headers = content or (None, {})
        status, told, data = self._send(method, target, body, {**self._signed(), **headers})
        if status == 401 and self._renewed():
            self.close()  # a new certificate is shown on a new connection
            self._http = None
            status, told, data = self._send(method, target, body, {**self._signed(), **headers})
        if status >= 400:
            raise error_of_answer(f"{method} {path}", status, data, told)
        self.date = date_of(told) or self.date
        self._warnings.hear(f"{method} {path}", told)
        return data

    def close(self) -> None:
        """End the connection."""
        if self._http is not None:
            self._http.close()

    def _signed(self) -> Mapping[str, str]:
        """The headers that say who asks; credentials are asked for once."""
        if self._who is None:
            known = self._connection.credentials
            self._who = {} if isinstance(known, NoCredentials) else _told(known.headers())
        agent = f"serinus-cli/{__version__}"
        return {"accept": "application/json", "user-agent": agent, **self._who}

    def _renewed(self) -> bool:
        """Whether there are other credentials than those that were refused."""
        known = self._connection.credentials
        if isinstance(known, NoCredentials):
            return False
        renewed = _told(known.renewed(self._who or {}))
        self._who = self._who if renewed is None else renewed
        return renewed is not None

    def _send(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        host = self._url.hostname
        try:
            if self._http is None:
                self._http = self._open()
            self._put(method, target, body, [*headers.items(), *self._connection.headers])
            answer = self._http.getresponse()
            data = answer.read()
        except ssl.SSLCertVerificationError as error:
            raise NoAnswer(
                f"the certificate of {host} is not trusted: {error}", sent=False
            ) from error
        except (OSError, HTTPException) as error:
            self.close()
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise NoAnswer(
                f"no answer from the cluster at {host}:{self._url.port or 443} "
                f"({why or type(error).__name__}); is it running and reachable?",
                sent=False,
            ) from error
        names = {name.lower() for name in answer.headers}
        joined = {name: ", ".join(answer.headers.get_all(name, ())) for name in names}
        return answer.status, joined, data

    def _open(self) -> HTTPConnection:
        host, port, tls = self._url.hostname or "", self._url.port, self._connection.tls
        if tls is None:
            return HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        named = self._connection.proxy or proxy_of_environment(self._connection.url, os.environ)
        proxy, context = urlsplit(named), tls.context()
        secure = _Https(proxy.hostname or host, proxy.port if proxy.hostname else port, context)
        secure.server_name = self._connection.server_name or host
        if proxy.hostname:
            secure.set_tunnel(host, port or 443, _proxy_headers(proxy))
        return secure

    def _put(
        self, method: str, target: str, body: bytes | None, headers: Sequence[tuple[str, str]]
    ) -> None:
        """Sends a request whose headers may repeat, as those of impersonation do."""
        assert self._http is not None
        self._http.putrequest(method, target)
        for name, value in headers:
            self._http.putheader(name, value)
        if body is not None:
            self._http.putheader("content-length", str(len(body)))
        self._http.endheaders(body)


class _Https(HTTPSConnection):
    """Lets the certificate be for another name than the address, as tls-server-name asks."""

    server_name = ""

    def __init__(self, host: str, port: int | None, tls: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS, context=tls)
        self._tls = tls

    def connect(self) -> None:
        HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.server_name)


def _told(asked: Coroutine[Any, Any, T]) -> T:
    import asyncio

    return asyncio.run(asked)


def _proxy_headers(proxy: SplitResult) -> dict[str, str]:
    """The credentials in a proxy's URL, as it wants them."""
    if proxy.username is None:
        return {}
    pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"proxy-authorization": f"Basic {b64encode(pair.encode()).decode()}"}


def _listing_of(type_: type[T]) -> Any:
    return msgspec.defstruct("Listing", [("items", tuple[type_, ...], ())])  # type: ignore[valid-type]


def _decoded(answer: bytes, type_: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(answer, type=type_, strict=False)
    except msgspec.DecodeError as error:
        raise UnreadableAnswer(f"{what} cannot be read: {error}") from error
