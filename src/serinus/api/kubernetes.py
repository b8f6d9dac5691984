"""The built-in Kubernetes objects, as far as any room reads them.

For reading only: writes are patches of the few fields that we own. Knows no rollout.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Raw, field

from serinus.api.wire import Wire, always


class OwnerReference(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class ObjectMeta(Wire, frozen=True, kw_only=True):
    """`resource_version` is opaque; times are aware."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    deletion_grace_period_seconds: int | None = None
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    def controller(self) -> OwnerReference | None:
        """The one owner that manages this object, if any."""
        return next((owner for owner in self.owner_references if owner.controller), None)


class PartialObject(Wire, frozen=True, kw_only=True):
    """Any object, with its body left unread."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: Raw = Raw(b"{}")
    status: Raw = Raw(b"{}")


class ObjectReference(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    field_path: str = ""


class LabelSelectorRequirement(Wire, frozen=True, kw_only=True):
    """`operator` is In, NotIn, Exists or DoesNotExist."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(Wire, frozen=True, kw_only=True):
    match_labels: Mapping[str, str] = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()


class Condition(Wire, frozen=True, kw_only=True):
    """A condition of any kind; `status` is True, False or Unknown."""

    type: str = always(str)
    status: str = always(str)
    reason: str = always(str)
    message: str = always(str)
    last_transition_time: datetime | None = None
    last_update_time: datetime | None = None
    last_probe_time: datetime | None = None
    observed_generation: int = 0


class PodTemplateMetadata(Wire, frozen=True, kw_only=True):
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}


# --- ReplicaSet, Deployment ---------------------------------------------------------------------


class ReplicaSetSpec(Wire, frozen=True, kw_only=True):
    """`replicas` is None where the API's default of 1 was not yet filled in."""

    replicas: int | None = None
    selector: LabelSelector = LabelSelector()
    template: Raw = Raw(b"{}")
    min_ready_seconds: int = 0


class ReplicaSetStatus(Wire, frozen=True, kw_only=True):
    replicas: int = 0
    fully_labeled_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    terminating_replicas: int | None = None
    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()


