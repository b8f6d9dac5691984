"""Parts of the pure world: pods, ReplicaSets, Services and a router as records that change."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from serinus.api.hashes import pod_hash
from serinus.api.template import Template, read_template
from serinus.core.routing import Routing

START = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
ROUTER = "nginx"


def template_of(version: str) -> Template:
    """A pod template that differs by its image only."""
    containers = [{"name": "app", "image": f"app:{version}"}]
    return read_template({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": containers}})


def hash_of(version: str) -> str:
    return pod_hash(template_of(version))


@dataclass
class Pod:
    name: str
    ready_at: datetime | None
    """None: never gets ready by itself."""
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)


@dataclass
class Set_:
    """A ReplicaSet."""

    name: str
    hash: str
    number: int
    template: Template
    replicas: int = 0
    version: int = 1
    min_ready_seconds: int = 0
    annotations: dict[str, str] = field(default_factory=dict)
    injected: dict[str, dict[str, str]] = field(default_factory=dict)
    pods: list[Pod] = field(default_factory=list)


@dataclass
class Service:
    name: str
    selector: str = ""
    version: int = 1
    written_at: datetime | None = None
    before: str | None = None
    """What data planes may still obey until the last write has settled."""


@dataclass
class Router:
    routing: Routing = field(default_factory=lambda: Routing(0))
    written_at: datetime | None = None
    verified: bool | None = None
    readable: bool = True
    before: Routing | None = None
    weights: tuple[int, ...] = ()
    """What its objects show where they differ; used while it is not readable."""
    drifted: bool = False
