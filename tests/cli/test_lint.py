"""`serinus lint`: files, folders, standard input; exit status; text and JSON."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from api.worlds import SOUND
from serinus.cli.main import main


def lint(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["lint", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The sound world in files of a folder below another, and what is no manifest."""
    inner = tmp_path / "deploy" / "base"
    inner.mkdir(parents=True)
    for index, text in enumerate(SOUND.split("---")):
        (inner / f"{index}.yml").write_text(text)
    (inner / "notes.txt").write_text("{")
    return tmp_path / "deploy"


def test_a_folder_with_all_below_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint(capsys, "-f", str(folder)) == (
        0,
        "",
        "2 objects checked, 3 of other kinds: nothing wrong\n",
    )


def test_errors_make_exit_status_1_and_notes_do_not(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rollout, template = folder / "base" / "0.yml", folder / "base" / "1.yml"
    status, out, err = lint(capsys, "-f", str(rollout), "-f", str(template))
    assert (status, out.count(": note: "), len(out.splitlines())) == (0, 3, 3)
    assert err == "2 objects checked: 3 notes\n"
    rollout.write_text(rollout.read_text().replace("replicas: 4", "replicas: -4\n  size: 1"))
    status, out, err = lint(capsys, "-f", str(folder))
    assert status == 1
    assert out.splitlines()[0].startswith(f"{rollout}:6: error: Rollout shop: spec.replicas: -4")
    assert err == "2 objects checked, 3 of other kinds: 1 error, 1 warning\n"


def test_standard_input_as_json_output(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    text = SOUND.replace("replicas: 4", "size: 4")
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    status, out, err = lint(capsys, "-f", "-", "-o", "json", "--strict")
    assert (status, err) == (1, "")
    assert json.loads(out) == {
        "remarks": [
            {
                "file": "<stdin>",
                "line": 6,
                "severity": "error",
                "kind": "Rollout",
                "namespace": "prod",
                "name": "shop",
                "path": "spec.size",
                "message": "unknown field; it is ignored",
            }
        ],
        "checked": 2,
        "others": 3,
        "errors": 1,
        "warnings": 0,
        "notes": 0,
    }


def test_files_that_cannot_be_read_are_exit_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe")
    for arguments, expected in (
        (("-f", str(tmp_path / "none.yaml")), "there is no file"),
        (("-f", str(tmp_path)), "cannot be read: it is no UTF-8 text"),
        ((), "nothing to look at"),
        (("--lines",), "No such option"),
    ):
        status, out, err = lint(capsys, *arguments)
        assert (status, out) == (2, "")
        assert expected in err