class ReplicaSet(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: ReplicaSetSpec = ReplicaSetSpec()
    status: ReplicaSetStatus = ReplicaSetStatus()


class RollingUpdate(Wire, frozen=True, kw_only=True):
    """Counts, or percentages of `replicas` as text."""

    max_unavailable: int | str = "25%"
    max_surge: int | str = "25%"


class DeploymentStrategy(Wire, frozen=True, kw_only=True):
    """`type` is RollingUpdate or Recreate."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate | None = None


class DeploymentSpec(Wire, frozen=True, kw_only=True):
    replicas: int | None = None
    strategy: DeploymentStrategy = DeploymentStrategy()
    selector: LabelSelector = LabelSelector()
    template: Raw = Raw(b"{}")
    min_ready_seconds: int = 0
    revision_history_limit: int | None = None
    progress_deadline_seconds: int | None = None
    paused: bool = False


class DeploymentStatus(Wire, frozen=True, kw_only=True):
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0
    unavailable_replicas: int = 0
    terminating_replicas: int | None = None
    observed_generation: int = 0
    collision_count: int | None = None
    conditions: tuple[Condition, ...] = ()


class Deployment(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: DeploymentSpec = DeploymentSpec()
    status: DeploymentStatus = DeploymentStatus()


# --- Pod ----------------------------------------------------------------------------------------


class ContainerPort(Wire, frozen=True, kw_only=True):
    name: str = ""
    container_port: int = 0
    protocol: str = ""


class ResourceRequirements(Wire, frozen=True, kw_only=True):
    """Quantities as they were written: text, or a bare number."""

    requests: Mapping[str, str | int | float] = {}
    limits: Mapping[str, str | int | float] = {}


class Container(Wire, frozen=True, kw_only=True):
    name: str = ""
    image: str = ""
    ports: tuple[ContainerPort, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()


class PodSpec(Wire, frozen=True, kw_only=True):
    node_name: str = ""
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    termination_grace_period_seconds: int | None = None


class PodTemplateView(Wire, frozen=True, kw_only=True):
    """The part of a pod template that is read; what is written is copied as it came."""

    metadata: PodTemplateMetadata = PodTemplateMetadata()
    spec: PodSpec = PodSpec()


class PodTemplate(Wire, frozen=True, kw_only=True):
    """A template that stands by itself; nothing makes pods of it."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    template: Raw = Raw(b"{}")


class ContainerStateWaiting(Wire, frozen=True, kw_only=True):
    reason: str = ""
    message: str = ""


class ContainerStateRunning(Wire, frozen=True, kw_only=True):
    started_at: datetime | None = None


class ContainerStateTerminated(Wire, frozen=True, kw_only=True):
    exit_code: int = 0
    signal: int = 0
    reason: str = ""
    message: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class ContainerState(Wire, frozen=True, kw_only=True):
    waiting: ContainerStateWaiting | None = None
    running: ContainerStateRunning | None = None
    terminated: ContainerStateTerminated | None = None


class ContainerStatus(Wire, frozen=True, kw_only=True):
    name: str = ""
    image: str = ""
    ready: bool = False
    started: bool | None = None
    restart_count: int = 0
    state: ContainerState = ContainerState()
    last_state: ContainerState = ContainerState()


class PodStatus(Wire, frozen=True, kw_only=True):
    phase: str = ""
    reason: str = ""
    message: str = ""
    pod_ip: str = field(name="podIP", default="")
    host_ip: str = field(name="hostIP", default="")
    start_time: datetime | None = None
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()

    def ready(self) -> bool:
        """Whether the pod reports itself ready."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)


# --- Service, EndpointSlice, Ingress ------------------------------------------------------------


class ServicePort(Wire, frozen=True, kw_only=True):
    name: str = ""
    protocol: str = ""
    app_protocol: str | None = None
    port: int = 0
    target_port: int | str | None = None
    node_port: int = 0


class ServiceSpec(Wire, frozen=True, kw_only=True):
    type: str = ""
    selector: Mapping[str, str] = {}
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = field(name="clusterIP", default="")
    external_name: str = ""
    publish_not_ready_addresses: bool = False


class Service(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: ServiceSpec = ServiceSpec()


class EndpointConditions(Wire, frozen=True, kw_only=True):
    """None means unknown; the API reads an unknown `ready` as ready."""

    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None


class Endpoint(Wire, frozen=True, kw_only=True):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = EndpointConditions()
    hostname: str | None = None
    node_name: str | None = None
    target_ref: ObjectReference | None = None


class EndpointPort(Wire, frozen=True, kw_only=True):
    name: str | None = None
    port: int | None = None
    protocol: str | None = None
    app_protocol: str | None = None


class EndpointSlice(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    address_type: str = ""
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class ServiceBackendPort(Wire, frozen=True, kw_only=True):
    name: str = ""
    number: int = 0


class IngressServiceBackend(Wire, frozen=True, kw_only=True):
    name: str = ""
    port: ServiceBackendPort = ServiceBackendPort()


class IngressBackend(Wire, frozen=True, kw_only=True):
    service: IngressServiceBackend | None = None
    resource: Any = None


class HTTPIngressPath(Wire, frozen=True, kw_only=True):
    path: str = ""
    path_type: str | None = None
    backend: IngressBackend = IngressBackend()


class HTTPIngressRule(Wire, frozen=True, kw_only=True):
    paths: tuple[HTTPIngressPath, ...] = ()


class IngressRule(Wire, frozen=True, kw_only=True):
    host: str = ""
    http: HTTPIngressRule | None = None


class IngressTLS(Wire, frozen=True, kw_only=True):
    hosts: tuple[str, ...] = ()
    secret_name: str = ""


class IngressSpec(Wire, frozen=True, kw_only=True):
    ingress_class_name: str | None = None
    default_backend: IngressBackend | None = None
    tls: tuple[IngressTLS, ...] = ()
    rules: tuple[IngressRule, ...] = ()


class Ingress(Wire, frozen=True, kw_only=True):
    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    spec: IngressSpec = IngressSpec()


# --- Event, Secret ------------------------------------------------------------------------------


class EventSource(Wire, frozen=True, kw_only=True):
    component: str = ""
    host: str = ""


class Event(Wire, frozen=True, kw_only=True):
    """A core/v1 Event; `type` is Normal or Warning."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    involved_object: ObjectReference = ObjectReference()
    type: str = ""
    reason: str = ""
    message: str = ""
    source: EventSource = EventSource()
    count: int = 0
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None
    reporting_component: str = ""
    reporting_instance: str = ""
    action: str = ""


class Secret(Wire, frozen=True, kw_only=True):
    """`data` is decoded from base64. Its values never go into logs, status, events or errors."""

    api_version: str = ""
    kind: str = ""
    metadata: ObjectMeta = ObjectMeta()
    type: str = ""
    data: Mapping[str, bytes] = {}

    def __repr__(self) -> str:
        return f"Secret({self.metadata.namespace}/{self.metadata.name}, keys={sorted(self.data)})"
