"""The canonical form of templates stays as it is, or its version is raised.

ReplicaSets carry a note of the template that they were made of. If the form changed under the same
version, every note would disagree with the template that it was made from, and an upgrade of the
controller would start a release of every Rollout.
"""

from __future__ import annotations

from typing import Any

import pytest

from serinus.api.hashes import CANON_VERSION, template_note
from serinus.api.template import read_template

PLAIN: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "web:v1"}]},
}
SERVED: dict[str, Any] = {
    "metadata": {"creationTimestamp": None, "labels": {"app": "web"}},
    "spec": {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "schedulerName": "default-scheduler",
        "terminationGracePeriodSeconds": 30,
        "securityContext": {},
        "containers": [
            {
                "name": "web",
                "image": "web:v1",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }
        ],
    },
}
"""As an API server gives PLAIN back."""
USUAL: dict[str, Any] = {
    "metadata": {"labels": {"app": "web"}, "annotations": {"scrape": "true"}},
    "spec": {
        "serviceAccountName": "web",
        "terminationGracePeriodSeconds": 45,
        "securityContext": {"runAsNonRoot": False, "fsGroup": 0},
        "initContainers": [{"name": "prepare", "image": "web:v1", "command": ["prepare"]}],
        "containers": [
            {
                "name": "web",
                "image": "web:v1",
                "ports": [{"name": "http", "containerPort": 8080}],
                "env": [
                    {"name": "MODE", "value": "fast"},
                    {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
                ],
                "resources": {
                    "requests": {"cpu": "0.25", "memory": "512Mi"},
                    "limits": {"cpu": 1, "memory": "1Gi"},
                },
                "readinessProbe": {"httpGet": {"path": "/healthz", "port": 8080}},
                "volumeMounts": [{"name": "cache", "mountPath": "/cache"}],
            }
        ],
        "volumes": [
            {"name": "cache", "emptyDir": {}},
            {"name": "settings", "configMap": {"name": "web"}},
            {"name": "key", "secret": {"secretName": "web"}},
        ],
        "tolerations": [{"key": "spot", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
    },
}
STRANGE: dict[str, Any] = {
    "metadata": {"creationTimestamp": None, "labels": {"app": "web"}},
    "spec": {
        "containers": [{"name": "web", "image": "web", "securityContext": {}, "unheardOf": [1]}],
        "hostNetwork": True,
    },
}
NOTES = {
    "1": {
        "plain": "1/65fb57dd7d",
        "served": "1/65fb57dd7d",
        "usual": "1/f4ddbf8f9",
        "strange": "1/c69c496bb",
    },
}
"""By CANON_VERSION. Add a row for a new version; what stands here is on ReplicaSets out there."""


@pytest.mark.parametrize(
    ("name", "template"),
    [("plain", PLAIN), ("served", SERVED), ("usual", USUAL), ("strange", STRANGE)],
)
def test_a_template_has_the_note_that_revisions_out_there_carry(
    name: str, template: dict[str, Any]
) -> None:
    assert template_note(read_template(template)) == NOTES[CANON_VERSION][name], (
        "the canonical form gives other bytes: raise CANON_VERSION and note the new ones here"
    )
