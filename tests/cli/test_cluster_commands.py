"""The commands against an API server: what they show, what they write, what they say of errors."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cli.server import PATHS, Refused, Server, serving, write_kubeconfig
from present.objects import documents, golden
from serinus.api.argo import Rollout
from serinus.cli import cluster as cluster_module
from serinus.cli.main import main

Run = Callable[..., tuple[int, str, str]]
CHECKOUT = f"{PATHS['Rollout'].format('production')}/checkout"


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


# --- get ------------------------------------------------------------------------------------------


def ageless(text: str) -> str:
    """Without ages and without the room that they take."""
    return re.sub(r" +", " ", re.sub(r" (\d+[dhms])+(?= |$)", "", text, flags=re.M))


@pytest.mark.parametrize(
    "words", [("rollout", "checkout"), ("rollout/checkout",), ("ro", "rollouts/checkout")], ids=str
)
def test_get_rollout_shows_the_family(run: Run, words: tuple[str, ...]) -> None:
    status, out, err = run("get", *words)
    assert (status, err) == (0, "")
    shown, wanted = ageless(out).splitlines(), ageless(golden("checkout.txt")).splitlines()
    assert [line.rstrip() for line in shown] == [line.rstrip() for line in wanted]


def test_get_rollout_without_a_name_lists_those_of_the_namespace(run: Run, server: Server) -> None:
    server.apply("broken.yaml")
    assert re.findall(r"^\w+", run("get", "rollouts")[1], re.M) == ["NAME", "checkout"]
    everywhere = run("get", "rollouts", "-A")[1]
    assert re.findall(r"^\w+ +\w+", everywhere, re.M)[1:] == [
        "default     shop",
        "production  checkout",
    ]
    assert run("get", "rollouts", "-n", "empty") == (
        0,
        "",
        "there are no rollouts in namespace 'empty'\n",
    )


def test_ages_follow_the_clock_of_the_server(tmp_path: Path, capsys: Any) -> None:
    """A cluster whose clock is far from ours shows ages by its own."""
    with serving(tmp_path, speed=100_000) as fast:
        fast.apply("checkout.yaml")
        created = fast.rollout("checkout")["metadata"]["creationTimestamp"]
        with pytest.raises(SystemExit):
            main(["--kubeconfig", str(fast.kubeconfig), "get", "rollouts"])
        age = capsys.readouterr().out.split()[-1]
        assert re.fullmatch(r"\d+[dhm].*", age), (age, created)


# --- watching -------------------------------------------------------------------------------------


def test_get_rollout_w_shows_each_change_until_the_rollout_is_gone(
    run: Run, server: Server
) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-u", "-m", "serinus.cli.main"),
            *("--kubeconfig", str(server.kubeconfig), "get", "rollout", "checkout", "-w"),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONUTF8": "1"},
    )
    with process:
        assert process.stdout
        assert process.stderr
        wait_for(process.stdout, "ActualWeight:  20")
        weights = {"canary": {"weight": 50}, "stable": {"weight": 50}}
        server.patch(f"{CHECKOUT}/status", {"status": {"canary": {"weights": weights}}})
        wait_for(process.stdout, "ActualWeight:  50")
        server.call("DELETE", CHECKOUT)
        assert "rollout 'checkout' in namespace 'production' was deleted" in process.stderr.read()
        assert process.wait(30) == 1


def wait_for(stream: Any, text: str) -> None:
    watchdog = threading.Timer(30, stream.close)
    watchdog.start()
    try:
        while text not in (line := stream.readline()):
            assert line, f"the output ended before {text!r}"
    finally:
        watchdog.cancel()


def test_status_tells_every_phase_until_the_end(run: Run, server: Server) -> None:
    phases = [
        {"phase": "Paused", "message": "CanaryPauseStep"},
        {"phase": "Healthy", "message": None},
    ]

    def go_on() -> None:
        for phase in phases:
            server.patch(f"{CHECKOUT}/status", {"status": phase})

    timer = threading.Timer(0.5, go_on)
    timer.start()
    status, out, err = run("status", "checkout", "-t", "30s")
    timer.join()
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert lines[0] == "Progressing - more replicas need to be updated"
    assert lines[-1] == "Healthy"


def test_status_of_a_degraded_rollout_is_1(run: Run, server: Server) -> None:
    server.patch(f"{CHECKOUT}/status", {"status": {"phase": "Degraded", "message": "why"}})
    assert run("status", "checkout") == (1, "Degraded - why\n", "")


@pytest.mark.parametrize("flag", ["-w=false", "--watch=false", "--no-watch"])
def test_status_without_watching_tells_the_phase_of_now(run: Run, flag: str) -> None:
    told = "Progressing - more replicas need to be updated\n"
    assert run("status", "checkout", flag) == (0, told, "")


def test_status_that_runs_out_of_time_is_1_and_says_where_it_stands(run: Run) -> None:
    status, out, err = run("status", "checkout", "-w", "--timeout=300ms")
    assert (status, out) == (1, "Progressing - more replicas need to be updated\n")
    assert "did not come to an end in 0.3 s; it is Progressing - more replicas" in err


def test_a_timeout_that_is_no_duration_says_how_to_write_one(run: Run) -> None:
    status, _, err = run("status", "checkout", "-t", "soon")
    assert status == 2
    assert "'soon' is not a duration; write for example 30s" in err


# --- changes --------------------------------------------------------------------------------------


def test_abort_and_retry_write_the_status(run: Run, server: Server) -> None:
    assert run("abort", "checkout") == (0, "rollout 'checkout' aborted\n", "")
    assert server.rollout("checkout")["status"]["abort"] is True
    for words in (("checkout",), ("rollout", "checkout"), ("rollout/checkout",)):
        assert run("retry", *words) == (0, "rollout 'checkout' retried\n", "")
    assert server.rollout("checkout")["status"]["abort"] is False


def test_pause_and_promote_write_the_spec(run: Run, server: Server) -> None:
    assert run("pause", "checkout") == (0, "rollout 'checkout' paused\n", "")
    assert server.rollout("checkout")["spec"]["paused"] is True
    assert run("promote", "checkout") == (0, "rollout 'checkout' promoted\n", "")
    found = server.rollout("checkout")
    assert found["spec"]["paused"] is False
    assert found["status"]["currentStepIndex"] == 3


def test_promote_skips_the_step_and_full_all_of_them(run: Run, server: Server) -> None:
    assert run("promote", "checkout")[0] == 0
    assert server.rollout("checkout")["status"]["currentStepIndex"] == 4
    assert run("promote", "checkout", "--full") == (0, "rollout 'checkout' fully promoted\n", "")
    assert server.rollout("checkout")["status"]["promoteFull"] is True


def test_promote_of_a_rollout_at_rest_says_so(run: Run, server: Server) -> None:
    rest = {"stableRS": "new", "phase": "Healthy", "message": None, "currentStepIndex": 6}
    server.patch(f"{CHECKOUT}/status", {"status": rest})
    before = server.rollout("checkout")["metadata"]["resourceVersion"]
    for words in (("checkout",), ("checkout", "--full")):
        told = "rollout 'checkout' has nothing to be promoted from: Healthy\n"
        assert run("promote", *words) == (0, told, "")
    assert server.rollout("checkout")["metadata"]["resourceVersion"] == before


def test_a_change_in_between_is_read_again_not_overwritten(
    run: Run, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controller moves on between our reading and our write: the step index follows it."""
    read = cluster_module.Cluster.rollout
    moves = iter([5])

    def late(self: Any, name: str) -> Rollout:
        found = read(self, name)
        for index in moves:
            server.patch(f"{CHECKOUT}/status", {"status": {"currentStepIndex": index}})
        return found

    monkeypatch.setattr(cluster_module.Cluster, "rollout", late)
    assert run("promote", "checkout")[0] == 0
    assert server.rollout("checkout")["status"]["currentStepIndex"] == 6


