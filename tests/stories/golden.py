"""Golden texts: each test module has one file beside it, with a part for each of its stories.

They are written anew only on demand: SERINUS_GOLDEN=write; then read what changed before you keep
it.
"""

from __future__ import annotations

import os
from pathlib import Path

WRITE = os.environ.get("SERINUS_GOLDEN") == "write"
HEAD = "=== "


def sentence(test: str) -> str:
    """The name of a test as people say it."""
    return test.removeprefix("test_").replace("_", " ")


def parts(page: Path) -> dict[str, str]:
    """Every story of a page by its sentence."""
    found: dict[str, str] = {}
    text = page.read_text() if page.exists() else ""
    for part in text.split(f"\n{HEAD}")[0:] if text else ():
        title, _, body = part.removeprefix(HEAD).partition("\n")
        found[title] = body.strip("\n")
    return found


def kept(page: Path, test: str, told: str, order: list[str]) -> str:
    """What the page says about this story; with SERINUS_GOLDEN=write it says what was told.

    `order` are the sentences of the module as it stands: others leave the page.
    """
    if WRITE:
        known = parts(page) | {sentence(test): told}
        page.write_text(
            "\n\n".join(f"{HEAD}{one}\n{known[one]}" for one in order if one in known) + "\n"
        )
    return parts(page).get(sentence(test), "")
