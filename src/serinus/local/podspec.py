"""The part of a pod that the node reads, as frozen Structs. Knows no process."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import field

from serinus.api.kubernetes import (
    ContainerPort,
    ObjectMeta,
    PodStatus,
    ResourceRequirements,
)
from serinus.api.wire import Wire

PORT_ANNOTATION = "serinus.dev/port"
"""On a pod: the loopback port that was given to it, which its process finds in PORT."""


class FieldRef(Wire, frozen=True, kw_only=True):
    field_path: str = ""


class KeyRef(Wire, frozen=True, kw_only=True):
    """A key of a ConfigMap or Secret."""

    name: str = ""
    key: str = ""
    optional: bool = False


class ResourceFieldRef(Wire, frozen=True, kw_only=True):
    container_name: str = ""
    resource: str = ""


class EnvSource(Wire, frozen=True, kw_only=True):
    field_ref: FieldRef | None = None
    resource_field_ref: ResourceFieldRef | None = None
    config_map_key_ref: KeyRef | None = None
    secret_key_ref: KeyRef | None = None


class EnvVar(Wire, frozen=True, kw_only=True):
    name: str = ""
    value: str = ""
    value_from: EnvSource | None = None


class ObjectRef(Wire, frozen=True, kw_only=True):
    name: str = ""
    optional: bool = False


class EnvFrom(Wire, frozen=True, kw_only=True):
    prefix: str = ""
    config_map_ref: ObjectRef | None = None
    secret_ref: ObjectRef | None = None


class HttpHeader(Wire, frozen=True, kw_only=True):
    name: str = ""
    value: str = ""


class HttpGet(Wire, frozen=True, kw_only=True):
    path: str = "/"
    port: int | str = 0
    scheme: str = "HTTP"
    host: str = ""
    http_headers: tuple[HttpHeader, ...] = ()


class TcpSocket(Wire, frozen=True, kw_only=True):
    port: int | str = 0


class Exec(Wire, frozen=True, kw_only=True):
    command: tuple[str, ...] = ()


class Probe(Wire, frozen=True, kw_only=True):
    """How to ask a container whether it is well; seconds, of which time-outs are never scaled."""

    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    exec: Exec | None = None
    grpc: Mapping[str, object] | None = None
    initial_delay_seconds: int = 0
    period_seconds: int = 10
    timeout_seconds: int = 1
    success_threshold: int = 1
    failure_threshold: int = 3


class NodeContainer(Wire, frozen=True, kw_only=True):
    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvFrom, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: ResourceRequirements = ResourceRequirements()
    readiness_probe: Probe | None = None
    liveness_probe: Probe | None = None
    startup_probe: Probe | None = None


class ReadinessGate(Wire, frozen=True, kw_only=True):
    condition_type: str = ""


class NodePodSpec(Wire, frozen=True, kw_only=True):
    node_name: str = ""
    containers: tuple[NodeContainer, ...] = ()
    init_containers: tuple[NodeContainer, ...] = ()
    restart_policy: str = "Always"
    termination_grace_period_seconds: int = 30
    service_account_name: str = "default"
    readiness_gates: tuple[ReadinessGate, ...] = ()

    def grace_seconds(self) -> float:
        """Wall seconds between SIGTERM and SIGKILL."""
        return max(0, self.termination_grace_period_seconds)


class NodePod(Wire, frozen=True, kw_only=True):
    """A pod as the node reads it."""

    api_version: str = field(name="apiVersion", default="v1")
    kind: str = "Pod"
    metadata: ObjectMeta = ObjectMeta()
    spec: NodePodSpec = NodePodSpec()
    status: PodStatus = PodStatus()

    def ready(self) -> bool:
        """Whether the pod reports itself ready."""
        return any(c.type == "Ready" and c.status == "True" for c in self.status.conditions)

    def port(self) -> int | None:
        """The loopback port that was given to this pod, if it has one yet."""
        text = self.metadata.annotations.get(PORT_ANNOTATION, "")
        return int(text) if text.isdecimal() else None
