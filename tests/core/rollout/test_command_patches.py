"""Every command as the patches that it is."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.api.argo import Rollout
from serinus.api.kubernetes import ReplicaSet
from serinus.api.wire import decode
from serinus.core.rollout import commands
from serinus.core.rollout.commands import CommandError, Edit

STEPS = [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}]


def rollout(spec: dict[str, Any] | None = None, **status: Any) -> Rollout:
    base = {"strategy": {"canary": {"steps": STEPS}}, "template": {"spec": {"x": 2}}}
    return decode(
        Rollout,
        {
            "metadata": {"name": "shop", "resourceVersion": "41"},
            "spec": base | (spec or {}),
            "status": {"currentPodHash": "new", "stableRS": "old"} | status,
        },
    )


def status(**fields: Any) -> Edit:
    return Edit({"status": fields}, subresource="status")


def conditional(**fields: Any) -> Edit:
    body = {"status": fields, "metadata": {"resourceVersion": "41"}}
    return Edit(body, subresource="status")


UNPAUSE = Edit({"spec": {"paused": False}})
PAUSED = [{"reason": "CanaryPauseStep", "startTime": "2026-01-01T00:00:00Z"}]
INCONCLUSIVE = {"currentStepAnalysisRunStatus": {"name": "r", "status": "Inconclusive"}}


def test_abort_retry_and_pause_are_one_patch_each() -> None:
    assert commands.abort() == (status(abort=True),)
    assert commands.retry(rollout(abort=True)) == (status(abort=False),)
    assert commands.retry(rollout()) == ()
    assert commands.pause() == (Edit({"spec": {"paused": True}}),)


@pytest.mark.parametrize(
    ("seen", "edits"),
    [
        pytest.param(
            rollout(pauseConditions=PAUSED, controllerPause=True, currentStepIndex=1),
            (status(pauseConditions=None),),
            id="paused by the controller",
        ),
        pytest.param(
            rollout({"paused": True}, pauseConditions=PAUSED, controllerPause=True),
            (status(pauseConditions=None), UNPAUSE),
            id="paused by both",
        ),
        pytest.param(
            rollout({"paused": True}, currentStepIndex=1), (UNPAUSE,), id="paused by the user"
        ),
        pytest.param(
            rollout(currentStepIndex=1),
            (conditional(pauseConditions=None, currentStepIndex=2),),
            id="in a step",
        ),
        pytest.param(
            rollout(),
            (conditional(pauseConditions=None, currentStepIndex=1),),
            id="before the first step",
        ),
        pytest.param(
            rollout(
                pauseConditions=PAUSED,
                controllerPause=True,
                currentStepIndex=1,
                canary=INCONCLUSIVE,
            ),
            (conditional(pauseConditions=None, controllerPause=False, currentStepIndex=2),),
            id="after an inconclusive analysis",
        ),
        pytest.param(
            rollout(pauseConditions=PAUSED, currentStepIndex=1, canary=INCONCLUSIVE),
            (status(pauseConditions=None),),
            id="after an inconclusive analysis that the controller did not pause for",
        ),
        pytest.param(rollout(currentStepIndex=3), (), id="behind the last step"),
        pytest.param(rollout({"strategy": {"canary": {}}}), (), id="no steps"),
        pytest.param(
            rollout({"strategy": {"blueGreen": {}}}, pauseConditions=PAUSED),
            (status(pauseConditions=None),),
            id="blue-green",
        ),
    ],
)
def test_promote_leaves_the_pause_or_the_step(seen: Rollout, edits: tuple[Edit, ...]) -> None:
    assert commands.promote(seen) == edits


def test_full_promotion_is_asked_only_of_an_update() -> None:
    assert commands.promote_fully(rollout()) == (status(promoteFull=True),)
    assert commands.promote_fully(rollout({"paused": True})) == (status(promoteFull=True), UNPAUSE)
    assert commands.promote_fully(rollout(stableRS="new")) == ()


TEMPLATE = {
    "spec": {
        "initContainers": [{"name": "prepare", "image": "prepare:1"}],
        "containers": [{"name": "shop", "image": "shop:1"}, {"name": "proxy", "image": "proxy:1"}],
    }
}


def changes(edits: tuple[Edit, ...]) -> dict[str, str]:
    (edit,) = edits
    assert edit.kind == "json"
    return {op["path"]: op["value"] for op in edit.patch}  # type: ignore[call-overload,index]


def test_set_image_replaces_one_image_and_checks_that_its_container_is_still_there() -> None:
    assert commands.set_images(TEMPLATE, {"proxy": "proxy:2"}) == (
        Edit(
            [
                {"op": "test", "path": "/spec/template/spec/containers/1/name", "value": "proxy"},
                {"op": "add", "path": "/spec/template/spec/containers/1/image", "value": "proxy:2"},
            ],
            "json",
        ),
    )


def test_a_star_means_all_containers_but_those_named() -> None:
    changed = changes(commands.set_images(TEMPLATE, {"*": "all:2", "shop": "shop:2"}, "/template"))
    assert {path: value for path, value in changed.items() if path.endswith("image")} == {
        "/template/spec/initContainers/0/image": "all:2",
        "/template/spec/containers/0/image": "shop:2",
        "/template/spec/containers/1/image": "all:2",
    }


def test_an_image_that_is_there_is_no_patch() -> None:
    assert commands.set_images(TEMPLATE, {"shop": "shop:1"}) == ()


def test_unknown_containers_are_named_with_the_known_ones() -> None:
    with pytest.raises(CommandError, match="named a, b; there are: shop, proxy, prepare"):
        commands.set_images(TEMPLATE, {"b": "x", "a": "x", "shop": "y"})


def revision(number: int, content: int, **annotations: str) -> ReplicaSet:
    labels = {"app": "shop", "rollouts-pod-template-hash": f"h{number}", "version": "canary"}
    template = {"metadata": {"labels": labels}, "spec": {"x": content}}
    noted = {"rollout.argoproj.io/revision": str(number), **annotations}
    return decode(ReplicaSet, {"metadata": {"annotations": noted}, "spec": {"template": template}})


INJECTED = {"rollout.argoproj.io/ephemeral-metadata": '{"labels": {"version": "canary"}}'}
LABELS = {"metadata": {"labels": {"app": "shop"}}}


def undone(content: int) -> tuple[Edit, ...]:
    value = {**LABELS, "spec": {"x": content}}
    return (Edit([{"op": "replace", "path": "/spec/template", "value": value}], "json"),)


def test_undo_takes_the_revision_before_the_newest_without_what_we_put_on_it() -> None:
    sets = [revision(n, n, **INJECTED) for n in (3, 1, 2)]
    assert commands.undo(rollout({"template": LABELS | {"spec": {"x": 3}}}), sets) == undone(2)


def test_undo_takes_the_revision_that_is_named() -> None:
    sets = [revision(n, n, **INJECTED) for n in (3, 1, 2)]
    assert commands.undo(rollout(), sets, 1) == undone(1)


def test_undo_to_the_template_that_is_there_is_no_patch() -> None:
    sets = [revision(n, n, **INJECTED) for n in (3, 1, 2)]
    assert commands.undo(rollout({"template": LABELS | {"spec": {"x": 2}}}), sets) == ()


def test_a_label_that_its_author_gave_stays() -> None:
    (edit,) = commands.undo(rollout(), [revision(1, 1)], 1)
    (operation,) = edit.patch
    labels = operation["value"]["metadata"]["labels"]  # type: ignore[index]
    assert labels == {"app": "shop", "version": "canary"}


@pytest.mark.parametrize(
    ("numbers", "to", "why"),
    [
        ([1, 2], 7, "there is no revision 7; there are: 2, 1"),
        ([1], 0, "there is no revision before the newest one; there are: 1"),
        ([], 0, "there are: none"),
    ],
)
def test_a_revision_that_is_not_there_is_an_error(numbers: list[int], to: int, why: str) -> None:
    with pytest.raises(CommandError, match=why):
        commands.undo(rollout(), [revision(n, n) for n in numbers], to)
