"""Every reason of an event that the code can tell is on the page on what is told."""

from __future__ import annotations

import re

from tidy.source import ROOT

PAGE = (ROOT / "docs" / "status.md").read_text()
SOURCES = [
    *(ROOT / "src/serinus/core/rollout").rglob("*.py"),
    *(ROOT / "src/serinus/control").rglob("*.py"),
    *(ROOT / "src/serinus/traffic").rglob("*.py"),
]
TOLD = (
    r'(?:Announce|\.tell)\(\s*"([A-Z]\w+)"',
    r'"(?:Normal|Warning)",\s*"([A-Z]\w+)"',
    r'(?:Create|Patch)\([^)]*,\s*"([A-Z][\w ]+)", told',
    r'manifest, "([A-Z]\w+)", told',
)


def told() -> set[str]:
    text = "\n".join(source.read_text() for source in SOURCES)
    return {reason for pattern in TOLD for reason in re.findall(pattern, text)}


def test_the_page_lists_the_reasons_of_all_events_and_no_other() -> None:
    listed = re.findall(r"^\| `([\w ]+)`(?: \.\.\.)? \| (?:Normal|Warning)", PAGE, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) - {"AnalysisRunRunning"} == told()
