"""A light door to an API server: one kept connection, one request after another.

For commands that live for a tenth of a second, where the import of an asynchronous client would
cost more than the work (benchmarks/cli.py). Long-lived followers use `kube.client`.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec

from serinus import __version__
from serinus.kube.auth import Connection
from serinus.kube.credentials import NoCredentials
from serinus.kube.errors import NoAnswer, UnreadableAnswer, error_of_answer
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
        self._headers: Mapping[str, str] = {}
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
        if status == 401 and not isinstance(self._connection.credentials, NoCredentials):
            signed = self._signed(renew=True)
            status, told, data = self._send(method, target, body, {**signed, **headers})
        if status >= 400:
            raise error_of_answer(f"{method} {path}", status, data, told)
        self.date = _date(told.get("date", "")) or self.date
        return data

    def close(self) -> None:
        """End the connection."""
        if self._http is not None:
            self._http.close()

    def _signed(self, *, renew: bool = False) -> Mapping[str, str]:
        """The headers that say who asks; credentials are asked for once, and again if refused."""
        if not self._headers or renew:
            self._headers = {
                "accept": "application/json",
                "user-agent": f"serinus-cli/{__version__}",
                **_credentials(self._connection, renew),
            }
        return self._headers

    def _send(
        self, method: str, target: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, dict[str, str], bytes]:
        host = self._url.hostname
        try:
            if self._http is None:
                self._http = self._open()
            self._http.request(method, target, body, dict(headers))
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
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, data

    def _open(self) -> HTTPConnection:
        host, port, tls = self._url.hostname or "", self._url.port, self._connection.tls
        if tls is None:
            return HTTPConnection(host, port, timeout=TIMEOUT_SECONDS)
        proxy = urlsplit(self._connection.proxy or _proxy_of_environment(host))
        secure = _Https(proxy.hostname or host, proxy.port if proxy.hostname else port, tls)
        secure.server_name = self._connection.server_name or host
        if proxy.hostname:
            secure.set_tunnel(host, port or 443)
        return secure


class _Https(HTTPSConnection):
    """Lets the certificate be for another name than the address, as tls-server-name asks."""

    server_name = ""

    def __init__(self, host: str, port: int | None, tls: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=TIMEOUT_SECONDS, context=tls)
        self._tls = tls

    def connect(self) -> None:
        HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.server_name)


def _credentials(connection: Connection, renew: bool) -> Mapping[str, str]:
    if isinstance(connection.credentials, NoCredentials):
        return {}
    import asyncio

    return asyncio.run(connection.credentials.headers(renew=renew))


def _proxy_of_environment(host: str) -> str:
    from urllib.request import getproxies, proxy_bypass  # half of what the door costs to import

    return "" if proxy_bypass(host) else getproxies().get("https", "")


def _date(text: str) -> datetime | None:
    """The instant of a Date header; None if it is missing, or no date with a zone."""
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else None


def _listing_of(type_: type[T]) -> Any:
    return msgspec.defstruct("Listing", [("items", tuple[type_, ...], ())])  # type: ignore[valid-type]


def _decoded(answer: bytes, type_: Any, what: str) -> Any:
    try:
        return msgspec.json.decode(answer, type=type_, strict=False)
    except msgspec.DecodeError as error:
        raise UnreadableAnswer(f"{what} cannot be read: {error}") from error
