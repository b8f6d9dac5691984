"""The three patch types, as pure functions on plain values."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.local.apiserver.errors import StatusError
from serinus.local.apiserver.kinds.catalogue import schema_of
from serinus.local.apiserver.kinds.kinds import BUILT_IN
from serinus.local.apiserver.wire.patches import json_patch, merge_patch
from serinus.local.apiserver.writing.strategic import strategic_merge_patch

DEPLOYMENT = schema_of(next(kind for kind in BUILT_IN if kind.plural == "deployments"))
SERVICE = schema_of(next(kind for kind in BUILT_IN if kind.plural == "services"))


@pytest.mark.parametrize(
    ("target", "patch", "merged"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_merges_as_rfc_7386_says(target: Any, patch: Any, merged: Any) -> None:
    before = repr(target)
    assert merge_patch(target, patch) == merged
    assert repr(target) == before


@pytest.mark.parametrize(
    ("target", "operations", "patched"),
    [
        ({"a": 1}, [{"op": "add", "path": "/b", "value": 2}], {"a": 1, "b": 2}),
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": 2}], {"a": [1, 2]}),
        ({"a": [1, 2]}, [{"op": "remove", "path": "/a/0"}], {"a": [2]}),
        ({"a": {"b": 1}}, [{"op": "replace", "path": "/a/b", "value": 2}], {"a": {"b": 2}}),
        ({"a": {"b": 1}}, [{"op": "move", "from": "/a/b", "path": "/c"}], {"a": {}, "c": 1}),
        ({"a": [1]}, [{"op": "copy", "from": "/a/0", "path": "/c"}], {"a": [1], "c": 1}),
        ({"a/b": 1, "c~d": 2}, [{"op": "remove", "path": "/a~1b"}], {"c~d": 2}),
        ({"c~d": 2}, [{"op": "test", "path": "/c~0d", "value": 2}], {"c~d": 2}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ],
)
def test_a_json_patch_does_as_rfc_6902_says(target: Any, operations: Any, patched: Any) -> None:
    before = repr(target)
    assert json_patch(target, operations) == patched
    assert repr(target) == before


@pytest.mark.parametrize(
    ("operations", "words"),
    [
        ([{"op": "remove", "path": "/x"}], "/x is not there"),
        ([{"op": "replace", "path": "/x", "value": 1}], "/x is not there"),
        ([{"op": "test", "path": "/a", "value": 2}], "testing value /a failed"),
        ([{"op": "add", "path": "/l/9", "value": 1}], "out of range"),
        ([{"op": "add", "path": "/l/x", "value": 1}], "not an index"),
        ([{"op": "add", "path": "/a"}], "needs a value"),
        ([{"op": "jump", "path": "/a"}], "unknown op 'jump'"),
        ([{"op": "add", "path": "a", "value": 1}], "JSON pointer"),
        ([{"op": "move", "from": "/l", "path": "/l/0"}], "into itself"),
        ({"op": "add"}, "list of operations"),
        ([1], "not an object"),
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused(operations: Any, words: str) -> None:
    with pytest.raises(StatusError, match=words):
        json_patch({"a": 1, "l": [1]}, operations)


def pod_spec(*containers: Any, **fields: Any) -> Any:
    return {"spec": {"template": {"spec": {"containers": list(containers)} | fields}}}


def containers_of(value: Any) -> Any:
    return value["spec"]["template"]["spec"]["containers"]


A = {"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}]}
B = {"name": "b", "image": "b:1"}


def test_lists_with_a_merge_key_merge_by_it() -> None:
    patch = pod_spec({"name": "b", "image": "b:2"})
    merged = strategic_merge_patch(DEPLOYMENT, pod_spec(A, B), patch)
    assert containers_of(merged) == [A, {"name": "b", "image": "b:2"}]
    patch = pod_spec({"name": "a", "env": [{"name": "Y", "value": "2"}]})
    merged = strategic_merge_patch(DEPLOYMENT, pod_spec(A, B), patch)
    assert [e["name"] for e in containers_of(merged)[0]["env"]] == ["X", "Y"]


def test_directives_delete_replace_and_order() -> None:
    gone = pod_spec({"name": "a", "$patch": "delete"})
    assert containers_of(strategic_merge_patch(DEPLOYMENT, pod_spec(A, B), gone)) == [B]
    whole = pod_spec({"$patch": "replace"}, {"name": "c", "image": "c:1"})
    merged = strategic_merge_patch(DEPLOYMENT, pod_spec(A, B), whole)
    assert containers_of(merged) == [{"name": "c", "image": "c:1"}]
    order = [{"name": "b"}, {"name": "a"}]
    ordered = pod_spec({"name": "a", "image": "a:2"}, **{"$setElementOrder/containers": order})
    merged = strategic_merge_patch(DEPLOYMENT, pod_spec(A, B), ordered)
    assert [c["name"] for c in containers_of(merged)] == ["b", "a"]


def test_null_removes_and_maps_merge() -> None:
    target = {"metadata": {"labels": {"a": "1", "b": "2"}}}
    patch = {"metadata": {"labels": {"a": None, "c": "3"}}}
    merged = strategic_merge_patch(DEPLOYMENT, target, patch)
    assert merged == {"metadata": {"labels": {"b": "2", "c": "3"}}}


def test_retain_keys_drops_the_other_fields_of_a_union() -> None:
    target = {"spec": {"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}}}
    patch = {"spec": {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}}
    merged = strategic_merge_patch(DEPLOYMENT, target, patch)
    assert merged == {"spec": {"strategy": {"type": "Recreate"}}}


def test_lists_of_plain_values_merge_as_sets_where_kubernetes_says_so() -> None:
    target = {"metadata": {"finalizers": ["a", "b"]}}
    patch = {"metadata": {"finalizers": ["c"], "$deleteFromPrimitiveList/finalizers": ["a"]}}
    merged = strategic_merge_patch(DEPLOYMENT, target, patch)
    assert merged == {"metadata": {"finalizers": ["b", "c"]}}
    ports = {"spec": {"ports": [{"port": 80, "name": "x"}]}}
    patch = {"spec": {"ports": [{"port": 81}]}}
    merged = strategic_merge_patch(SERVICE, ports, patch)
    assert [row["port"] for row in merged["spec"]["ports"]] == [80, 81]


@pytest.mark.parametrize(
    ("patch", "words"),
    [
        (pod_spec({"image": "x"}), "merge key: name"),
        (pod_spec("text"), "objects only"),
        ({"spec": {"$patch": "burn"}}, "unknown .patch"),
        ({"spec": {"$retainKeys": 1}}, "must be a list"),
    ],
)
def test_a_strategic_patch_that_makes_no_sense_is_refused(patch: Any, words: str) -> None:
    with pytest.raises(StatusError, match=words):
        strategic_merge_patch(DEPLOYMENT, pod_spec(A), patch)
