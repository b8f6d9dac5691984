"""What an API server can refuse, as typed errors built from its Status answers.

Knows nothing of transports or of what the objects mean. Texts carry the request's method and path
(never its headers, body or the server's address, which may hold secrets).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from serinus.base.errors import SerinusError


class ApiError(SerinusError):
    """A request that the server refused. `status` is the HTTP status, 0 if there was no answer.

    `reason` is the machine-readable word of the Status (`NotFound`, `AlreadyExists`, ...),
    `details` its details (name, group, kind, causes), `retry_after_seconds` what the server asked
    us to wait.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        details: Mapping[str, Any] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.message = message
        self.details: Mapping[str, Any] = details or {}
        self.retry_after_seconds = retry_after_seconds


class BadRequest(ApiError):
    """400: the server does not understand the request."""


class Unauthorized(ApiError):
    """401: the credentials are missing, wrong or expired."""


class Forbidden(ApiError):
    """403: the credentials are good, the permission is missing."""


class NotFound(ApiError):
    """404: no such object, or no such kind (a CRD that is not installed)."""


class Conflict(ApiError):
    """409: the object has changed since it was read."""


class AlreadyExists(Conflict):
    """409 on create: an object of that name is there."""


class Gone(ApiError):
    """410: the resource version or the continue token is too old; list again."""


class Invalid(ApiError):
    """422: the object breaks its schema; `details["causes"]` names the fields."""


class TooManyRequests(ApiError):
    """429: the server is busy; it did not do what was asked."""


class Unavailable(ApiError):
    """No answer, or one of 5xx: whether the request took effect is unknown."""


class NoAnswer(Unavailable):
    """The connection failed. With `sent` False the request certainly did not reach the server."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(0, "NoAnswer", message)
        self.sent = sent


class NotLeading(NoAnswer):
    """A write that was not sent, because another process may be the leader by now."""

    def __init__(self, message: str) -> None:
        super().__init__(message, sent=False)
        self.reason = "NotLeading"


class UnreadableAnswer(SerinusError):
    """An answer that is not what it should be: no JSON, or JSON of another shape."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    422: Invalid,
    429: TooManyRequests,
}
_SHOWN_BODY_CHARACTERS = 300


LONGEST_RETRY_AFTER_SECONDS = 120.0
"""A server that asks for more is asked after this: nobody is to wait a day for a typo."""


class _Status(msgspec.Struct):
    kind: str = ""
    code: int = 0
    reason: str = ""
    message: str = ""
    details: dict[str, Any] | None = None


def is_from_the_future(error: ApiError) -> bool:
    """Whether the server has not got as far as the version that we have seen: it was restored."""
    causes = error.details.get("causes")
    reasons = [cause.get("reason") for cause in causes or () if isinstance(cause, dict)]
    return "ResourceVersionTooLarge" in reasons or "Too large resource version" in error.message


def error_of_answer(
    asked: str, status: int, body: bytes, headers: Mapping[str, str] | None = None
) -> ApiError:
    """The error for an answer of status >= 400; `asked` is `METHOD path`, for the text."""
    try:
        answer = msgspec.json.decode(body, type=_Status, strict=False)
    except msgspec.DecodeError:
        answer = _Status(message=_plain(body))
    return _error(asked, status, answer, _retry_after(headers or {}, answer))


def error_of_status(asked: str, raw: bytes) -> ApiError:
    """The error that a watch stream carries: the Status object of an ERROR event."""
    try:
        answer = msgspec.json.decode(raw, type=_Status, strict=False)
    except msgspec.DecodeError:
        answer = _Status(code=500, message=_plain(raw))
    return _error(asked, answer.code or 500, answer, _retry_after({}, answer))


def _error(asked: str, status: int, answer: _Status, retry_after: float | None) -> ApiError:
    kind = _BY_STATUS.get(status, Unavailable if status >= 500 else ApiError)
    if answer.reason == "AlreadyExists":
        kind = AlreadyExists
    reason = answer.reason or kind.__name__
    text = f"{asked}: {status} {reason}: {answer.message or 'the server gave no message'}"
    return kind(status, reason, text, answer.details, retry_after)


def _plain(body: bytes) -> str:
    text = body[:_SHOWN_BODY_CHARACTERS].decode("utf-8", "replace")
    return re.sub(r"\s+", " ", text).strip()


def _retry_after(headers: Mapping[str, str], answer: _Status) -> float | None:
    text = headers.get("retry-after", "")
    seconds = float(text) if text.isdecimal() else (answer.details or {}).get("retryAfterSeconds")
    if not isinstance(seconds, int | float) or seconds <= 0:
        return None
    return min(float(seconds), LONGEST_RETRY_AFTER_SECONDS)
