"""A server with the checkout service, and a command line that talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.server import PATHS, Run, Server, serving
from serinus.cli.main import main


@pytest.fixture(scope="module")
def _running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def server(_running: Server) -> Iterator[Server]:
    """The server with the checkout service as the file describes it."""
    _running.apply("checkout.yaml")
    yield _running
    for kind in PATHS:
        for namespace in ("production", "default"):
            path = PATHS[kind].format(namespace)
            for found in _running.call("GET", path)["items"]:
                _running.call("DELETE", f"{path}/{found['metadata']['name']}?gracePeriodSeconds=0")


@pytest.fixture
def run(server: Server, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command line: exit status, standard output, standard error."""

    def call(*arguments: str, kubeconfig: Path = server.kubeconfig) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["--kubeconfig", str(kubeconfig), *arguments])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return call
