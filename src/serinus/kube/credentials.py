"""Who we are to a server, in request headers. Nothing here shows a secret when printed."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from serinus.base.errors import SerinusError


class CredentialsError(SerinusError):
    """Credentials that cannot be had; the text says from where and why, without them."""


class Credentials(Protocol):
    """Says who we are, in headers that may change while the process runs."""

    async def headers(self) -> Mapping[str, str]:
        """The headers to send."""
        ...

    async def renewed(self, refused: Mapping[str, str]) -> Mapping[str, str] | None:
        """What to send instead of headers that were answered by 401; None: there is nothing."""
        ...


class NoCredentials:
    """For servers that ask for none, or that know us by the certificate or the URL."""

    async def headers(self) -> Mapping[str, str]:
        return {}

    async def renewed(self, refused: Mapping[str, str]) -> Mapping[str, str] | None:
        return None


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token that does not change."""

    token: str = field(repr=False)

    async def headers(self) -> Mapping[str, str]:
        return _bearer(self.token)

    async def renewed(self, refused: Mapping[str, str]) -> Mapping[str, str] | None:
        return None


@dataclass(frozen=True, slots=True)
class Basic:
    """User name and password."""

    username: str
    password: str = field(repr=False)

    async def headers(self) -> Mapping[str, str]:
        pair = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        return {"authorization": f"Basic {pair}"}

    async def renewed(self, refused: Mapping[str, str]) -> Mapping[str, str] | None:
        return None


class TokenFile:
    """A token that somebody else renews in a file, as kubelets do for projected tokens.

    The file is looked at (not read) before each request, so a token is never used after its
    successor came; it is read when it has changed, and after a 401.
    """

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._seen: tuple[int, int, int] | None = None
        self._token = ""

    async def headers(self) -> Mapping[str, str]:
        return self._read(anyway=False)

    async def renewed(self, refused: Mapping[str, str]) -> Mapping[str, str] | None:
        return self._read(anyway=True)

    def _read(self, *, anyway: bool) -> Mapping[str, str]:
        try:
            found = self._path.stat()
            seen = (found.st_ino, found.st_mtime_ns, found.st_size)
            if anyway or seen != self._seen:
                self._token = self._path.read_text().strip()
                self._seen = seen
        except OSError as error:
            if not self._token:
                raise CredentialsError(
                    f"token file {self._path}: cannot be read: {error.strerror}"
                ) from error
        return _bearer(self._token)


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
