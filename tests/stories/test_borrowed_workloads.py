"""A Rollout that takes its pods from a Deployment (workloadRef), in its three modes."""

from __future__ import annotations

from control import lent
from stories.conftest import Tell

SHOP = "---".join((lent.DEPLOYMENT, lent.AROUND))


def _moving_in(tell: Tell, mode: str, script: str) -> None:
    tell(
        SHOP,
        "wait 10s\n---\napply rollout\n" + script,
        {"rollout": lent.ROLLOUT.replace("MODE", mode)},
        at_rest=False,
    )


def test_never_leaves_the_deployment_alone_and_its_image_makes_releases(tell: Tell) -> None:
    _moving_in(tell, "never", "wait 30s\nimage v2\nuntil Paused 1\nwait 5s\npromote\nwait 30s")


def test_on_success_the_deployment_gives_up_its_pods_when_ours_carry_all(tell: Tell) -> None:
    _moving_in(tell, "onsuccess", "wait 30s")


def test_progressively_each_ready_pod_of_ours_replaces_one_of_the_deployment(tell: Tell) -> None:
    _moving_in(tell, "progressively", "wait 30s")


def test_a_first_version_that_never_gets_ready_costs_the_deployment_nothing(tell: Tell) -> None:
    _moving_in(tell, "progressively", "bad v1\nwait 60s")


def test_when_the_rollout_is_deleted_the_deployment_gets_its_pods_back(tell: Tell) -> None:
    _moving_in(tell, "onsuccess", "wait 30s\ndelete rollout web\nwait 20s")
