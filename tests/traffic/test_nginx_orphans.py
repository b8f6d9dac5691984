"""A canary Ingress whose Rollout is gone, and is there again."""

from __future__ import annotations

from dataclasses import replace

from serinus.core.routing import Routing
from traffic.laws import merge_patch, put
from traffic.test_nginx import ROUTER, ref, seen, world, write


def test_a_canary_ingress_that_nobody_owns_is_read_and_taken_in_by_the_next_write() -> None:
    at = put(ROUTER, world(), Routing(25))
    name = ref("checkout-web-canary")
    orphan = merge_patch(at.objects[name], {"metadata": {"ownerReferences": None}})
    at = replace(at, objects={**at.objects, name: orphan})
    assert (seen(at).routing, seen(at).drifted) == (Routing(25), True)
    (patch,) = write(at, Routing(25))
    (owner,) = patch.patch["metadata"]["ownerReferences"]
    assert (owner["name"], owner["uid"], owner["controller"]) == ("checkout", "uid-1", True)
    stranger = merge_patch(orphan, {"metadata": {"annotations": None}})
    at = replace(at, objects={**at.objects, name: stranger})
    assert "belongs to nobody that it names" in seen(at).routing.why
