"""A canary behind an Ingress under misfortunes: pods, nodes, controllers and objects that go."""

from __future__ import annotations

from stories.conftest import Tell
from stories.shops import STEPS, routed, switched

IN_PAUSE = """
        release v2
        until Paused 1
        wait 5s
        ---
"""
AT_HALF = IN_PAUSE.replace("Paused 1", "Paused 3")


def test_a_canary_whose_only_pod_dies_gives_its_traffic_back_and_gets_it_again(
    tell: Tell,
) -> None:
    tell(routed(), IN_PAUSE + "kill v2\nwait 60s")


def test_a_canary_that_breaks_in_a_pause_times_out_and_is_taken_back(tell: Tell) -> None:
    """Its deadline counts from where it lost its pods, whatever the pause takes."""
    tell(
        routed(STEPS, spec="progressDeadlineSeconds: 60\nprogressDeadlineAbort: true"),
        IN_PAUSE + "break v2\nwait 4m",
    )


def test_a_canary_that_breaks_in_an_endless_pause_times_out_and_a_person_decides(
    tell: Tell,
) -> None:
    tell(
        routed(STEPS, spec="progressDeadlineSeconds: 60"),
        AT_HALF + "break v2\nwait 10m\nlook waiting\nmend v2\nwait 20s",
    )


def test_a_canary_that_breaks_in_an_endless_pause_is_taken_back_where_that_is_asked_for(
    tell: Tell,
) -> None:
    tell(
        routed(STEPS, spec="progressDeadlineSeconds: 60\nprogressDeadlineAbort: true"),
        AT_HALF + "break v2\nwait 3m",
    )


def test_a_preview_that_breaks_before_its_switch_times_out_too(tell: Tell) -> None:
    tell(
        switched("autoPromotionEnabled: false", "progressDeadlineSeconds: 60"),
        "release v2\nuntil Paused\nwait 5s\n---\nbreak v2\nwait 2m\nmend v2\nwait 20s",
    )


def test_a_spec_that_is_mended_after_long_gets_a_whole_deadline(tell: Tell) -> None:
    tell(
        routed(STEPS, spec="progressDeadlineSeconds: 60\nprogressDeadlineAbort: true"),
        """
        bad v2
        release v2
        wait 5s
        edit {minReadySeconds: 700}
        wait 5m
        edit {minReadySeconds: 0}
        wait 2m
        """,
    )


def test_a_canary_that_loses_one_of_two_pods_keeps_what_it_carries(tell: Tell) -> None:
    tell(routed(), AT_HALF + "kill v2 1\nwait 20s")


def test_stable_that_dies_in_mid_release_is_restored_and_the_canary_gets_no_more(
    tell: Tell,
) -> None:
    tell(routed(), IN_PAUSE + "break v1\nwait 60s\nlook waiting\nmend v1\nwait 30s")


def test_an_abort_with_stable_dead_waits_for_its_pods(tell: Tell) -> None:
    tell(routed(), AT_HALF + "break v1\nwait 5s\nabort\nwait 20s\nmend v1\nwait 50s")


def test_with_both_dead_nothing_moves(tell: Tell) -> None:
    tell(routed(), AT_HALF + "break v1\nbreak v2\nwait 60s")


def test_at_rest_pods_that_die_come_back_and_nothing_else_moves(tell: Tell) -> None:
    tell(routed(), "kill v1 2\nwait 20s")


def test_a_node_that_is_lost_in_mid_release_costs_pods_and_nothing_else(tell: Tell) -> None:
    tell(routed(), AT_HALF + "lose a node\nwait 6m")


def test_a_node_that_is_lost_while_the_weight_rises_holds_the_weight(tell: Tell) -> None:
    tell(routed(), AT_HALF + "promote\nwait 1s\nlose a node\nwait 6m")


def test_a_controller_that_is_away_in_a_pause_goes_on_where_it_was(tell: Tell) -> None:
    tell(routed(), IN_PAUSE + "controller dies\nwait 60s\ncontroller starts\nwait 20s")


def test_a_controller_that_is_away_while_weights_move_finishes_what_was_begun(tell: Tell) -> None:
    tell(
        routed(),
        AT_HALF
        + """
        promote
        wait 4s
        controller dies
        wait 60s
        controller starts
        wait 60s
        """,
    )


def test_a_command_that_came_while_no_controller_was_there_is_obeyed(tell: Tell) -> None:
    tell(
        routed(),
        IN_PAUSE
        + """
        controller dies
        abort
        wait 60s
        controller starts
        wait 60s
        """,
    )


def test_an_ingress_that_is_deleted_in_mid_release_is_unknown_and_comes_back(tell: Tell) -> None:
    tell(routed(), IN_PAUSE + "delete ingress web-web-canary\nwait 40s")


def test_a_canary_service_that_is_deleted_in_mid_release_holds_it(tell: Tell) -> None:
    from control import scenes

    tell(
        routed(),
        IN_PAUSE + "delete service web-canary\nwait 40s\napply service\nwait 30s",
        {"service": scenes.CANARY_SERVICE},
    )
