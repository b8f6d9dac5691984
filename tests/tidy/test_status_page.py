"""The page on what is told has the status' fields, the phases' messages and the events' reasons."""

from __future__ import annotations

import re

import msgspec

from serinus.api import names
from serinus.api.argo import BlueGreenStatus, CanaryStatus, RolloutDuration, RolloutStatus
from tidy.source import ROOT

PAGE = (ROOT / "docs" / "status.md").read_text()
SOURCES = [
    *(ROOT / "src/serinus/core/rollout").rglob("*.py"),
    *(ROOT / "src/serinus/control").rglob("*.py"),
    *(ROOT / "src/serinus/traffic").rglob("*.py"),
]
TOLD = (
    r'^REASON = "([A-Z]\w+)"',
    r'(?:Announce|\.tell)\(\s*"([A-Z]\w+)"',
    r'"(?:Normal|Warning)",\s*"([A-Z]\w+)"',
    r'(?:Create|Patch)\([^)]*,\s*"([A-Z][\w ]+)", told',
    r'manifest, "([A-Z]\w+)", told',
)


def told() -> set[str]:
    text = "\n".join(source.read_text() for source in SOURCES)
    return {reason for pattern in TOLD for reason in re.findall(pattern, text, re.MULTILINE)}


def test_the_page_lists_the_reasons_of_all_events_and_no_other() -> None:
    listed = re.findall(r"^\| `([\w ]+)`(?: \.\.\.)? \| (?:Normal|Warning)", PAGE, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) - {"AnalysisRunRunning"} == told()


# --- Fields and messages -------------------------------------------------------------------------

INNER: dict[str, type[msgspec.Struct]] = {
    "canary": CanaryStatus,
    "blueGreen": BlueGreenStatus,
    "duration": RolloutDuration,
}


def fields_of_the_status() -> set[str]:
    outer = set(RolloutStatus.__struct_encode_fields__) - set(INNER)
    inner = ((name, field) for name, kind in INNER.items() for field in encoded(kind))
    return outer | {f"{name}.{field}" for name, field in inner}


def encoded(kind: type[msgspec.Struct]) -> tuple[str, ...]:
    return kind.__struct_encode_fields__


def test_every_field_of_the_status_is_in_the_table_or_said_to_be_not_written() -> None:
    table = PAGE.partition("## Fields of the status")[2].partition("\n## ")[0]
    cells = [line.split(" | ")[0] for line in table.splitlines() if line.startswith("| `")]
    cells += [line for line in table.splitlines() if line.startswith("Not written")]
    assert sorted(re.findall(r"`([\w.]+)`", " ".join(cells))) == sorted(fields_of_the_status())


def test_every_message_of_the_phase_progressing_is_in_the_table() -> None:
    """The sentences of `_unfinished` and its kin are the only plain texts that they return."""
    source = (ROOT / "src/serinus/core/rollout/status.py").read_text().partition("# --- Phase")[2]
    phases = source.partition("# --- News")[0]
    said = re.findall(r'(?:return|message =) "([a-z][a-z -]+)"', phases)
    table = PAGE.partition("## Phase and message")[2].partition("\n## ")[0]
    assert len(said) >= 8
    assert [text for text in said if f"`{text}`" not in table] == []


def test_every_label_and_annotation_of_the_original_that_is_used_is_in_the_table() -> None:
    table = PAGE.partition("## Labels and annotations")[2].partition("\n## ")[0]
    listed = re.findall(
        r"`([\w./-]+)`", "".join(line.split(" | ")[0] for line in table.splitlines())
    )
    known = {
        value
        for name, value in vars(names).items()
        if isinstance(value, str)
        and re.fullmatch(r"[a-z.-]+(\.io/[a-z-]+)?", value)
        and "-" in value
        if not value.startswith("serinus.dev/") and not name.startswith("ARGO_")
    }
    assert sorted(set(listed) & known) == sorted(known)
