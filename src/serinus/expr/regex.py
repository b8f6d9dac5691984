"""Regular expressions in Go's dialect (RE2), matched in time linear in the text.

Python's own engine backtracks: a pattern such as `(a+)+$` from a user's condition could hold the
whole controller. Here a pattern becomes a small automaton whose states advance together. Only
"is there a match anywhere" is answered; that is all that conditions and metric names need.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

from serinus.expr.errors import ExprError
from serinus.expr.regex_syntax import (
    MAX_STATES,
    Alternative,
    Characters,
    Edge,
    Empty,
    Joined,
    Piece,
    Repeated,
    parse_pattern,
)
from serinus.expr.values import Budget


@dataclass(slots=True)
class _State:
    """Either waits for a character (`test`), or passes on at once, perhaps only at an `edge`."""

    test: Callable[[str], bool] | None = None
    edge: str | None = None
    following: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled expression; `states[0]` is the start, the last one the match."""

    states: tuple[_State, ...]

    def search(self, text: str, budget: Budget | None = None) -> bool:
        """True if the pattern matches somewhere in `text`. Raises ExprError over the budget."""
        wallet = budget or Budget()
        goal = len(self.states) - 1
        current: set[int] = set()
        for at in range(len(text) + 1):
            current.add(0)
            live = self._spread(current, text, at)
            if goal in live:
                return True
            wallet.pay(1 + len(live))
            if at == len(text):
                break
            character = text[at]
            current = set()
            for number in live:
                state = self.states[number]
                if state.test is not None and state.test(character):
                    current.update(state.following)
        return False

    def _spread(self, starts: set[int], text: str, at: int) -> set[int]:
        """All states that are reached from `starts` without reading a character."""
        seen: set[int] = set()
        waiting = list(starts)
        while waiting:
            number = waiting.pop()
            if number in seen:
                continue
            seen.add(number)
            state = self.states[number]
            if state.test is None and (state.edge is None or _at_edge(state.edge, text, at)):
                waiting.extend(state.following)
        return seen


def _word(text: str, at: int) -> bool:
    return 0 <= at < len(text) and text[at].isascii() and (text[at].isalnum() or text[at] == "_")


def _at_edge(edge: str, text: str, at: int) -> bool:
    match edge:
        case "start":
            return at == 0
        case "end":
            return at == len(text)
        case "line start":
            return at == 0 or text[at - 1] == "\n"
        case "line end":
            return at == len(text) or text[at] == "\n"
        case "word":
            return _word(text, at - 1) != _word(text, at)
        case _:
            return _word(text, at - 1) == _word(text, at)


@lru_cache(maxsize=256)
def compile_pattern(source: str) -> Pattern:
    """The automaton of `source`. Raises ExprError for what RE2 does not have, by name."""
    states = [_State()]
    last = _add(parse_pattern(source), 0, states)
    goal = _new(states, _State())
    states[last].following.append(goal)
    return Pattern(tuple(states))


def _new(states: list[_State], state: _State) -> int:
    if len(states) >= MAX_STATES:
        raise ExprError(f"the regular expression needs more than {MAX_STATES} states")
    states.append(state)
    return len(states) - 1


def _add(piece: Piece, start: int, states: list[_State]) -> int:
    """Appends `piece` behind state `start`; the state that is reached after it."""
    match piece:
        case Empty():
            return start
        case Characters(test):
            number = _new(states, _State(test=test))
            states[start].following.append(number)
            end = _new(states, _State())
            states[number].following.append(end)
            return end
        case Edge(where):
            number = _new(states, _State(edge=where))
            states[start].following.append(number)
            return _passed(number, states)
        case Joined(pieces):
            for part in pieces:
                start = _add(part, start, states)
            return start
        case Alternative(pieces):
            end = _new(states, _State())
            for part in pieces:
                first = _new(states, _State())
                states[start].following.append(first)
                states[_add(part, first, states)].following.append(end)
            return end
        case Repeated(inner, least, most):
            return _repeat(inner, least, most, (start, states))


def _passed(number: int, states: list[_State]) -> int:
    end = _new(states, _State())
    states[number].following.append(end)
    return end


def _repeat(inner: Piece, least: int, most: int | None, place: tuple[int, list[_State]]) -> int:
    start, states = place
    for _ in range(least):
        before, start = start, _add(inner, start, states)
        if before == start:  # nothing to read inside: once is as good as often
            break
    if most is None:
        loop = _new(states, _State())
        states[start].following.append(loop)
        states[_add(inner, loop, states)].following.append(loop)
        return _passed(loop, states)
    end = _new(states, _State())
    for _ in range(most - least):
        states[start].following.append(end)
        first = _new(states, _State())
        states[start].following.append(first)
        start = _add(inner, first, states)
    states[start].following.append(end)
    return end
