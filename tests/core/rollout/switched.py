"""The pure world of a blue-green rollout: an active and a preview Service, and no router."""

from __future__ import annotations

from dataclasses import replace as with_fields
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from core.rollout.parts import Service, Set_, hash_of
from core.rollout.world import World
from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.wire import decode
from serinus.core.rollout.snapshot import Snapshot

ANALYSIS = {"templates": [{"templateName": "success-rate"}]}


class Switched(World):
    """Pods get ready `start_seconds` after birth; selectors are obeyed at once, settled late."""

    def __init__(self, *, replicas: int = 4, spec: Any = None, **blue_green: Any) -> None:
        self.more: dict[str, Any] = spec or {}
        self.strangers = 0
        """Ready pods of a Deployment, whom a selector without a hash reaches too."""
        super().__init__([], replicas=replicas, **blue_green)
        self.services = {name: Service(name) for name in ("active", "preview")}

    def _rollout(self, steps: list[Any], replicas: int, canary: dict[str, Any]) -> Rollout:
        services = {"activeService": "active", "previewService": "preview"}
        strategy = {"blueGreen": {**services, **canary}}
        selector = {"matchLabels": {"app": "x"}}
        spec = {"replicas": replicas, "selector": selector, "strategy": strategy, **self.more}
        metadata = {"name": "app", "namespace": "ns", "uid": "u", "generation": 1}
        return decode(Rollout, {"metadata": metadata, "spec": spec})

    def edit_strategy(self, **changes: Any) -> None:
        strategy = self.rollout.spec.strategy
        assert strategy.blue_green is not None
        self.edit(strategy=replace(strategy, blue_green=replace(strategy.blue_green, **changes)))

    def snapshot(self) -> Snapshot:
        return with_fields(super().snapshot(), routers=(), step_hash="")

    def _scale(self, item: Set_, version: str, replicas: int) -> None:
        if version == str(item.version):
            item.annotations[names.DESIRED_REPLICAS] = str(self.rollout.spec.replicas)
        super()._scale(item, version, replicas)

    def endpoints(self, selector: str) -> dict[str, int]:
        found = super().endpoints(selector)
        return found if selector or not self.strangers else {**found, "": self.strangers}

    def version_of(self, pod_hash: str) -> str:
        return next((f"v{n}" for n in range(1, 10) if hash_of(f"v{n}") == pod_hash), "all")

    @property
    def active(self) -> str:
        return self.version_of(self.services["active"].selector)

    @property
    def preview(self) -> str:
        return self.version_of(self.services["preview"].selector)

    @property
    def stable(self) -> str:
        return self.version_of(self.status.stable_rs)

    def pods(self, version: str) -> int:
        return self.set_of(version).replicas

    def answering(self) -> int:
        """Ready pods behind the active Service."""
        return sum(self.endpoints(self.services["active"].selector).values())

    def lost(self) -> float:
        """1 if a request may find no pod, under what is written or what was before."""
        service = self.services["active"]
        selectors = [service.selector]
        fresh = self.now - self.settings.settle
        if service.before is not None and service.written_at and service.written_at > fresh:
            selectors.append(service.before)
        return float(any(not self.endpoints(selector) for selector in selectors))

    def line(self) -> str:
        counts = sorted((self.version_of(s.hash), s.replicas) for s in self.sets.values())
        pods = " ".join(f"{version}:{count}" for version, count in counts)
        where = f"active={self.active} preview={self.preview} stable={self.stable}"
        return f"{where} {pods} {self.status.phase}"

    def wait(self, seconds: float) -> None:
        """Let exactly so much time pass."""
        end = self.now + timedelta(seconds=seconds)
        self.run(seconds)
        self.now = end
        self.settle()


def deployed(**options: Any) -> Switched:
    """A world whose v1 is deployed, stable and at rest."""
    world = Switched(**options)
    world.run()
    world.timeline.clear()
    world.events.clear()
    return world


def released(**options: Any) -> Switched:
    """v1 at rest, v2 just put into the spec."""
    world = deployed(**options)
    world.release("v2")
    return world


def reasons(world: Switched) -> list[str]:
    return [reason.message for reason in world.last.reasons]
