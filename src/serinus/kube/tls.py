"""TLS as kubeconfigs describe it, as an ssl context."""

from __future__ import annotations

import base64
import binascii
import os
import ssl
from pathlib import Path

from serinus.base.errors import SerinusError


class TlsError(SerinusError):
    """A certificate or key that cannot be used; never shows its content."""


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
    """Shows `certificate` (PEM) to servers; a later call replaces it for new connections.

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
