"""Objects go in and out unchanged, under their own names."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from serinus.api import analysis, argo, experiment, kubernetes
from serinus.api.wire import builtins, decode, encode

KINDS = [
    argo.Rollout,
    analysis.AnalysisTemplate,
    analysis.ClusterAnalysisTemplate,
    analysis.AnalysisRun,
    experiment.Experiment,
    kubernetes.Pod,
    kubernetes.ReplicaSet,
    kubernetes.Deployment,
    kubernetes.Service,
    kubernetes.EndpointSlice,
    kubernetes.Ingress,
    kubernetes.Event,
    kubernetes.Secret,
    kubernetes.PartialObject,
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_a_value_for_every_field_and_leaves_the_zeros_out(kind: type) -> None:
    empty = decode(kind, {})
    assert encode(empty) == b"{}"


def test_odd_capitals_of_the_original_are_kept() -> None:
    status = {"stableRS": "abc", "HPAReplicas": 3, "observedGeneration": "7"}
    rollout = decode(argo.Rollout, {"status": status})
    assert rollout.status.stable_rs == "abc"
    assert rollout.status.hpa_replicas == 3
    assert builtins(rollout) == {"status": status}
    pod = decode(kubernetes.Pod, {"status": {"podIP": "10.0.0.1", "hostIP": "10.0.0.2"}})
    assert (pod.status.pod_ip, pod.status.host_ip) == ("10.0.0.1", "10.0.0.2")


def test_times_are_aware() -> None:
    rollout = decode(argo.Rollout, {"spec": {"restartAt": "2024-01-02T03:04:05Z"}})
    assert rollout.spec.restart_at == datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert b'"2024-01-02T03:04:05Z"' in encode(rollout)


def test_a_template_is_kept_as_it_came() -> None:
    source = b'{"spec":{"template":{"spec": {"unheardOf": 1.50}}}}'
    assert bytes(decode(argo.Rollout, source).spec.template) == b'{"spec": {"unheardOf": 1.50}}'


def test_what_does_not_fit_is_named_with_its_path() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"\$\.spec\.replicas"):
        decode(argo.Rollout, {"spec": {"replicas": "many"}})


def test_a_secret_never_shows_its_values() -> None:
    secret = decode(kubernetes.Secret, {"metadata": {"name": "s"}, "data": {"key": "aHVudGVyMg=="}})
    assert secret.data["key"] == b"hunter2"
    assert "hunter2" not in repr(secret)


def test_steps_and_routers_tell_their_kinds_by_their_json_names() -> None:
    step = decode(argo.Step, {"setCanaryScale": {"replicas": 0}, "setWeight": 0})
    assert step.kinds() == ("setWeight", "setCanaryScale")
    routing = decode(argo.TrafficRouting, {"appMesh": {}, "nginx": {"stableIngresses": ["a", "b"]}})
    assert routing.routers() == ("nginx", "appMesh")
    assert routing.nginx is not None
    assert routing.nginx.ingresses() == ("a", "b")
