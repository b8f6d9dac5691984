"""Watches a shop as its users do and writes down what they see: one line an instant of change.

Knows nothing of the controller's code but the names of its labels and the phase that clients show.
Hashes are replaced by the version that they stand for, so that a line can be read and judged.
"""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from serinus.api import names
from serinus.api.argo import Rollout
from serinus.api.wire import decode
from serinus.control.kinds import ANALYSIS_RUNS, EXPERIMENTS, ROLLOUTS
from serinus.kube.informer import Informer
from serinus.kube.resource import (
    DEPLOYMENTS,
    EVENTS,
    INGRESSES,
    REPLICASETS,
    SERVICES,
    Resource,
)
from serinus.present.phase import phase_of
from support.cluster import NAMESPACE, PaperCluster

Json = dict[str, Any]
WATCHED = (
    ROLLOUTS, SERVICES, REPLICASETS, INGRESSES, ANALYSIS_RUNS, EXPERIMENTS, EVENTS, DEPLOYMENTS,
)  # fmt: skip
INSTANT_SECONDS = 0.05
"""Changes that are no further apart are seen at once."""
CANARY_WEIGHT = re.compile(r"/canary-weight$")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def clock_time(seconds: float) -> str:
    """Minutes, seconds and tenths: `1:05.3`; tenths only where there are some."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    return f"{minutes}:{rest // 10:02}" + (f".{rest % 10}" if rest % 10 else "")


@dataclass
class Recorder:
    """`lines` is the timeline; `begin` sets its start, and nothing before that is told."""

    cluster: PaperCluster
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._watch: dict[Resource, Informer[Json]] = {}
        self._changed = asyncio.Event()
        self._first: datetime | None = None
        self._start = self.cluster.clock.now()
        self._row: tuple[str, ...] = ()
        self._message = ""
        self._told: dict[str, str] = {}
        self._versions: dict[str, str] = {}

    async def run(self) -> None:
        """Follows the server until cancelled."""
        client, clock = self.cluster.client("reader"), self.cluster.clock
        for kind in WATCHED:
            made: Informer[Json] = Informer(
                client, kind, dict, clock, namespace=NAMESPACE, jitter=random.Random(1)
            )
            made.on_change(self._note)
            self._watch[kind] = made
        await asyncio.gather(*(one.run() for one in self._watch.values()), self._look())

    def begin(self) -> None:
        """The story starts here."""
        self.settle()
        self.lines.clear()
        self._start, self._row, self._message = self.cluster.clock.now(), (), ""
        self.look(self._start)

    def say(self, text: str) -> None:
        """A line of the one who tells: what is done to the shop here."""
        self.settle()
        self.lines.append(text)

    def settle(self) -> None:
        """Writes down what was seen and not yet told."""
        if self._first is not None:
            self.look(self._first)

    def _note(self, old: Json | None, new: Json | None) -> None:
        self._first = self._first or self.cluster.clock.now()
        self._changed.set()

    async def _look(self) -> None:
        while True:
            await self._changed.wait()
            await self.cluster.clock.sleep_wall(INSTANT_SECONDS)
            self.settle()

    def look(self, at: datetime) -> None:
        """One line if anything that a line shows has changed, and what was told beside it."""
        self._first = None
        self._changed.clear()
        row, message = self._picture()
        told = list(self._news())
        if row == self._row and message == self._message and not told:
            return
        self.lines.append(_line(clock_time((at - self._start).total_seconds()), row))
        if message != self._message:
            self.lines.append(f'           "{message}"')
        self.lines += [f"           {one}" for one in told]
        self._row, self._message = row, message

    # --- What is seen -----------------------------------------------------------------------------

    def all(self, kind: Resource) -> list[Json]:
        """Every object of a kind, by age and name."""
        return sorted(self._watch[kind].store.all(), key=_age)

    def _picture(self) -> tuple[tuple[str, ...], str]:
        sets = self._named()
        services = {
            one["metadata"]["name"].removeprefix("web-"): self._selected(one)
            for one in sorted(self.all(SERVICES), key=lambda one: str(one["metadata"]["name"]))
        }
        routes = " ".join(f"{name}={version}" for name, version in services.items())
        rollout = next(iter(self.all(ROLLOUTS)), None)
        if rollout is None:
            return ("no Rollout", "", routes, self._pods(sets)), ""
        seen = decode(Rollout, rollout)
        phase, status = phase_of(seen), rollout.get("status", {})
        canary = seen.spec.strategy.canary
        step = ""
        if canary is not None and canary.steps:
            step = f"step {status.get('currentStepIndex', '-')}/{len(canary.steps)}"
        stable = self._versions.get(status.get("stableRS", ""), "none")
        where = " ".join(part for part in (step, self._weight()) if part)
        return (
            phase.word or "(no phase)",
            where,
            f"{routes} stable:{stable}",
            self._pods(sets),
        ), self.plain(phase.message)

    def _named(self) -> list[Json]:
        """The revisions; on the way each hash gets the name of its version."""
        sets = [s for s in self.all(REPLICASETS) if names.POD_HASH in s["metadata"]["labels"]]
        for one in sets:
            hash = one["metadata"]["labels"][names.POD_HASH]
            image = one["spec"]["template"]["spec"]["containers"][0]["image"]
            trial = one["metadata"].get("annotations", {}).get(names.EXPERIMENT_TEMPLATE, "")
            name = trial or image.rpartition(":")[2]
            while name in {v for h, v in self._versions.items() if h != hash}:
                name += "'"
            self._versions.setdefault(hash, name)
        return sets

    def _selected(self, service: Json) -> str:
        hash = (service["spec"].get("selector") or {}).get(names.POD_HASH, "")
        return self._versions.get(hash, hash) if hash else "all"

    def _weight(self) -> str:
        for ingress in self.all(INGRESSES):
            for key, value in ingress["metadata"].get("annotations", {}).items():
                if CANARY_WEIGHT.search(key):
                    return f"weight {value}"
        return ""

    def _pods(self, sets: list[Json]) -> str:
        """Ready and wanted pods by version; a version without any is left out."""
        found = []
        for one in sets:
            wanted, status = one["spec"]["replicas"], one.get("status", {})
            if wanted or status.get("replicas"):
                version = self._versions[one["metadata"]["labels"][names.POD_HASH]]
                found.append(f"{version} {status.get('readyReplicas', 0)}/{wanted}")
        for one in self.all(DEPLOYMENTS):
            ready, wanted = one.get("status", {}).get("readyReplicas", 0), one["spec"]["replicas"]
            found.append(f"deployment {ready}/{wanted}")
        return " ".join(found) or "no pods"

    def _news(self) -> list[str]:
        """Runs, experiments and events that are new or changed."""
        found = []
        for kind, word in ((ANALYSIS_RUNS, "run"), (EXPERIMENTS, "experiment")):
            for one in self.all(kind):
                phase = one.get("status", {}).get("phase", "")
                name = one["metadata"]["name"]
                found.append((f"{word} {name}", phase, f"{word} {name} is {phase}"))
        for event in sorted(self._watch[EVENTS].store.all(), key=_version):
            if event["source"]["component"] == "serinus":
                about = "" if event["involvedObject"]["kind"] == "Rollout" else "  "
                text = f"{about}{event['reason']}: {event['message']}"
                found.append((event["metadata"]["name"], str(event["count"]), f"* {text}"))
        told = []
        for key, state, text in found:
            if state and self._told.get(key) != state:
                self._told[key] = state
                told.append(self.plain(text))
        return told

    def plain(self, text: str) -> str:
        """Versions for hashes, time since the start for instants."""
        for hash, version in self._versions.items():
            text = text.replace(hash, version)

        def since(found: re.Match[str]) -> str:
            at = datetime.fromisoformat(found[0].replace("Z", "+00:00"))
            return clock_time((at - self._start).total_seconds())

        return INSTANT.sub(since, text)


def _age(one: Json) -> tuple[str, str]:
    return one["metadata"]["creationTimestamp"], one["metadata"]["name"]


def _version(one: Json) -> int:
    return int(one["metadata"]["resourceVersion"])


def _line(at: str, row: tuple[str, ...]) -> str:
    phase, where, routes, pods = row
    return f"{at:>7}  {phase:<11}  {where:<19}  {routes:<42}  {pods}".rstrip()
