"""What a load sender reports, as lines: a table of versions, and what was lost.

Takes the sender's report in its JSON form, so that it may come from another process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from serinus.present.lines import Line, Span, Tone, line, table

COLUMNS = ("VERSION", "REQUESTS", "SHARE", "FAILED", "P50", "P99", "MAX", "PODS")


def progress_line(brief: Mapping[str, Any]) -> Line:
    """One line on the way: totals only."""
    versions = [
        f"{version or '(none)'} {found['requests']:,}"
        + (f" ({found['errors']:,} failed)" if found["errors"] else "")
        for version, found in sorted(brief["versions"].items())
    ]
    lost = brief["lost"]
    tone = Tone.BAD if lost else Tone.PLAIN
    return line(f"sent {brief['sent']:,}   ", "   ".join(versions), Span(f"   lost {lost:,}", tone))


def load_lines(report: Mapping[str, Any]) -> tuple[Line, ...]:
    """The end: one row a version, then the lost requests by kind."""
    head = [line(Span(title, Tone.FAINT)) for title in COLUMNS]
    rows = [
        _row(version, found, report["answered"])
        for version, found in sorted(report["versions"].items())
    ]
    lost = report["lost_count"]
    kinds: dict[str, int] = {}
    for one in report["lost"]:
        kinds[one["kind"]] = kinds.get(one["kind"], 0) + 1
    told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(kinds.items()))
    return (
        *(table([head, *rows]) if rows else ()),
        line(
            f"sent {report['sent']:,}, answered {report['answered']:,}, ",
            Span(f"lost {lost:,}", Tone.BAD if lost else Tone.GOOD),
            f" ({told})" if told else "",
        ),
    )


def _row(version: str, found: Mapping[str, Any], answered: int) -> list[Line]:
    errors = found["errors"]
    return [
        line(version or "(none)"),
        line(f"{found['requests']:,}"),
        line(f"{100 * found['requests'] / answered:.1f} %"),
        line(Span(f"{errors:,}", Tone.BAD if errors else Tone.PLAIN)),
        *(line(f"{found[key]:g} ms") for key in ("p50_ms", "p99_ms", "max_ms")),
        line(str(len(found["pods"]))),
    ]
