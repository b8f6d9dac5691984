"""What this version does not do yet, refused by name: nothing that is asked for is ignored.

Values that change nothing, such as a default written out, are accepted. A row goes away with the
work that makes it true.
"""

from __future__ import annotations

from collections.abc import Iterator

from serinus.api.analysis import Metric, Sigv4Config
from serinus.api.argo import Rollout
from serinus.api.gatewayapi import PLUGIN
from serinus.api.gatewayapi import ROUTER as GATEWAY_API
from serinus.base.errors import FieldProblem

ROUTERS = ("nginx", "istio", "alb", "traefik", "smi", "apisix", "ambassador", GATEWAY_API)
PROVIDERS = ("prometheus",)


def not_yet(rollout: Rollout) -> Iterator[FieldProblem]:
    """Each field of the spec that comes with later work."""
    canary = rollout.spec.strategy.canary
    if canary is None:
        return
    path = "spec.strategy.canary"
    routers = canary.traffic_routing.parts() if canary.traffic_routing else ()
    for name in routers:
        kind, _, plugin = name.partition("/")
        if name not in ROUTERS and plugin:
            where = f"{path}.trafficRouting.plugins[{plugin}]"
            message = "plugins of Argo Rollouts are Go programs, which Serinus cannot load"
            yield FieldProblem(where, f"{message}; built in is: {PLUGIN}")
        elif name not in ROUTERS:
            yield _refusal(f"{path}.trafficRouting.{kind}", f"use one of: {', '.join(ROUTERS)}")


def not_yet_measured(metric: Metric, path: str) -> Iterator[FieldProblem]:
    """A provider of `metric` that comes with later work."""
    for name in metric.provider.names():
        if name not in PROVIDERS:
            yield _refusal(f"{path}.provider.{name}", f"use one of: {', '.join(PROVIDERS)}")
    prometheus = metric.provider.prometheus
    if prometheus is not None and prometheus.authentication.sigv4 not in (None, Sigv4Config()):
        yield _refusal(
            f"{path}.provider.prometheus.authentication.sigv4", "use basicAuth, oauth2 or headers"
        )


def _refusal(path: str, instead: str) -> FieldProblem:
    return FieldProblem(path, f"is not supported yet; {instead}")
