"""Commands about Experiments: what they show and write."""

from __future__ import annotations

from cli.server import Run, Server

AT = "/apis/argoproj.io/v1alpha1/namespaces/shop/experiments"


def test_an_experiment_is_shown_listed_terminated_and_retried(run: Run, server: Server) -> None:
    pods = {
        "metadata": {"labels": {"app": "a"}},
        "spec": {"containers": [{"name": "a", "image": "a:v1"}]},
    }
    template = {"name": "a", "selector": {"matchLabels": {"app": "a"}}, "template": pods}
    body = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Experiment",
        "metadata": {"name": "trial"},
        "spec": {"templates": [template]},
        "status": {"phase": "Running"},
    }
    server.call("POST", "/api/v1/namespaces", {"metadata": {"name": "shop"}})
    server.call("POST", AT, body)
    status, out, err = run("get", "experiment", "trial", "-n", "shop")
    assert (status, err) == (0, "")
    assert "Σ trial" in out
    assert "Running" in run("get", "experiments", "-n", "shop")[1]
    shown = run("get", "experiment", "trial", "-n", "shop", "-w", "--timeout-seconds", "0.5")
    assert (shown[0], shown[2]) == (0, "")
    assert shown[1].count("Σ trial") == 1
    assert run("get", "experiment", "-w", "-n", "shop")[0] == 2
    assert run("terminate", "experiment", "trial", "-n", "shop") == (
        0,
        "experiment 'trial' terminated\n",
        "",
    )
    assert server.call("GET", f"{AT}/trial")["spec"]["terminate"] is True
    assert run("retry", "experiment", "trial", "-n", "shop")[0] == 0
    assert "status" not in server.call("GET", f"{AT}/trial")
    assert run("terminate", "experiment", "other", "-n", "shop") == (
        1,
        "",
        "error: there is no experiment 'other' in namespace 'shop'; "
        "another namespace is named with -n\n",
    )
