"""A small shop: one routed Rollout with its Services and Ingress, as stories use it."""

from __future__ import annotations

from support.shop import CANARY_SERVICE, INGRESS, ROUTED, STABLE_SERVICE, rollout

STEPS = """steps:
- setWeight: 25
- pause: {duration: 60s}
- setWeight: 50
- pause: {duration: 60s}
"""
SHOP = "---".join(
    (rollout("canary", ROUTED + STEPS, replicas=4), STABLE_SERVICE, CANARY_SERVICE, INGRESS)
)
