"""Objects by which meshes and other gateways split traffic. No such gateway runs here: they are
kept, checked by type and shown, so that what writes them can be tried without a cluster.
"""

from __future__ import annotations

from serinus.local.crds.words import (
    AGE,
    ANYTHING,
    INT_OR_STRING,
    STRING,
    STRINGS,
    Kind,
    Schema,
    fields,
    items,
    whole,
)

_ISTIO = ("v1", "v1beta1", "v1alpha3")
_ISTIO_DESTINATION = fields({"host": STRING, "subset": STRING, "port": ANYTHING})
_ISTIO_PART = fields({"destination": _ISTIO_DESTINATION, "weight": whole(0), "headers": ANYTHING})


def _istio_route() -> Schema:
    return fields({"match": items(ANYTHING), "route": items(_ISTIO_PART)})


_HTTP_ROUTE = fields(
    {
        "name": STRING,
        "match": items(ANYTHING),
        "route": items(_ISTIO_PART),
        "mirror": _ISTIO_DESTINATION,
        "mirrorPercentage": fields({"value": {"type": "number"}}),
        "headers": ANYTHING,
    }
)
ISTIO = (
    Kind(
        "networking.istio.io",
        _ISTIO,
        "VirtualService",
        "virtualservices",
        fields(
            {
                "hosts": items(STRING),
                "gateways": items(STRING),
                "http": items(_HTTP_ROUTE),
                "tls": items(_istio_route()),
                "tcp": items(_istio_route()),
            }
        ),
        status=ANYTHING,
        short=("vs",),
        columns=(
            ("Gateways", "string", ".spec.gateways"),
            ("Hosts", "string", ".spec.hosts"),
            AGE,
        ),
    ),
    Kind(
        "networking.istio.io",
        _ISTIO,
        "DestinationRule",
        "destinationrules",
        fields(
            {
                "host": STRING,
                "subsets": items(fields({"name": STRING, "labels": STRINGS}, required=("name",))),
                "trafficPolicy": ANYTHING,
            },
            required=("host",),
        ),
        status=ANYTHING,
        short=("dr",),
        columns=(("Host", "string", ".spec.host"), AGE),
    ),
    Kind(
        "networking.istio.io",
        _ISTIO,
        "Gateway",
        "gateways",
        fields({"selector": STRINGS, "servers": items(ANYTHING)}),
        status=ANYTHING,
        short=("gw",),
    ),
)
SMI = Kind(
    "split.smi-spec.io",
    ("v1alpha4", "v1alpha3", "v1alpha2", "v1alpha1"),
    "TrafficSplit",
    "trafficsplits",
    fields(
        {
            "service": STRING,
            # a quantity in the first version, a number since
            "backends": items(
                fields({"service": STRING, "weight": INT_OR_STRING}, required=("service", "weight"))
            ),
            "matches": items(ANYTHING),
        },
        required=("service", "backends"),
    ),
    short=("ts",),
    columns=(("Service", "string", ".spec.service"), AGE),
)
_APISIX_BACKEND = fields(
    {"serviceName": STRING, "servicePort": INT_OR_STRING, "weight": whole(0)},
    required=("serviceName", "servicePort"),
)
APISIX = Kind(
    "apisix.apache.org",
    ("v2",),
    "ApisixRoute",
    "apisixroutes",
    fields(
        {
            "http": items(
                fields(
                    {"name": STRING, "match": ANYTHING, "backends": items(_APISIX_BACKEND)},
                    required=("name",),
                )
            ),
            "stream": items(ANYTHING),
        }
    ),
    status=ANYTHING,
    # Without its short name `ar`: kubectl would take that for this kind rather than for one that
    # is handed in.
)
AMBASSADOR = Kind(
    "getambassador.io",
    ("v3alpha1", "v2"),
    "Mapping",
    "mappings",
    fields({"prefix": STRING, "hostname": STRING, "service": STRING, "weight": whole(0, 100)}),
    status=ANYTHING,
    columns=(
        ("Source Host", "string", ".spec.host"),
        ("Source Prefix", "string", ".spec.prefix"),
        ("Dest Service", "string", ".spec.service"),
        AGE,
    ),
)
_WEIGHTED_TARGETS = items(fields({"virtualNodeRef": ANYTHING, "weight": whole(0)}))
_APPMESH_ROUTE = fields(
    {
        "name": STRING,
        "httpRoute": fields({"action": fields({"weightedTargets": _WEIGHTED_TARGETS})}),
    }
)
APPMESH = (
    Kind(
        "appmesh.k8s.aws",
        ("v1beta2",),
        "VirtualRouter",
        "virtualrouters",
        fields({"listeners": items(ANYTHING), "routes": items(_APPMESH_ROUTE)}),
        status=ANYTHING,
    ),
    Kind("appmesh.k8s.aws", ("v1beta2",), "VirtualService", "virtualservices", ANYTHING),
    Kind("appmesh.k8s.aws", ("v1beta2",), "VirtualNode", "virtualnodes", ANYTHING),
)
ALB = Kind(
    "elbv2.k8s.aws",
    ("v1beta1",),
    "TargetGroupBinding",
    "targetgroupbindings",
    fields(
        {
            "serviceRef": fields({"name": STRING, "port": INT_OR_STRING}),
            "targetGroupARN": STRING,
            "targetType": STRING,
        },
        required=("serviceRef", "targetGroupARN"),
    ),
    status=ANYTHING,
)
KINDS = (*ISTIO, SMI, APISIX, AMBASSADOR, *APPMESH, ALB)
