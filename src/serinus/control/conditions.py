"""What is wrong with a metric's condition: where validation and the language meet."""

from __future__ import annotations

from serinus.expr.condition import compile_expression
from serinus.expr.errors import ExprError


def condition_problem(source: str) -> str:
    """A sentence, or "" if the condition compiles."""
    try:
        compile_expression(source)
    except ExprError as error:
        return str(error)
    return ""
