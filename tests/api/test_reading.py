"""One bad entry hides neither the others nor the object."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from serinus.api.analysis import AnalysisTemplate
from serinus.api.argo import Rollout
from serinus.api.kubernetes import ObjectMeta, PartialObject
from serinus.api.reading import Reading, read, read_or_name
from serinus.api.wire import Unreadable, decode

NAMED = ObjectMeta(namespace="b", name="a")


def canary(**fields: Any) -> Reading[Rollout]:
    return read(Rollout, {"spec": {"strategy": {"canary": fields}}})


def texts(problems: Any) -> list[str]:
    return [str(problem).removeprefix("spec.strategy.canary.") for problem in problems]


def test_a_bad_step_is_named_and_the_others_are_read() -> None:
    found = canary(steps=[{"setWeight": "five"}, {"pause": 3}, "x", {"setWeight": 20}])
    assert texts(found.findings.errors) == [
        'steps[0].setWeight: must be a whole number, not "five"',
        "steps[1].pause: must be an object, not 3",
        'steps[2]: must be an object, not "x"',
    ]
    strategy = found.object.spec.strategy.canary
    assert strategy is not None
    assert [step.set_weight for step in strategy.steps] == [None, None, None, 20]


def test_a_bad_metric_does_not_hide_the_next() -> None:
    spec = {"metrics": [{"name": 5}, {"name": "good", "count": "{{args.n}}"}]}
    found = read(AnalysisTemplate, {"spec": spec})
    assert [str(e) for e in found.findings.errors] == [
        "spec.metrics[0].name: must be text, not 5",
    ]
    assert found.object.spec.metrics[1].count == "{{args.n}}"


def test_numbers_that_people_wrote_as_text_are_taken() -> None:
    found = canary(steps=[{"setWeight": "5"}], abortScaleDownDelaySeconds="30")
    strategy = found.object.spec.strategy.canary
    assert strategy is not None
    assert (strategy.steps[0].set_weight, strategy.abort_scale_down_delay_seconds) == (5, 30)
    assert found.findings.errors == ()


def test_null_is_absent() -> None:
    found = canary(steps=None, analysis=None, canaryService=None)
    assert found.findings.errors == ()
    assert found.object == canary().object


def test_a_time_that_is_none_is_named() -> None:
    found = read(Rollout, {"spec": {"restartAt": "yesterday"}})
    assert "must be a time such as" in str(found.findings.errors[0])
    assert found.object.spec.restart_at is None


def test_unread_parts_stay_as_they_came() -> None:
    source = b'{"spec": {"template": {"a" : 1.50}, "nonsense": 1}}'
    assert bytes(read(Rollout, source).object.spec.template) == b'{"a" : 1.50}'


UNKNOWN = {
    "a level too deep": ("rollbackWindow", {"revisions": 3}, "spec.rollbackWindow"),
    "a slip of the pen": ("canaryServise", "x", "spec.strategy.canary.canaryService"),
    "other capitals": ("stableservice", "x", "spec.strategy.canary.stableService"),
    "a step's field beside the steps": (
        "setWeight",
        5,
        "spec.strategy.canary.steps[].setWeight",
    ),
}


@pytest.mark.parametrize(("name", "value", "meant"), UNKNOWN.values(), ids=UNKNOWN)
def test_an_unknown_field_is_told_with_the_one_that_was_meant(
    name: str, value: Any, meant: str
) -> None:
    found = canary(**{name: value})
    expected = f"spec.strategy.canary.{name}: unknown field; did you mean {meant}?"
    assert [str(warning) for warning in found.findings.warnings] == [expected]


def test_indices_of_the_way_down_are_kept_in_the_suggestion() -> None:
    found = canary(steps=[{"setWeight": 1}, {"duration": "5m"}])
    assert texts(found.findings.warnings) == [
        "steps[1].duration: unknown field; did you mean "
        "spec.strategy.canary.steps[1].pause.duration?"
    ]


def test_of_several_places_the_nearest_is_meant() -> None:
    found = canary(steps=[{"setWeight": 1, "replicas": 2}], replicas=2)
    assert texts(found.findings.warnings) == [
        "steps[0].replicas: unknown field; did you mean "
        "spec.strategy.canary.steps[0].setCanaryScale.replicas?",
        "replicas: unknown field; did you mean spec.replicas?",
    ]


def test_a_field_that_is_like_nothing_is_just_unknown() -> None:
    found = canary(zzz=1)
    assert texts(found.findings.warnings) == ["zzz: unknown field; it is ignored"]


def test_metadata_and_status_belong_to_others_too() -> None:
    found = read(Rollout, {"metadata": {"managedFields": []}, "status": {"theirs": 1}})
    assert found.findings.warnings == ()


def test_a_spec_of_the_wrong_kind_leaves_the_object_readable() -> None:
    partial = decode(PartialObject, b'{"metadata": {"name": "a", "namespace": "b"}, "spec": 5}')
    found = read_or_name(Rollout, partial)
    assert isinstance(found, Reading)
    assert [str(e) for e in found.findings.errors] == ["spec: must be an object, not 5"]
    assert found.object.metadata.name == "a"


def test_what_cannot_be_read_at_all_keeps_its_name() -> None:
    broken = msgspec.structs.replace(PartialObject(), spec=msgspec.Raw(b"{"), metadata=NAMED)
    found = read_or_name(Rollout, broken)
    assert isinstance(found, Unreadable)
    assert (found.namespace, found.name) == ("b", "a")
    assert found.error
