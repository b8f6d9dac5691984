"""One meaning per word, and no word of a room that another must not know."""

from __future__ import annotations

import re
from pathlib import Path

from tidy.source import PACKAGE, ROOT, modules, name

VAGUE = re.compile(r"(^|_)(util|utils|helper|helpers|common|manager|misc)(_|$)")


def test_the_cluster_and_its_client_have_never_heard_of_a_rollout() -> None:
    told = [
        str(path.relative_to(PACKAGE))
        for room in ("kube", "local")
        for path in sorted((PACKAGE / room).rglob("*"))
        if path.suffix in {".py", ".yaml"} and re.search("rollout|canary", path.read_text(), re.I)
    ]
    assert told == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [name(path) for path in modules() if VAGUE.search(path.stem)] == []


def test_local_is_no_condition_above_the_transport() -> None:
    asked = [
        name(path)
        for room in ("control", "core", "traffic", "metrics", "kube")
        for path in sorted((PACKAGE / room).rglob("*.py"))
        if re.search(r"\bif (not )?(is_)?local\b|serinus\.local", path.read_text())
    ]
    assert asked == []


def test_the_project_speaks_of_itself_alone() -> None:
    """No absolute path of a machine, no registry, no page that is not part of the project."""
    place = re.compile(
        r"/(work|root|tmp/(wt|t))/|\bpypi\.org|debian\.org|registry\.npm|files\.python"
        r"|\bDESIGN\.md|(?<![/\w])spec/[\w-]+\.md|\bspec (of Argo Rollouts )?\d+\.\d"
    )
    said = [
        str(path.relative_to(ROOT))
        for path in texts()
        if path != Path(__file__).resolve() and place.search(path.read_text(errors="ignore"))
    ]
    assert said == []


def texts() -> list[Path]:
    """Every text file that the project keeps."""
    kept = {".py", ".md", ".yaml", ".toml", ".txt", ".sh", ""}
    folders = ("src", "tests", "docs", "examples", "benchmarks", "scripts", ".ci")
    return [
        path
        for path in [
            *(file for file in ROOT.glob("*.*") if file.name != ".git"),
            ROOT / "Makefile",
            *(file for folder in folders for file in (ROOT / folder).rglob("*")),
        ]
        if path.is_file() and path.suffix in kept and "__pycache__" not in path.parts
    ]
