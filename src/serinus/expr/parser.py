"""Tokens to a tree: the grammar of expr-lang, by operator precedence (Pratt).

Limits on depth and size make any text safe to parse and to evaluate. Knows no values.
"""

from __future__ import annotations

from serinus.expr.errors import ExprError
from serinus.expr.lexer import Kind, Token, number_value, tokenize
from serinus.expr.tree import (
    Array,
    Binary,
    Call,
    Chain,
    Conditional,
    Let,
    Literal,
    Map,
    Member,
    MethodCall,
    Name,
    Node,
    Pointer,
    Predicate,
    Sequence,
    Slice,
    Unary,
)

MAX_DEPTH = 100
MAX_NODES = 1_000

# binding strength; right-associative are ** and ^
_BINARY = {
    "|": 0, "or": 10, "||": 10, "and": 15, "&&": 15,
    "==": 20, "!=": 20, "<": 20, ">": 20, ">=": 20, "<=": 20,
    "in": 20, "matches": 20, "contains": 20, "startsWith": 20, "endsWith": 20,
    "..": 25, "+": 30, "-": 30, "*": 60, "/": 60, "%": 60, "**": 100, "^": 100, "??": 500,
}  # fmt: skip
_RIGHT = frozenset({"**", "^"})
_UNARY = {"not": 50, "!": 50, "-": 90, "+": 90}
_NEGATABLE = frozenset({"in", "matches", "contains", "startsWith", "endsWith"})
_ORDER = frozenset({"==", "!=", "<", ">", ">=", "<="})
_ALIASES = {"&&": "and", "||": "or", "!": "not", "^": "**"}
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "nil": None}

# predicate functions: how many arguments follow the collection, as (least, most);
# the first of them is the predicate
PREDICATES = {
    "all": (1, 1), "none": (1, 1), "any": (1, 1), "one": (1, 1), "filter": (1, 1),
    "map": (1, 1), "count": (0, 1), "sum": (0, 1), "find": (1, 1), "findIndex": (1, 1),
    "findLast": (1, 1), "findLastIndex": (1, 1), "groupBy": (1, 1), "sortBy": (1, 2),
    "reduce": (1, 2),
}  # fmt: skip


def parse(source: str) -> Node:
    """The tree of `source`. Raises ExprError, with the offset of what was not understood."""
    parser = _Parser(tokenize(source))
    node = parser.sequence(Kind.END, "")
    if parser.current.kind is not Kind.END:
        raise parser.unexpected()
    return node


