"""The example of a header route: a Rollout that is let pass, and a route that its router splits."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from api.worlds import World
from serinus.api.argo import Rollout
from serinus.api.wire import decode
from serinus.control.looking.seen import routes_of
from serinus.core.rollout.routes import routes_at
from serinus.core.routing import Routing
from serinus.traffic.gatewayapi.router import GatewayApiRouter

FOLDER = Path(__file__).parents[2] / "examples" / "header-route"
DOCUMENTS: list[dict[str, Any]] = [
    document
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text())
]


def test_nothing_of_it_is_refused() -> None:
    world = World("---\n".join(path.read_text() for path in sorted(FOLDER.glob("*.yaml"))))
    for document in world.documents:
        document["metadata"].setdefault("namespace", "default")
    assert world.told() == []


def of_kind(kind: str) -> dict[str, Any]:
    return next(document for document in DOCUMENTS if document["kind"] == kind)


def test_the_route_is_read_and_takes_the_header_route_of_the_first_step() -> None:
    manifest = of_kind("Rollout")
    manifest["metadata"] |= {"namespace": "shop", "uid": "u"}
    rollout = decode(Rollout, manifest)
    router = GatewayApiRouter()
    ((_, route),) = routes_of(rollout, {router.name: router}).values()
    (ref,) = router.references(route)
    found = of_kind("HTTPRoute")
    found["metadata"]["resourceVersion"] = "1"
    assert router.read(route, {ref: found}).routing == Routing(0)
    canary = rollout.spec.strategy.canary
    assert canary is not None
    wanted = routes_at(canary, 0)
    assert [one.name for one in wanted.header_routes] == ["testers"]
    (patch,) = router.write(route, {ref: found}, wanted, datetime(2026, 1, 1, tzinfo=UTC))
    assert ref.name == patch.ref.name == "shop"
