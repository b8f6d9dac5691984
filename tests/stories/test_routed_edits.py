"""A canary behind an Ingress whose author edits it: replicas, steps, mistakes, restarts."""

from __future__ import annotations

from control import scenes
from stories.conftest import Tell
from stories.shops import routed, service

IN_PAUSE = """
        release v2
        until Paused 1
        wait 5s
        ---
"""
AT_HALF = IN_PAUSE.replace("Paused 1", "Paused 3")


def test_replicas_that_grow_in_mid_release_grow_on_both_sides(tell: Tell) -> None:
    tell(routed(), AT_HALF + "scale 8\nwait 20s")


def test_replicas_that_shrink_in_mid_release_shrink_behind_the_traffic(tell: Tell) -> None:
    tell(routed(replicas=8), AT_HALF + "scale 4\nwait 20s")


def test_replicas_that_grow_under_a_dynamic_stable_scale_move_no_traffic(tell: Tell) -> None:
    tell(routed(more="dynamicStableScale: true"), AT_HALF + "scale 8\nwait 20s")


def test_an_autoscaler_that_edits_all_the_time_does_not_stop_a_release(tell: Tell) -> None:
    tell(
        routed(),
        """
        release v2
        wait 4s
        scale 6
        wait 2s
        scale 5
        wait 2s
        scale 8
        wait 40s
        scale 4
        wait 20s
        """,
    )


def test_an_abort_while_an_autoscaler_edits_goes_back_as_stables_pods_come(tell: Tell) -> None:
    tell(routed(), AT_HALF + "scale 8\nabort\nwait 50s")


def test_at_rest_replicas_follow_and_nothing_else_moves(tell: Tell) -> None:
    tell(routed(), "scale 6\nwait 10s\nscale 2\nwait 10s")


def test_scaled_to_nothing_and_back_at_rest(tell: Tell) -> None:
    tell(routed(), "scale 0\nwait 20s\nscale 4\nwait 20s")


def test_scaled_to_nothing_in_mid_release_the_new_version_is_stable_as_nobody_comes(
    tell: Tell,
) -> None:
    tell(routed(), IN_PAUSE + "scale 0\nwait 60s\nscale 4\nwait 20s")


def test_later_steps_that_are_edited_do_not_restart_the_earlier_ones(tell: Tell) -> None:
    tell(
        routed(),
        IN_PAUSE
        + """
        strategy canary: {steps: [{setWeight: 25}, {pause: {duration: 30s}}, {setWeight: 75}]}
        wait 90s
        """,
    )


def test_earlier_steps_that_are_edited_begin_again_from_the_first(tell: Tell) -> None:
    tell(
        routed(),
        AT_HALF
        + """
        strategy canary: {steps: [{setWeight: 10}, {pause: {}}]}
        wait 20s
        """,
    )


def test_steps_that_are_edited_at_rest_change_nothing(tell: Tell) -> None:
    tell(routed(), "strategy canary: {steps: [{setWeight: 10}, {pause: {}}]}\nwait 20s")


def test_a_spec_with_mistakes_names_them_all_and_freezes_until_it_is_mended(tell: Tell) -> None:
    tell(
        routed(),
        IN_PAUSE
        + """
        edit {progressDeadlineSeconds: 5, minReadySeconds: 10, revisionHistoryLimit: -1}
        wait 60s
        edit {progressDeadlineSeconds: 600, minReadySeconds: 0, revisionHistoryLimit: 10}
        wait 20s
        """,
    )


def test_an_abort_is_obeyed_while_the_spec_has_a_mistake(tell: Tell) -> None:
    tell(
        routed(),
        IN_PAUSE
        + """
        edit {revisionHistoryLimit: -1}
        wait 10s
        abort
        wait 50s
        """,
    )


def test_a_rollout_that_comes_before_what_it_refers_to_waits_and_goes_on_by_itself(
    tell: Tell,
) -> None:
    rollout = routed().split("---")[0]
    extra = {
        "stable service": scenes.STABLE_SERVICE,
        "canary service": scenes.CANARY_SERVICE,
        "ingress": scenes.INGRESS,
    }
    script = """
        wait 60s
        apply stable service
        wait 5s
        apply canary service
        wait 5s
        apply ingress
        wait 20s
    """
    tell(rollout, script, extra, at_rest=False)


def test_a_template_that_is_missing_holds_the_release_and_its_appearance_lets_it_go(
    tell: Tell,
) -> None:
    steps = "steps: [{setWeight: 50}, {analysis: {templates: [{templateName: later}]}}]"
    extra = {"template": scenes.TEMPLATE.replace("name: errors, n", "name: later, n")}
    tell(
        routed("steps: [{setWeight: 50}]"),
        f"""
        strategy canary: {{{steps}}}
        release v2
        wait 40s
        apply template
        wait 60s
        """,
        extra,
    )


def test_a_restart_replaces_all_pods_a_few_at_a_time(tell: Tell) -> None:
    tell(routed(), "restart in 5s\nwait 40s")


def test_a_restart_in_mid_release_replaces_the_pods_of_both(tell: Tell) -> None:
    tell(routed(), AT_HALF + "restart\nwait 40s")


def test_a_router_that_is_added_between_releases_finds_stable_with_all_its_pods(
    tell: Tell,
) -> None:
    rollout, template, *around = routed().split("---")
    lines = ("canaryService", "stableService", "trafficRouting")
    kept = (one for one in rollout.splitlines() if one.strip().split(":")[0] not in lines)
    plain = "\n".join(kept) + "\n"
    router = "canaryService: web-canary, stableService: web-stable"
    tell(
        "---".join((plain, template, *around, service("web"))),
        f"""
        strategy canary: {{{router}, trafficRouting: {{nginx: {{stableIngress: web}}}}}}
        wait 10s
        release v2
        wait 20s
        """,
    )


def test_deleted_in_mid_release_everything_goes_and_the_services_select_all_pods_again(
    tell: Tell,
) -> None:
    tell(routed(), IN_PAUSE + "delete rollout web\nwait 20s")
