"""How long a container waits before it is started again, and how that is said. Pure."""

from __future__ import annotations

from serinus.api.kubernetes import ObjectMeta

FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 10.0, 300.0
LONG_RUN_SECONDS = 600.0
"""Who ran for so long begins again with the shortest delay."""


def back_off_seconds(times: int) -> float:
    """How long the `times`th wait in a row is."""
    return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * 2.0 ** min(times - 1, 10))


def back_off_message(seconds: float, container: str, meta: ObjectMeta) -> str:
    """The kubelet's words for a container that waits."""
    minutes, rest = divmod(int(seconds), 60)
    wait = f"{minutes}m{rest}s" if minutes else f"{rest}s"
    return (
        f"back-off {wait} restarting failed container={container} "
        f"pod={meta.name}_{meta.namespace}({meta.uid})"
    )
