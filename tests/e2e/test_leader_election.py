"""Two controllers as processes, one Lease: one works, the other takes over in mid-release."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.product import Product, Running, Up, up
from e2e.shop import GATED, Shop, at_rest, distinct, step_of, weight_of

LEASE = "serinus-controller-lock"
ELECTING = (
    "controller",
    "--leader-elect",
    *("--leader-election-lease-duration", "4s"),
    *("--leader-election-renew-deadline", "3s"),
    *("--leader-election-retry-period", "500ms"),
    *("--healthz-port", "0", "--metrics-port", "0"),
)
LEADING, STANDING_BY, AT_WORK = (
    f'"message": "{text}"' for text in ("leading", "standing by", "at work")
)


@pytest.fixture
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A cluster whose controller is not part of it."""
    with up(tmp_path_factory.mktemp("elected"), "--speed", "60", "--no-controller") as running:
        yield running


def lease(product: Product) -> Any:
    return product.get(f"lease {LEASE} -n default")["spec"]


def identity(running: Running) -> str:
    line = json.loads(running.until_line(f"^.*{STANDING_BY}.*$")[0])
    return str(line["identity"])


def looks(running: Running) -> list[str]:
    """The lines of looks at Rollouts and runs."""
    return [line for line in running.lines if '"logger": "serinus.rollout"' in line]


def test_a_killed_leader_is_succeeded_in_mid_release_and_nobody_else_writes(alone: Up) -> None:
    product = alone.product
    first = product.start(*ELECTING)
    first.until_line(AT_WORK)
    second = product.start(*ELECTING)
    second.until_line('"message": "another leads"')
    assert lease(product)["holderIdentity"] == identity(first)
    shop = Shop(product, "elected")
    product.ok(product.kubectl("create namespace elected"))
    shop.deploy()
    with shop.load() as load, shop.followed() as seen:
        shop.release("v2")
        seen.until(lambda v: weight_of(v) == 25, "a first weight")
        assert looks(first)
        assert looks(second) == []
        first.stop(signal.SIGKILL)
        second.until_line(AT_WORK)
        found = lease(product)
        assert found["holderIdentity"] == identity(second)
        assert found["leaseTransitions"] == 1
        seen.until(lambda v: at_rest(v, "v2"), "v2 promoted")
        told = load.stop()
    assert told["lost_count"] == 0, told["lost"]
    steps = distinct([step_of(version) for version in seen.versions])
    assert steps[-1] == len(GATED)
    assert [weight for weight in distinct([weight_of(v) for v in seen.versions]) if weight] == [
        25,
        75,
        100,
    ]
    assert len(shop.runs()) == 1

    third = product.start(*ELECTING)
    third.until_line('"message": "another leads"')
    assert second.stop() == 130
    third.until_line(AT_WORK)
    found = lease(product)
    assert (found["holderIdentity"], found["leaseTransitions"]) == (identity(third), 2)

    stolen = json.dumps({"spec": {"holderIdentity": "somebody"}})
    product.ok(product.kubectl(f"patch lease {LEASE} -n default --type merge -p", stolen))
    assert third.wait() == 1
    assert f"lease default/{LEASE} is now held by somebody; stopping" in third.out
    assert "Traceback" not in third.out
    told_events = product.get("events -n default --field-selector=reason=LeaderElection")["items"]
    became = {event["message"] for event in told_events if "became leader" in event["message"]}
    assert became == {f"{identity(one)} became leader" for one in (first, second, third)}