def test_set_image_changes_the_template(run: Run, server: Server) -> None:
    told = "rollout 'checkout' image updated\n"
    assert run("set", "image", "checkout", "checkout=shop/checkout:v3") == (0, told, "")
    spec = server.rollout("checkout")["spec"]["template"]["spec"]
    assert spec["containers"][0]["image"] == "shop/checkout:v3"
    again = "rollout 'checkout' has these images already\n"
    assert run("set", "image", "checkout", "*=shop/checkout:v3") == (0, again, "")


def test_set_image_names_what_it_does_not_know(run: Run) -> None:
    status, _, err = run("set", "image", "checkout", "proxy=x")
    assert (status, err) == (1, "error: no container is named proxy; there are: checkout\n")
    status, _, err = run("set", "image", "checkout", "proxy")
    assert status == 2
    assert "'proxy' is not CONTAINER=IMAGE" in err


def test_set_image_goes_to_the_workload_that_is_referred_to(run: Run, server: Server) -> None:
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "web", "image": "w:1"}]},
    }
    spec = {"selector": {"matchLabels": labels}, "template": template}
    server.create(
        {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "web"}, "spec": spec}
    )
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    strategy = {"canary": {}}
    server.create(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Rollout",
            "metadata": {"name": "web"},
            "spec": {"workloadRef": ref, "strategy": strategy},
        }
    )
    assert (
        run("set", "image", "web", "web=w:2", "-n", "default")[1] == "rollout 'web' image updated\n"
    )
    made = server.call("GET", f"{PATHS['Deployment'].format('default')}/web")
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "w:2"
    status, _, err = run("undo", "web", "-n", "default")
    assert (status, err) == (
        1,
        "error: rollout 'web' takes its template from a Deployment; undo that one instead\n",
    )


def test_undo_takes_the_template_of_the_revision_before(run: Run, server: Server) -> None:
    assert run("undo", "checkout") == (0, "rollout 'checkout' undone\n", "")
    template = server.rollout("checkout")["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "ghcr.io/acme/checkout:v1"
    assert template["metadata"]["labels"] == {"app": "checkout"}
    told = "rollout 'checkout' has the template of that revision already\n"
    assert run("undo", "checkout", "--to-revision", "1") == (0, told, "")
    assert run("undo", "checkout", "--to-revision", "9")[2] == (
        "error: there is no revision 9; there are: 2, 1\n"
    )


# --- errors ---------------------------------------------------------------------------------------


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
