"""The load sender's report as people see it."""

from __future__ import annotations

from datetime import UTC, datetime

from serinus.local.load.report import Answer, Lost, Tally
from serinus.present.lines import to_plain
from serinus.present.load import load_lines, progress_line

AT = datetime(2026, 1, 1, tzinfo=UTC)


def tally() -> Tally:
    found = Tally(sent=12)
    for number in range(10):
        version, status = ("v2", 500 if number == 9 else 200) if number >= 8 else ("v1", 200)
        found.add(Answer(AT, 0.01, status, version, f"{version}-{number % 2}"), AT)
    found.lose(Lost(AT, AT, 0.1, "cut"))
    found.add(Answer(AT, 0.01, 503, "", ""), AT)
    return found


def test_the_report_has_a_row_a_version_and_names_what_was_lost() -> None:
    assert to_plain(load_lines(tally().as_json())) == (
        "VERSION  REQUESTS  SHARE   FAILED  P50    P99    MAX    PODS\n"
        "v1       8         80.0 %  0       10 ms  10 ms  10 ms  2\n"
        "v2       2         20.0 %  1       10 ms  10 ms  10 ms  2\n"
        "sent 12, answered 10, lost 2 (cut 1, no pod 1)\n"
    )


def test_progress_is_one_line_of_totals() -> None:
    assert to_plain([progress_line(tally().brief())]) == (
        "sent 12   v1 8   v2 2 (1 failed)   lost 2\n"
    )


def test_without_an_answer_there_is_no_table() -> None:
    assert to_plain(load_lines(Tally(sent=1, lost_count=1).as_json())) == (
        "sent 1, answered 0, lost 1\n"
    )