class _Parser:
    """Where we are in the tokens, how deep, and how many nodes there are by now."""

    def __init__(self, tokens: tuple[Token, ...]) -> None:
        self.tokens = tokens
        self.position = 0
        self.depth = 0
        self.predicates = 0
        self.nodes = 0

    @property
    def current(self) -> Token:
        return self.tokens[self.position]

    def unexpected(self) -> ExprError:
        return ExprError(f"unexpected {self.current.shown()}", self.current.at)

    def take(self) -> Token:
        token = self.current
        if token.kind is not Kind.END:
            self.position += 1
        return token

    def at(self, kind: Kind, *texts: str) -> bool:
        return self.current.kind is kind and self.current.text in texts

    def accept(self, kind: Kind, *texts: str) -> bool:
        found = self.at(kind, *texts)
        if found:
            self.position += 1
        return found

    def expect(self, kind: Kind, text: str) -> None:
        if not self.accept(kind, text):
            raise ExprError(
                f"unexpected {self.current.shown()}, expected {text!r}", self.current.at
            )

    def expect_name(self) -> Token:
        if self.current.kind is not Kind.NAME:
            raise ExprError(f"unexpected {self.current.shown()}, expected a name", self.current.at)
        return self.take()

    def enter(self, levels: int = 1) -> None:
        self.depth += levels
        if self.depth > MAX_DEPTH:
            raise ExprError(f"the expression is nested deeper than {MAX_DEPTH}", self.current.at)

    def count(self, node: Node) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise ExprError(f"the expression has more than {MAX_NODES} parts", node.at)
        return node

    def sequence(self, kind: Kind, end: str) -> Node:
        """`a; b; c` up to the closing token."""
        first = self.expression(0)
        nodes = [first]
        while self.accept(Kind.OPERATOR, ";"):
            if self.at(kind, end):
                break
            nodes.append(self.expression(0))
        return first if len(nodes) == 1 else self.count(Sequence(tuple(nodes), first.at))

    def expression(self, strength: int) -> Node:
        """One expression whose operators bind at least as strongly as `strength`."""
        self.enter()
        if strength == 0 and self.at(Kind.OPERATOR, "let"):
            node = self.let()
            self.depth -= 1
            return node
        if strength == 0 and self.at(Kind.OPERATOR, "if"):
            node = self.if_else()
            self.depth -= 1
            return node
        node, levels = self.operators(self.primary(), strength)
        if strength == 0:
            node = self.ternary(node)
        self.depth -= 1 + levels
        return node

    def operators(self, left: Node, strength: int) -> tuple[Node, int]:
        """`left` with all operators that follow, and how many levels deep that became."""
        previous = ""
        levels = 0
        while self.current.kind is Kind.OPERATOR:
            token = self.current
            negate = token.text == "not"
            if negate:
                following = self.tokens[self.position + 1]
                if following.text not in _NEGATABLE or following.kind is not Kind.OPERATOR:
                    raise ExprError(f"unexpected {following.shown()} after 'not'", following.at)
                token = following
            own = _BINARY.get(token.text)
            if own is None or own < strength:
                break
            self.position += 2 if negate else 1
            self.enter()
            levels += 1
            left = self.one_operator(left, token, own, previous)
            if negate:
                left = self.count(Unary("not", left, token.at))
            previous = token.text
        return left, levels

    def one_operator(self, left: Node, token: Token, own: int, previous: str) -> Node:
        text = token.text
        if text == "|":
            return self.call(self.expect_name(), (left,))
        if previous == "??" and text != "??":
            raise ExprError(
                f"operator {text} and ?? cannot be mixed; wrap either in parentheses", token.at
            )
        if text in _ORDER:
            return self.comparison(left, token, own)
        right = self.expression(own if text in _RIGHT else own + 1)
        return self.count(Binary(_ALIASES.get(text, text), left, right, token.at))

    def comparison(self, left: Node, token: Token, own: int) -> Node:
        """`a < b`, and `a < b <= c`, which means a < b and b <= c."""
        result: Node | None = None
        while True:
            right = self.expression(own + 1)
            pair = self.count(Binary(token.text, left, right, token.at))
            result = pair if result is None else self.count(Binary("and", result, pair, token.at))
            if self.current.kind is not Kind.OPERATOR or self.current.text not in _ORDER:
                return result
            left = right
            token = self.take()

    def let(self) -> Node:
        self.take()
        name = self.expect_name()
        self.expect(Kind.OPERATOR, "=")
        value = self.expression(0)
        self.expect(Kind.OPERATOR, ";")
        body = self.expression(0)
        return self.count(Let(name.text, value, body, name.at))

    def if_else(self) -> Node:
        start = self.take()
        test = self.expression(0)
        self.expect(Kind.BRACKET, "{")
        then = self.sequence(Kind.BRACKET, "}")
        self.expect(Kind.BRACKET, "}")
        self.expect(Kind.OPERATOR, "else")
        if self.at(Kind.OPERATOR, "if"):
            otherwise = self.expression(0)
        else:
            self.expect(Kind.BRACKET, "{")
            otherwise = self.sequence(Kind.BRACKET, "}")
            self.expect(Kind.BRACKET, "}")
        return self.count(Conditional(test, then, otherwise, start.at))

    def ternary(self, test: Node) -> Node:
        while self.at(Kind.OPERATOR, "?"):
            token = self.take()
            if self.accept(Kind.OPERATOR, ":"):
                then = test
            else:
                then = self.expression(0)
                self.expect(Kind.OPERATOR, ":")
            test = self.count(Conditional(test, then, self.expression(0), token.at))
        return test

    def primary(self) -> Node:
        token = self.current
        if token.kind is Kind.OPERATOR and token.text in _UNARY:
            self.take()
            operand = self.expression(_UNARY[token.text])
            node = self.count(Unary(_ALIASES.get(token.text, token.text), operand, token.at))
            return self.postfix(node)
        if self.accept(Kind.BRACKET, "("):
            node = self.sequence(Kind.BRACKET, ")")
            self.expect(Kind.BRACKET, ")")
            return self.postfix(node)
        if self.at(Kind.OPERATOR, "#", "."):
            return self.pointer()
        if self.accept(Kind.OPERATOR, "::"):
            return self.postfix(self.call(self.expect_name(), ()))
        return self.secondary()

    def pointer(self) -> Node:
        token = self.current
        if not self.predicates:
            raise ExprError("# and .field stand only inside a predicate", token.at)
        name = ""
        if self.accept(Kind.OPERATOR, "#"):
            following = self.current
            if following.kind is Kind.NAME and following.at == token.at + 1:
                name = self.take().text
                if name not in ("acc", "index"):
                    raise ExprError(f"unknown pointer #{name}", token.at)
        return self.postfix(self.count(Pointer(name, token.at)))

    def secondary(self) -> Node:
        token = self.take()
        match token.kind:
            case Kind.NAME if token.text in _CONSTANTS:
                return self.count(Literal(_CONSTANTS[token.text], token.at))
            case Kind.NAME if self.at(Kind.BRACKET, "("):
                return self.postfix(self.call(token, ()))
            case Kind.NAME:
                return self.postfix(self.count(Name(token.text, token.at)))
            case Kind.NUMBER:
                return self.count(Literal(number_value(token), token.at))
            case Kind.STRING:
                return self.postfix(self.count(Literal(token.text, token.at)))
            case Kind.BRACKET if token.text == "[":
                items = self.listed("]")
                return self.postfix(self.count(Array(items, token.at)))
            case Kind.BRACKET if token.text == "{":
                return self.postfix(self.map_literal(token))
        raise ExprError(f"unexpected {token.shown()}", token.at)

    def listed(self, closing: str) -> tuple[Node, ...]:
        """Expressions with commas between (and perhaps one after) up to the closing bracket."""
        items: list[Node] = []
        while not self.accept(Kind.BRACKET, closing):
            if items:
                self.expect(Kind.OPERATOR, ",")
                if self.accept(Kind.BRACKET, closing):
                    break
            items.append(self.expression(0))
        return tuple(items)

    def map_literal(self, opening: Token) -> Node:
        keys: list[Node] = []
        values: list[Node] = []
        while not self.accept(Kind.BRACKET, "}"):
            if keys:
                self.expect(Kind.OPERATOR, ",")
                if self.accept(Kind.BRACKET, "}"):
                    break
            token = self.current
            if token.kind in (Kind.NUMBER, Kind.STRING, Kind.NAME):
                keys.append(self.count(Literal(self.take().text, token.at)))
            elif self.at(Kind.BRACKET, "("):
                keys.append(self.expression(0))
            else:
                raise ExprError(
                    "a map key must be a string, a number, a name or an expression in "
                    f"parentheses, not {token.shown()}",
                    token.at,
                )
            self.expect(Kind.OPERATOR, ":")
            values.append(self.expression(0))
        return self.count(Map(tuple(keys), tuple(values), opening.at))

    def call(self, name: Token, piped: tuple[Node, ...]) -> Node:
        self.expect(Kind.BRACKET, "(")
        if name.text in PREDICATES:
            arguments = self.predicate_arguments(name, piped)
        else:
            arguments = piped + self.listed(")")
        return self.count(Call(name.text, arguments, name.at))

    def predicate_arguments(self, name: Token, piped: tuple[Node, ...]) -> tuple[Node, ...]:
        least, most = PREDICATES[name.text]
        arguments = list(piped)
        while not self.accept(Kind.BRACKET, ")"):
            if len(arguments) > len(piped):
                self.expect(Kind.OPERATOR, ",")
                if self.accept(Kind.BRACKET, ")"):
                    break
            arguments.append(self.predicate() if len(arguments) == 1 else self.expression(0))
        if not least + 1 <= len(arguments) <= most + 1:
            wanted = f"{least + 1}" if least == most else f"{least + 1} or {most + 1}"
            raise ExprError(f"{name.text} takes {wanted} arguments, got {len(arguments)}", name.at)
        return tuple(arguments)

    def predicate(self) -> Node:
        start = self.current
        braces = self.accept(Kind.BRACKET, "{")
        self.predicates += 1
        node = self.sequence(Kind.BRACKET, "}") if braces else self.expression(0)
        self.predicates -= 1
        if braces:
            self.expect(Kind.BRACKET, "}")
        return self.count(Predicate(node, start.at))

    def postfix(self, node: Node) -> Node:
        """`node` with all `.name`, `?.name`, `[index]`, `[from:to]` and calls that follow."""
        levels = 0
        while True:
            token = self.current
            optional = self.at(Kind.OPERATOR, "?.")
            if optional or self.at(Kind.OPERATOR, "."):
                self.take()
                if optional and self.accept(Kind.BRACKET, "["):
                    node = self.index(node, token, optional=True)
                else:
                    node = self.dot(node, optional=optional)
            elif self.accept(Kind.BRACKET, "["):
                node = self.index(node, token, optional=False)
            else:
                self.depth -= levels
                return node
            self.enter()
            levels += 1

    def dot(self, node: Node, *, optional: bool) -> Node:
        token = self.take()
        if token.kind is not Kind.NAME and not (
            token.kind is Kind.OPERATOR and token.text.isalpha()
        ):
            raise ExprError(f"expected a name after the dot, got {token.shown()}", token.at)
        inside = node.node if isinstance(node, Chain) else node
        if self.accept(Kind.BRACKET, "("):
            arguments = self.listed(")")
            made: Node = MethodCall(inside, token.text, arguments, optional, token.at)
        else:
            made = Member(inside, Literal(token.text, token.at), optional, token.at)
        self.count(made)
        return Chain(made, token.at) if optional or isinstance(node, Chain) else made

    def index(self, node: Node, opening: Token, *, optional: bool) -> Node:
        start = None if self.at(Kind.OPERATOR, ":") else self.expression(0)
        if self.accept(Kind.OPERATOR, ":"):
            stop = None if self.at(Kind.BRACKET, "]") else self.expression(0)
            self.expect(Kind.BRACKET, "]")
            return self.count(Slice(node, start, stop, opening.at))
        self.expect(Kind.BRACKET, "]")
        assert start is not None
        made = self.count(Member(node, start, optional, opening.at))
        return Chain(made, opening.at) if optional else made
