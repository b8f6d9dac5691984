"""The shops of the stories: a Rollout called web with what belongs to it, one text each."""

from __future__ import annotations

from control.scenes import TEMPLATE
from support.shop import CANARY_SERVICE, INGRESS, ROUTED, STABLE_SERVICE, rollout, service

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


def routed(steps: str = STEPS, more: str = "", spec: str = "", replicas: int = 4) -> str:
    """A canary behind an Ingress; `more` are lines of its strategy, `spec` of its spec."""
    lines = ROUTED.strip("\n") + "\n" + steps.strip("\n") + "\n" + more.strip("\n")
    around = (TEMPLATE, STABLE_SERVICE, CANARY_SERVICE, INGRESS)
    return "---".join((rollout("canary", lines, spec=spec, replicas=replicas), *around))


def plain(steps: str = STEPS, more: str = "", spec: str = "", replicas: int = 4) -> str:
    """A canary without a router, behind one Service."""
    lines = steps.strip("\n") + "\n" + more.strip("\n")
    return "---".join(
        (rollout("canary", lines, spec=spec, replicas=replicas), TEMPLATE, service("web"))
    )


def switched(more: str = "", spec: str = "", replicas: int = 2) -> str:
    """Blue-green with both Services."""
    lines = SWITCH.strip("\n") + "\n" + more.strip("\n")
    around = (TEMPLATE, service("web-active"), service("web-preview"))
    return "---".join((rollout("blueGreen", lines, spec=spec, replicas=replicas), *around))
