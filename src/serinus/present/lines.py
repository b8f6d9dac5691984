"""Lines of text whose parts have a tone, and three ways to show them: plain, ANSI, rich.

Plain and ANSI need no library: a command that lives for a tenth of a second uses them. Knows
nothing of what the lines tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.text import Text


class Tone(Enum):
    """How a part is meant. The value is the ANSI colour (SGR), also its name for rich."""

    PLAIN = ("", "")
    STRONG = ("1", "bold")
    FAINT = ("2", "dim")
    GOOD = ("32", "green")
    BAD = ("31", "red")
    MOVING = ("36", "cyan")
    RESTING = ("33", "yellow")


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a line."""

    text: str
    tone: Tone = Tone.PLAIN


Line = tuple[Span, ...]


def line(*parts: str | Span) -> Line:
    """A line of its parts; text alone is plain."""
    return tuple(part if isinstance(part, Span) else Span(part) for part in parts)


def width(parts: Iterable[Span]) -> int:
    """Columns that the parts take (every character of ours takes one)."""
    return sum(len(part.text) for part in parts)


def table(rows: Sequence[Sequence[Line]], gap: int = 2) -> tuple[Line, ...]:
    """Rows of cells as lines with aligned columns; a row may have fewer cells than others."""
    columns = max((len(row) for row in rows), default=0)
    widths = [
        max((width(row[column]) for row in rows if column < len(row)), default=0)
        for column in range(columns)
    ]
    return tuple(_row(row, widths, gap) for row in rows)


def to_plain(lines: Iterable[Line]) -> str:
    """Without any colour, one trailing newline each."""
    return "".join(f"{''.join(part.text for part in one).rstrip()}\n" for one in lines)


def to_ansi(lines: Iterable[Line]) -> str:
    """With colours for a terminal."""
    return "".join(f"{''.join(map(_ansi, one)).rstrip()}\n" for one in lines)


def to_rich(lines: Iterable[Line]) -> Text:
    """As one text for rich's live display; lines that do not fit are cut, not folded."""
    from rich.text import Text

    text = Text(no_wrap=True, overflow="ellipsis", end="")
    for number, one in enumerate(lines):
        text.append("\n" if number else "")
        for part in one:
            text.append(part.text, style=part.tone.value[1] or None)
    return text


def _row(cells: Sequence[Line], widths: Sequence[int], gap: int) -> Line:
    parts: list[Span] = []
    for cell, room in zip(cells, widths, strict=False):
        parts += [*cell, Span(" " * (room - width(cell) + gap))]
    return tuple(parts)


def _ansi(part: Span) -> str:
    code = part.tone.value[0]
    return f"\x1b[{code}m{part.text}\x1b[0m" if code and part.text.strip() else part.text
