"""Rollout of argoproj.io/v1alpha1: every field of its spec and status, under its own name.

Ints that the original tells apart from 0 are `int | None`. Routers that have no file in
`traffic/` yet are kept unread, so that they can be refused by name. Knows no defaults but zeros.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Raw, field

from serinus.api.analysis import (
    AnalysisRunArgument,
    AnalysisRunMetadata,
    AnalysisTemplateRef,
    DryRun,
    IntOrString,
    MeasurementRetention,
)
from serinus.api.kubernetes import Condition, LabelSelector, ObjectMeta, PodTemplateMetadata
from serinus.api.wire import ABSENT, Wire, always

# --- Steps ---------------------------------------------------------------------------------------


class RolloutAnalysis(Wire, frozen=True, kw_only=True):
    """An analysis as a rollout asks for it; `starting_step` only for a background one."""

    templates: tuple[AnalysisTemplateRef, ...] = ()
    args: tuple[AnalysisRunArgument, ...] = ()
    dry_run: tuple[DryRun, ...] = ()
    measurement_retention: tuple[MeasurementRetention, ...] = ()
    analysis_run_metadata: AnalysisRunMetadata = AnalysisRunMetadata()
    starting_step: int | None = None


class Pause(Wire, frozen=True, kw_only=True):
    """`duration`: seconds as a number or text, or a Go duration; None waits for a person."""

    duration: IntOrString | None = None


class SetCanaryScale(Wire, frozen=True, kw_only=True):
    weight: int | None = None
    replicas: int | None = None
    match_traffic_weight: bool = False


class StringMatch(Wire, frozen=True, kw_only=True):
    exact: str = ""
    prefix: str = ""
    regex: str = ""


class HeaderRoutingMatch(Wire, frozen=True, kw_only=True):
    header_name: str = ""
    header_value: StringMatch | None = None


class SetHeaderRoute(Wire, frozen=True, kw_only=True):
    name: str = ""
    match: tuple[HeaderRoutingMatch, ...] = ()


class RouteMatch(Wire, frozen=True, kw_only=True):
    method: StringMatch | None = None
    path: StringMatch | None = None
    headers: Mapping[str, StringMatch] = {}


class SetMirrorRoute(Wire, frozen=True, kw_only=True):
    name: str = ""
    match: tuple[RouteMatch, ...] = ()
    percentage: int | None = None


class TemplateService(Wire, frozen=True, kw_only=True):
    name: str = ""


class RolloutExperimentTemplate(Wire, frozen=True, kw_only=True):
    """`spec_ref` is canary or stable."""

    name: str = ""
    spec_ref: str = ""
    replicas: int | None = None
    metadata: PodTemplateMetadata = PodTemplateMetadata()
    selector: LabelSelector | None = None
    weight: int | None = None
    service: TemplateService | None = None


class RolloutExperimentAnalysis(Wire, frozen=True, kw_only=True):
    name: str = ""
    template_name: str = ""
    cluster_scope: bool = False
    args: tuple[AnalysisRunArgument, ...] = ()
    required_for_completion: bool = False


class RolloutExperimentStep(Wire, frozen=True, kw_only=True):
    templates: tuple[RolloutExperimentTemplate, ...] = ()
    duration: str = ""
    analyses: tuple[RolloutExperimentAnalysis, ...] = ()
    dry_run: tuple[DryRun, ...] = ()
    analysis_run_metadata: AnalysisRunMetadata = AnalysisRunMetadata()
    scale_down_delay_seconds: int | None = None


class PluginStep(Wire, frozen=True, kw_only=True):
    name: str = ""
    config: Any = None


class Step(Wire, frozen=True, kw_only=True):
    """One entry of `strategy.canary.steps`; exactly one field should be set."""

    set_weight: int | None = None
    pause: Pause | None = None
    set_canary_scale: SetCanaryScale | None = None
    analysis: RolloutAnalysis | None = None
    experiment: RolloutExperimentStep | None = None
    set_header_route: SetHeaderRoute | None = None
    set_mirror_route: SetMirrorRoute | None = None
    plugin: PluginStep | None = None

    def kinds(self) -> tuple[str, ...]:
        """The fields that are set, under their JSON names."""
        rows = zip(self.__struct_encode_fields__, self.__struct_fields__, strict=True)
        return tuple(name for name, attr in rows if getattr(self, attr) is not None)


# --- Traffic routing -----------------------------------------------------------------------------


class NginxTrafficRouting(Wire, frozen=True, kw_only=True):
    stable_ingress: str = ""
    stable_ingresses: tuple[str, ...] = ()
    annotation_prefix: str = ""
    additional_ingress_annotations: Mapping[str, str] = {}
    canary_ingress_annotations: Mapping[str, str] = {}

    def ingresses(self) -> tuple[str, ...]:
        """The stable ingresses, however they were written."""
        return self.stable_ingresses or ((self.stable_ingress,) if self.stable_ingress else ())


class TlsRoute(Wire, frozen=True, kw_only=True):
    """The TLS routes of a VirtualService that match this one port and exactly these hosts."""

    port: int = 0
    sni_hosts: tuple[str, ...] = ()


class TcpRoute(Wire, frozen=True, kw_only=True):
    port: int = 0


class IstioVirtualService(Wire, frozen=True, kw_only=True):
    """`name` may be name.namespace; `routes` are names of its HTTP routes."""

    name: str = ""
    routes: tuple[str, ...] = ()
    tls_routes: tuple[TlsRoute, ...] = ()
    tcp_routes: tuple[TcpRoute, ...] = ()


class IstioDestinationRule(Wire, frozen=True, kw_only=True):
    name: str = ""
    canary_subset_name: str = ""
    stable_subset_name: str = ""
    additional_subset_names: tuple[str, ...] = ()


class IstioTrafficRouting(Wire, frozen=True, kw_only=True):
    virtual_service: IstioVirtualService | None = None
    virtual_services: tuple[IstioVirtualService, ...] = ()
    destination_rule: IstioDestinationRule | None = None

    def services(self) -> tuple[IstioVirtualService, ...]:
        """The VirtualServices, however they were written."""
        one = (self.virtual_service,) if self.virtual_service else ()
        return self.virtual_services or one


class AlbStickinessConfig(Wire, frozen=True, kw_only=True):
    """`duration_seconds` is 1 to 604800."""

    enabled: bool = False
    duration_seconds: int = 0


class AlbTrafficRouting(Wire, frozen=True, kw_only=True):
    ingress: str = ""
    ingresses: tuple[str, ...] = ()
    service_port: int = 0
    root_service: str = ""
    annotation_prefix: str = ""
    stickiness_config: AlbStickinessConfig | None = None

    def names(self) -> tuple[str, ...]:
        """The Ingresses, however they were written."""
        return self.ingresses or ((self.ingress,) if self.ingress else ())


class TraefikTrafficRouting(Wire, frozen=True, kw_only=True):
    weighted_traefik_service_name: str = ""


class SmiTrafficRouting(Wire, frozen=True, kw_only=True):
    """Of a TrafficSplit: its `rootService` (else the stable one) and name (else the Rollout's)."""

    root_service: str = ""
    traffic_split_name: str = ""


class ApisixRouteRef(Wire, frozen=True, kw_only=True):
    """An ApisixRoute, and those of its HTTP rules that split; by default that with its own name."""

    name: str = ""
    rules: tuple[str, ...] = ()

    def split_rules(self) -> tuple[str, ...]:
        """The names of the rules that split, each once."""
        return tuple(dict.fromkeys(self.rules or (self.name,)))


class ApisixTrafficRouting(Wire, frozen=True, kw_only=True):
    route: ApisixRouteRef | None = None


class AmbassadorTrafficRouting(Wire, frozen=True, kw_only=True):
    mappings: tuple[str, ...] = ()


class ManagedRoute(Wire, frozen=True, kw_only=True):
    name: str = ""


class TrafficRouting(Wire, frozen=True, kw_only=True):
    nginx: NginxTrafficRouting | None = None
    istio: IstioTrafficRouting | None = None
    alb: AlbTrafficRouting | None = None
    smi: SmiTrafficRouting | None = None
    ambassador: AmbassadorTrafficRouting | None = None
    apisix: ApisixTrafficRouting | None = None
    app_mesh: Mapping[str, Any] | None = None
    traefik: TraefikTrafficRouting | None = None
    plugins: Mapping[str, Any] | None = None
    managed_routes: tuple[ManagedRoute, ...] = ()
    max_traffic_weight: int | None = None

    def routers(self) -> tuple[str, ...]:
        """The routers that are set, under their JSON names; an empty map of plugins names none."""
        rows = zip(self.__struct_encode_fields__, self.__struct_fields__, strict=True)
        return tuple(
            name
            for name, attr in rows
            if attr not in ("managed_routes", "max_traffic_weight")
            and getattr(self, attr) is not None
            and (attr != "plugins" or self.plugins)
        )

    def parts(self) -> Mapping[str, Any]:
        """What each router is told, by the name under which it is registered.

        A plugin's name is `plugins/<its name>`.
        """
        rows = zip(self.__struct_encode_fields__, self.__struct_fields__, strict=True)
        attrs = dict(rows)
        found = {name: getattr(self, attrs[name]) for name in self.routers() if name != "plugins"}
        return found | {f"plugins/{name}": told for name, told in (self.plugins or {}).items()}


# --- Strategies ----------------------------------------------------------------------------------


class PreferredAntiAffinity(Wire, frozen=True, kw_only=True):
    weight: int = 0


class RequiredAntiAffinity(Wire, frozen=True, kw_only=True):
    pass


class AntiAffinity(Wire, frozen=True, kw_only=True):
    preferred: PreferredAntiAffinity | None = field(
        name="preferredDuringSchedulingIgnoredDuringExecution", default=None
    )
    required: RequiredAntiAffinity | None = field(
        name="requiredDuringSchedulingIgnoredDuringExecution", default=None
    )


class PingPong(Wire, frozen=True, kw_only=True):
    ping_service: str = ""
    pong_service: str = ""


class ReplicaProgressThreshold(Wire, frozen=True, kw_only=True):
    """`type` is Percent or Pods."""

    type: str = ""
    value: int = 0


class CanaryStrategy(Wire, frozen=True, kw_only=True):
    canary_service: str = ""
    stable_service: str = ""
    steps: tuple[Step, ...] = ()
    traffic_routing: TrafficRouting | None = None
    max_unavailable: IntOrString | None = None
    max_surge: IntOrString | None = None
    analysis: RolloutAnalysis | None = None
    anti_affinity: AntiAffinity | None = None
    canary_metadata: PodTemplateMetadata | None = None
    stable_metadata: PodTemplateMetadata | None = None
    scale_down_delay_seconds: int | None = None
    scale_down_delay_revision_limit: int | None = None
    abort_scale_down_delay_seconds: int | None = None
    dynamic_stable_scale: bool = False
    ping_pong: PingPong | None = None
    surge_limit: IntOrString | None = None
    """Ours: pods of a routed canary that may be starting at a time; None for all."""
    min_pods_per_replica_set: int | None = None
    replica_progress_threshold: ReplicaProgressThreshold | None = None

    @property
    def canary_entry(self) -> str:
        """By what requests get to the canary: the Service, or `<DestinationRule>/<subset>`."""
        rule = self._rule
        return self.canary_service or (f"{rule.name}/{rule.canary_subset_name}" if rule else "")

    @property
    def stable_entry(self) -> str:
        """By what requests get to stable: the Service, or `<DestinationRule>/<subset>`."""
        rule = self._rule
        return self.stable_service or (f"{rule.name}/{rule.stable_subset_name}" if rule else "")

    @property
    def _rule(self) -> IstioDestinationRule | None:
        istio = self.traffic_routing.istio if self.traffic_routing else None
        return istio.destination_rule if istio else None


class BlueGreenStrategy(Wire, frozen=True, kw_only=True):
    active_service: str = ""
    preview_service: str = ""
    preview_replica_count: int | None = None
    auto_promotion_enabled: bool | None = None
    auto_promotion_seconds: int = 0
    max_unavailable: IntOrString | None = None
    scale_down_delay_seconds: int | None = None
    scale_down_delay_revision_limit: int | None = None
    pre_promotion_analysis: RolloutAnalysis | None = None
    post_promotion_analysis: RolloutAnalysis | None = None
    anti_affinity: AntiAffinity | None = None
    preview_metadata: PodTemplateMetadata | None = None
    active_metadata: PodTemplateMetadata | None = None
    abort_scale_down_delay_seconds: int | None = None


class Strategy(Wire, frozen=True, kw_only=True):
    canary: CanaryStrategy | None = None
    blue_green: BlueGreenStrategy | None = None


# --- Spec ----------------------------------------------------------------------------------------


class WorkloadRef(Wire, frozen=True, kw_only=True):
    """`scale_down` is never (default), onsuccess or progressively."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    scale_down: str = ""


class RollbackWindow(Wire, frozen=True, kw_only=True):
    revisions: int = 0


class AnalysisHistoryLimits(Wire, frozen=True, kw_only=True):
    successful_run_history_limit: int | None = None
    unsuccessful_run_history_limit: int | None = None


class RolloutSpec(Wire, frozen=True, kw_only=True):
    """`template` is JSON that nobody has read (see `template.py`), or ABSENT."""

    replicas: int | None = None
    selector: LabelSelector | None = None
    template: Raw = ABSENT
    workload_ref: WorkloadRef | None = None
    strategy: Strategy = Strategy()
    min_ready_seconds: int = 0
    revision_history_limit: int | None = None
    paused: bool = False
    progress_deadline_seconds: int | None = None
    progress_deadline_abort: bool = False
    restart_at: datetime | None = None
    analysis: AnalysisHistoryLimits | None = None
    rollback_window: RollbackWindow | None = None


# --- Status --------------------------------------------------------------------------------------


class PauseCondition(Wire, frozen=True, kw_only=True):
    """`reason` is one of the original's, such as CanaryPauseStep."""

    reason: str = always(str)
    start_time: datetime | None = None


class RolloutAnalysisRunStatus(Wire, frozen=True, kw_only=True):
    name: str = always(str)
    status: str = always(str)
    message: str = ""


class WeightDestination(Wire, frozen=True, kw_only=True):
    weight: int = always(int)
    service_name: str = ""
    pod_template_hash: str = ""


class TrafficWeights(Wire, frozen=True, kw_only=True):
    """`verified` is None where the router cannot tell."""

    canary: WeightDestination = always(WeightDestination)
    stable: WeightDestination = always(WeightDestination)
    additional: tuple[WeightDestination, ...] = ()
    verified: bool | None = None


class StepPluginStatus(Wire, frozen=True, kw_only=True):
    index: int = always(int)
    name: str = always(str)
    message: str = ""
    phase: str = ""
    started_at: datetime | None = None
    updated_at: datetime | None = None
    finished_at: datetime | None = None
    backoff: str = ""
    executions: int = 0
    operation: str = always(str)
    disabled: bool = False
    status: Any = None


class CanaryStatus(Wire, frozen=True, kw_only=True):
    current_step_analysis_run_status: RolloutAnalysisRunStatus | None = None
    current_background_analysis_run_status: RolloutAnalysisRunStatus | None = None
    current_experiment: str = ""
    weights: TrafficWeights | None = None
    stable_ping_pong: str = ""
    step_plugin_statuses: tuple[StepPluginStatus, ...] = ()


class BlueGreenStatus(Wire, frozen=True, kw_only=True):
    active_selector: str = ""
    preview_selector: str = ""
    scale_up_preview_check_point: bool = False
    pre_promotion_analysis_run_status: RolloutAnalysisRunStatus | None = None
    post_promotion_analysis_run_status: RolloutAnalysisRunStatus | None = None


class AwsResourceRef(Wire, frozen=True, kw_only=True):
    arn: str = ""
    name: str = ""
    full_name: str = ""


class AlbStatus(Wire, frozen=True, kw_only=True):
    ingress: str = ""
    load_balancer: AwsResourceRef | None = None
    canary_target_group: AwsResourceRef | None = None
    stable_target_group: AwsResourceRef | None = None


class RolloutDuration(Wire, frozen=True, kw_only=True):
    """`completion_status` is one of the original's, such as Promoted."""

    rollout_started_at: datetime | None = None
    manual_pause_started_at: datetime | None = None
    total_manual_pause_duration_seconds: int = 0
    finished_at: datetime | None = None
    completion_status: str = ""


class RolloutStatus(Wire, frozen=True, kw_only=True):
    """The rollout's only memory. `observed_generation` is text, as the original has it."""

    abort: bool = False
    aborted_at: datetime | None = None
    pause_conditions: tuple[PauseCondition, ...] = ()
    controller_pause: bool = False
    promote_full: bool = False
    current_pod_hash: str = ""
    current_step_hash: str = ""
    current_step_index: int | None = None
    passed_steps_hash: str = ""
    """Ours: of the steps before the current one, and of that one, so that an edit of later steps
    is told from one of earlier ones."""
    stable_rs: str = field(name="stableRS", default="")
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    hpa_replicas: int = field(name="HPAReplicas", default=0)
    selector: str = ""
    collision_count: int | None = None
    observed_generation: str = ""
    workload_observed_generation: str = ""
    conditions: tuple[Condition, ...] = ()
    phase: str = ""
    message: str = ""
    restarted_at: datetime | None = None
    canary: CanaryStatus = CanaryStatus()
    blue_green: BlueGreenStatus = BlueGreenStatus()
    alb: AlbStatus | None = None
    albs: tuple[AlbStatus, ...] = ()
    duration: RolloutDuration | None = None


class Rollout(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: RolloutSpec = RolloutSpec()
    status: RolloutStatus = RolloutStatus()
