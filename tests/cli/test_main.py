"""The command table, what it costs to start, and how errors are told."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import click
import pytest

from serinus import __version__
from serinus.base.errors import SerinusError
from serinus.cli.main import COMMANDS, main

HEAVY = ("msgspec", "aiohttp", "rich", "asyncio", "yaml", "uvicorn", "ssl", "http.client")
PROBE = """
import sys, json
from serinus.cli.main import main
sys.argv = ["serinus", *json.loads(sys.argv[1])]
try:
    main()
except SystemExit as end:
    print(json.dumps({"status": end.code or 0, "loaded": sorted(sys.modules)}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["version"], ["--version"], ["nonsense"]], ids=str
)
def test_help_and_version_import_neither_client_nor_screen(arguments: list[str]) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROBE, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path)},
    )
    found = json.loads(run.stderr.splitlines()[-1])
    assert [name for name in HEAVY if name in found["loaded"]] == []
    assert found["status"] == (2 if arguments == ["nonsense"] else 0)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command line."""
    with pytest.raises(SystemExit) as end:
        main(list(arguments))
    out, err = capsys.readouterr()
    return end.value.code or 0, out, err  # type: ignore[return-value]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = told(capsys, "--help")
    assert status == 0
    for name, (_, text) in COMMANDS.items():
        assert f"  {name} " in out
        assert text.split(";")[0][:40] in out


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "version") == (0, f"serinus {__version__}\n", "")
    assert told(capsys, "version", "--short") == (0, f"{__version__}\n", "")
    assert told(capsys, "--version") == (0, f"serinus {__version__}\n", "")


def test_an_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = told(capsys, "promotes")
    assert (status, out) == (2, "")
    assert "no command is named 'promotes'; did you mean promote?" in err


def test_a_command_without_its_argument_says_how_it_is_used(
    capsys: pytest.CaptureFixture[str],
) -> None:
    status, _, err = told(capsys, "abort")
    assert status == 2
    assert "Usage: serinus abort [OPTIONS] NAME" in err


@pytest.mark.parametrize(
    "words", [("demo",), ("load", "--host", "shop", "--rps", "5", "--url", "http://127.0.0.1:9")]
)
def test_a_report_that_cannot_be_written_is_refused_before_the_run(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], tmp_path: Path
) -> None:
    status, out, err = told(capsys, *words, "--report", str(tmp_path / "gone" / "report.json"))
    assert (status, out) == (2, "")
    assert f"there is no folder '{tmp_path}/gone' that you may write to" in err


def test_as_a_plugin_of_kubectl_it_goes_by_that_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/bin/kubectl-serinus"])
    assert "Usage: kubectl serinus " in told(capsys, "--help")[1]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_where_the_table_says(name: str) -> None:
    if name in ("up", "demo") and find_spec("serinus.local.cluster") is None:
        pytest.skip("the embedded cluster is not part of this tree")
    module, _, attribute = COMMANDS[name][0].partition(":")
    command = getattr(import_module(module), attribute)
    assert command.name == name


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (SerinusError("the port 80 is taken"), "error: the port 80 is taken\n"),
        (ExceptionGroup("two", [ValueError("x"), SerinusError("no server")]), "error: no server\n"),
        (
            ExceptionGroup("one", [KeyError("k")]),
            "error: this is a fault of serinus itself, KeyError: 'k'\n"
            "please report it; SERINUS_DEBUG=1 shows where it happened\n",
        ),
    ],
)
def test_an_error_is_a_sentence_and_never_a_traceback(
    error: Exception,
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    @click.command()
    def version() -> None:
        raise error

    monkeypatch.setattr("serinus.cli.main.version", version)
    assert told(capsys, "version") == (1, "", sentence)


def test_a_part_that_is_not_installed_is_named_with_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(COMMANDS, "up", ("a_package_that_nobody_has.up:up", ""))
    status, _, err = told(capsys, "up")
    assert status == 1
    assert "needs the package a_package_that_nobody_has" in err
    assert "pip install 'serinus[local]'" in err
