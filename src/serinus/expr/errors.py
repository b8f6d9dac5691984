"""What can be wrong with an expression. Knows no grammar and no values."""

from __future__ import annotations

from serinus.base.errors import SerinusError


class ExprError(SerinusError):
    """An expression that cannot be read or evaluated; the text tells what and where.

    `at` is the offset in the source in characters, -1 if no place is known.
    """

    def __init__(self, message: str, at: int = -1) -> None:
        super().__init__(message)
        self.message = message
        self.at = at


def located(error: ExprError, source: str) -> ExprError:
    """The same error with `(line:column)` in its text, counted from 1 and 1."""
    if error.at < 0:
        return error
    before = source[: error.at]
    line = before.count("\n") + 1
    column = error.at - (before.rfind("\n") + 1) + 1
    return ExprError(f"{error.message} ({line}:{column})")
