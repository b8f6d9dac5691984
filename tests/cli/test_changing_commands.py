"""Commands that change a Rollout: what they write, what they never overwrite."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from cli.server import CHECKOUT, PATHS, Run, Server
from serinus.api.argo import Rollout
from serinus.base.clock import Clock
from serinus.cli import cluster as cluster_module


def test_abort_and_retry_write_the_status(run: Run, server: Server) -> None:
    assert run("abort", "checkout") == (0, "rollout 'checkout' aborted\n", "")
    assert server.rollout("checkout")["status"]["abort"] is True
    for words in (("checkout",), ("rollout", "checkout"), ("rollout/checkout",)):
        assert run("retry", *words) == (0, "rollout 'checkout' retried\n", "")
        assert server.rollout("checkout")["status"]["abort"] is False
        server.patch(f"{CHECKOUT}/status", {"status": {"abort": True}})


def test_abort_of_what_is_stable_says_what_to_do_instead(run: Run, server: Server) -> None:
    found = server.rollout("checkout")
    current, generation = found["status"]["currentPodHash"], found["metadata"]["generation"]
    rest = {"stableRS": current, "abort": False, "observedGeneration": str(generation)}
    server.patch(f"{CHECKOUT}/status", {"status": rest})
    assert run("abort", "checkout") == (
        0,
        "rollout 'checkout' has no update to abort: its revision is stable already\n"
        "To go back to an earlier revision: serinus undo checkout\n",
        "",
    )
    assert not server.rollout("checkout")["status"].get("abort")


def test_retry_of_what_is_not_aborted_says_so_and_writes_nothing(run: Run, server: Server) -> None:
    before = server.rollout("checkout")["metadata"]["resourceVersion"]
    status, out, err = run("retry", "rollout", "checkout")
    assert (status, err) == (0, "")
    assert out == (
        "rollout 'checkout' is not aborted, there is nothing to retry: "
        "Progressing - more replicas need to be updated\n"
    )
    assert server.rollout("checkout")["metadata"]["resourceVersion"] == before


def test_pause_and_promote_write_the_spec(run: Run, server: Server) -> None:
    assert run("pause", "checkout") == (0, "rollout 'checkout' paused\n", "")
    assert server.rollout("checkout")["spec"]["paused"] is True
    assert run("promote", "checkout") == (0, "rollout 'checkout' promoted\n", "")
    found = server.rollout("checkout")
    assert found["spec"]["paused"] is False
    assert found["status"]["currentStepIndex"] == 3


def test_restart_asks_for_pods_that_are_younger_than_now_or_than_later(
    run: Run, server: Server
) -> None:
    before = Clock().now()
    assert run("restart", "checkout") == (0, "rollout 'checkout' restarts now\n", "")
    now = datetime.fromisoformat(server.rollout("checkout")["spec"]["restartAt"])
    assert before.replace(microsecond=0) <= now <= Clock().now()
    said = run("restart", "checkout", "--in", "10m")
    assert said == (0, "rollout 'checkout' restarts in 600 s\n", "")
    later = datetime.fromisoformat(server.rollout("checkout")["spec"]["restartAt"])
    assert timedelta(minutes=10) <= later - now <= timedelta(minutes=11)


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


def lend(server: Server) -> None:
    """A Rollout whose pods a Deployment lends."""
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


def test_set_image_goes_to_the_workload_that_is_referred_to(run: Run, server: Server) -> None:
    lend(server)
    assert (
        run("set", "image", "web", "web=w:2", "-n", "default")[1] == "rollout 'web' image updated\n"
    )
    made = server.call("GET", f"{PATHS['Deployment'].format('default')}/web")
    assert made["spec"]["template"]["spec"]["containers"][0]["image"] == "w:2"


def test_undo_puts_the_earlier_template_where_a_workload_lends_it(run: Run, server: Server) -> None:
    lend(server)
    run("set", "image", "web", "web=w:2", "-n", "default")
    path = f"{PATHS['Deployment'].format('default')}/web"
    uid = server.call("GET", f"{PATHS['Rollout'].format('default')}/web")["metadata"]["uid"]
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "name": "web", "uid": uid}
    for number, image in ((1, "w:1"), (2, "w:2")):
        labels = {"app": "web", "rollouts-pod-template-hash": f"h{number}"}
        pods = {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "web", "image": image}]},
        }
        notes = {"rollout.argoproj.io/revision": str(number)}
        server.create(
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {
                    "name": f"web-h{number}",
                    "labels": labels,
                    "annotations": notes,
                    "ownerReferences": [{**owner, "controller": True}],
                },
                "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": pods},
            }
        )
    there = (0, "rollout 'web' has the template of that revision already\n", "")
    assert run("undo", "web", "--to-revision", "2", "-n", "default") == there
    assert run("undo", "web", "-n", "default") == (0, "rollout 'web' undone\n", "")
    template = server.call("GET", path)["spec"]["template"]
    assert template["spec"]["containers"][0]["image"] == "w:1"
    assert template["metadata"]["labels"] == {"app": "web"}
    assert run("undo", "web", "--to-revision", "1", "-n", "default") == there


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
