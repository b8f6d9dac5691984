"""The text of an RE2 pattern to its pieces. Knows nothing of matching."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from serinus.expr.errors import ExprError

MAX_STATES = 5_000
MAX_REPEAT = 1_000
_MAX_DEPTH = 50
_MAX_PATTERN_CHARACTERS = 2_000

Test = Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class Empty:
    """Matches nothing at no cost."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One character that passes `test`."""

    test: Test


@dataclass(frozen=True, slots=True)
class Edge:
    """A place between characters: start, end, line start, line end, word, no word."""

    where: str


@dataclass(frozen=True, slots=True)
class Joined:
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Repeated:
    """`least` to `most` times; None is without end."""

    inner: Piece
    least: int
    most: int | None


Piece = Empty | Characters | Edge | Joined | Alternative | Repeated


def _ascii(test: Test) -> Test:
    return lambda c: c.isascii() and test(c)


_CLASSES: dict[str, Test] = {
    "d": _ascii(str.isdigit),
    "w": _ascii(lambda c: c.isalnum() or c == "_"),
    "s": lambda c: c in "\t\n\f\r ",
}
_POSIX: dict[str, Test] = {
    "alnum": _ascii(str.isalnum), "alpha": _ascii(str.isalpha), "ascii": str.isascii,
    "blank": lambda c: c in "\t ", "cntrl": _ascii(lambda c: ord(c) < 32 or ord(c) == 127),
    "digit": _ascii(str.isdigit), "graph": _ascii(lambda c: 33 <= ord(c) <= 126),
    "lower": _ascii(str.islower), "print": _ascii(lambda c: 32 <= ord(c) <= 126),
    "punct": _ascii(lambda c: 33 <= ord(c) <= 126 and not c.isalnum()),
    "space": lambda c: c in "\t\n\v\f\r ", "upper": _ascii(str.isupper),
    "word": _ascii(lambda c: c.isalnum() or c == "_"),
    "xdigit": lambda c: c in "0123456789abcdefABCDEF",
}  # fmt: skip
_ESCAPES = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_EDGES = {"A": "start", "z": "end", "b": "word", "B": "no word"}


def parse_pattern(source: str) -> Piece:
    """The pieces of `source`. Raises ExprError naming what RE2 does not know."""
    if len(source) > _MAX_PATTERN_CHARACTERS:
        raise ExprError(f"the regular expression is longer than {_MAX_PATTERN_CHARACTERS}")
    reader = _Reader(source)
    piece = reader.alternatives()
    if reader.at < len(source):
        raise reader.error("unexpected )")
    return piece


def _negated(test: Test) -> Test:
    return lambda c: not test(c)


def _folded(test: Test) -> Test:
    return lambda c: test(c) or test(c.lower()) or test(c.upper())


