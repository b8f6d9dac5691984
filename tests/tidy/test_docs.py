"""What the documents say about the code is true."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from serinus.api import names
from serinus.cli.main import COMMANDS, cli
from serinus.core.rollout.reasons import Hold
from serinus.core.rollout.rules import Rule
from tidy.source import PACKAGE, ROOT

PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    *(str(p.relative_to(ROOT)) for p in ROOT.glob("docs/*.md")),
]
EXAMPLES = sorted(str(p.relative_to(ROOT)) for p in ROOT.glob("examples/*/README.md"))
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


LINKED = [*PAGES, *EXAMPLES, "CHANGELOG.md", "docs/decisions/README.md"]


@pytest.mark.parametrize("page", LINKED)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text()
    targets = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", text)
    wrong = []
    for target, anchor in targets:
        found = (ROOT / page).parent / target if target else ROOT / page
        if not found.exists() or (anchor and anchor not in headings(found)):
            wrong.append(f"{target}#{anchor}")
    assert wrong == []


def headings(page: Path) -> set[str]:
    """The anchors of a page, as GitHub makes them."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", title.lower()) for title in titles)
    return {title.replace(" ", "-") for title in plain}


def test_the_annotations_of_our_own_are_listed_among_the_differences() -> None:
    text = (ROOT / "docs" / "differences.md").read_text()
    ours = {value for value in vars(names).values() if str(value).startswith("serinus.dev/")}
    assert set(re.findall(r"`(serinus\.dev/[\w-]+)`", text)) == ours


# --- Commands ------------------------------------------------------------------------------------

WITH_COMMANDS = [*PAGES, "CHANGELOG.md", *EXAMPLES]
SHOWN = re.compile(r"^ *(?:\$ )?serinus ([a-z].*)$|`serinus ([a-z][^`]*)`", re.MULTILINE)


def commands(page: str) -> list[list[str]]:
    """The words of every command that a page shows, without comments and brackets."""
    text = (ROOT / page).read_text()
    found = [match[1] or match[2] for match in SHOWN.finditer(text)]
    return [re.sub(r"\s#.*|[\[\]]", "", command).split() for command in found]


def complaint(words: list[str]) -> str:
    """What is wrong with a command of a page; "" if it is there with all its options."""
    group: click.Command = cli
    for word in list(words):
        if not isinstance(group, click.Group):
            break
        found = group.get_command(click.Context(group), word)
        if found is None:
            return f"no command {word!r}"
        if word == "kubectl":
            return ""  # its options are kubectl's
        group, words = found, words[1:]
    known = {option for parameter in group.params for option in parameter.opts}
    unknown = [word for word in words if word.startswith("-") and word.split("=")[0] not in known]
    return f"no option {', '.join(unknown)}" if unknown else ""


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_every_command_of_a_page_exists_with_its_options(page: str) -> None:
    wrong = {" ".join(words): complaint(words) for words in commands(page)}
    assert {command: why for command, why in wrong.items() if why} == {}


def test_the_readme_lists_every_command() -> None:
    rows = [line for line in (ROOT / "README.md").read_text().splitlines() if line[:2] == "| "]
    listed = [found[1] for row in rows if (found := re.match(r"\| `serinus (\w+)", row))]
    assert sorted(listed) == sorted(COMMANDS)


def test_every_page_can_be_reached_from_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    assert [page for page in PAGES if page.startswith("docs/") and f"({page})" not in text] == []


def test_commands_in_indented_blocks_are_seen() -> None:
    assert ["lint", "-f", "all.yaml"] in commands("docs/moving.md")
