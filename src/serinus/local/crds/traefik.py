"""Traefik's own kinds (traefik.io/v1alpha1): routes by rule, and Services with weights."""

from __future__ import annotations

from serinus.local.crds.words import (
    ANYTHING,
    INT_OR_STRING,
    STRING,
    Kind,
    Schema,
    fields,
    items,
    text,
    whole,
)

GROUP = "traefik.io"
_TARGET: dict[str, Schema] = {
    "name": STRING,
    "kind": text(enum=("Service", "TraefikService")),
    "namespace": STRING,
    "port": INT_OR_STRING,
}
_WEIGHTED = fields({**_TARGET, "weight": whole(0)}, required=("name",))
_MIRROR = fields({**_TARGET, "percent": whole(0, 100)}, required=("name",))
_RULE = fields(
    {
        "kind": text(enum=("Rule",)),
        "match": STRING,
        "priority": {"type": "integer"},
        "middlewares": items(fields({"name": STRING, "namespace": STRING}, required=("name",))),
        "services": items(_WEIGHTED),
    },
    required=("match",),
)


def _kind(name: str, plural: str, spec: Schema) -> Kind:
    return Kind(GROUP, ("v1alpha1",), name, plural, spec)


INGRESS_ROUTE = _kind(
    "IngressRoute",
    "ingressroutes",
    fields(
        {"entryPoints": items(STRING), "routes": items(_RULE), "tls": ANYTHING},
        required=("routes",),
    ),
)
TRAEFIK_SERVICE = _kind(
    "TraefikService",
    "traefikservices",
    fields(
        {
            "weighted": fields({"services": items(_WEIGHTED), "sticky": ANYTHING}),
            "mirroring": fields({**_TARGET, "mirrors": items(_MIRROR)}, required=("name",)),
        }
    ),
)
KINDS = (
    INGRESS_ROUTE,
    TRAEFIK_SERVICE,
    *(
        _kind(name, plural, ANYTHING)
        for name, plural in (
            ("IngressRouteTCP", "ingressroutetcps"),
            ("IngressRouteUDP", "ingressrouteudps"),
            ("Middleware", "middlewares"),
            ("MiddlewareTCP", "middlewaretcps"),
            ("ServersTransport", "serverstransports"),
            ("ServersTransportTCP", "serverstransporttcps"),
            ("TLSOption", "tlsoptions"),
            ("TLSStore", "tlsstores"),
        )
    ),
)
