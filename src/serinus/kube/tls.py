"""TLS as kubeconfigs describe it, as an ssl context."""

from __future__ import annotations

import base64
import binascii
import logging
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from serinus.base.errors import SerinusError

log = logging.getLogger(__name__)


class TlsError(SerinusError):
    """A certificate or key that cannot be used; never shows its content."""


@dataclass(frozen=True, slots=True)
class Pem:
    """What the kubeconfig's field `name` gives: as base64, which wins, or as a path."""

    name: str
    data: str = field(default="", repr=False)
    path: str = ""

    def read(self) -> bytes | None:
        """Its content, None if it is not given; raises TlsError."""
        return pem(self.data, self.path, self.name)

    def seen(self) -> tuple[int, ...]:
        """Differs when the file behind it has changed."""
        if self.data or not self.path:
            return ()
        try:
            found = os.stat(self.path)
        except OSError:
            return (0,)
        return (found.st_ino, found.st_mtime_ns, found.st_size)


class Tls:
    """The context for new connections: another one once a file behind it has changed.

    Raises TlsError at first; what is broken later is logged, and the last good one stays.
    """

    def __init__(
        self, authority: Pem, certificate: Pem, key: Pem, *, insecure: bool = False
    ) -> None:
        self._files = (authority, certificate, key)
        self._insecure = insecure
        self._given: tuple[bytes, bytes] | None = None
        self._seen = self._look()
        self._context = self._made()

    def context(self) -> ssl.SSLContext:
        """The very same one as long as nothing has changed."""
        seen = self._look()
        if seen != self._seen:
            self._seen = seen
            try:
                self._context = self._made()
            except TlsError as error:
                log.warning("certificates have changed and cannot be used: %s", error)
        return self._context

    def use_certificate(self, certificate: bytes, key: bytes) -> None:
        """Show this certificate (PEM) from now on; raises TlsError, and the old one stays."""
        before, self._given = self._given, (certificate, key)
        try:
            self._context = self._made()
        except TlsError:
            self._given = before
            raise

    def _look(self) -> tuple[tuple[int, ...], ...]:
        return tuple(file.seen() for file in self._files)

    def _made(self) -> ssl.SSLContext:
        authority, certificate, key = (file.read() for file in self._files)
        context = server_context(authority, insecure=self._insecure)
        if self._given is not None:
            certificate, key = self._given
        if certificate and key:
            use_certificate(context, certificate, key)
        return context


def server_context(authority: bytes | None, *, insecure: bool = False) -> ssl.SSLContext:
    """A context that trusts `authority` (PEM), or the system's; `insecure` trusts everybody."""
    context = ssl.create_default_context()
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if authority is not None:
        try:
            context = ssl.create_default_context(cadata=authority.decode("ascii"))
        except (ssl.SSLError, UnicodeDecodeError) as error:
            raise TlsError("certificate-authority: is not a PEM certificate") from error
        # Authorities of many clusters lack extensions that OpenSSL 3 asks for in strict mode.
        context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", ssl.VerifyFlags(0))
    return context


def use_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """Shows `certificate` (PEM) to servers.

    ssl reads certificates from files only: they exist for a moment, readable by us alone.
    """
    import tempfile

    with tempfile.TemporaryDirectory(prefix="serinus-") as folder:
        paths = []
        for name, content in (("certificate", certificate), ("key", key)):
            path = Path(folder, name)
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(content)
            paths.append(str(path))
        try:
            context.load_cert_chain(*paths)
        except (ssl.SSLError, OSError) as error:
            raise TlsError(
                "client-certificate and client-key are not a matching PEM pair"
            ) from error


def pem(data: str, path: str, field: str) -> bytes | None:
    """The content of `field`, given as base64 (which wins) or as a path; None if neither is."""
    if data:
        try:
            return base64.b64decode(data, validate=True)
        except binascii.Error as error:
            raise TlsError(f"{field}-data: is not base64") from error
    if path:
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise TlsError(f"{field}: {path} cannot be read: {error.strerror}") from error
    return None
