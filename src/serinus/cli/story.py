"""The demonstration's story: a first version, then each release until it comes to rest.

Drives through the API alone, as a person with kubectl would; draws nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from serinus.api.names import WRITTEN_AT
from serinus.cli.composition import apply, example_folder, manifests
from serinus.cli.follower import Follower
from serinus.cli.sender import LoadProcess, load
from serinus.control.kinds import ROLLOUTS
from serinus.kube.resource import INGRESSES
from serinus.local.cluster import Cluster
from serinus.local.load.report import Lost, attribute
from serinus.present.demo import Counted, Scene
from serinus.present.family import Family
from serinus.present.report import ReleaseReport, Traffic, Verdict

NAMESPACE, NAME, CONTAINER = "production", "checkout-service", "checkout"
HOST = "checkout.example.com"
IMAGE = "ghcr.io/acme/checkout-service"
CANARY_INGRESS = f"{NAME}-checkout-ingress-canary"
DEATH_REACH_WALL_SECONDS = 1.0
"""How long after a pod's own death a cut request is still put down to it."""
ASK_AGAIN_WALL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Release:
    """One version to release and what is to come of it."""

    tag: str
    about: str
    expected: Verdict

    @property
    def version(self) -> str:
        """What people call it: the tag up to the words that make it good or bad."""
        return self.tag.split(".")[0]


RELEASES = (
    Release("v2", "good", "promoted"),
    Release("v3.error-every-20", "bad: every 20th answer of a pod is a 500", "rolled back"),
)


class Story:
    """Tells itself on `cluster`; `scene()` may be asked at any time."""

    def __init__(self, cluster: Cluster, per_second: float) -> None:
        self._cluster, self._per_second = cluster, per_second
        self._client = cluster.client("admin")
        self.follower = Follower(self._client, cluster.clock, NAMESPACE, NAME)
        self._title = "starting v1"
        self._sender: LoadProcess | None = None

    def scene(self) -> Scene:
        """What there is to see now."""
        latest = self._sender.latest if self._sender else {}
        return Scene(
            now=self._cluster.clock.now(),
            speed=self._cluster.clock.speed,
            title=self._title,
            family=self.follower.family(),
            traffic={
                version: Counted(requests=told["requests"], errors=told["errors"])
                for version, told in latest.get("versions", {}).items()
            },
            lost=latest.get("lost", 0),
        )

    async def start(self) -> None:
        """The first version, up to Healthy and to the first answer through the ingress."""
        for manifest in manifests(example_folder("checkout")):
            await apply(self._client, manifest)
        await self.follower.until(lambda family: family.rollout.status.phase == "Healthy")
        await self._until_served()

    async def _until_served(self) -> None:
        """A gateway takes new routes in a moment later; until then nothing can be lost."""
        async with aiohttp.ClientSession() as session:
            while True:
                asked = session.get(self._cluster.ingress_url, headers={"Host": HOST})
                async with asked as answer:
                    if answer.status == HTTPStatus.OK:
                        return
                await self._cluster.clock.sleep_wall(ASK_AGAIN_WALL_SECONDS)

    async def release(self, release: Release) -> ReleaseReport:
        """One release under steady traffic, from its image to rest."""
        clock, address = self._cluster.clock, urlsplit(self._cluster.ingress_url).netloc
        async with load(clock, address, HOST, self._per_second) as self._sender:
            self._title = f"release {release.version}, {release.about}: to be {release.expected}"
            began, wall = clock.now(), clock.wall()
            containers = await self._containers(f"{IMAGE}:{release.tag}")
            patch = {"spec": {"template": {"spec": {"containers": containers}}}}
            made = await self._client.patch(ROLLOUTS, NAME, patch, NAMESPACE)
            generation = made["metadata"]["generation"]
            family = await self.follower.until(lambda family: _rests(family, generation))
            ended, spent = clock.now(), clock.wall() - wall
            told = await self._sender.stop()
        ingress = await self._client.get(INGRESSES, CANARY_INGRESS, NAMESPACE)
        status = family.rollout.status
        good = status.stable_rs == status.current_pod_hash
        return ReleaseReport(
            version=release.version,
            about=release.about,
            expected=release.expected,
            verdict="promoted" if good else "rolled back",
            phase=f"{status.phase}: {status.message}" if status.message else status.phase,
            duration_seconds=(ended - began).total_seconds(),
            wall_seconds=spent,
            traffic=self._traffic(told, (began, ended)),
            bad_to_zero_weight_seconds=None if good else _reaction(told, release.tag, ingress),
        )

    async def _containers(self, image: str) -> list[dict[str, Any]]:
        """The containers of now with another image: a merge patch replaces the whole list."""
        now = await self._client.get(ROLLOUTS, NAME, NAMESPACE)
        containers: list[dict[str, Any]] = now["spec"]["template"]["spec"]["containers"]
        return [{**one, "image": image} for one in containers if one["name"] == CONTAINER]

    def _traffic(self, told: Mapping[str, Any], span: tuple[datetime, datetime]) -> Traffic:
        reach = self._cluster.clock.span(DEATH_REACH_WALL_SECONDS)
        lost = attribute(_lost(told["lost"]), [span], self.follower.deaths, reach)
        versions: Mapping[str, Mapping[str, int]] = told["versions"]
        return Traffic(
            requests={version: one["requests"] for version, one in versions.items()},
            errors={version: one["errors"] for version, one in versions.items() if one["errors"]},
            lost_while_weights_moved=lost.while_moving,
            lost_to_dying_pods=lost.cut_by_death,
            lost_otherwise=lost.otherwise,
        )


def _rests(family: Family, generation: int) -> bool:
    """That spec was promoted or aborted, and nothing of the other revision is left running."""
    rollout = family.rollout
    if rollout.status.observed_generation != str(generation):
        return False
    running = [one for one in family.replica_sets if one.status.replicas]
    serving = len(running) == 1 and running[0].status.available_replicas == rollout.spec.replicas
    canary = rollout.status.canary.weights
    quiet = canary is not None and canary.canary.weight == 0
    return serving and quiet and rollout.status.phase in ("Healthy", "Degraded")


def _lost(told: Sequence[Mapping[str, Any]]) -> list[Lost]:
    return [
        Lost(
            datetime.fromisoformat(one["at"]),
            datetime.fromisoformat(one["ended_at"]),
            one["seconds"],
            one["kind"],
            one["status"],
        )
        for one in told
    ]


def _reaction(told: Mapping[str, Any], tag: str, ingress: Mapping[str, Any]) -> float | None:
    """Seconds of the clock from the first bad answer to the write of weight 0."""
    first = told["versions"].get(tag, {}).get("first_error_at")
    written = ingress["metadata"].get("annotations", {}).get(WRITTEN_AT)
    if first is None or written is None:
        return None
    return (datetime.fromisoformat(written) - datetime.fromisoformat(first)).total_seconds()
