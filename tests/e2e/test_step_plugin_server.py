"""The example's step server, as a process of its own, through releases of real pods."""

from __future__ import annotations

import sys
from pathlib import Path

from e2e.product import Running
from e2e.shop import Json, Shop, at_rest, phase, weight_of

SERVER = Path(__file__).parents[2] / "examples" / "step-plugins" / "server.py"


def steps(server: Running) -> list[Json]:
    port = server.until_line(r"listening on (\d+)")[1]
    config = {"url": f"http://127.0.0.1:{port}/warm", "input": {"pages": 50}}
    return [{"setWeight": 50}, {"plugin": {"name": "http", "config": config}}, {"pause": {}}]


def heard(server: Running) -> list[str]:
    return [line for line in server.lines if not line.startswith("listening")]


def test_a_release_waits_for_a_server_and_an_abort_is_told_to_it(shop: Shop) -> None:
    server = shop.product.run([sys.executable, str(SERVER), "0"])
    try:
        shop.deploy(steps=steps(server))
        with shop.followed() as seen:
            shop.release("v2")
            paused = seen.until(lambda v: phase(v) == "Paused", "the step passed")
            (entry,) = paused["status"]["canary"]["stepPluginStatuses"]
            assert (entry["phase"], entry["executions"]) == ("Successful", 3)
            assert (entry["status"], entry["message"]) == ({"warm": 50}, "50 of 50 pages are warm")
            assert weight_of(paused) == 50
            shop.product.ok(shop.serinus("abort shop"))
            server.until_line("Abort 1 1")
            seen.until(lambda v: at_rest(v, "v2", "Degraded") and weight_of(v) == 0, "back")
        assert heard(server) == ["Run 1 1", "Run 1 2", "Run 1 3", "Abort 1 1"]
    finally:
        server.stop()
