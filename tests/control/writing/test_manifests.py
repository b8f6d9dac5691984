"""What is created and patched: our fields, the versions they were decided on, nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.hashes import template_note
from serinus.api.template import read_template
from serinus.api.wire import decode
from serinus.control.writing import manifests
from serinus.core.rollout.actions import CreateRevision, EditRollout, LabelPods, PointService
from serinus.core.rollout.snapshot import PodSeen, Revision
from support.virtual import EPOCH

TEMPLATE = {
    "metadata": {"labels": {"app": "web"}, "annotations": {"who": "me"}},
    "spec": {"containers": [{"name": "web", "image": "web:1", "unknownToUs": {"deep": [1]}}]},
}


def rollout(**spec: Any) -> Rollout:
    return decode(
        Rollout,
        {
            "metadata": {
                "name": "web",
                "namespace": "shop",
                "uid": "u-1",
                "resourceVersion": "77",
                "annotations": {
                    "team": "blue",
                    "rollout.argoproj.io/revision": "4",
                    "kubectl.kubernetes.io/last-applied-configuration": "{}",
                    names.WAS_STABLE: "abc",
                },
            },
            "spec": {
                "replicas": 3,
                "minReadySeconds": 5,
                "selector": {
                    "matchLabels": {"app": "web"},
                    "matchExpressions": [{"key": "x", "operator": "DoesNotExist"}],
                },
                "template": TEMPLATE,
                **spec,
            },
        },
    )


def revision(**fields: Any) -> Revision:
    values = {
        "name": "web-abc",
        "hash": "abc",
        "number": 2,
        "resource_version": "5",
        "template": read_template(TEMPLATE),
        "replicas": 1,
        "seen": 1,
        "ready": 1,
        "available": 1,
        "observed": True,
    }
    return Revision(**(values | fields))


def test_a_revision_is_born_empty_with_the_template_as_it_came() -> None:
    made = manifests.replica_set(
        rollout(), CreateRevision("web-abc", "abc", 5, read_template(TEMPLATE))
    )
    hashed = {"app": "web", names.POD_HASH: "abc"}
    assert made["metadata"] == {
        "name": "web-abc",
        "namespace": "shop",
        "labels": hashed,
        "annotations": {
            "team": "blue",
            names.REVISION: "5",
            names.DESIRED_REPLICAS: "3",
            names.TEMPLATE: template_note(read_template(TEMPLATE)),
        },
        "ownerReferences": [
            {
                "apiVersion": "argoproj.io/v1alpha1",
                "kind": "Rollout",
                "name": "web",
                "uid": "u-1",
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ],
    }
    assert made["spec"] == {
        "replicas": 0,
        "minReadySeconds": 5,
        "selector": {
            "matchLabels": hashed,
            "matchExpressions": [{"key": "x", "operator": "DoesNotExist"}],
        },
        "template": {
            "metadata": {"labels": hashed, "annotations": {"who": "me"}},
            "spec": TEMPLATE["spec"],
        },
    }


def test_every_write_carries_what_it_was_decided_on() -> None:
    pointed = manifests.pointed_service(rollout(), PointService("s", "9", "abc", EPOCH))
    assert pointed == {
        "metadata": {
            "resourceVersion": "9",
            "annotations": {
                names.MANAGED_BY: "web",
                names.WRITTEN_AT: "2026-01-01T00:00:00.000000Z",
            },
        },
        "spec": {"selector": {names.POD_HASH: "abc"}},
    }
    assert manifests.at("5", manifests.scale(rollout(), 2)) == {
        "metadata": {"annotations": {names.DESIRED_REPLICAS: "3"}, "resourceVersion": "5"},
        "spec": {"replicas": 2, "minReadySeconds": 5},
    }
    assert manifests.edit(rollout(), EditRollout({names.REVISION: "5"}, 1)) == {
        "metadata": {"annotations": {names.REVISION: "5"}, "resourceVersion": "77"},
        "spec": {"replicas": 1},
    }
    assert manifests.edit(rollout(), EditRollout({}))["metadata"]["resourceVersion"] == "77"


LABELS = [
    # noted before, wanted now, on the pod, patch of the pod
    ({}, {"role": "canary"}, {}, {"role": "canary"}),
    ({}, {"role": "canary"}, {"role": "canary"}, None),
    ({"role": "canary"}, {"role": "stable"}, {"role": "canary"}, {"role": "stable"}),
    ({"role": "canary"}, {}, {"role": "canary", "app": "web"}, {"role": None}),
    ({"role": "canary"}, {}, {"app": "web"}, None),
    ({"a": "1"}, {"b": "2"}, {"a": "1"}, {"a": None, "b": "2"}),
]


@pytest.mark.parametrize(("before", "wanted", "on_pod", "patch"), LABELS)
def test_a_pod_gets_only_what_it_lacks(
    before: dict[str, str], wanted: dict[str, str], on_pod: dict[str, str], patch: Any
) -> None:
    action = LabelPods("web-abc", "5", wanted, {})
    pod = PodSeen(name="p", ready=True, labels=on_pod)
    made = manifests.labelled_pod(pod, {"labels": before}, action)
    assert made == ({"metadata": {"labels": patch}} if patch else {})


def test_the_revision_notes_what_was_put_on_its_pods() -> None:
    before = revision(injected={"labels": {"old": "1"}})
    action = LabelPods("web-abc", "5", {"role": "canary"}, {"note": "x"})
    made = manifests.labelled_revision(before, action)
    assert made["metadata"] == {
        "resourceVersion": "5",
        "annotations": {
            names.EPHEMERAL_METADATA: '{"annotations": {"note": "x"}, "labels": {"role": "canary"}}'
        },
    }
    assert made["spec"]["template"]["metadata"] == {
        "labels": {"old": None, "role": "canary"},
        "annotations": {"note": "x"},
    }
    dropped = manifests.labelled_revision(before, LabelPods("web-abc", "5", {}, {}))
    assert dropped["metadata"]["annotations"] == {names.EPHEMERAL_METADATA: None}
