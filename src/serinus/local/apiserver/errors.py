"""Refusals of the API server, as `Status` objects from which kubectl builds its messages.

Knows the wire form of an error and nothing of what caused it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from serinus.base.errors import FieldProblem, SerinusError


class StatusError(SerinusError):
    """A refusal: HTTP `code`, machine-readable `reason`, message, and `details` for clients."""

    def __init__(
        self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = dict(details or {})

    def body(self) -> dict[str, Any]:
        """The `Status` object of this refusal."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
        }
        if self.details:
            status["details"] = self.details
        return status | {"code": self.code}


def qualified(group: str, plural: str) -> str:
    """A resource as kubectl names it: `pods`, `deployments.apps`."""
    return f"{plural}.{group}" if group else plural


def _named(group: str, plural: str, name: str) -> dict[str, Any]:
    return {"name": name, "kind": plural} | ({"group": group} if group else {})


def bad_request(message: str) -> StatusError:
    """400: the request itself cannot be understood."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """401: no known caller stands behind this address or token."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def not_found(group: str, plural: str, name: str) -> StatusError:
    """404 for an object."""
    message = f'{qualified(group, plural)} "{name}" not found'
    return StatusError(404, "NotFound", message, _named(group, plural, name))


def no_such_page() -> StatusError:
    """404 for an address that the server does not serve; kubectl shows its own words for it."""
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def method_not_allowed(method: str, where: str) -> StatusError:
    """405, naming the verb and the resource."""
    message = f"{method} is not supported on {where}"
    return StatusError(405, "MethodNotAllowed", message)


def already_exists(group: str, plural: str, name: str) -> StatusError:
    """409 for a create of what is there."""
    message = f'{qualified(group, plural)} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, _named(group, plural, name))


def conflict(group: str, plural: str, name: str, why: str = "") -> StatusError:
    """409 for a write that was decided on another version of the object."""
    cause = why or (
        "the object has been modified; please apply your changes to the latest version "
        "and try again"
    )
    message = f'Operation cannot be fulfilled on {qualified(group, plural)} "{name}": {cause}'
    return StatusError(409, "Conflict", message, _named(group, plural, name))


def expired(message: str) -> StatusError:
    """410: the version asked for is no longer in the history; list again."""
    return StatusError(410, "Expired", message)


def too_large(limit_bytes: int) -> StatusError:
    """413: the body is over the limit."""
    message = f"Request entity too large: limit is {limit_bytes} bytes"
    return StatusError(413, "RequestEntityTooLarge", message)


def unsupported_media_type(message: str) -> StatusError:
    """415, with a sentence that says what is accepted instead."""
    return StatusError(415, "UnsupportedMediaType", message)


def forbidden(group: str, plural: str, name: str, why: str) -> StatusError:
    """403: understood, and refused by the state of the cluster."""
    message = f'{qualified(group, plural)} "{name}" is forbidden: {why}'
    return StatusError(403, "Forbidden", message, _named(group, plural, name))


def invalid(
    kind: str, group: str, name: str, problems: Iterable[FieldProblem], reason: str = ""
) -> StatusError:
    """422 with every problem of the object at once; `reason` is the machine word per cause."""
    found = list(problems)
    texts = [str(problem) for problem in found]
    listed = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    title = f"{kind}.{group}" if group else kind
    details: dict[str, Any] = {"name": name, "kind": kind} | ({"group": group} if group else {})
    details["causes"] = [
        {"reason": reason or "FieldValueInvalid", "message": problem.message, "field": problem.path}
        for problem in found
    ]
    return StatusError(422, "Invalid", f'{title} "{name}" is invalid: {listed}', details)
