"""A pure world in which everything obeys at once: pods are ready and routers turn as it is written.

Enough to lead a planner through a release and to keep what it saw; it judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace as struct_replace

from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.hashes import pod_hash, step_hash
from serinus.api.template import Template, read_template
from serinus.api.wire import decode
from serinus.core.rollout import actions as act
from serinus.core.rollout.plan import plan
from serinus.core.rollout.snapshot import PodSeen, Revision, ServiceSeen, Snapshot
from serinus.core.routing import RouterSeen, Routing

START = datetime(2026, 1, 1, tzinfo=UTC)
LABELS = {"app": "shop"}


def template_of(version: str) -> Template:
    containers = [{"name": "shop", "image": f"shop:{version}"}]
    return read_template({"metadata": {"labels": LABELS}, "spec": {"containers": containers}})


class Obedient:
    """One routed canary; `seen` holds every snapshot that was planned on."""

    def __init__(self, steps: Sequence[Any], replicas: int) -> None:
        strategy = {
            "canaryService": "canary",
            "stableService": "stable",
            "trafficRouting": {"nginx": {"stableIngress": "shop"}},
            "steps": steps,
        }
        selector = {"matchLabels": LABELS}
        spec = {"replicas": replicas, "selector": selector, "strategy": {"canary": strategy}}
        metadata = {"name": "shop", "namespace": "default", "uid": "u", "generation": 1}
        self.rollout = decode(Rollout, {"metadata": metadata, "spec": spec})
        self.now, self.version = START, "v1"
        self.revisions: dict[str, Revision] = {}
        self.services = {name: self._service(name) for name in ("stable", "canary")}
        self.router = RouterSeen(router="nginx", routing=Routing(0))
        self.seen: list[Snapshot] = []

    def release(self, version: str) -> None:
        """Plans and obeys until nothing is planned any more and no time is waited for."""
        self.version = version
        metadata = self.rollout.metadata
        changed = struct_replace(metadata, generation=metadata.generation + 1)
        self.rollout = struct_replace(self.rollout, metadata=changed)
        for _ in range(1000):
            self.seen.append(self.snapshot())
            made = plan(self.seen[-1])
            for action in made.actions:
                self._obey(action)
            moved = made.status is not None and made.status != self.rollout.status
            if moved:
                self.rollout = struct_replace(self.rollout, status=made.status)
            if moved or any(not isinstance(action, act.Announce) for action in made.actions):
                continue
            if made.wake_at is None:
                return
            self.now = max(self.now, made.wake_at)
        raise RuntimeError(f"the release never rests: {made.reasons}")

    def snapshot(self) -> Snapshot:
        template, canary = template_of(self.version), self.rollout.spec.strategy.canary
        return Snapshot(
            now=self.now,
            rollout=self.rollout,
            template=template,
            template_hash=pod_hash(template),
            step_hash=step_hash(canary.steps if canary else ()),
            revisions=tuple(self.revisions.values()),
            services={
                name: replace(service, endpoints=self._endpoints(service.selector_hash))
                for name, service in self.services.items()
            },
            routers=(self.router,),
        )

    def _service(self, name: str) -> ServiceSeen:
        return ServiceSeen(
            name=name, resource_version="1", selector_hash="", written_at=None, endpoints={}
        )

    def _endpoints(self, selector: str) -> dict[str, int]:
        found = (r for r in self.revisions.values() if r.replicas and selector in ("", r.hash))
        return {revision.hash: revision.replicas for revision in found}

    def _obey(self, action: act.Action) -> None:
        match action:
            case act.CreateRevision(name, hash_, number, template):
                self.revisions[name] = _revision(name, hash_, number, template)
            case act.Scale(name, _, replicas):
                self._change(name, **_pods(name, replicas))
            case act.Annotate(name, _, annotations):
                self._annotate(name, annotations)
            case act.SetRouting(_, routing, at):
                self.router = replace(self.router, routing=routing, written_at=at)
            case act.PointService(name, _, hash_, at):
                seen = self.services[name]
                self.services[name] = replace(seen, selector_hash=hash_, written_at=at)
            case act.EditRollout(annotations, _):
                metadata = self.rollout.metadata
                merged = struct_replace(
                    metadata, annotations={**metadata.annotations, **annotations}
                )
                self.rollout = struct_replace(self.rollout, metadata=merged)
            case act.Retire(_, name, _):
                self.revisions.pop(name, None)
            case act.Announce():
                pass
            case _:
                raise RuntimeError(f"this release needs no {type(action).__name__}")

    def _change(self, name: str, **fields: Any) -> None:
        self.revisions[name] = replace(self.revisions[name], **fields)

    def _annotate(self, name: str, changes: Any) -> None:
        merged = {**self.revisions[name].annotations, **changes}
        notes = {key: value for key, value in merged.items() if value is not None}
        deadline = notes.get(names.SCALE_DOWN_DEADLINE)
        self._change(
            name,
            annotations=notes,
            number=int(notes.get(names.REVISION, self.revisions[name].number)),
            scale_down_deadline=datetime.fromisoformat(deadline) if deadline else None,
            deadline_set_for=notes.get(names.SCALE_DOWN_SET_FOR, ""),
        )


def _revision(name: str, hash_: str, number: int, template: Template) -> Revision:
    return Revision(
        name=name,
        hash=hash_,
        number=number,
        resource_version="1",
        template=template,
        observed=True,
        **_pods(name, 0),
    )


def _pods(name: str, replicas: int) -> dict[str, Any]:
    """What a ReplicaSet shows that has made all of its pods."""
    pods = tuple(PodSeen(name=f"{name}-{n}", ready=True) for n in range(replicas))
    return {
        "replicas": replicas,
        "seen": replicas,
        "ready": replicas,
        "available": replicas,
        "pods": pods,
    }
