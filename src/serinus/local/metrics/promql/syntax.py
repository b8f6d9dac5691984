"""The text of a query -> the tree of the promql-parser library, within limits.

The library is compiled code that recurses: what is nested too deeply would end the process, so it
is counted here first. Knows no meaning of any node.
"""

from __future__ import annotations

import re

import promql_parser
from promql_parser import Expr

from serinus.local.metrics.promql.values import BadQuery

LENGTH_LIMIT = 16_384
DEPTH_LIMIT = 200
_TOKEN = re.compile(
    r"""(?P<raw>`[^`]*`)|(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|(?P<comment>\#[^\n]*)"""
    r"""|(?P<deep>[-+*/%^(\[]|[<>=!]=|[<>]|\b(?:and|or|unless|atan2)\b)""",
    re.VERBOSE,
)


def parse_query(text: str) -> Expr:
    """The tree of `text`; raises BadQuery with the library's own words about what is wrong."""
    if len(text) > LENGTH_LIMIT:
        raise BadQuery(f"the query has {len(text)} characters; the limit is {LENGTH_LIMIT}")
    if not text.strip():
        raise BadQuery("the query is empty")
    count = sum(1 for token in _TOKEN.finditer(text) if token["deep"])
    if count > DEPTH_LIMIT:
        raise BadQuery(f"the query has {count} operators and brackets; the limit is {DEPTH_LIMIT}")
    try:
        parsed: Expr = promql_parser.parse(_TOKEN.sub(_rewritten, text))
    except ValueError as error:
        raise BadQuery(f"parse error: {error}") from error
    return parsed


def _rewritten(token: re.Match[str]) -> str:
    """A raw string in backticks as a quoted one: the library unescapes both alike."""
    if not token["raw"]:
        return token[0]
    body = token["raw"][1:-1].replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{body}"'
