"""What the documents say about the code is true."""

from __future__ import annotations

import re

import pytest

from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import Rule
from tidy.source import PACKAGE, ROOT

PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md")),
]
ROOMS = {path.name for path in PACKAGE.iterdir() if path.is_dir() and path.name != "__pycache__"}


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`([\w./-]+(?:\.(?:py|md|yaml|txt|sh)|/))`", (ROOT / page).read_text())
    missing = [
        path
        for path in named
        if "/" in path.rstrip("/")
        if not any((folder / path).exists() for folder in (ROOT, PACKAGE, PACKAGE.parent))
    ]
    assert missing == []


def test_every_room_is_on_the_architecture_page() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    assert [room for room in sorted(ROOMS) if f"| `{room}` |" not in text] == []


def test_every_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = (folder / "README.md").read_text()
    records = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name for name in records if f"({name})" not in listed] == []


def test_every_safety_rule_and_every_reason_is_on_the_page_of_safety() -> None:
    text = (ROOT / "docs" / "safety.md").read_text()
    rules = [rule.name for rule in Rule if rule.name[1:].rstrip("B").isdecimal()]
    assert [name for name in rules if f"**{name.replace('B', 'b')}" not in text] == []
    assert [hold.value for hold in Hold if f"[{hold.value}]" not in text] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert [target for target in targets if not ((ROOT / page).parent / target).exists()] == []
