"""What the commands say of errors: sentences that name what is wrong and what to do."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import yaml

from cli.server import Refused, Run, Server, write_kubeconfig
from present.objects import documents
from serinus.cli import cluster as cluster_module


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("abort", "chekout"), "in namespace 'production'; did you mean checkout?"),
        (("abort", "zzz"), "in namespace 'production'; there are: checkout"),
        (("abort", "checkout", "-n", "other"), "there is one in production: add -n production"),
        (("abort", "zzz", "-n", "other"), "nor any other; there are some in: production"),
    ],
    ids=str,
)
def test_a_rollout_that_is_not_there_names_those_that_are(
    run: Run, words: tuple[str, ...], why: str
) -> None:
    status, out, err = run(*words)
    assert (status, out) == (1, "")
    assert err.startswith("error: there is no rollout ")
    assert err.rstrip().endswith(why)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("rollout", "a", "-A"), "a rollout's name and --all-namespaces exclude each other"),
        (("rollout", "-w"), "--watch needs a rollout's NAME"),
        (("experiment", "a", "-A"), "an experiment's name and --all-namespaces exclude each other"),
        (("experiment", "-w"), "--watch needs an experiment's NAME"),
    ],
    ids=str,
)
def test_options_of_get_that_exclude_each_other_are_refused(
    run: Run, words: tuple[str, ...], why: str
) -> None:
    status, out, err = run("get", *words)
    assert (status, out) == (2, "")
    assert f"Error: {why}" in err


def test_another_kind_is_refused_by_name(run: Run) -> None:
    status, _, err = run("abort", "deployment/checkout")
    assert status == 2
    assert "names a 'deployment'; write NAME or rollout/NAME" in err


def test_a_cluster_without_our_kinds_says_what_to_install(run: Run, server: Server) -> None:
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    name = "rollouts.argoproj.io"
    definition = server.call("GET", f"{path}/{name}")
    server.call("DELETE", f"{path}/{name}")
    try:
        status, _, err = run("get", "rollout", "checkout")
    finally:
        metadata = {"name": name}
        server.call("POST", path, {**definition, "metadata": metadata})
    assert status == 1
    assert "this cluster does not know Rollouts; install their CRDs" in err


def test_no_kubeconfig_is_a_sentence(run: Run, tmp_path: Path) -> None:
    status, _, err = run("abort", "checkout", kubeconfig=tmp_path / "nowhere")
    assert status == 1
    assert err.startswith("error: ")
    assert str(tmp_path / "nowhere") in err
    assert "Traceback" not in err


def test_a_server_that_is_not_there_is_a_sentence_without_its_secret(
    run: Run, tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    write_kubeconfig(tmp_path / "config", f"http://127.0.0.1:{port}/secretprefix")
    status, _, err = run("get", "rollout", "checkout", kubeconfig=tmp_path / "config")
    assert (status, err) == (
        1,
        f"error: no answer from the cluster at 127.0.0.1:{port} (Connection refused); "
        "is it running and reachable?\n",
    )


def test_refused_credentials_are_a_sentence(run: Run, server: Server, tmp_path: Path) -> None:
    root = "/".join(server.url.split("/")[:3])
    write_kubeconfig(tmp_path / "config", f"{root}/wrong")
    status, _, err = run("get", "rollout", "checkout", kubeconfig=tmp_path / "config")
    assert status == 1
    assert "the cluster does not accept the credentials of this context" in err


def test_an_unknown_context_lists_the_known_ones(run: Run) -> None:
    status, _, err = run("abort", "checkout", "--context", "there")
    assert status == 1
    assert "'there'" in err
    assert "here" in err


def test_an_object_that_cannot_be_read_is_a_sentence(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "Rollout", int)
    status, _, err = run("get", "rollout", "checkout")
    assert (status, err.split(":")[0:2]) == (
        1,
        ["error", " Rollout production/checkout cannot be read"],
    )


def test_the_namespace_of_the_context_holds_unless_one_is_given(run: Run, server: Server) -> None:
    server.apply("broken.yaml")
    assert run("-n", "default", "abort", "shop")[0] == 0
    assert run("-n", "nowhere", "abort", "shop", "-n", "default")[0] == 0
    assert server.rollout("shop", "default")["status"]["abort"] is True


def test_the_fixture_files_are_what_a_server_takes(server: Server) -> None:
    """The golden texts of `present` are made from objects that a real API server would hold."""
    assert len(documents("checkout.yaml")) == 8
    with pytest.raises(Refused, match="already exists"):
        server.create(yaml.safe_load(yaml.safe_dump(documents("checkout.yaml")[0])))
