"""What a demonstration found, per release, as data, as lines for people and as JSON.

Filled by whoever ran it; judged here. Durations are seconds of the rollout's clock unless their
name says wall.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Literal

import msgspec

from serinus.base.durations import format_duration
from serinus.present.icons import BAD, OK
from serinus.present.lines import Line, Span, Tone, line

Verdict = Literal["promoted", "rolled back", "unfinished"]
_LABEL_WIDTH = 34


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """What clients sent and saw. Lost: no answer, or an answer that no pod gave."""

    requests: Mapping[str, int] = {}
    """Answers of pods, by version."""
    errors: Mapping[str, int] = {}
    """Of these, the failed ones (5xx), by version."""
    lost_while_weights_moved: int = 0
    lost_to_dying_pods: int = 0
    lost_otherwise: int = 0

    def failed_for_clients(self) -> int:
        """Every request that a client saw fail, whatever the reason."""
        return sum(self.errors.values()) + self.lost()

    def lost(self) -> int:
        """Requests without a pod's answer."""
        return self.lost_while_weights_moved + self.lost_to_dying_pods + self.lost_otherwise


class ReleaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """One release: what was expected of it and what came."""

    version: str
    about: str = ""
    """In a few words, what is in it: `good`, `bad: every 20th answer is a 500`."""
    expected: Verdict
    verdict: Verdict
    phase: str = ""
    """The phase and message that the rollout came to rest in."""
    duration_seconds: float = 0.0
    wall_seconds: float = 0.0
    traffic: Traffic = Traffic()
    bad_to_zero_weight_seconds: float | None = None
    """From the first bad answer that a client saw to weight 0; None if there was none."""


class DemoReport(msgspec.Struct, frozen=True, kw_only=True):
    """The whole demonstration; `speed`: seconds of the rollout in one of the wall."""

    speed: float
    requests_per_second: float
    releases: tuple[ReleaseReport, ...] = ()
    next_commands: tuple[tuple[str, str], ...] = ()
    """Command and what it shows."""

    def problems(self) -> list[str]:
        """Why the demonstration failed; nothing if each release ended as expected, none lost."""
        return [problem for release in self.releases for problem in _problems(release)] or (
            [] if self.releases else ["nothing was released"]
        )


def to_json(report: DemoReport) -> bytes:
    """The report with its judgement (`ok`, `problems`), indented, times in seconds."""
    found = msgspec.to_builtins(report)
    for told, release in zip(found["releases"], report.releases, strict=True):
        told["traffic"]["failed_for_clients"] = release.traffic.failed_for_clients()
        told["traffic"]["lost"] = release.traffic.lost()
    problems = report.problems()
    judged = {"ok": not problems, "problems": problems, **found}
    return msgspec.json.format(msgspec.json.encode(judged), indent=2) + b"\n"


def report_lines(report: DemoReport) -> tuple[Line, ...]:
    """The report for people: each release, the judgement, what to try next."""
    lines: list[Line] = []
    for release in report.releases:
        lines += [*_release(release, report.speed), ()]
    problems = report.problems()
    lines += [line(Span(f"{BAD} {problem}", Tone.BAD)) for problem in problems]
    if not problems:
        lines.append(
            line(Span(f"{OK} every release ended as it should, no request lost", Tone.GOOD))
        )
    if report.next_commands:
        room = max(len(command) for command, _ in report.next_commands) + 2
        lines += [(), line(Span("next, try:", Tone.STRONG))]
        lines += [
            line("  ", command.ljust(room), Span(f"# {about}", Tone.FAINT))
            for command, about in report.next_commands
        ]
    return tuple(lines)


def _problems(release: ReleaseReport) -> Iterator[str]:
    if release.verdict != release.expected:
        told = f" ({release.phase})" if release.phase else ""
        yield f"{release.version} was to be {release.expected}, but is {release.verdict}{told}"
    moved, other = release.traffic.lost_while_weights_moved, release.traffic.lost_otherwise
    if moved:
        yield f"{release.version}: {_count(moved, 'request')} lost while weights moved"
    if other:
        yield f"{release.version}: {_count(other, 'request')} lost for another reason"


def _release(release: ReleaseReport, speed: float) -> Iterator[Line]:
    good = release.verdict == release.expected
    mark = Span(f"{OK if good else BAD} {release.verdict}", Tone.GOOD if good else Tone.BAD)
    about = f" ({release.about})" if release.about else ""
    yield line(Span(f"release {release.version}{about}", Tone.STRONG), "  ", mark)
    if release.phase:
        yield _field("at rest", release.phase)
    yield _field(
        "duration",
        f"{_span(release.duration_seconds)} of the rollout, {release.wall_seconds:.0f} s here",
    )
    traffic = release.traffic
    for version, count in sorted(traffic.requests.items()):
        errors = traffic.errors.get(version, 0)
        failed = f", {errors:,} of them failed" if errors else ""
        yield _field(f"requests to {version}", f"{count:,}{failed}")
    yield _field("failed requests that clients saw", f"{traffic.failed_for_clients():,}")
    lost = traffic.lost_while_weights_moved
    tone = Tone.BAD if lost else Tone.GOOD
    yield _field("lost while weights moved", Span(f"{lost:,}", tone))
    yield _field("cut by a dying pod", f"{traffic.lost_to_dying_pods:,}")
    if traffic.lost_otherwise:
        yield _field("lost for another reason", Span(f"{traffic.lost_otherwise:,}", Tone.BAD))
    if release.bad_to_zero_weight_seconds is not None:
        seconds = release.bad_to_zero_weight_seconds
        here = f"{seconds / speed:.1f} s here"
        yield _field("first bad answer to zero weight", f"{_span(seconds)} of the rollout, {here}")


def _field(name: str, value: str | Span) -> Line:
    return line(f"  {name}:".ljust(_LABEL_WIDTH + 3), value)


def _span(seconds: float) -> str:
    return format_duration(timedelta(seconds=seconds))


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
