"""Logs on standard error: JSON lines of a controller, for machines and for grep; sentences of `up`
and `demo`, for whoever sits before them.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

_KNOWN = frozenset(logging.LogRecord("", 0, "", 0, "", None, None).__dict__) | {
    "message",
    "taskName",
}


class JsonLines(logging.Formatter):
    """Time (of the wall), level, logger, message, then whatever the call added."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_added(record),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class Sentences(logging.Formatter):
    """`warning: reconcile failed (key: shop/web, error: ...)`: what happened, to what, and why."""

    def format(self, record: logging.LogRecord) -> str:
        added = ", ".join(f"{key}: {value}" for key, value in _added(record).items())
        said = record.getMessage() + (f" ({added})" if added else "")
        trace = f"\n{self.formatException(record.exc_info)}" if record.exc_info else ""
        return f"{record.levelname.lower()}: {said}{trace}"


def _added(record: logging.LogRecord) -> dict[str, object]:
    """What the call gave beside the message."""
    return {key: value for key, value in record.__dict__.items() if key not in _KNOWN}


def log_as_sentences(level: int = logging.WARNING) -> None:
    """Send what people have to know to standard error."""
    _send(Sentences(), level)


def log_as_json(level: int = logging.INFO) -> None:
    """Send the logs of this process to standard error."""
    _send(JsonLines(), level)


def _send(formatter: logging.Formatter, level: int) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=level, handlers=[handler], force=True)
