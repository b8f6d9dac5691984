"""What passes between the client and a server: requests, answers, streams.

The one place where the world underneath is swapped. Knows no Kubernetes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `path` is quoted and begins with `/`; `query` is not quoted yet.

    `timeout_seconds` (of the wall) bounds a whole `send`, but of a `stream` only the wait for
    status and headers; None waits for ever.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    timeout_seconds: float | None = 30.0

    @property
    def asked(self) -> str:
        """Method and path, for messages: without query and headers, which may hold secrets."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer; header names are in lower case, repeated ones joined by `, `."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class StreamResponse(Protocol):
    """An answer whose body comes in pieces, cut anywhere."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]:
        """The body's pieces until it ends; raises NoAnswer if the connection breaks before."""
        ...


class Transport(Protocol):
    """Carries requests. Raises `errors.NoAnswer` where there is no complete answer."""

    async def send(self, request: Request) -> Response:
        """The whole answer, whatever its status."""
        ...

    def stream(self, request: Request) -> AbstractAsyncContextManager[StreamResponse]:
        """The answer as it comes; leaving the context closes the connection."""
        ...

    async def close(self) -> None:
        """Frees connections and tasks; the transport is not used after that."""
        ...
