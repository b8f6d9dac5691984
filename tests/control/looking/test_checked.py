"""What is kept of a Rollout between looks equals what a first look would make of it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from serinus.api.kubernetes import PartialObject
from serinus.api.wire import decode
from serinus.control.looking.caches import Caches
from serinus.control.looking.checked import Checked, Checker
from serinus.control.looking.lookup import CacheLookup
from serinus.control.looking.objects import RoutedObjects
from serinus.kube.client import Client
from serinus.kube.transport.asgi import AsgiTransport
from serinus.local.apiserver.app import ApiServer
from support.virtual import run_virtual, virtual_clock

Json = dict[str, Any]
ROLLOUT: Json = {
    "metadata": {"namespace": "shop", "name": "web", "uid": "u", "generation": 1},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web:v1"}]},
        },
        "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}},
    },
    "status": {"phase": "Healthy", "currentStepIndex": 2},
}


def partial(version: int, **changes: Any) -> PartialObject:
    """The Rollout with some of its parts changed, as the server stores it."""
    metadata = ROLLOUT["metadata"] | {"resourceVersion": str(version)}
    changes["metadata"] = metadata | changes.get("metadata", {})
    return decode(PartialObject, ROLLOUT | changes)


def looks(*partials: PartialObject) -> tuple[list[Checked], Checked]:
    """What each look makes, and what the last one would have made as the first."""

    async def story() -> tuple[list[Checked], Checked]:
        clock = virtual_clock()
        server = ApiServer(clock)
        client = Client(AsgiTransport(server, server.prefix("looker")), clock)
        caches = Caches(client, clock, random.Random(1))
        objects = RoutedObjects(caches, lambda key: None, asyncio.ensure_future)
        kept, key = Checker(caches), ("shop", "web")
        made = [kept.check(key, one, CacheLookup(caches, objects)) for one in partials]
        return made, Checker(caches).check(key, partials[-1], CacheLookup(caches, objects))

    return run_virtual(story())


SPEC: Json = ROLLOUT["spec"]
CHANGES: dict[str, Json] = {
    "a status": {"status": {"phase": "Paused", "pauseConditions": [{"reason": "CanaryPauseStep"}]}},
    "no status": {"status": {}},
    "a status of a wrong type": {"status": {"replicas": "many", "phase": "Healthy"}},
    "a collision": {"status": {"collisionCount": 1}},
    "replicas": {"spec": SPEC | {"replicas": 3}, "metadata": {"generation": 2}},
    "an invalid spec": {"spec": SPEC | {"strategy": {}}, "metadata": {"generation": 2}},
    "an annotation": {"metadata": {"annotations": {"team": "x"}}},
    "another object": {"metadata": {"uid": "v"}},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_as_if_it_were_the_first_look(change: str) -> None:
    made, afresh = looks(partial(1), partial(2, **CHANGES[change]))
    assert made[-1] == afresh
    assert made[-1] != made[0]


def test_what_was_wrong_with_a_status_is_forgotten_with_it() -> None:
    broken = CHANGES["a status of a wrong type"]
    made, afresh = looks(partial(1, **broken), partial(2))
    assert made[-1] == afresh
    assert [bool(one.problems) for one in made] == [True, False]


def test_a_new_status_leaves_what_was_read_of_the_spec_as_it_is() -> None:
    made, _ = looks(partial(1), partial(2, **CHANGES["a status"]))
    assert made[1].rollout.spec is made[0].rollout.spec
    assert made[1].template is made[0].template
