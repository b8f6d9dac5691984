"""Labels and annotations by which objects know each other: interface constants of Argo Rollouts,
and the few of our own. Sources: the field's published contract; ours start with `serinus.dev/`.
"""

from __future__ import annotations

GROUP_VERSION = "argoproj.io/v1alpha1"

POD_HASH = "rollouts-pod-template-hash"
"""Label of ReplicaSets and pods, and selector key of Services: which revision."""

REVISION = "rollout.argoproj.io/revision"
WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
"""Annotation of a Rollout: the generation of its workload whose pods it has taken over."""
REVISION_HISTORY = "rollout.argoproj.io/revision-history"
DESIRED_REPLICAS = "rollout.argoproj.io/desired-replicas"
EPHEMERAL_METADATA = "rollout.argoproj.io/ephemeral-metadata"
SCALE_DOWN_DEADLINE = "scale-down-deadline"
MANAGED_BY = "argo-rollouts.argoproj.io/managed-by-rollouts"
"""Annotation of a Service: the Rollout that writes its selector."""

EXPERIMENT_NAME = "experiment.argoproj.io/name"
EXPERIMENT_TEMPLATE = "experiment.argoproj.io/template-name"
"""Annotations of what an Experiment owns: whose it is, and which template it was made of."""

ROLLOUT_TYPE = "rollout-type"
STEP_INDEX = "step-index"

SCALE_DOWN_SET_FOR = "serinus.dev/scale-down-set-for"
"""Annotation of a ReplicaSet: the share under which its scale-down deadline was set."""

SCALED_BY = "serinus.dev/scaled-down-by"
"""Annotation of a workload: the Rollout that scaled it down."""
SCALED_FROM = "serinus.dev/scaled-down-from"
"""Annotation of a workload beside it: the replicas that it goes back to."""

IN_TRAFFIC = "serinus.dev/in-traffic"
"""Annotation of an Experiment: the Rollout whose router may send requests to its pods."""

WRITTEN_AT = "serinus.dev/routing-written-at"
"""Annotation of routed objects (an Ingress, a Service, those of a mesh): RFC 3339 instant of our
last routing write."""

ROUTED_FOR = "serinus.dev/routed-for"
"""Annotation of what a router writes: the Rollout, and what its strategy said of the routing then,
as JSON (see `routed.py`)."""

HEADER_ROUTES = "serinus.dev/header-routes"
"""Annotation of a route of the Gateway API: the header routes whose rules are ours, as JSON; of
an ApisixRoute of ours: what its header route matches."""

TEMPLATE = "serinus.dev/template"
"""Annotation of a ReplicaSet: the template that it was made of (see `hashes.template_note`)."""

WAS_STABLE = "serinus.dev/was-stable"
"""Annotation of a ReplicaSet: it was the stable one once; its pod hash, so that a copy on another
ReplicaSet says nothing."""

INSTANCE_ID = "argo-rollouts.argoproj.io/controller-instance-id"
"""Label of Rollouts, AnalysisRuns and Experiments: which of several controllers they are for."""

ADDED_DESTINATIONS = "serinus.dev/added-destinations"
"""Annotation of a VirtualService or a route of the Gateway API: the Services of an experiment that
get a part, in this order."""

ARGO_LEASE, ARGO_NAMESPACE = "argo-rollouts-controller-lock", "argo-rollouts"
"""The Lease of Argo Rollouts' controller, with `-<instance id>` if it has one; its usual home."""

NOT_COPIED = frozenset(
    {
        "kubectl.kubernetes.io/last-applied-configuration",
        REVISION,
        REVISION_HISTORY,
        DESIRED_REPLICAS,
        WAS_STABLE,
        "notified.notifications.argoproj.io",
    }
)
"""Annotations of a Rollout that its ReplicaSets do not get."""
