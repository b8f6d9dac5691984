"""A tree to one closure `run(frame)`; all names and argument counts are checked here, once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from serinus.expr import gotime, tree, values
from serinus.expr.arrays import COLLECTIONS, map_key
from serinus.expr.errors import ExprError
from serinus.expr.frame import Frame, Run
from serinus.expr.functions import BUILTINS, Builtin
from serinus.expr.predicates import LOOPS, Loop
from serinus.expr.regex import compile_pattern
from serinus.expr.values import kind

FUNCTIONS: Mapping[str, Builtin] = {**BUILTINS, **COLLECTIONS}
_METHODS = {
    "time": gotime.TIME_METHODS,
    "duration": gotime.DURATION_METHODS,
    "timezone": gotime.ZONE_METHODS,
}


class _Ended:
    """What a `?.` that met nil gives to the rest of its chain."""


_ENDED = _Ended()


class Compiler:
    """Knows the names that are given, and hands out slots for `let` and predicates."""

    def __init__(self, names: frozenset[str], functions: Mapping[str, Builtin]) -> None:
        self.names = names
        self.functions = functions
        self.slots = 0
        self.scope: dict[str, int] = {}
        self.pointer = -1

    def compile(self, node: tree.Node) -> Run:
        """The closure of `node`. Raises ExprError, with the place in the source."""
        try:
            return self._located(self._compile(node), node)
        except ExprError as error:
            raise error if error.at >= 0 else ExprError(error.message, node.at) from None

    def _located(self, run: Run, node: tree.Node) -> Run:
        """`run` whose errors carry the place of `node`, if they have none yet."""
        if isinstance(node, tree.Literal | tree.Name | tree.Pointer):
            return run

        def located(frame: Frame) -> Any:
            try:
                return run(frame)
            except ExprError as error:
                if error.at >= 0:
                    raise
                raise ExprError(error.message, node.at) from None

        return located

    def _compile(self, node: tree.Node) -> Run:
        match node:
            case tree.Literal(value):
                return lambda frame: value
            case tree.Name():
                return self._name(node)
            case tree.Pointer(name):
                slot = self.pointer + {"": 0, "acc": 1, "index": 2}[name]
                return lambda frame: frame.slots[slot]
            case tree.Unary():
                return self._unary(node)
            case tree.Binary():
                return self._binary(node)
            case tree.Chain(inside):
                return _ending(self.compile(inside))
            case tree.Member():
                return self._member(node)
            case tree.MethodCall():
                return self._method(node)
            case tree.Slice(inside, start, stop):
                return _slicing(self.compile(inside), self._maybe(start), self._maybe(stop))
            case tree.Call():
                return self._loop(node) if node.name in LOOPS else self._call(node)
            case _:
                return self._structure(node)

    def _structure(self, node: tree.Node) -> Run:
        match node:
            case tree.Let(name, value, body):
                return self._let(name, self.compile(value), body)
            case tree.Sequence(nodes):
                runs = [self.compile(part) for part in nodes]
                return lambda frame: [run(frame) for run in runs][-1]
            case tree.Conditional(test, then, otherwise):
                return _choosing(*map(self.compile, (test, then, otherwise)))
            case tree.Array(nodes):
                runs = [self.compile(part) for part in nodes]
                return lambda frame: [run(frame) for run in runs]
            case tree.Map(keys, items):
                pairs = list(zip(map(self.compile, keys), map(self.compile, items), strict=True))
                return lambda frame: {map_key(k(frame)): v(frame) for k, v in pairs}
        raise ExprError("a predicate stands only as an argument", node.at)

    def _maybe(self, node: tree.Node | None) -> Run | None:
        return None if node is None else self.compile(node)

    def _name(self, node: tree.Name) -> Run:
        name = node.name
        if name in self.scope:
            slot = self.scope[name]
            return lambda frame: frame.slots[slot]
        if name == "$env":
            return lambda frame: dict(frame.env)
        if name in self.names:
            return lambda frame: frame.env[name]
        if name in FUNCTIONS or name in self.functions or name in LOOPS:
            raise ExprError(f"{name} is a function; call it as {name}(...)", node.at)
        known = ", ".join(sorted(self.names | self.scope.keys())) or "none"
        raise ExprError(f"unknown name {name} (known: {known})", node.at)

    def _let(self, name: str, value: Run, body: tree.Node) -> Run:
        if name in self.names or name in FUNCTIONS or name in self.functions or name in LOOPS:
            raise ExprError(f"cannot redeclare {name}")
        if name in self.scope:
            raise ExprError(f"cannot redeclare variable {name}")
        slot, self.slots = self.slots, self.slots + 1
        self.scope[name] = slot
        run = self.compile(body)
        del self.scope[name]

        def let(frame: Frame) -> Any:
            frame.slots[slot] = value(frame)
            return run(frame)

        return let

    def _unary(self, node: tree.Unary) -> Run:
        operand = self.compile(node.operand)
        if node.operator == "not":
            return lambda frame: not _bool(operand(frame), "not")
        work = values.negate if node.operator == "-" else values.plus
        return lambda frame: work(operand(frame))

    def _binary(self, node: tree.Binary) -> Run:
        left, right = self.compile(node.left), self.compile(node.right)
        match node.operator:
            case "and":
                return lambda frame: _bool(left(frame), "and") and _bool(right(frame), "and")
            case "or":
                return lambda frame: _bool(left(frame), "or") or _bool(right(frame), "or")
            case "??":
                return lambda frame: right(frame) if (v := left(frame)) is None else v
            case "matches":
                if isinstance(node.right, tree.Literal) and isinstance(node.right.value, str):
                    compile_pattern(node.right.value)
        work = _BINARY[node.operator]
        return lambda frame: work(frame, left(frame), right(frame))

    def _member(self, node: tree.Member) -> Run:
        base, key, optional = self.compile(node.node), self.compile(node.key), node.optional

        def member(frame: Frame) -> Any:
            value = base(frame)
            if value is _ENDED or (optional and value is None):
                return _ENDED
            return values.fetch(value, key(frame))

        return member

    def _method(self, node: tree.MethodCall) -> Run:
        base, name, optional = self.compile(node.node), node.method, node.optional
        arguments = [self.compile(argument) for argument in node.arguments]

        def method(frame: Frame) -> Any:
            value = base(frame)
            if value is _ENDED or (optional and value is None):
                return _ENDED
            found = _METHODS.get(kind(value), {}).get(name)
            if found is None:
                raise ExprError(f"type {kind(value)} has no method {name}")
            if found[0] != len(arguments):
                raise ExprError(f"{name} takes {found[0]} arguments, got {len(arguments)}")
            return found[1](value, *(argument(frame) for argument in arguments))

        return method

    def _call(self, node: tree.Call) -> Run:
        # what the environment gives hides a built-in of the same name
        found = self.functions.get(node.name) or FUNCTIONS.get(node.name)
        if found is None:
            raise ExprError(f"unknown name {node.name}", node.at)
        count = len(node.arguments)
        if count < found.least or (found.most is not None and count > found.most):
            wanted = _counted(found)
            raise ExprError(
                f"invalid number of arguments for {node.name} (expected {wanted}, got {count})",
                node.at,
            )
        arguments = [self.compile(argument) for argument in node.arguments]
        work = found.work
        return lambda frame: work(frame, *[argument(frame) for argument in arguments])

    def _loop(self, node: tree.Call) -> Run:
        source = self.compile(node.arguments[0])
        slot, self.slots = self.slots, self.slots + 3
        body = extra = None
        cost = 1
        if len(node.arguments) > 1:
            closure = node.arguments[1]
            assert isinstance(closure, tree.Predicate)
            outer, self.pointer = self.pointer, slot
            body = self.compile(closure.node)
            self.pointer = outer
            cost += sum(1 for _ in tree.walk(closure.node))
        if len(node.arguments) > 2:
            extra = self.compile(node.arguments[2])
        loop = Loop(node.name, source, body, extra, slot, cost)
        work = LOOPS[node.name]
        return lambda frame: work(loop, frame)


def _counted(found: Builtin) -> str:
    if found.most is None:
        return f"at least {found.least}"
    return str(found.least) if found.least == found.most else f"{found.least} to {found.most}"


def _bool(value: Any, operator: str) -> bool:
    if isinstance(value, bool):
        return value
    raise ExprError(f"invalid operation: {operator} (expected bool, got {kind(value)})")


def _ending(run: Run) -> Run:
    return lambda frame: None if (value := run(frame)) is _ENDED else value


def _slicing(node: Run, start: Run | None, stop: Run | None) -> Run:
    def sliced(frame: Frame) -> Any:
        value = node(frame)
        first = start(frame) if start else None
        last = stop(frame) if stop else None
        frame.budget.pay(len(value) if isinstance(value, str | list | tuple) else 0)
        return values.sliced(value, first, last)

    return sliced


def _choosing(test: Run, then: Run, otherwise: Run) -> Run:
    return lambda frame: then(frame) if _bool(test(frame), "?:") else otherwise(frame)


def _range(frame: Frame, low: Any, high: Any) -> list[int]:
    first, last = values.whole(low, ".."), values.whole(high, "..")
    frame.budget.pay(max(0, last - first + 1))
    return list(range(first, last + 1))


def _inside(frame: Frame, needle: Any, container: Any) -> bool:
    match kind(container):
        case "nil":
            return False
        case "array":
            return any(values.equal(needle, item, frame.budget) for item in container)
        case "map":
            return map_key(needle) in container
    raise ExprError(f'operator "in" not defined on {kind(container)}')


def _texts(operator: str, work: Callable[[Frame, str, str], bool]) -> Callable[..., bool]:
    def run(frame: Frame, a: Any, b: Any) -> bool:
        # Quirk: nil on either side is simply no match
        if a is None or b is None:
            return False
        if not (isinstance(a, str) and isinstance(b, str)):
            raise values.mismatch(operator, a, b)
        frame.budget.pay(1 + len(a) // 100)
        return work(frame, a, b)

    return run


def _compared(operator: str) -> Callable[..., Any]:
    work = values.compare(operator)
    return lambda frame, a, b: work(a, b)


_BINARY: Mapping[str, Callable[[Frame, Any, Any], Any]] = {
    "+": lambda frame, a, b: values.add(a, b, frame.budget),
    "-": lambda frame, a, b: values.subtract(a, b),
    "*": lambda frame, a, b: values.multiply(a, b),
    "/": lambda frame, a, b: values.divide(a, b),
    "%": lambda frame, a, b: values.remainder(a, b),
    "**": lambda frame, a, b: values.power(a, b),
    "==": lambda frame, a, b: values.equal(a, b, frame.budget),
    "!=": lambda frame, a, b: not values.equal(a, b, frame.budget),
    "<": _compared("<"),
    "<=": _compared("<="),
    ">": _compared(">"),
    ">=": _compared(">="),
    "..": _range,
    "in": _inside,
    "contains": _texts("contains", lambda frame, a, b: b in a),
    "startsWith": _texts("startsWith", lambda frame, a, b: a.startswith(b)),
    "endsWith": _texts("endsWith", lambda frame, a, b: a.endswith(b)),
    "matches": _texts("matches", lambda frame, a, b: compile_pattern(b).search(a, frame.budget)),
}
