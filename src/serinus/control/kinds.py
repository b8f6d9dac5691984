"""Where the objects that this controller speaks live on an API server."""

from __future__ import annotations

from collections.abc import Mapping

from serinus.kube.resource import DEPLOYMENTS, Resource

ROLLOUTS = Resource("argoproj.io", "v1alpha1", "rollouts", "Rollout")
EXPERIMENTS = Resource("argoproj.io", "v1alpha1", "experiments", "Experiment")
ANALYSIS_RUNS = Resource("argoproj.io", "v1alpha1", "analysisruns", "AnalysisRun")
ANALYSIS_TEMPLATES = Resource("argoproj.io", "v1alpha1", "analysistemplates", "AnalysisTemplate")
CLUSTER_ANALYSIS_TEMPLATES = Resource(
    "argoproj.io", "v1alpha1", "clusteranalysistemplates", "ClusterAnalysisTemplate", False
)
VIRTUAL_SERVICES = Resource("networking.istio.io", "v1", "virtualservices", "VirtualService")
DESTINATION_RULES = Resource("networking.istio.io", "v1", "destinationrules", "DestinationRule")
TRAEFIK_SERVICES = Resource("traefik.io", "v1alpha1", "traefikservices", "TraefikService")
TRAFFIC_SPLITS = Resource("split.smi-spec.io", "v1alpha1", "trafficsplits", "TrafficSplit")
APISIX_ROUTES = Resource("apisix.apache.org", "v2", "apisixroutes", "ApisixRoute")
MAPPINGS = Resource("getambassador.io", "v2", "mappings", "Mapping")


class _Lent(Resource):
    """ReplicaSets as workloads that lend their pods: watched apart from those of revisions."""

    @property
    def full_name(self) -> str:
        return "replicasets.apps (workloads)"


WORKLOAD_REPLICASETS = _Lent("apps", "v1", "replicasets", "ReplicaSet")
"""The caches know two lists of ReplicaSets: of revisions (by their label), and all, if need be."""

SCALED_WORKLOADS: Mapping[str, Resource] = {
    "Deployment": DEPLOYMENTS,
    "ReplicaSet": WORKLOAD_REPLICASETS,
}
"""The workloads that lend their pods and have some of their own, by kind."""
