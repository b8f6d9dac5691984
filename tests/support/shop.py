"""The shop of the tests as text: a Rollout called web, its Services and its Ingress; one source."""

from __future__ import annotations

import textwrap

_ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: shop}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "web:v1", ports: [{containerPort: 8080}]}
"""
_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
"""
INGRESS = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  ingressClassName: nginx
  rules:
  - host: shop.example.com
    http:
      paths:
      - path: /
        pathType: Prefix
        backend: {service: {name: web-stable, port: {number: 80}}}
"""
ROUTED = """
canaryService: web-canary
stableService: web-stable
trafficRouting: {nginx: {stableIngress: web}}
"""
"""Lines of a canary behind that Ingress."""


def rollout(strategy: str, lines: str, *, replicas: int = 2, spec: str = "") -> str:
    """`lines` are those of its strategy, `spec` more of its spec."""
    parts = [_ROLLOUT.replace("REPLICAS", str(replicas)).rstrip("\n")]
    if spec.strip():
        parts.append(textwrap.indent(spec.strip("\n"), "  "))
    parts.append(f"  strategy:\n    {strategy}:")
    parts.append(textwrap.indent(lines.strip("\n"), "      "))
    return "\n".join(parts) + "\n"


def service(name: str) -> str:
    return _SERVICE.replace("NAME", name)


STABLE_SERVICE, CANARY_SERVICE = service("web-stable"), service("web-canary")
