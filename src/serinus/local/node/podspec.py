"""The part of a pod that the node reads, as frozen Structs. Knows no process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

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
PORTS_ANNOTATION = "serinus.dev/ports"
"""On a pod: a JSON object from each declared port (`8080`, `53/UDP`) to its loopback port."""


class FieldRef(Wire, frozen=True, kw_only=True):
    field_path: str = ""


class KeyRef(Wire, frozen=True, kw_only=True):
    """A key of a ConfigMap or Secret."""

    name: str = ""
    key: str = ""
    optional: bool = False


class ResourceFieldRef(Wire, frozen=True, kw_only=True):
    """`divisor` empty or 0: the unit, one core or one byte."""

    container_name: str = ""
    resource: str = ""
    divisor: str | int = ""


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
    host: str = ""


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
    termination_grace_period_seconds: int | None = None


class Sleep(Wire, frozen=True, kw_only=True):
    seconds: int = 0


class Hook(Wire, frozen=True, kw_only=True):
    """What is done after the start or before the end of a container; one of these."""

    exec: Exec | None = None
    http_get: HttpGet | None = None
    tcp_socket: TcpSocket | None = None
    sleep: Sleep | None = None


class Lifecycle(Wire, frozen=True, kw_only=True):
    post_start: Hook | None = None
    pre_stop: Hook | None = None


class VolumeMount(Wire, frozen=True, kw_only=True):
    name: str = ""
    mount_path: str = ""
    sub_path: str = ""
    sub_path_expr: str = ""


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
    lifecycle: Lifecycle = Lifecycle()
    restart_policy: str = ""
    volume_mounts: tuple[VolumeMount, ...] = ()
    working_dir: str = ""
    termination_message_path: str = "/dev/termination-log"
    termination_message_policy: str = "File"

    def is_sidecar(self) -> bool:
        """Whether this init container goes on beside the others instead of ending before them."""
        return self.restart_policy == "Always"


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
    volumes: tuple[Mapping[str, Any], ...] = ()
    active_deadline_seconds: int | None = None

    def all_containers(self) -> tuple[NodeContainer, ...]:
        """Init containers and the others, in the order in which they start."""
        return (*self.init_containers, *self.containers)

    def declared_ports(self) -> Iterator[ContainerPort]:
        """The ports that are served: those of containers, then those of sidecars."""
        sidecars = filter(NodeContainer.is_sidecar, self.init_containers)
        for container in (*self.containers, *sidecars):
            yield from container.ports

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

    def ports(self) -> Mapping[str, int]:
        """The loopback port of each declared one, by `port_key`; empty until it is bound."""
        try:
            held = json.loads(self.metadata.annotations.get(PORTS_ANNOTATION, "{}"))
        except ValueError:
            return {}
        held = held if isinstance(held, dict) else {}
        return {key: port for key, port in held.items() if isinstance(port, int)}

    def served(self, declared: ContainerPort) -> int | None:
        """The loopback port of a declared one; one that got none of its own shares the first."""
        return self.ports().get(port_key(declared), self.port())


def port_key(declared: ContainerPort) -> str:
    """How a declared port is named among the ports of a pod."""
    protocol = declared.protocol or "TCP"
    number = str(declared.container_port)
    return number if protocol == "TCP" else f"{number}/{protocol}"
