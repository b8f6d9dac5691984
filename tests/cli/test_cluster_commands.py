"""Commands that show: what they print, and how they follow changes."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cli.server import CHECKOUT, Run, Server, serving
from present.objects import golden
from serinus.cli.main import main

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
        assert server.watched.wait(30)
        for phase in phases:
            server.patch(f"{CHECKOUT}/status", {"status": phase})

    server.watched.clear()
    beside = threading.Thread(target=go_on)
    beside.start()
    status, out, err = run("status", "checkout", "-t", "60s")
    beside.join()
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


def test_get_of_another_kind_says_what_it_shows_itself(run: Run) -> None:
    status, out, err = run("get", "pods", "-n", "production")
    assert (status, out) == (2, "")
    assert "'pods' is shown by kubectl; here are: rollout [NAME], experiment [NAME]" in err
