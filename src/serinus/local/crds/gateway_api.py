"""The Gateway API (gateway.networking.k8s.io): the kinds that its controllers watch.

Names, types, defaults and bounds are those of the published schemas; filters are left open.
"""

from __future__ import annotations

from serinus.local.crds.words import (
    AGE,
    ANYTHING,
    PORT,
    STRING,
    STRINGS,
    Kind,
    Schema,
    fields,
    items,
    text,
    whole,
)

GROUP = "gateway.networking.k8s.io"
_CATEGORIES = ("gateway-api",)
_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")


def _match_type(*kinds: str) -> Schema:
    return text(default=kinds[0], enum=kinds)


_CONDITION = fields(
    {
        "type": STRING,
        "status": text(enum=("True", "False", "Unknown")),
        "reason": STRING,
        "message": STRING,
        "lastTransitionTime": {"type": "string", "format": "date-time"},
        "observedGeneration": {"type": "integer", "format": "int64", "minimum": 0},
    },
    required=("lastTransitionTime", "message", "reason", "status", "type"),
    closed=True,
)
_CONDITIONS = items(_CONDITION, most=8, keys=("type",))
_PARENT = fields(
    {
        "group": text(default=GROUP),
        "kind": text(default="Gateway"),
        "name": STRING,
        "namespace": STRING,
        "sectionName": STRING,
        "port": PORT,
    },
    required=("name",),
    closed=True,
)
_ROUTE_STATUS = fields(
    {
        "parents": items(
            fields(
                {"parentRef": _PARENT, "controllerName": STRING, "conditions": _CONDITIONS},
                required=("conditions", "controllerName", "parentRef"),
                closed=True,
            ),
            most=32,
        )
    },
    required=("parents",),
    closed=True,
)
_FILTER = fields({"type": STRING}, required=("type",))
_BACKEND = fields(
    {
        "group": text(default=""),
        "kind": text(default="Service"),
        "name": STRING,
        "namespace": STRING,
        "port": PORT,
        "weight": whole(0, 1_000_000, default=1),
        "filters": items(_FILTER, most=16),
    },
    required=("name",),
    closed=True,
)
_HEADER_MATCH = fields(
    {"name": STRING, "type": _match_type("Exact", "RegularExpression"), "value": STRING},
    required=("name", "value"),
    closed=True,
)
_HEADER_MATCHES = items(_HEADER_MATCH, most=16, keys=("name",))
_EVERY_PATH = {"type": "PathPrefix", "value": "/"}
_PATH_MATCH = fields(
    {
        "type": text(default="PathPrefix", enum=("Exact", "PathPrefix", "RegularExpression")),
        "value": text(default="/"),
    },
    closed=True,
) | {"default": _EVERY_PATH}
_HTTP_MATCH = fields(
    {
        "path": _PATH_MATCH,
        "headers": _HEADER_MATCHES,
        "queryParams": _HEADER_MATCHES,
        "method": text(enum=_METHODS),
    },
    closed=True,
)
_HTTP_RULE = fields(
    {
        "name": STRING,
        "matches": items(_HTTP_MATCH, most=64) | {"default": [{"path": _EVERY_PATH}]},
        "filters": items(_FILTER, most=16),
        "backendRefs": items(_BACKEND, most=16),
        "timeouts": fields({"request": STRING, "backendRequest": STRING}),
    }
)
_GRPC_METHOD = fields(
    {"type": _match_type("Exact", "RegularExpression"), "service": STRING, "method": STRING},
    closed=True,
)
_GRPC_RULE = fields(
    {
        "name": STRING,
        "matches": items(fields({"method": _GRPC_METHOD, "headers": _HEADER_MATCHES}), most=64),
        "filters": items(_FILTER, most=16),
        "backendRefs": items(_BACKEND, most=16),
    }
)
_HOSTNAMES = items(STRING, most=16)
_PARENTS = items(_PARENT, most=32)


def _route(rules: Schema) -> Schema:
    return fields({"parentRefs": _PARENTS, "hostnames": _HOSTNAMES, "rules": rules})


