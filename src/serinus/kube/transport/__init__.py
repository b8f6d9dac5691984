"""How requests reach a server: https, a server in this process, or either with faults injected."""

from __future__ import annotations

from serinus.kube.transport.asgi import AsgiTransport
from serinus.kube.transport.faulty import Faults, FaultyTransport
from serinus.kube.transport.http import HttpTransport
from serinus.kube.transport.wire import Request, Response, StreamResponse, Transport

__all__ = [
    "AsgiTransport",
    "Faults",
    "FaultyTransport",
    "HttpTransport",
    "Request",
    "Response",
    "StreamResponse",
    "Transport",
]
