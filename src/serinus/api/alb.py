"""Names on an Ingress by which the AWS Load Balancer Controller splits traffic.

Facts of the format: Argo Rollouts, trafficRouting.alb, and the annotations of that controller.
"""

from __future__ import annotations

from serinus.api.argo import AlbTrafficRouting

DEFAULT_PREFIX = "alb.ingress.kubernetes.io"
USE_ANNOTATION = "use-annotation"
"""The port of a backend that is an action: the annotation says where its requests go."""
MANAGED = "rollouts.argoproj.io/managed-alb-annotations"
"""Annotation of an Ingress: which annotations are whose, JSON by the name of the Rollout."""
TOTAL = 100


def action_name(alb: AlbTrafficRouting, stable_service: str) -> str:
    """The action that splits, which a backend of the Ingress has for its Service."""
    return alb.root_service or stable_service


def action_key(alb: AlbTrafficRouting, name: str) -> str:
    """The annotation that says where the requests of an action go."""
    return f"{alb.annotation_prefix or DEFAULT_PREFIX}/actions.{name}"


def conditions_key(alb: AlbTrafficRouting, name: str) -> str:
    """The annotation that says which requests an action gets."""
    return f"{alb.annotation_prefix or DEFAULT_PREFIX}/conditions.{name}"
