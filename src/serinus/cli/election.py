"""Options of the leader election, and what they make: the Elector of this process, or none."""

from __future__ import annotations

import os
import random
import socket
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from serinus.cli.options import Seconds

if TYPE_CHECKING:
    from serinus.base.clock import Clock
    from serinus.kube.auth import Connection
    from serinus.kube.leader import Elector
    from serinus.kube.transport.wire import Transport

F = TypeVar("F", bound=Callable[..., Any])
LEASE = "serinus-controller-lock"


def is_in_pod() -> bool:
    """Whether this process runs in a pod of some cluster."""
    return "KUBERNETES_SERVICE_HOST" in os.environ


def election_options(command: F) -> F:
    """--leader-elect and its kin; where Argo Rollouts has the option, by its name too."""
    for option in reversed(
        (
            click.option(
                "--leader-elect/--no-leader-elect",
                default=None,
                help="Work only while holding a Lease. On in a pod, off elsewhere.",
            ),
            click.option(
                "--leader-elect-namespace",
                "--leader-election-namespace",
                "leader_namespace",
                metavar="NAMESPACE",
                help="Namespace of the Lease; otherwise that of -n, of the pod or the context.",
            ),
            click.option(
                "--leader-elect-lease",
                "leader_lease",
                metavar="NAME",
                default=LEASE,
                show_default=True,
                help="Name of the Lease; --instance-id is added to it.",
            ),
            _seconds("lease-duration", 15, "How long others wait after the last renewal."),
            _seconds("renew-deadline", 10, "How long it works on without a renewal."),
            _seconds("retry-period", 2, "How long between tries."),
        )
    ):
        command = option(command)
    return command


def elector_of(
    options: Mapping[str, Any], connection: Connection, transport: Transport, clock: Clock
) -> Elector | None:
    """The elector that the options ask for; raises SerinusError for terms without sense."""
    from serinus.base.errors import SerinusError
    from serinus.kube.client import Client
    from serinus.kube.leader import LIMITS, Elector, Seat, Terms

    wanted = options["leader_elect"]
    if not (is_in_pod() if wanted is None else wanted):
        return None
    namespace = options["leader_namespace"] or options["namespace"] or connection.namespace
    instance = options.get("instance_id")
    name = options["leader_lease"] + (f"-{instance}" if instance else "")
    seat = Seat(namespace, name, f"{socket.gethostname()}_{uuid.uuid4()}")
    lease, renew, retry = (
        options[f"leader_election_{part}"]
        for part in ("lease_duration", "renew_deadline", "retry_period")
    )
    try:
        terms = Terms(lease, renew, retry)
    except ValueError as error:
        raise SerinusError(str(error)) from error
    client = Client(
        transport, clock, user_agent="serinus-controller/leader-election", limits=LIMITS
    )
    return Elector(client, clock, seat, terms, random.Random())


def _seconds(name: str, default: int, text: str) -> Callable[[F], F]:
    return click.option(
        f"--leader-election-{name}",
        type=Seconds(),
        default=f"{default}s",
        show_default=True,
        help=text,
    )
