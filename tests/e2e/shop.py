"""A shop of our own to release: its manifests, and what a person does with it.

One namespace holds one Rollout `shop` behind two Services and an Ingress of the namespace's name.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from e2e.product import Followed, Product, Ran, Running

Json = dict[str, Any]
NAME = "shop"
IMAGE = "registry.example.com/team/shop"
PROMETHEUS = "http://prometheus.monitoring.svc.cluster.local:9090"
RATIO = (
    'sum(rate(http_requests_total{{job="{job}",namespace="{namespace}",code!~"5.."}}[1m]))'
    ' / sum(rate(http_requests_total{{job="{job}",namespace="{namespace}"}}[1m]))'
)
GATED: tuple[Json, ...] = (
    {"setWeight": 25},
    {"pause": {"duration": "1m"}},
    {"analysis": {"templates": [{"templateName": "success"}]}},
    {"setWeight": 75},
    {"pause": {"duration": "30s"}},
)


@dataclass(frozen=True)
class Shop:
    """What a person does in one namespace."""

    product: Product
    namespace: str

    @property
    def host(self) -> str:
        return f"{self.namespace}.example.com"

    def kubectl(self, command: str, *words: str, stdin: Any = None, binary: str = "") -> Ran:
        return self.product.kubectl(
            f"-n {self.namespace} {command}", *words, stdin=stdin, binary=binary
        )

    def serinus(self, command: str, *words: str) -> Ran:
        return self.product.serinus(command, *words, "-n", self.namespace)

    def ok(self, command: str, *words: str, stdin: Any = None) -> Ran:
        """kubectl that must succeed."""
        return self.product.ok(self.kubectl(command, *words, stdin=stdin))

    def get(self, command: str) -> Json:
        return self.product.get(f"-n {self.namespace} {command}")

    def wait(self, command: str) -> Ran:
        return self.product.wait(f"-n {self.namespace} {command}")

    def rollout(self) -> Json:
        return self.get(f"rollout {NAME}")

    def patch(self, *changes: Json) -> None:
        """A JSON patch of the Rollout."""
        self.ok(f"patch rollout {NAME} --type json -p", json.dumps(changes))

    def release(self, tag: str) -> None:
        """A new version, as `serinus set image` makes it."""
        self.product.ok(self.serinus(f"set image {NAME} shop={IMAGE}:{tag}"))

    def deploy(self, **options: Any) -> None:
        """The whole shop, up to Healthy and to its first answer."""
        self.ok("apply -f -", stdin=self.manifests(**options))
        self.wait(f"--for=jsonpath={{.status.phase}}=Healthy rollout/{NAME}")
        self.product.until_served(self.host)

    def manifests(self, **options: Any) -> list[Json]:
        """Namespaced objects: Services and Ingress, the template `success`, the Rollout."""
        return [
            service("shop-stable"),
            service("shop-canary"),
            ingress(self.host),
            template("success", "result[0] >= 0.95", self.success_query()),
            rollout(**options),
        ]

    def success_query(self) -> str:
        """The share of good answers of the canary's pods."""
        return RATIO.format(job="shop-canary", namespace=self.namespace)

    def runs(self) -> list[Json]:
        """The AnalysisRuns, oldest first."""
        items: list[Json] = self.get("analysisrun --sort-by=.metadata.creationTimestamp")["items"]
        return items

    @contextmanager
    def followed(self) -> Iterator[Followed]:
        """The Rollout's versions from now on."""
        with self.product.follow(f"-n {self.namespace} rollout {NAME}") as seen:
            yield seen

    @contextmanager
    def load(self, per_second: int = 60) -> Iterator[Load]:
        """Steady traffic; `stop()` gives its report."""
        report = self.product.home / f"load-{self.namespace}.json"
        running = self.product.start(
            *("load", "--host", self.host, "--rps", str(per_second), "--report", str(report))
        )
        load = Load(running, report)
        try:
            yield load
        finally:
            running.stop()


