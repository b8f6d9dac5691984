"""pingPong through the Gateway API, with testers by a header: the HTTPRoute stays at the swap."""

from __future__ import annotations

import asyncio
from typing import Any

from control.scenes import command, release, status, until_phase
from control.test_header_routes import ROLLOUT, shop
from serinus.core.rollout import commands
from serinus.kube.resource import HTTPROUTES
from support.cluster import NAMESPACE, PaperCluster
from support.virtual import run_virtual

PING, PONG = "web-stable", "web-canary"
SWAPPING = ROLLOUT.replace(f"      canaryService: {PONG}\n", "").replace(
    f"stableService: {PING}", f"pingPong: {{pingService: {PING}, pongService: {PONG}}}"
)
Seen = tuple[str, tuple[int, int], str]


async def look(cluster: PaperCluster) -> Seen:
    """Whose Service is stable's, ping's and pong's weights, where testers go ("": as all)."""
    spec = (await cluster.admin.get(HTTPROUTES, "web", NAMESPACE))["spec"]
    weights, testers = {PING: 0, PONG: 0}, ""
    for rule in spec["rules"]:
        parts = {ref["name"]: ref.get("weight", 1) for ref in rule["backendRefs"]}
        if any(match.get("headers") for match in rule.get("matches", ())):
            (testers,) = parts
        else:
            weights |= parts
    role = (await status(cluster)).get("canary", {}).get("stablePingPong", "")
    return role, (weights[PING], weights[PONG]), testers


async def to_the_end(cluster: PaperCluster, image: str) -> list[Seen]:
    """A release through its pause, as it was seen, each change once."""
    seen: list[Seen] = []

    async def watch() -> None:
        for _ in range(600):
            await cluster.clock.sleep(0.25)
            now = await look(cluster)
            if not seen or seen[-1] != now:
                seen.append(now)

    watching = asyncio.create_task(watch())
    await release(cluster, image)
    await until_phase(cluster, "Paused", 1)
    await command(cluster, commands.promote)
    await watching
    return seen


def test_testers_and_users_go_to_and_fro_and_the_swap_moves_nobody() -> None:
    async def story() -> None:
        async with shop(SWAPPING) as cluster:
            assert await to_the_end(cluster, "web:v2") == [
                ("ping", (100, 0), ""),
                ("ping", (100, 0), PONG),
                ("ping", (50, 50), PONG),
                ("ping", (0, 100), ""),
                ("pong", (0, 100), ""),
            ]
            assert await to_the_end(cluster, "web:v3") == [
                ("pong", (0, 100), ""),
                ("pong", (0, 100), PING),
                ("pong", (50, 50), PING),
                ("pong", (100, 0), ""),
                ("ping", (100, 0), ""),
            ]
            now: dict[str, Any] = await status(cluster)
            assert (now["phase"], now["stableRS"]) == ("Healthy", now["currentPodHash"])

    run_virtual(story())


def test_an_abort_takes_the_testers_back_first_and_swaps_nothing() -> None:
    async def story() -> None:
        async with shop(SWAPPING) as cluster:
            await to_the_end(cluster, "web:v2")
            await release(cluster, "web:v3")
            await until_phase(cluster, "Paused", 1)
            assert await look(cluster) == ("pong", (0, 100), PING)
            await command(cluster, commands.abort)
            await until_phase(cluster, "Degraded")
            await cluster.clock.sleep(60)
            assert await look(cluster) == ("pong", (0, 100), "")

    run_virtual(story())
