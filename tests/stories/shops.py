"""The shops of the stories: a Rollout called web with what belongs to it, one text each."""

from __future__ import annotations

import textwrap

from control import scenes

ROLLOUT = """
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
ROUTER = """
canaryService: web-canary
stableService: web-stable
trafficRouting: {nginx: {stableIngress: web}}
"""
SWITCH = """
activeService: web-active
previewService: web-preview
"""
STEPS = """
steps:
- setWeight: 25
- pause: {duration: 30s}
- setWeight: 50
- pause: {}
"""
ANALYSIS = """
steps:
- setWeight: 25
- analysis: {templates: [{templateName: errors}]}
- setWeight: 50
- pause: {duration: 20s}
"""
SERVICE = scenes.STABLE_SERVICE.replace("web-stable", "NAME")


def service(name: str) -> str:
    return SERVICE.replace("NAME", name)


def _rollout(strategy: str, lines: str, spec: str, replicas: int) -> str:
    return (
        ROLLOUT.replace("REPLICAS", str(replicas))
        + textwrap.indent(spec.strip("\n"), "  ")
        + f"\n  strategy:\n    {strategy}:\n"
        + textwrap.indent(lines.strip("\n"), "      ")
        + "\n"
    )


def routed(steps: str = STEPS, more: str = "", spec: str = "", replicas: int = 4) -> str:
    """A canary behind an Ingress; `more` are lines of its strategy, `spec` of its spec."""
    lines = ROUTER.strip("\n") + "\n" + steps.strip("\n") + "\n" + more.strip("\n")
    around = (scenes.TEMPLATE, scenes.STABLE_SERVICE, scenes.CANARY_SERVICE, scenes.INGRESS)
    return "---".join((_rollout("canary", lines, spec, replicas), *around))


def plain(steps: str = STEPS, more: str = "", spec: str = "", replicas: int = 4) -> str:
    """A canary without a router, behind one Service."""
    lines = steps.strip("\n") + "\n" + more.strip("\n")
    return "---".join((_rollout("canary", lines, spec, replicas), scenes.TEMPLATE, service("web")))


def switched(more: str = "", spec: str = "", replicas: int = 2) -> str:
    """Blue-green with both Services."""
    lines = SWITCH.strip("\n") + "\n" + more.strip("\n")
    around = (scenes.TEMPLATE, service("web-active"), service("web-preview"))
    return "---".join((_rollout("blueGreen", lines, spec, replicas), *around))
