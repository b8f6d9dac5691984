"""What a kubeconfig of `serinus up` tells other processes: its clock and where its names lead.

Absent (any other cluster): the wall's clock and DNS. And what the environment tells a controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import aiohttp

from serinus.base.clock import Clock
from serinus.control.analysis.asking import Resolve
from serinus.kube.auth import Connection

PROMETHEUS_ADDRESS = "ARGO_ROLLOUTS_PROMETHEUS_ADDRESS"
"""The original's name: a team's Deployment of its controller may set it already."""


def addresses_of(environ: Mapping[str, str]) -> Mapping[str, str]:
    """Where metric providers are asked if a template names no address, by provider."""
    address = environ.get(PROMETHEUS_ADDRESS, "")
    return {"prometheus": address} if address else {}


def clock_of(connection: Connection) -> Clock:
    """The cluster's own clock."""
    told = connection.extension
    if not {"speed", "epoch", "began"} <= told.keys():
        return Clock()
    epoch, began = (datetime.fromisoformat(str(told[key])) for key in ("epoch", "began"))
    return Clock.joined(float(told["speed"]), epoch, began)


def resolver_of(connection: Connection) -> Resolve | None:
    """Asks the cluster where a Service's name leads; None: ask DNS."""
    url = connection.extension.get("resolver")
    if not isinstance(url, str):
        return None

    async def resolve(host: str, port: int) -> tuple[str, int]:
        async with (
            aiohttp.ClientSession() as session,
            session.get(url, params={"host": host, "port": str(port)}) as answer,
        ):
            answer.raise_for_status()
            found = await answer.json()
        return str(found["host"]), int(found["port"])

    return resolve
