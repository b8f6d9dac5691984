"""Text of an expression to tokens, as expr-lang cuts it. Knows no grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from serinus.expr.errors import ExprError

MAX_SOURCE_CHARACTERS = 10_000

WORD_OPERATORS = frozenset(
    {"not", "in", "or", "and", "matches", "contains", "startsWith", "endsWith"}
    | {"let", "if", "else"}
)


class Kind(Enum):
    """What a token is; brackets are symbols of their own so that a text never looks like one."""

    NAME = "name"
    NUMBER = "number"
    STRING = "string"
    OPERATOR = "operator"
    BRACKET = "bracket"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """`text` is the spelling, for strings the value; `at` the offset in the source."""

    kind: Kind
    text: str
    at: int

    def shown(self) -> str:
        """As error messages name it."""
        return "end of expression" if self.kind is Kind.END else f"{self.kind.value} {self.text!r}"


_TOKEN = re.compile(
    r"""
      (?P<space>[ \t\r\n\f\v\u0085\u00a0]+ | //[^\n]* | /\*.*?\*/)
    | (?P<open_comment>/\*)
    | (?P<number>
          0[xX][0-9a-fA-F_]+ | 0[oO][0-7_]+ | 0[bB][01_]+
        | (?:[0-9][0-9_]*(?:\.(?!\.)[0-9_]*)? | \.[0-9][0-9_]*)(?:[eE][+-]?[0-9_]+)?
      )
    | (?P<raw>`(?:[^`]|``)*`)
    | (?P<string>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*')
    | (?P<name>[^\W\d][\w$]* | \$[\w$]*)
    | (?P<bracket>[()\[\]{}])
    | (?P<operator>\?\. | \?\? | \|\| | && | == | != | <= | >= | \*\* | \.\. | ::
        | [-+*/%^<>!?:|.,;=\#])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(
    r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))", re.DOTALL
)
_SIMPLE_ESCAPES = {
    "a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v",
    "\\": "\\", "'": "'", '"': '"', "`": "`", "?": "?",
}  # fmt: skip


def tokenize(source: str) -> tuple[Token, ...]:
    """All tokens of `source`, the last one of kind END. Raises ExprError."""
    if len(source) > MAX_SOURCE_CHARACTERS:
        raise ExprError(
            f"the expression has {len(source)} characters, more than {MAX_SOURCE_CHARACTERS}"
        )
    tokens: list[Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise _unreadable(source, at)
        group, text = match.lastgroup, match.group()
        end = match.end()
        if group == "open_comment":
            raise ExprError("unclosed comment", at)
        if (
            group == "number"
            and end < len(source)
            and (source[end].isalnum() or source[end] in "_$")
        ):
            raise ExprError(f"bad number syntax: {source[at : end + 1]!r}", at)
        if group is not None and group != "space":
            tokens.append(_token(group, text, at))
        at = end
    tokens.append(Token(Kind.END, "", len(source)))
    return tuple(tokens)


def _unreadable(source: str, at: int) -> ExprError:
    if source[at] in "\"'`":
        return ExprError("a string is not closed", at)
    if source[at] == "&":
        return ExprError("unexpected '&'; write && or and", at)
    return ExprError(f"unexpected character {source[at]!r}", at)


def _token(group: str, text: str, at: int) -> Token:
    match group:
        case "name":
            kind = Kind.OPERATOR if text in WORD_OPERATORS else Kind.NAME
            return Token(kind, text, at)
        case "raw":
            return Token(Kind.STRING, text[1:-1].replace("``", "`"), at)
        case "string":
            return Token(Kind.STRING, _unescape(text[1:-1], at), at)
        case _:
            return Token(Kind(group), text, at)


def _unescape(body: str, at: int) -> str:
    def replaced(match: re.Match[str]) -> str:
        hexadecimal = match.group(1) or match.group(2) or match.group(3)
        if hexadecimal or match.group(4):
            code = int(hexadecimal, 16) if hexadecimal else int(match.group(4), 8)
            if code > 0x10FFFF or 0xD800 <= code < 0xE000:
                raise ExprError(f"invalid character code in string: {match.group()}", at)
            return chr(code)
        simple = _SIMPLE_ESCAPES.get(match.group(5))
        if simple is None:
            raise ExprError(f"invalid escape in string: {match.group()}", at)
        return simple

    return _ESCAPE.sub(replaced, body)


def number_value(token: Token) -> int | float:
    """What a number token says: whole, or a float if it has a point or an exponent."""
    text = token.text.replace("_", "")
    lowered = text.lower()
    try:
        if lowered.startswith(("0x", "0o", "0b")):
            value: int | float = int(text, 0)
        elif "." in lowered or "e" in lowered:
            value = float(text)
        else:
            value = int(text)
    except ValueError:
        raise ExprError(f"bad number syntax: {token.text!r}", token.at) from None
    if (isinstance(value, int) and value >= 2**63) or value == float("inf"):
        raise ExprError(f"the number {token.text} is too large", token.at)
    return value
