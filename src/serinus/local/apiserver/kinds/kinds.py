"""The kinds that are served: names, scope, verbs, subresources. Facts, no behaviour.

Custom kinds are added at run time through the registry; nothing here knows their schemas.
"""

from __future__ import annotations

from dataclasses import dataclass

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Kind:
    """One served version of a kind.

    `subresources` are the writable halves ("status", "scale"); `actions` are addresses under an
    object that are no objects ("log"). `generation` says whether a change outside of metadata and
    status counts `metadata.generation` up. `scale` names where replicas, ready count and selector
    are. `selectable` are the fields beside the name by which a custom kind can be selected.
    `stored_under`: group and plural of the kind of which this is only another spelling.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: frozenset[str] = frozenset()
    actions: tuple[str, ...] = ()
    generation: bool = False
    custom: bool = False
    singular: str = ""
    list_name: str = ""
    verbs: tuple[str, ...] = VERBS
    scale: ScalePaths | None = None
    storage_version: str = ""
    selectable: tuple[str, ...] = ()
    stored_under: tuple[str, str] | None = None

    @property
    def place(self) -> tuple[str, str]:
        """Group and plural under which objects are kept."""
        return self.stored_under or (self.group, self.plural)

    @property
    def api_version(self) -> str:
        """`apps/v1`, or `v1` for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def list_kind(self) -> str:
        """The `kind` of a list of these."""
        return self.list_name or self.kind + "List"

    @property
    def singular_name(self) -> str:
        """What kubectl calls one of them."""
        return self.singular or self.kind.lower()

    @property
    def stored_version(self) -> str:
        """The apiVersion under which objects are kept."""
        version, group = self.storage_version or self.version, self.place[0]
        return f"{group}/{version}" if group else version


@dataclass(frozen=True, slots=True)
class ScalePaths:
    """JSON paths of the `scale` subresource, as a CRD writes them."""

    spec_replicas: str = ".spec.replicas"
    status_replicas: str = ".status.replicas"
    selector: str = ".status.selector"


# plural, kind, short names, categories, flags
# flags: c cluster-scoped, s status, g generation, r scale (replicas), e eviction, l log
_ROWS: dict[tuple[str, str], tuple[tuple[str, str, str, str, str], ...]] = {
    ("", "v1"): (
        ("configmaps", "ConfigMap", "cm", "", ""),
        ("endpoints", "Endpoints", "ep", "", ""),
        ("events", "Event", "ev", "", ""),
        ("namespaces", "Namespace", "ns", "", "cs"),
        ("nodes", "Node", "no", "", "cs"),
        ("pods", "Pod", "po", "all", "sgl"),
        ("podtemplates", "PodTemplate", "", "", ""),
        ("secrets", "Secret", "", "", ""),
        ("serviceaccounts", "ServiceAccount", "sa", "", "t"),
        ("services", "Service", "svc", "all", "s"),
    ),
    ("admissionregistration.k8s.io", "v1"): (
        (
            "mutatingwebhookconfigurations",
            "MutatingWebhookConfiguration",
            "",
            "api-extensions",
            "cg",
        ),
        (
            "validatingwebhookconfigurations",
            "ValidatingWebhookConfiguration",
            "",
            "api-extensions",
            "cg",
        ),
    ),
    ("apps", "v1"): (
        ("deployments", "Deployment", "deploy", "all", "sgr"),
        ("replicasets", "ReplicaSet", "rs", "all", "sgr"),
    ),
    ("autoscaling", "v2"): (
        ("horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa", "all", "sg"),
    ),
    ("batch", "v1"): (("jobs", "Job", "", "all", "sg"),),
    ("coordination.k8s.io", "v1"): (("leases", "Lease", "", "", ""),),
    ("discovery.k8s.io", "v1"): (("endpointslices", "EndpointSlice", "", "", "g"),),
    ("events.k8s.io", "v1"): (("events", "Event", "ev", "", ""),),
    ("networking.k8s.io", "v1"): (
        ("ingressclasses", "IngressClass", "", "", "cg"),
        ("ingresses", "Ingress", "ing", "", "sg"),
    ),
    ("policy", "v1"): (("poddisruptionbudgets", "PodDisruptionBudget", "pdb", "", "sg"),),
    ("apiextensions.k8s.io", "v1"): (
        (
            "customresourcedefinitions",
            "CustomResourceDefinition",
            "crd,crds",
            "api-extensions",
            "csg",
        ),
    ),
}


_POD_ACTIONS = ("attach", "eviction", "exec", "log", "portforward")


def _kind(group: str, version: str, row: tuple[str, str, str, str, str]) -> Kind:
    plural, kind, short_names, categories, flags = row
    halves = {"s": "status", "r": "scale"}
    return Kind(
        group,
        version,
        plural,
        kind,
        namespaced="c" not in flags,
        short_names=tuple(short_names.split(",")) if short_names else (),
        categories=(categories,) if categories else (),
        subresources=frozenset(word for flag, word in halves.items() if flag in flags),
        actions=_POD_ACTIONS if "l" in flags else ("token",) if "t" in flags else (),
        generation="g" in flags,
        scale=ScalePaths(selector="") if "r" in flags else None,
        list_name="EndpointsList" if plural == "endpoints" else "",
        stored_under=("", plural) if group == "events.k8s.io" else None,
    )


BUILT_IN: tuple[Kind, ...] = tuple(
    _kind(group, version, row) for (group, version), rows in _ROWS.items() for row in rows
)


def _review(group: str, plural: str, kind: str) -> Kind:
    return Kind(group, "v1", plural, kind, namespaced=False, verbs=("create",))


REVIEWS: tuple[Kind, ...] = (
    _review("authentication.k8s.io", "selfsubjectreviews", "SelfSubjectReview"),
    _review("authorization.k8s.io", "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
    _review("authorization.k8s.io", "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
)
"""Kinds that are asked and answered, never stored."""
