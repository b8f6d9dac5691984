"""`serinus convert deployment`: from a file and from the cluster; what it prints can be applied."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from api.test_converting import DEPLOYMENT
from cli.server import Run, Server
from serinus.cli.main import main


def converted(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main(["convert", "deployment", *arguments])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_a_file_becomes_yaml_under_its_instructions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "web.yaml"
    file.write_text("kind: Service\n---" + DEPLOYMENT.replace("paused:", "unheard: 1\n  paused:"))
    status, out, err = converted(capsys, "-f", str(file), "--workload-ref")
    assert status == 0
    assert out.startswith("# 1. What names the Deployment web")
    made = yaml.safe_load(out)
    assert made["spec"]["workloadRef"]["scaleDown"] == "onsuccess"
    assert err == "not carried over: spec.unheard: a Rollout has no such field\n"


def test_what_makes_no_sense_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "none.yaml"
    file.write_text("kind: Service\n")
    for arguments, expected in (
        ((), "name a Deployment, or give a file"),
        (("web", "-f", str(file)), "name a Deployment, or give a file"),
        (("-f", str(file)), "has 0 Deployments"),
        (("-f", str(tmp_path / "away")), "cannot be read"),
        (("web", "--scale-down", "never"), "goes with --workload-ref"),
    ):
        status, out, err = converted(capsys, *arguments)
        assert (status != 0, out) == (True, "")
        assert expected in err


def test_one_of_the_cluster_is_found(server: Server, run: Run) -> None:
    body = yaml.safe_load(DEPLOYMENT.replace("namespace: shop", "namespace: production"))
    body["metadata"].pop("uid")
    path = "/apis/apps/v1/namespaces/production/deployments"
    server.call("POST", path, body)
    try:
        status, out, _ = run("convert", "deployment", "web", "-n", "production")
        assert status == 0
        made = yaml.safe_load(out)
        assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "web:v1"
        assert not {"uid", "resourceVersion", "managedFields"} & made["metadata"].keys()
    finally:
        server.call("DELETE", f"{path}/web")


def test_one_that_is_not_there_is_named_and_what_to_try(server: Server, run: Run) -> None:
    assert run("convert", "deployment", "nobody", "-n", "production") == (
        1,
        "",
        "error: there is no Deployment 'nobody' in namespace 'production'; "
        "another namespace is named with -n\n",
    )
