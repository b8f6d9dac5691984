"""Refusals of the API server, as `Status` objects from which kubectl builds its messages.

Knows the wire form of an error and nothing of what caused it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from serinus.base.errors import FieldProblem, SerinusError
from serinus.local.apiserver.storing.storage import StorageError


class StatusError(SerinusError):
    """A refusal: HTTP `code`, machine-readable `reason`, message, and `details` for clients."""

    def __init__(
        self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.details = dict(details or {})
        self._tells_details = details is not None  # Kubernetes tells empty ones too, if any
        self.metadata: dict[str, Any] = {}
        self.warnings: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """The `Status` object of this refusal."""
        status: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": str(self),
            "reason": self.reason,
        }
        if self.details or self._tells_details:
            status["details"] = self.details
        return status | {"code": self.code}


def qualified(group: str, plural: str) -> str:
    """A resource as kubectl names it: `pods`, `deployments.apps`."""
    return f"{plural}.{group}" if group else plural


def _named(group: str, plural: str, name: str) -> dict[str, Any]:
    named = {"name": name} if name else {}
    return named | ({"group": group} if group else {}) | {"kind": plural}


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
    """404 for an address that the server does not serve; kubectl shows its own words for it.

    Its details are empty, not absent: `kubectl debug` panics where there are none.
    """
    return StatusError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> StatusError:
    """405; kubectl and client-go know the sentence."""
    message = "the server does not allow this method on the requested resource"
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
    return request_too_large(f"limit is {limit_bytes}")


def request_too_large(why: str) -> StatusError:
    """413: more than the server takes at once."""
    return StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {why}")


def unsupported_media_type(accepted: Iterable[str]) -> StatusError:
    """415, naming what is accepted instead."""
    message = (
        "the body of the request was in an unknown format - accepted media types include: "
        + ", ".join(accepted)
    )
    return StatusError(415, "UnsupportedMediaType", message)


def not_acceptable(offered: Iterable[str]) -> StatusError:
    """406, naming the media types that answers come in."""
    message = f"only the following media types are accepted: {', '.join(offered)}"
    return StatusError(406, "NotAcceptable", message)


def forbidden(group: str, plural: str, name: str, why: str) -> StatusError:
    """403: understood, and refused by the state of the cluster or the caller's rights."""
    named = f'{qualified(group, plural)} "{name}"' if name else qualified(group, plural)
    return StatusError(
        403, "Forbidden", f"{named} is forbidden: {why}", _named(group, plural, name)
    )


_CAUSES = {
    "Required value": "FieldValueRequired",
    "Duplicate value": "FieldValueDuplicate",
    "Unsupported value": "FieldValueNotSupported",
    "Forbidden": "FieldValueForbidden",
    "Too long": "FieldValueTooLong",
    "Too many": "FieldValueTooMany",
    "Not found": "FieldValueNotFound",
}


def _cause(problem: FieldProblem) -> dict[str, str]:
    reason = _CAUSES.get(problem.message.partition(":")[0], "FieldValueInvalid")
    return {"reason": reason, "message": problem.message, "field": problem.path}


def invalid(kind: str, group: str, name: str, problems: Iterable[FieldProblem]) -> StatusError:
    """422 with every problem of the object at once."""
    found = list(dict.fromkeys(problems))
    texts = [str(problem) for problem in found]
    listed = texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
    title = f"{kind}.{group}" if group else kind
    details: dict[str, Any] = {"name": name} if name else {}
    details |= ({"group": group} if group else {}) | ({"kind": kind} if kind else {})
    details["causes"] = [_cause(problem) for problem in found]
    return StatusError(422, "Invalid", f'{title} "{name}" is invalid: {listed}', details)


def not_stored(lost: StorageError) -> StatusError:
    """507 if there is no room for the write, else 500; nothing of it was kept."""
    if lost.full:
        return StatusError(507, "InsufficientStorage", str(lost))
    return StatusError(500, "InternalError", str(lost))
