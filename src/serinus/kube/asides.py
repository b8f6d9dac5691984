"""What a server says beside its answers: its time, and warnings (deprecated kinds, unknown fields).

Knows no Kubernetes beyond the headers' forms (RFC 7231 and 7234).
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

log = logging.getLogger(__name__)
_REMEMBERED = 256
_HEADER = re.compile(r'299 \S+ "((?:[^"\\]|\\.)*)"')


class ServerWarnings:
    """Logs each text once; beyond so many different ones nothing more is told."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def hear(self, asked: str, headers: Mapping[str, str]) -> None:
        """`asked` is the request that was answered with these headers."""
        for text in texts(headers):
            if text not in self._told and len(self._told) < _REMEMBERED:
                self._told.add(text)
                log.warning("%s: the server warns: %s", asked, text)


def texts(headers: Mapping[str, str]) -> Iterator[str]:
    """The texts of all Warning headers (joined by commas, as `wire` gives them)."""
    for quoted in _HEADER.findall(headers.get("warning", "")):
        yield re.sub(r"\\(.)", r"\1", quoted)


def date_of(headers: Mapping[str, str]) -> datetime | None:
    """The instant of the Date header; None if it is missing, or no date with a zone."""
    try:
        date = parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
    return date if date.tzinfo else None