class Load:
    """A running `serinus load`."""

    def __init__(self, running: Running, report: Any) -> None:
        self.running, self._report = running, report

    def stop(self) -> Json:
        """End it; what it reports."""
        self.running.stop()
        found: Json = json.loads(self._report.read_text())
        return found


@dataclass(frozen=True)
class Released:
    """A shop after a release: every version of its Rollout, and what the load reported."""

    shop: Shop
    versions: Sequence[Json]
    told: Json


@dataclass(frozen=True)
class Neighbour:
    """A release that goes on: its traffic, and its Rollout's versions."""

    load: Running
    seen: Followed


@contextmanager
def opened(product: Product, namespace: str) -> Iterator[Shop]:
    """A new namespace, gone after the block."""
    product.ok(product.kubectl(f"create namespace {namespace}"))
    yield Shop(product, namespace)
    product.ok(product.kubectl(f"delete namespace {namespace} --wait=false"))


def phase(version: Json) -> str:
    return str(version.get("status", {}).get("phase", ""))


def at_rest(version: Json, tag: str, word: str = "Healthy") -> bool:
    """The controller has seen this spec, of this tag, and the phase is `word`."""
    status = version.get("status", {})
    seen = status.get("observedGeneration") == str(version["metadata"]["generation"])
    return seen and phase(version) == word and image_of(version).endswith(f":{tag}")


def image_of(version: Json) -> str:
    return str(version["spec"]["template"]["spec"]["containers"][0]["image"])


def step_of(version: Json) -> int | None:
    index: int | None = version.get("status", {}).get("currentStepIndex")
    return index


def weight_of(version: Json) -> int | None:
    """The canary's weight that the status tells."""
    weights = version.get("status", {}).get("canary", {}).get("weights")
    return None if weights is None else int(weights["canary"]["weight"])


def condition(version: Json, kind: str) -> Json:
    """One condition of a status; {} if it is not there."""
    found = version.get("status", {}).get("conditions", [])
    return next((one for one in found if one["type"] == kind), {})


def distinct(values: Sequence[Any]) -> list[Any]:
    """Without None and without what repeats its predecessor."""
    kept: list[Any] = []
    for value in values:
        if value is not None and (not kept or kept[-1] != value):
            kept.append(value)
    return kept


def rollout(
    *, replicas: int = 2, steps: Sequence[Json] = GATED, tag: str = "v1", **canary: Any
) -> Json:
    """The Rollout; further options are fields of the canary strategy."""
    container = {"name": "shop", "image": f"{IMAGE}:{tag}", "ports": [{"containerPort": 8080}]}
    routing = {"nginx": {"stableIngress": "shop"}}
    strategy = {"canaryService": "shop-canary", "stableService": "shop-stable"}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Rollout",
        "metadata": {"name": NAME},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "shop"}},
            "template": {
                "metadata": {"labels": {"app": "shop"}},
                "spec": {"containers": [container]},
            },
            "strategy": {
                "canary": {
                    **strategy,
                    "trafficRouting": routing,
                    "steps": list(steps),
                    **canary,
                }
            },
        },
    }


def service(name: str) -> Json:
    spec = {"selector": {"app": "shop"}, "ports": [{"port": 80, "targetPort": 8080}]}
    return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec}


def ingress(host: str) -> Json:
    backend = {"service": {"name": "shop-stable", "port": {"number": 80}}}
    paths = [{"path": "/", "pathType": "Prefix", "backend": backend}]
    spec = {"ingressClassName": "nginx", "rules": [{"host": host, "http": {"paths": paths}}]}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "shop"},
        "spec": spec,
    }


def template(name: str, success: str, query: str, **metric: Any) -> Json:
    """An AnalysisTemplate of one metric, asked thrice; further options are the metric's fields."""
    asked = {
        "name": name,
        "interval": "15s",
        "count": 3,
        "failureLimit": 1,
        "successCondition": success,
        "provider": {"prometheus": {"address": PROMETHEUS, "query": query}},
        **metric,
    }
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AnalysisTemplate",
        "metadata": {"name": name},
        "spec": {"metrics": [asked]},
    }