_NAMESPACES = fields({"from": text(default="Same", enum=("All", "Selector", "Same"))}) | {
    "default": {"from": "Same"}
}
_LISTENER = fields(
    {
        "name": STRING,
        "hostname": STRING,
        "port": PORT,
        "protocol": STRING,
        "tls": ANYTHING,
        "allowedRoutes": fields({"namespaces": _NAMESPACES, "kinds": items(ANYTHING, most=8)})
        | {"default": {"namespaces": {"from": "Same"}}},
    },
    required=("name", "port", "protocol"),
)
_PENDING = {
    "lastTransitionTime": "1970-01-01T00:00:00Z",
    "message": "Waiting for controller",
    "reason": "Pending",
    "status": "Unknown",
}
_CLASS_PENDING = {"conditions": [{**_PENDING, "type": "Accepted"}]}
_GATEWAY_PENDING = {"conditions": [{**_PENDING, "type": t} for t in ("Accepted", "Programmed")]}

GATEWAY_CLASS = Kind(
    GROUP,
    ("v1", "v1beta1"),
    "GatewayClass",
    "gatewayclasses",
    fields(
        {"controllerName": STRING, "description": STRING, "parametersRef": ANYTHING},
        required=("controllerName",),
    ),
    namespaced=False,
    status=fields({"conditions": _CONDITIONS}) | {"default": _CLASS_PENDING},
    short=("gc",),
    categories=_CATEGORIES,
    columns=(
        ("Controller", "string", ".spec.controllerName"),
        ("Accepted", "string", '.status.conditions[?(@.type=="Accepted")].status'),
        AGE,
    ),
)
GATEWAY = Kind(
    GROUP,
    ("v1", "v1beta1"),
    "Gateway",
    "gateways",
    fields(
        {
            "gatewayClassName": STRING,
            "listeners": items(_LISTENER, most=64, keys=("name",)) | {"minItems": 1},
            "addresses": items(fields({"type": text(default="IPAddress"), "value": STRING})),
            "infrastructure": fields({"labels": STRINGS, "annotations": STRINGS}),
        },
        required=("gatewayClassName", "listeners"),
    ),
    status=fields({"conditions": _CONDITIONS, "listeners": items(ANYTHING)})
    | {"default": _GATEWAY_PENDING},
    short=("gtw",),
    categories=_CATEGORIES,
    columns=(
        ("Class", "string", ".spec.gatewayClassName"),
        ("Address", "string", ".status.addresses[*].value"),
        ("Programmed", "string", '.status.conditions[?(@.type=="Programmed")].status'),
        AGE,
    ),
)
_ROUTE_COLUMNS = (("Hostnames", "string", ".spec.hostnames"), AGE)
HTTP_ROUTE = Kind(
    GROUP,
    ("v1", "v1beta1"),
    "HTTPRoute",
    "httproutes",
    _route(
        items(_HTTP_RULE, most=16)
        | {"minItems": 1, "default": [{"matches": [{"path": _EVERY_PATH}]}]}
    ),
    status=_ROUTE_STATUS,
    categories=_CATEGORIES,
    columns=_ROUTE_COLUMNS,
)
GRPC_ROUTE = Kind(
    GROUP,
    ("v1",),
    "GRPCRoute",
    "grpcroutes",
    _route(items(_GRPC_RULE, most=16)),
    status=_ROUTE_STATUS,
    categories=_CATEGORIES,
    columns=_ROUTE_COLUMNS,
)
TLS_ROUTE = Kind(
    GROUP,
    ("v1", "v1alpha2"),
    "TLSRoute",
    "tlsroutes",
    _route(items(fields({"name": STRING, "backendRefs": items(_BACKEND, most=16)}), most=16)),
    status=_ROUTE_STATUS,
    categories=_CATEGORIES,
)
BACKEND_TLS_POLICY = Kind(
    GROUP,
    ("v1", "v1alpha3"),
    "BackendTLSPolicy",
    "backendtlspolicies",
    fields({"targetRefs": items(ANYTHING, most=16), "validation": ANYTHING}),
    status=ANYTHING,
    short=("btlspolicy",),
    categories=_CATEGORIES,
)
_GRANT_SIDE = fields({"group": STRING, "kind": STRING, "namespace": STRING, "name": STRING})
REFERENCE_GRANT = Kind(
    GROUP,
    ("v1beta1",),
    "ReferenceGrant",
    "referencegrants",
    fields(
        {"from": items(_GRANT_SIDE, most=16), "to": items(_GRANT_SIDE, most=16)},
        required=("from", "to"),
    ),
    short=("refgrant",),
    categories=_CATEGORIES,
)
KINDS = (
    GATEWAY_CLASS,
    GATEWAY,
    HTTP_ROUTE,
    GRPC_ROUTE,
    TLS_ROUTE,
    BACKEND_TLS_POLICY,
    REFERENCE_GRANT,
)
