"""What a kubeconfig of `serinus up` tells other processes: its clock and where its names lead.

Absent (any other cluster): the wall's clock and DNS.
"""

from __future__ import annotations

from datetime import datetime

import aiohttp

from serinus.base.clock import Clock
from serinus.control.analysis.asking import Resolve
from serinus.kube.auth import Connection


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
