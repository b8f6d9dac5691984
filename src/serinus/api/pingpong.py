"""Which of two Services is stable's, where `pingPong` lets them swap their roles.

The status says it. Everything behind this file knows one stable and one canary Service.
"""

from __future__ import annotations

from msgspec.structs import replace

from serinus.api.argo import CanaryStrategy, Rollout

PING, PONG = "ping", "pong"
OTHER = {PING: PONG, PONG: PING}


def stable_role(rollout: Rollout) -> str:
    """`ping` or `pong`: whose Service is stable's; "" without pingPong. Ping begins."""
    canary = rollout.spec.strategy.canary
    if canary is None or canary.ping_pong is None:
        return ""
    return PONG if rollout.status.canary.stable_ping_pong == PONG else PING


def with_roles(rollout: Rollout) -> Rollout:
    """The same Rollout with `stableService` and `canaryService` as the roles are now.

    Quirk: they win over Services of these names that stand beside pingPong, as in the original.
    """
    role, strategy = stable_role(rollout), rollout.spec.strategy
    canary = strategy.canary
    if not role or canary is None:
        return rollout
    named = _named(canary, role)
    strategy = replace(strategy, canary=replace(canary, **named))
    return replace(rollout, spec=replace(rollout.spec, strategy=strategy))


def _named(canary: CanaryStrategy, role: str) -> dict[str, str]:
    services = canary.ping_pong
    assert services is not None
    ping, pong = services.ping_service, services.pong_service
    stable, other = (pong, ping) if role == PONG else (ping, pong)
    return {"stable_service": stable, "canary_service": other}
