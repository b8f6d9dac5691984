"""A canary behind an Ingress: the way up, by itself and with a person's word."""

from __future__ import annotations

from stories.conftest import Tell
from stories.shops import STEPS, routed

SCALES = """
steps:
- setCanaryScale: {replicas: 3}
- setWeight: 10
- pause: {}
- setCanaryScale: {weight: 50}
- pause: {}
- setCanaryScale: {matchTrafficWeight: true}
- pause: {}
"""


def test_a_first_deploy_needs_no_steps_and_takes_the_services_when_its_pods_answer(
    tell: Tell,
) -> None:
    tell(routed(), "wait 30s", at_rest=False)


def test_a_release_goes_up_step_by_step_and_a_person_lets_it_pass_the_last_pause(
    tell: Tell,
) -> None:
    tell(
        routed(),
        """
        release v2
        until Paused 3
        wait 10s
        promote
        wait 60s
        """,
    )


def test_a_promotion_in_a_timed_pause_ends_that_pause_only(tell: Tell) -> None:
    tell(
        routed(),
        """
        release v2
        until Paused 1
        wait 5s
        promote
        wait 30s
        """,
    )


def test_a_promotion_while_pods_start_skips_the_step_that_waits_for_them(tell: Tell) -> None:
    tell(
        routed(),
        """
        slow 30s
        release v2
        wait 10s
        promote
        wait 90s
        """,
    )


def test_a_full_promotion_skips_all_steps_and_raises_pods_before_the_weight(tell: Tell) -> None:
    tell(
        routed(),
        """
        release v2
        until Paused 1
        wait 5s
        promote full
        wait 60s
        """,
    )


def test_without_steps_a_release_gets_all_pods_and_then_all_traffic(tell: Tell) -> None:
    tell(
        routed("steps: []"),
        """
        release v2
        wait 60s
        """,
    )


def test_a_release_that_is_paused_by_its_user_stands_still_until_it_is_let_go(tell: Tell) -> None:
    tell(
        routed(),
        """
        release v2
        until Paused 1
        wait 5s
        pause
        wait 60s
        resume
        wait 20s
        """,
    )


def test_a_scale_of_the_canary_of_its_own_leads_until_it_is_to_match_the_weight_again(
    tell: Tell,
) -> None:
    tell(
        routed(SCALES),
        """
        release v2
        until Paused 2
        wait 5s
        promote
        until Paused 4
        wait 5s
        promote
        until Paused 6
        wait 5s
        promote
        wait 60s
        """,
    )


def test_with_a_dynamic_stable_scale_stable_shrinks_behind_its_traffic(tell: Tell) -> None:
    tell(
        routed(more="dynamicStableScale: true"),
        """
        release v2
        until Paused 3
        wait 10s
        promote
        wait 60s
        """,
    )


def test_with_a_least_number_of_pods_a_small_weight_has_that_many(tell: Tell) -> None:
    tell(
        routed(STEPS.replace("25", "10"), more="minPodsPerReplicaSet: 2"),
        """
        release v2
        until Paused 1
        wait 10s
        """,
    )


def test_with_a_threshold_a_pod_that_never_gets_ready_holds_nothing_up(tell: Tell) -> None:
    tell(
        routed(
            "steps: [{setWeight: 50}, {pause: {duration: 10s}}]",
            more="replicaProgressThreshold: {type: Percent, value: 75}",
            replicas=8,
        ),
        """
        stuck 1
        release v2
        wait 90s
        look waiting
        """,
    )


def test_with_a_surge_limit_the_pods_of_a_big_step_start_two_at_a_time(tell: Tell) -> None:
    steps = STEPS.replace("setWeight: 25", "setWeight: 75")
    tell(
        routed(steps, more="surgeLimit: 2", replicas=8),
        """
        release v2
        until Paused 1
        wait 5s
        """,
    )


def test_old_revisions_beyond_the_limit_of_delays_give_up_their_pods_at_once(tell: Tell) -> None:
    steps = "steps: [{setWeight: 50}]"
    tell(
        routed(
            steps, more="scaleDownDelayRevisionLimit: 1\nscaleDownDelaySeconds: 300", replicas=2
        ),
        """
        release v2
        wait 30s
        release v3
        wait 60s
        """,
    )


def test_labels_follow_the_roles_of_the_pods(tell: Tell) -> None:
    metadata = """
    canaryMetadata: {labels: {role: canary}}
    stableMetadata: {labels: {role: stable}}
    """
    tell(
        routed(more="\n".join(map(str.strip, metadata.splitlines())), replicas=2),
        """
        look labels
        release v2
        until Paused 1
        look labels
        promote full
        wait 60s
        look labels
        """,
    )


def test_pods_of_a_new_version_keep_away_from_the_nodes_of_stable_while_it_is_another(
    tell: Tell,
) -> None:
    rule = "antiAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {}}"
    tell(
        routed(more=rule, replicas=2),
        """
        release v2
        until Paused 1
        look affinity
        promote full
        wait 60s
        look affinity
        """,
    )


def test_history_is_kept_as_long_as_it_was_asked_for(tell: Tell) -> None:
    tell(
        routed("steps: []", more="scaleDownDelaySeconds: 5", spec="revisionHistoryLimit: 1"),
        """
        release v2
        wait 40s
        release v3
        wait 40s
        look revisions
        """,
    )
