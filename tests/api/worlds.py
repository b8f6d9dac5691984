"""Objects that the tests of validation begin with: a sound rollout and all it refers to."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
import yaml

from serinus.api.argo import Rollout
from serinus.api.findings import Findings
from serinus.api.reading import read
from serinus.api.validation.check import check_rollout
from serinus.api.validation.language import Language
from serinus.api.wire import Unreadable, decode
from serinus.core.analysis.checks import LANGUAGE

T = TypeVar("T", bound=msgspec.Struct)

SOUND = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: shop, namespace: prod}
spec:
  replicas: 4
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec:
      containers:
      - name: shop
        image: shop:v1
        ports: [{containerPort: 8080}]
        resources: {requests: {cpu: 100m}, limits: {cpu: "1"}}
  strategy:
    canary:
      canaryService: shop-canary
      stableService: shop-stable
      trafficRouting: {nginx: {stableIngress: shop}}
      steps:
      - setWeight: 5
      - pause: {duration: 2m}
      - analysis:
          templates: [{templateName: errors}]
          args:
          - {name: revision, valueFrom: {podTemplateHashValue: Latest}}
---
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: errors, namespace: prod}
spec:
  args: [{name: revision}]
  metrics:
  - name: errors
    interval: 30s
    count: 3
    successCondition: result[0] < 0.01
    provider:
      prometheus: {address: "http://p:9090", query: 'errors{revision="{{args.revision}}"}'}
---
apiVersion: v1
kind: Service
metadata: {name: shop-canary, namespace: prod}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: shop-stable, namespace: prod}
spec: {selector: {app: shop}, ports: [{port: 80}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: shop, namespace: prod}
spec:
  rules:
  - host: shop.example.com
    http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: shop-stable, port: {number: 80}}}}
"""


class World:
    """Documents as a Lookup, and as the view of the embedded server."""

    def __init__(self, text: str = SOUND) -> None:
        self.documents: list[dict[str, Any]] = list(yaml.safe_load_all(text))

    @property
    def rollout(self) -> dict[str, Any]:
        return self.of("Rollout")

    def of(self, kind: str, name: str | None = None) -> dict[str, Any]:
        """The first document of a kind (and name)."""
        for document in self.documents:
            if document["kind"] == kind and name in (None, document["metadata"]["name"]):
                return document
        raise KeyError(f"{kind} {name}")

    def remove(self, kind: str, name: str) -> None:
        self.documents.remove(self.of(kind, name))

    def add(self, text: str) -> None:
        self.documents += yaml.safe_load_all(text)

    def get(self, kind: type[T], namespace: str, name: str) -> T | Unreadable | None:
        for document in self.documents:
            meta = document["metadata"]
            where = (document["kind"], meta.get("namespace", ""), meta["name"])
            if where == (kind.__name__, namespace, name):
                try:
                    return decode(kind, document)
                except msgspec.ValidationError as error:
                    return Unreadable(namespace=namespace, name=name, error=str(error))
        return None

    def findings(self, language: Language = LANGUAGE) -> Findings:
        """What is found about the rollout in this world."""
        reading = read(Rollout, self.rollout)
        return check_rollout(reading.object, self, reading.findings, language=language)

    def told(self) -> list[str]:
        """The text of every finding."""
        found = self.findings()
        return [str(p) for p in (*found.errors, *found.missing, *found.warnings)]


class View:
    """A World as the embedded server's own view of it."""

    def __init__(self, world: World) -> None:
        self.world = world

    def get(
        self, group: str, plural: str, name: str, namespace: str = ""
    ) -> Mapping[str, Any] | None:
        for document in self.world.documents:
            meta, kind = document["metadata"], document["kind"].lower()
            own = kind + ("es" if kind.endswith("s") else "s")
            in_group = document["apiVersion"].rpartition("/")[0] == group
            here = meta.get("namespace", "") == namespace and meta["name"] == name
            if own == plural and in_group and here:
                return document
        return None


def put(target: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Set (or with ... remove) the field at `a.b.0.c`; makes what is missing on the way."""
    inner: Any = target
    *above, last = path.split(".")
    for part in above:
        inner = inner[int(part)] if part.isdecimal() else inner.setdefault(part, {})
    if value is ...:
        del inner[last]
    elif last.isdecimal():
        inner[int(last)] = value
    else:
        inner[last] = copy.deepcopy(value)
    return target
