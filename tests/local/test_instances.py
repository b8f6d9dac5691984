"""Who runs on this machine: records that are true, however a process ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from local.victim import SOURCES
from serinus.base.errors import SerinusError
from serinus.local.instances import chosen, claimed, running, runtime_folder

CLAIMS = """
import os, pathlib, signal, sys
from serinus.local.instances import claimed
with claimed(pathlib.Path(sys.argv[1]), "crashed") as claim:
    claim.announce(pathlib.Path("/nowhere/kubeconfig"))
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_cluster_is_found_while_it_runs_and_not_after(tmp_path: Path) -> None:
    with claimed(tmp_path, "one") as claim:
        assert running(tmp_path) == ()
        claim.announce(tmp_path / "kubeconfig")
        (found,) = running(tmp_path)
        assert found == chosen(tmp_path, None)
        assert (found.name, found.pid) == ("one", os.getpid())
        assert found.kubeconfig == str(tmp_path / "kubeconfig")
        assert {item.stat().st_mode & 0o777 for item in tmp_path.iterdir()} == {0o600}
    assert running(tmp_path) == ()
    with pytest.raises(SerinusError, match=r"no local cluster is running; .*serinus up"):
        chosen(tmp_path, None)


def test_what_a_killed_process_left_is_no_running_cluster(tmp_path: Path) -> None:
    words = [sys.executable, "-c", CLAIMS, str(tmp_path)]
    done = subprocess.run(words, env={"PYTHONPATH": str(SOURCES)}, check=False)
    assert done.returncode == -9
    assert (tmp_path / "crashed.json").exists()
    assert running(tmp_path) == ()
    assert not (tmp_path / "crashed.json").exists()
    with claimed(tmp_path, "crashed"):
        pass


def test_a_name_that_runs_is_not_given_twice(tmp_path: Path) -> None:
    with claimed(tmp_path, "one") as claim:
        claim.announce(tmp_path / "kubeconfig")
        sentence = rf"'one' is running already \(process {os.getpid()}\); .*--name NAME"
        with pytest.raises(SerinusError, match=sentence), claimed(tmp_path, "one"):
            pytest.fail("given twice")
        assert [one.name for one in running(tmp_path)] == ["one"]


@pytest.mark.parametrize("name", ["", "One", "a/b", "-a", "a" * 64])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(SerinusError, match="is no name"), claimed(tmp_path, name):
        pytest.fail("taken as a name")


def test_of_several_the_default_one_is_meant(tmp_path: Path) -> None:
    with claimed(tmp_path, "default") as first, claimed(tmp_path, "other") as second:
        second.announce(tmp_path / "b")
        assert chosen(tmp_path, None).name == "other"
        first.announce(tmp_path / "a")
        assert chosen(tmp_path, None).name == "default"
        assert chosen(tmp_path, "other").name == "other"
        with pytest.raises(SerinusError, match="there are: default, other"):
            chosen(tmp_path, "third")


def test_records_are_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    for environment, where in (
        ({"XDG_RUNTIME_DIR": str(tmp_path / "run")}, "run/serinus"),
        ({"XDG_CACHE_HOME": str(tmp_path / "cache")}, "cache/serinus/run"),
        ({"HOME": str(tmp_path)}, ".cache/serinus/run"),
    ):
        folder = runtime_folder(environment)
        assert folder == tmp_path / where
        assert folder.stat().st_mode & 0o777 == 0o700