class _Reader:
    """The place in the pattern, and the flags i, m and s that hold there."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0
        self.depth = 0
        self.flags: frozenset[str] = frozenset()

    def error(self, message: str) -> ExprError:
        return ExprError(f"invalid regular expression {self.source!r}: {message}")

    def peek(self) -> str:
        return self.source[self.at : self.at + 1]

    def take(self) -> str:
        character = self.peek()
        if not character:
            raise self.error("it ends too early")
        self.at += 1
        return character

    def accept(self, text: str) -> bool:
        found = self.source.startswith(text, self.at)
        if found:
            self.at += len(text)
        return found

    def alternatives(self) -> Piece:
        flags = self.flags
        branches = [self.joined()]
        while self.accept("|"):
            branches.append(self.joined())
        self.flags = flags
        return branches[0] if len(branches) == 1 else Alternative(tuple(branches))

    def joined(self) -> Piece:
        pieces: list[Piece] = []
        while self.peek() not in ("", "|", ")"):
            pieces.append(self.repeated(self.single()))
        return pieces[0] if len(pieces) == 1 else Joined(tuple(pieces))

    def repeated(self, piece: Piece) -> Piece:
        simple: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        bounds = simple.get(self.peek())
        if bounds:
            self.at += 1
        else:
            bounds = self.counted()
        if bounds is None:
            return piece
        self.accept("?")  # lazy or not: the answer is the same
        if self.peek() and self.peek() in "*+?":
            raise self.error(f"nothing to repeat before {self.peek()}")
        return Repeated(piece, *bounds)

    def counted(self) -> tuple[int, int | None] | None:
        """`{2}`, `{2,}`, `{2,5}`; anything else is a plain brace."""
        end = self.source.find("}", self.at)
        if self.peek() != "{" or end < 0:
            return None
        first, comma, second = self.source[self.at + 1 : end].partition(",")
        digits = [part for part in (first, second) if part]
        if not first or not all(part.isascii() and part.isdecimal() for part in digits):
            return None
        self.at = end + 1
        least = int(first[:9])
        most = (int(second[:9]) if second else None) if comma else least
        if least > MAX_REPEAT or (most is not None and not least <= most <= MAX_REPEAT):
            raise self.error(f"bad repetition count {{{first}{comma}{second}}}")
        return least, most

    def single(self) -> Piece:
        character = self.take()
        match character:
            case "(":
                return self.group()
            case "[":
                return Characters(self.character_class())
            case ".":
                whole = "s" in self.flags
                return Characters(lambda c: whole or c != "\n")
            case "^":
                return Edge("line start" if "m" in self.flags else "start")
            case "$":
                return Edge("line end" if "m" in self.flags else "end")
            case "*" | "+" | "?":
                raise self.error(f"nothing to repeat before {character}")
            case "\\":
                return self.escape()
        return self.literal(character)

    def literal(self, character: str) -> Piece:
        if "i" in self.flags:
            both = {character, character.lower(), character.upper()}
            return Characters(lambda c: c in both)
        return Characters(lambda c: c == character)

    def group(self) -> Piece:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise self.error(f"groups are nested deeper than {_MAX_DEPTH}")
        flags = self.flags
        if self.accept("?") and self.group_head():
            self.depth -= 1
            return Empty()
        piece = self.alternatives()
        if not self.accept(")"):
            raise self.error("missing closing )")
        self.flags = flags
        self.depth -= 1
        return piece

    def group_head(self) -> bool:
        """What follows `(?`; True if it only set flags for the rest of the group around it."""
        if self.accept("P<") or (self.peek() == "<" and self.source[self.at + 1 :][:1].isalpha()):
            name_end = self.source.find(">", self.at)
            if name_end < 0:
                raise self.error("missing > after a group name")
            self.at = name_end + 1
            return False
        on = True
        flags = set(self.flags)
        while (character := self.take()) not in ":)":
            if character == "-":
                on = False
            elif character in "imsU":
                (flags.add if on else flags.discard)(character)
            else:
                raise self.error(f"RE2 has no group (?{character}")
        self.flags = frozenset(flags)
        return character == ")"

    def escape(self) -> Piece:
        character = self.peek()
        if character in _EDGES:
            self.at += 1
            return Edge(_EDGES[character])
        if self.accept("Q"):
            end = self.source.find("\\E", self.at)
            text = self.source[self.at : end if end >= 0 else None]
            self.at = end + 2 if end >= 0 else len(self.source)
            return Joined(tuple(self.literal(c) for c in text))
        test = self.class_escape()
        return Characters(test) if test else self.literal(self.character_escape())

    def class_escape(self) -> Test | None:
        """`\\d`, `\\D` and so on."""
        character = self.peek()
        test = _CLASSES.get(character.lower()) if character else None
        if test is None:
            return None
        self.at += 1
        return test if character.islower() else _negated(test)

    def character_escape(self) -> str:
        character = self.take()
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character == "x":
            braced = self.accept("{")
            end = self.source.find("}", self.at) if braced else self.at + 2
            digits = self.source[self.at : max(end, self.at)]
            self.at = end + 1 if braced else end
            try:
                return chr(int(digits, 16))
            except (ValueError, OverflowError):
                raise self.error(f"bad character code {digits!r}") from None
        if character.isalnum() and character.isascii():
            raise self.error(f"RE2 has no escape \\{character} here")
        return character

    def character_class(self) -> Test:
        negative = self.accept("^")
        tests: list[Test] = []
        ranges: list[tuple[str, str]] = []
        first = True
        while first or self.peek() != "]":
            first = False
            self.class_item(tests, ranges)
        self.at += 1

        def inside(c: str) -> bool:
            return any(low <= c <= high for low, high in ranges) or any(t(c) for t in tests)

        test = _folded(inside) if "i" in self.flags else inside
        return _negated(test) if negative else test

    def class_item(self, tests: list[Test], ranges: list[tuple[str, str]]) -> None:
        if self.accept("[:"):
            end = self.source.find(":]", self.at)
            name = self.source[self.at : max(end, self.at)]
            test = _POSIX.get(name.removeprefix("^"))
            if test is None:
                raise self.error(f"unknown class [:{name}:]")
            tests.append(_negated(test) if name.startswith("^") else test)
            self.at = end + 2
            return
        low = self.take()
        if low == "\\":
            escaped = self.class_escape()
            if escaped:
                tests.append(escaped)
                return
            low = self.character_escape()
        high = low
        if self.peek() == "-" and self.source[self.at + 1 : self.at + 2] not in ("]", ""):
            self.at += 1
            high = self.take()
            if high == "\\":
                high = self.character_escape()
        if high < low:
            raise self.error(f"bad range {low}-{high}")
        ranges.append((low, high))
