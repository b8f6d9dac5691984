"""kubectl's JSONPath: what each form finds, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.base.jsonpath import compile_path

POD: Any = {
    "metadata": {"name": "web", "annotations": {"a.b/c": "dotted"}},
    "spec": {"containers": [{"name": "x", "ports": [1, 2]}, {"name": "y"}, {"name": "z"}]},
    "status": {"ready": 2, "conditions": [{"type": "Ready", "status": "True"}, {"type": "Old"}]},
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".metadata.name", ["web"]),
        ("{.metadata.name}", ["web"]),
        ("{$.metadata.name}", ["web"]),
        ("metadata.name", ["web"]),
        (".metadata['name']", ["web"]),
        (r".metadata.annotations.a\.b/c", ["dotted"]),
        ('.metadata.annotations["a.b/c"]', ["dotted"]),
        (".spec.containers[0].name", ["x"]),
        (".spec.containers[-1].name", ["z"]),
        (".spec.containers[9].name", []),
        (".spec.containers[*].name", ["x", "y", "z"]),
        (".spec.containers[1:].name", ["y", "z"]),
        (".spec.containers[0,2].name", ["x", "z"]),
        (".spec..ports[*]", [1, 2]),
        ("..type", ["Ready", "Old"]),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type=='Ready')].status", ["True"]),
        (".status.conditions[?(@.status)].type", ["Ready"]),
        (".spec.containers[?(@.name > 'x')].name", ["y", "z"]),
        (".status.nothing.at.all", []),
        (".status.ready", [2]),
    ],
)
def test_a_path_finds_what_kubectl_would_find(path: str, found: list[Any]) -> None:
    assert compile_path(path)(POD) == found


@pytest.mark.parametrize("path", [".a[", ".a[(1)]", ".a{.b}", ".a[x]"])
def test_an_unknown_form_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"path|bracket"):
        compile_path(path)
