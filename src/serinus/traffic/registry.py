"""Traffic routers by name: ours, and entry points of the group `serinus.routers`."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import EntryPoint

from serinus.api.gatewayapi import ROUTER as GATEWAY_API
from serinus.base.plugins import known_points, load
from serinus.traffic.router import Router

GROUP = "serinus.routers"
BUILT_IN = (
    EntryPoint("nginx", "serinus.traffic.nginx:NginxRouter", GROUP),
    EntryPoint("istio", "serinus.traffic.istio.router:IstioRouter", GROUP),
    EntryPoint("alb", "serinus.traffic.alb.router:AlbRouter", GROUP),
    EntryPoint("traefik", "serinus.traffic.traefik:TraefikRouter", GROUP),
    EntryPoint("smi", "serinus.traffic.smi:SmiRouter", GROUP),
    EntryPoint("apisix", "serinus.traffic.apisix.router:ApisixRouter", GROUP),
    EntryPoint("ambassador", "serinus.traffic.ambassador:AmbassadorRouter", GROUP),
    EntryPoint(GATEWAY_API, "serinus.traffic.gatewayapi.router:GatewayApiRouter", GROUP),
)


def load_router(name: str, points: Iterable[EntryPoint] | None = None) -> Router:
    """The router of that name, as `trafficRouting` spells it; see `plugins.load`."""
    found = known_points(GROUP, BUILT_IN) if points is None else points
    router: Router = load(name, found, "traffic router")
    return router
