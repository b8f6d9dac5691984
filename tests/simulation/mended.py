"""Every row of docs/defects.md whose decision is `fixed`, and what notices the mistake put back.

Most are found in the small worlds (`defects.py`); what these cannot show breaks the very test that
the page names. `test_mended.py` holds this table to the page.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from api.validation import test_strategy_rules, test_workload_rules
from control import test_istio, test_lifecycle, test_workers
from control.telling import test_unreadable
from core.analysis import test_faulty_runs, test_templates
from core.rollout import test_adoption, test_commands, test_revisions, test_trial_traffic
from serinus.api import argo
from serinus.api.validation import routes, workload
from serinus.control import reconciler, workers
from serinus.control.writing import execute, freed, manifests
from serinus.core.analysis import plan as run_plan
from serinus.core.analysis import templates
from serinus.core.rollout import (
    adoption,
    conditions,
    course,
    deadline,
    pauses,
    plan,
    status,
    trial_traffic,
)
from serinus.core.routing import Routing
from serinus.kube import listing
from serinus.traffic.istio import router, rule, split
from simulation import mistakes_beside as wrong
from simulation.mistakes import (
    only_scales_while_a_note_is_stale,
    waits_for_the_new_one_on_the_way_back,
)
from simulation.mutants import mistaken
from stories import (
    golden,
    test_analysis_steps,
    test_borrowed_workloads,
    test_routed_edits,
    test_routed_troubles,
    test_routed_ways_back,
    test_switches,
)
from stories.stage import told
from support.virtual import run_virtual
from traffic.istio import test_rule, test_writing
from traffic.istio.objects import ROUTER, service, world
from traffic.laws import putting_what_is_there_is_no_patch

Patch = tuple[object, str, Any]


@dataclass(frozen=True, slots=True)
class Mended:
    """A row of the page, the mistake, and the test that the page names."""

    key: str
    tells: Callable[[], None]
    patch: tuple[Patch, ...]

    def __str__(self) -> str:
        return self.key


def tale(test: Callable[[Any], None]) -> Callable[[], None]:
    """A story with its golden text, as the fixture of its room would tell it."""
    page = Path(inspect.getfile(test))
    page = page.with_name(page.stem.removeprefix("test_") + ".txt")

    def tell(shop: str, script: str, *extra: Any, **more: Any) -> None:
        seen = run_virtual(told(shop, script, *extra, **more))
        assert seen == golden.parts(page)[golden.sentence(test.__name__)]

    return partial(test, tell)


SECRET = {"secretKeyRef": {"name": "n", "key": "k"}}
ROUTED = Routing(10)
C = "spec.strategy.canary.steps[0]"
named = test_strategy_rules.test_what_breaks_a_rule_is_named_with_its_field
MIXED = test_strategy_rules.canary_steps(
    test_strategy_rules.ISTIO, {"setWeight": 5, "setCanaryScale": {"replicas": 1}}
)

BESIDE: tuple[Mended, ...] = (
    Mended(
        "workload-beside-template",
        partial(
            test_workload_rules.test_a_template_beside_it_is_refused_if_it_says_anything,
            *({"spec": {"containers": [{"name": "c", "image": "i"}]}}, True),
        ),
        ((workload, "_says_something", wrong.says_something_in_two_fields),),
    ),
    Mended(
        "scale-down-word",
        partial(
            test_workload_rules.test_rules_of_the_reference,
            *({"scaleDown": "onSuccess"}, "spec.workloadRef.scaleDown: 'onSuccess' must be"),
        ),
        ((workload, "SCALE_DOWN", wrong.AnyWord()),),
    ),
    Mended(
        "mirror-headers",
        partial(
            named,
            test_strategy_rules.mirror(match=[{"headers": {"x": {}}}]),
            f"{C}.setMirrorRoute.match[0].headers.x: needs exactly one of",
        ),
        ((routes, "_match", lambda match, path: ()),),
    ),
    Mended(
        "mirror-percentage",
        partial(
            named,
            test_strategy_rules.mirror(percentage=101),
            f"{C}.setMirrorRoute.percentage: 101 must be 0 to 100",
        ),
        ((routes, "within", lambda value, least, most, path: ()),),
    ),
    Mended(
        "mixed-steps",
        partial(named, MIXED, f"{C}: does setWeight and setCanaryScale; write a step for each"),
        ((argo.Step, "kinds", wrong.kinds_that_exclude_each_other),),
    ),
    Mended(
        "istio-strangers",
        test_writing.test_a_strangers_destination_is_never_deleted,
        ((split, "_weighted", wrong.weighted_without_strangers),),
    ),
    Mended(
        "istio-subsets",
        test_rule.test_a_point_changes_one_label_and_keeps_all_other_subsets,
        ((rule, "point", wrong.pointed_without_other_subsets),),
    ),
    Mended(
        "istio-no-change",
        partial(putting_what_is_there_is_no_patch, ROUTER, world(service()), ROUTED, ROUTED),
        ((router, "wanted", wrong.wanted_also_without_change),),
    ),
    Mended(
        "istio-no-change",
        test_writing.test_a_service_without_http_routes_is_left_out_of_header_routes,
        ((router, "wanted", wrong.wanted_of_http_alone),),
    ),
    Mended(
        "pod-labels-fail",
        test_lifecycle.test_labels_that_are_not_wanted_any_more_go_from_all_pods,
        ((execute.Executor, "_label_pods", wrong.labelled_with_the_note_first),),
    ),
    Mended(
        "steps-edited",
        test_commands.test_steps_that_are_added_behind_the_current_one_restart_nothing,
        ((course, "_edited", course._restarted),),
    ),
    Mended(
        "workload-left-at-zero",
        tale(
            test_borrowed_workloads.test_when_the_rollout_is_deleted_the_deployment_gets_its_pods_back
        ),
        ((freed.Freed, "_workloads", wrong.nothing_is_freed),),
    ),
    Mended(
        "pause-no-deadline",
        tale(
            test_routed_troubles.test_a_canary_that_breaks_in_an_endless_pause_times_out_and_a_person_decides
        ),
        (
            (conditions, "lacks_pods", lambda standing, way: False),
            (deadline, "lacks_pods", lambda standing, way: False),
            (pauses, "is_left", lambda standing, way: False),
        ),
    ),
    Mended(
        "switch-back-gate",
        tale(
            test_switches.test_a_failure_behind_the_switch_goes_back_although_the_new_pods_are_gone
        ),
        ((reconciler, "plan", mistaken(answer=waits_for_the_new_one_on_the_way_back)),),
    ),
    Mended(
        "nested-circle",
        test_templates.test_nested_templates_come_once_and_a_circle_ends,
        ((templates, "_flattened", wrong.flattened_without_a_guard),),
    ),
    Mended(
        "errors-live-on",
        partial(
            test_faulty_runs.test_a_run_that_cannot_be_measured_says_why_at_once,
            *({"args": [{"name": "s", "value": "v", "valueFrom": SECRET}]}, "args.s has both"),
        ),
        ((run_plan, "_refused", wrong.refused_without_an_end),),
    ),
    Mended(
        "6 #2507",
        test_istio.test_a_wait_for_pods_hides_neither_the_deadline_nor_an_abort_from_subsets,
        (
            (plan, "CANARY", plan.CANARY._replace(may=wrong.may_with_any_service)),
            (plan, "broken", lambda snapshot, made: ()),
        ),
    ),
    Mended(
        "6 #1415 #3420",
        test_trial_traffic.test_nothing_is_given_before_every_template_has_all_its_endpoints,
        ((trial_traffic, "_held", lambda standing, course, parts: None),),
    ),
    Mended(
        "8 #4696",
        test_revisions.test_a_revision_of_another_controller_is_adopted_by_its_template,
        (
            (adoption, "_is_of", lambda revision, template: False),
            (adoption, "_is_vouched_for", lambda snapshot, revision: False),
        ),
    ),
    Mended(
        "8 #4976",
        test_adoption.test_and_the_template_that_it_was_changed_to_gets_pods_of_its_own,
        ((adoption, "_noted", lambda revision: ""),),
    ),
    Mended(
        "9 #3316 #3418",
        test_workers.test_a_key_that_fails_in_any_way_stops_no_other,
        ((workers.Workers, "_one", wrong.one_without_another_try),),
    ),
    Mended(
        "11 #2048",
        tale(
            test_routed_ways_back.test_an_abort_in_a_pause_takes_the_weight_first_and_the_pods_after_their_delay
        ),
        ((status, "_wrong", lambda conditions: None),),
    ),
    Mended(
        "12 #1982",
        test_unreadable.test_an_unreadable_rollout_is_told_and_stops_no_other,
        ((listing.PageDecoder, "_one_by_one", wrong.a_bad_object_hides_its_page),),
    ),
    Mended(
        "17 #4407 #4919",
        tale(
            test_routed_edits.test_an_abort_while_an_autoscaler_edits_goes_back_as_stables_pods_come
        ),
        (
            (reconciler, "plan", mistaken(answer=only_scales_while_a_note_is_stale)),
            (manifests, "scale", wrong.scaled_without_a_note),
        ),
    ),
    Mended(
        "14 #4479 #1905 #1466",
        tale(test_analysis_steps.test_no_data_is_no_pass_and_a_person_decides),
        ((run_plan, "judge", wrong.judged_without_data),),
    ),
)

IN_SMALL_WORLDS: Mapping[str, tuple[str, ...]] = {
    "invalid-stops-all": ("an invalid spec stops repairs and aborts too",),
    "scaling-hides-traffic": ("a pass that scales looks after nothing else",),
    "abort-after-full": ("an abort after a full promotion is ignored",),
    "window-by-time": ("two revisions of one second have no order in the rollback window",),
    "unproven-way-back": (
        "what nobody let through needs no steps inside the rollback window",
        "what nobody let through is switched to at once inside its delay",
    ),
    "workload-first-only": (
        "a workload is left with its pods when the first revision was not the one that came whole",
    ),
    "broken-first": ("a broken first revision becomes stable",),
    "pause-no-deadline": (
        "a broken canary on a pause step never times out",
        "what holds a pause that is over never times out",
    ),
    "switch-back-gate": ("the way back behind a switch waits for the new pods",),
    "cancelled-passes": ("a cancelled analysis passes",),
    "1 #4828 #4347": ("stable's pods go in the pass that raises the weight",),
    "2 #4750": ("users are switched to a revision that has no pods",),
    "3 #5006": ("the stable Service of a first ping-pong release selects the canary's pods too",),
    "4 #3078": ("the canary Service goes back to stable beside the weight of an abort",),
    "5 #1838": ("after an abort a subset still selects the canary",),
    "6 #1681": ("a full promotion sends users to pods that are not ready",),
    "6 #3372": ("a second update gives everything back to a stable revision that was shrunk",),
    "6 #1415 #3420": ("an autoscaler's edit scales stable to nothing",),
    "7 #4128 #4319 #4626 #4839": (
        "a wait hides an abort",
        "a wait hides an abort behind a switch",
        "a wait hides the deadline",
        "a wait hides a refusal's deadline",
    ),
    "9 #4971 #2823": ("an old deadline is written for ever",),
    "9 #2824 #841": ("a retry after a failed analysis aborts again",),
    "9 #4294": ("a preview does not follow an autoscaler's edit",),
    "10 #4461": ("an abort after a full promotion is ignored",),
    "11 #3082": (
        "a mended revision is aborted by the deadline of the one before",
        "a mended spec is aborted at once, as the old deadline is counted",
    ),
    "11 #3674": ("a new revision stays without pods",),
    "11 #1337": ("pods of the canary stay behind an abort with several scale steps",),
    "15 #3284 #3397 #430": ("all pods of a canary start at once",),
    "17 #2661": ("a full promotion goes on dividing the pods as its step did",),
    "17 #4407 #4919": ("a pass that scales looks after nothing else",),
}
"""By key of the page: the names in `defects.py`."""
