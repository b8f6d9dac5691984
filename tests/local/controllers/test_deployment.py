"""Deployments in virtual time: what is wished comes about, within the bounds, and is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from local.controllers.nodes import paper_node
from local.controllers.world import World, world
from serinus.api.kubernetes import Deployment, ReplicaSet
from serinus.api.wire import decode
from serinus.kube.client import PatchKind
from serinus.kube.resource import DEPLOYMENTS, EVENTS, REPLICASETS
from serinus.local.controllers.deployments.arithmetic import old_sizes
from support.virtual import run_virtual

Json = dict[str, Any]
REVISION = "deployment.kubernetes.io/revision"


def manifest(replicas: int = 3, image: str = "acme/web:v1", **spec: Any) -> Json:
    labels = {"app": "web"}
    container = {"name": "c", "image": image, "ports": [{"containerPort": 8080}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
        }
        | spec,
    }


async def create(here: World, replicas: int = 3, **spec: Any) -> Json:
    return await here.client.create(DEPLOYMENTS, manifest(replicas, **spec), "default")


async def patch(here: World, **spec: Any) -> Json:
    return await here.client.patch(DEPLOYMENTS, "web", {"spec": spec}, "default")


async def set_image(here: World, image: str) -> Json:
    """As `kubectl set image` does."""
    containers = [{"name": "c", "image": image}]
    template = {"spec": {"template": {"spec": {"containers": containers}}}}
    return await here.client.patch(
        DEPLOYMENTS, "web", template, "default", kind=PatchKind.STRATEGIC
    )


async def undo(here: World, revision: str) -> Json:
    """As kubectl goes back to a revision."""
    one = next(s for s in await sets(here) if annotation(s) == revision)
    template = one["spec"]["template"]
    del template["metadata"]["labels"]["pod-template-hash"]
    change = [{"op": "replace", "path": "/spec/template", "value": template}]
    return await here.client.patch(DEPLOYMENTS, "web", change, "default", kind=PatchKind.JSON)


async def deployment(here: World) -> Json:
    return await here.client.get(DEPLOYMENTS, "web", "default")


async def sets(here: World) -> list[Json]:
    return list((await here.client.list(REPLICASETS, "default")).items)


def annotation(thing: Json, name: str = REVISION) -> str:
    return str(thing["metadata"].get("annotations", {}).get(name, ""))


def image_of(thing: Json) -> str:
    return str(thing["spec"]["template"]["spec"]["containers"][0]["image"])


async def sizes(here: World) -> dict[str, int]:
    """Replicas by image."""
    return {image_of(one): one["spec"]["replicas"] for one in await sets(here)}


async def reasons(here: World) -> dict[str, tuple[str, str]]:
    found = (await deployment(here)).get("status", {}).get("conditions", [])
    return {one["type"]: (one["status"], one["reason"]) for one in found}


async def told(here: World) -> list[str]:
    await here.settle()
    found = (await here.client.list(EVENTS, "default")).items
    return [e["message"] for e in found if e["involvedObject"]["kind"] == "Deployment"]


def test_a_deployment_gets_its_pods_and_says_so() -> None:
    async def story() -> tuple[Json, Json, list[str]]:
        async with world() as here, paper_node(here):
            await create(here)
            await here.clock.sleep(60)
            (one,) = await sets(here)
            return await deployment(here), one, await told(here)

    made, one, events = run_virtual(story())
    status = made["status"]
    conditions = {c["type"]: (c["status"], c["reason"]) for c in status.pop("conditions")}
    assert status == {
        "observedGeneration": 1,
        "replicas": 3,
        "updatedReplicas": 3,
        "readyReplicas": 3,
        "availableReplicas": 3,
        "terminatingReplicas": 0,
    }
    assert conditions == {
        "Available": ("True", "MinimumReplicasAvailable"),
        "Progressing": ("True", "NewReplicaSetAvailable"),
    }
    assert annotation(made) == annotation(one) == "1"
    hashed = one["metadata"]["labels"]["pod-template-hash"]
    assert one["metadata"]["name"] == f"web-{hashed}"
    assert one["spec"]["selector"]["matchLabels"] == {"app": "web", "pod-template-hash": hashed}
    assert annotation(one, "deployment.kubernetes.io/desired-replicas") == "3"
    assert annotation(one, "deployment.kubernetes.io/max-replicas") == "4"
    assert events == [f"Scaled up replica set web-{hashed} from 0 to 3"]


def test_an_update_moves_all_pods_and_going_back_makes_the_old_revision_the_newest() -> None:
    async def story() -> tuple[list[dict[str, int]], list[tuple[str, str]], Json]:
        async with world() as here, paper_node(here):
            await create(here)
            await here.clock.sleep(60)
            await set_image(here, "acme/web:v2")
            await here.clock.sleep(60)
            seen = [await sizes(here)]
            await undo(here, "1")
            await here.clock.sleep(60)
            seen.append(await sizes(here))
            history = [
                (annotation(one), annotation(one, REVISION + "-history"))
                for one in sorted(await sets(here), key=image_of)
            ]
            return seen, history, await deployment(here)

    seen, history, last = run_virtual(story())
    assert seen == [
        {"acme/web:v1": 0, "acme/web:v2": 3},
        {"acme/web:v1": 3, "acme/web:v2": 0},
    ]
    assert history == [("3", "1"), ("2", "")]
    assert annotation(last) == "3"


@pytest.mark.parametrize(
    ("surge", "unavailable", "most", "fewest"),
    [("25%", "25%", 13, 8), (1, 0, 11, 10), (0, 2, 10, 8), (0, "5%", 10, 9), ("100%", 0, 20, 10)],
)
def test_an_update_keeps_its_bounds_at_every_step(
    surge: int | str, unavailable: int | str, most: int, fewest: int
) -> None:
    async def story() -> tuple[set[int], set[int], dict[str, int]]:
        async with world() as here, paper_node(here) as node:
            rolling = {"maxSurge": surge, "maxUnavailable": unavailable}
            strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
            await create(here, 10, strategy=strategy)
            await here.clock.sleep(60)
            node.watch()
            await set_image(here, "acme/web:v2")
            await here.clock.sleep(300)
            return node.counts, node.ready_counts, await sizes(here)

    counts, ready, left = run_virtual(story())
    assert left == {"acme/web:v1": 0, "acme/web:v2": 10}
    assert (max(counts), min(ready)) == (most, fewest)


def test_pods_that_never_get_ready_go_first_and_the_deadline_is_told_once() -> None:
    async def story() -> tuple[dict[str, int], dict[str, tuple[str, str]], Json, str, str]:
        async with world() as here, paper_node(here) as node:
            node.gets_ready = lambda pod: "v2" not in pod["spec"]["containers"][0]["image"]
            await create(here, 4, progressDeadlineSeconds=30)
            await here.clock.sleep(60)
            await set_image(here, "acme/web:v2")
            await here.clock.sleep(20)
            before = await reasons(here)
            await here.clock.sleep(40)
            late = await reasons(here)
            version = (await here.client.list(DEPLOYMENTS, "default")).resource_version
            await here.clock.sleep(3600)
            later = (await here.client.list(DEPLOYMENTS, "default")).resource_version
            stuck = await sizes(here)
            assert before["Progressing"] == ("True", "ReplicaSetUpdated")
            await set_image(here, "acme/web:v3")
            await here.clock.sleep(60)
            return stuck, late, await sizes(here), version, later

    stuck, late, left, version, later = run_virtual(story())
    assert stuck == {"acme/web:v1": 3, "acme/web:v2": 2}
    assert late["Progressing"] == ("False", "ProgressDeadlineExceeded")
    assert late["Available"] == ("True", "MinimumReplicasAvailable")
    assert version == later
    assert left == {"acme/web:v1": 0, "acme/web:v2": 0, "acme/web:v3": 4}


def test_a_paused_deployment_scales_and_does_not_update() -> None:
    async def story() -> list[Any]:
        async with world() as here, paper_node(here):
            await create(here, 2)
            await here.clock.sleep(60)
            await patch(here, paused=True)
            await set_image(here, "acme/web:v2")
            await patch(here, replicas=5)
            await here.clock.sleep(60)
            seen: list[Any] = [await sizes(here), await reasons(here)]
            await patch(here, paused=False)
            await here.clock.sleep(60)
            return [*seen, await sizes(here), await reasons(here)]

    paused, why, resumed, then = run_virtual(story())
    assert paused == {"acme/web:v1": 5}
    assert why["Progressing"] == ("Unknown", "DeploymentPaused")
    assert resumed == {"acme/web:v1": 0, "acme/web:v2": 5}
    assert then["Progressing"] == ("True", "NewReplicaSetAvailable")


def test_all_old_pods_end_before_the_first_new_one_under_recreate() -> None:
    async def story() -> tuple[list[set[str]], dict[str, int], int]:
        async with world() as here, paper_node(here) as node:
            await create(here, 3, strategy={"type": "Recreate"})
            await here.clock.sleep(60)
            node.watch()
            await set_image(here, "acme/web:v2")
            await here.clock.sleep(60)
            return node.images, await sizes(here), min(node.counts)

    images, left, fewest = run_virtual(story())
    assert {"acme/web:v1", "acme/web:v2"} not in images
    assert fewest == 0
    assert left == {"acme/web:v1": 0, "acme/web:v2": 3}


def test_scaling_in_mid_update_spreads_the_change_by_size() -> None:
    async def story() -> tuple[dict[str, int], dict[str, int]]:
        async with world() as here, paper_node(here) as node:
            node.gets_ready = lambda pod: "v2" not in pod["spec"]["containers"][0]["image"]
            rolling = {"maxSurge": 3, "maxUnavailable": 2}
            await create(here, 10, strategy={"rollingUpdate": rolling})
            await here.clock.sleep(60)
            await set_image(here, "acme/web:v2")
            await here.clock.sleep(60)
            before = await sizes(here)
            await patch(here, replicas=15)
            await here.clock.sleep(60)
            return before, await sizes(here)

    before, after = run_virtual(story())
    # the example of Kubernetes' documentation of proportional scaling
    assert before == {"acme/web:v1": 8, "acme/web:v2": 5}
    assert after == {"acme/web:v1": 11, "acme/web:v2": 7}


def test_the_history_is_limited_and_keeps_what_is_newest() -> None:
    async def story() -> list[str]:
        async with world() as here, paper_node(here):
            await create(here, 1, revisionHistoryLimit=2)
            for number in range(2, 7):
                await here.clock.sleep(60)
                await set_image(here, f"acme/web:v{number}")
            await here.clock.sleep(60)
            return sorted(await sizes(here))

    assert run_virtual(story()) == ["acme/web:v4", "acme/web:v5", "acme/web:v6"]


def test_available_counts_only_after_min_ready_seconds() -> None:
    async def story() -> tuple[int, int]:
        async with world() as here, paper_node(here):
            await create(here, 2, minReadySeconds=30)
            await here.clock.sleep(20)
            first = (await deployment(here))["status"].get("availableReplicas", 0)
            await here.clock.sleep(20)
            return first, (await deployment(here))["status"].get("availableReplicas", 0)

    assert run_virtual(story()) == (0, 2)


def test_orphaned_replicasets_are_adopted_and_those_with_other_labels_released() -> None:
    async def story() -> tuple[set[str], int, list[Any]]:
        async with world() as here, paper_node(here):
            await create(here, 2)
            await here.clock.sleep(60)
            path = DEPLOYMENTS.path("default", "web")
            await here.client.raw("DELETE", path, body=b'{"propagationPolicy":"Orphan"}')
            await here.clock.sleep(5)
            (left,) = (await sizes(here),)
            orphans = await sets(here)
            assert "ownerReferences" not in orphans[0]["metadata"]
            await create(here, 2)
            await here.clock.sleep(60)
            adopted = await sets(here)
            name = adopted[0]["metadata"]["name"]
            labels = {"metadata": {"labels": {"app": "other"}}}
            await here.client.patch(REPLICASETS, name, labels, "default")
            await here.clock.sleep(60)
            owners = [one["metadata"].get("ownerReferences") for one in await sets(here)]
            return set(left), len(adopted), owners

    left, adopted, owners = run_virtual(story())
    assert left == {"acme/web:v1"}
    assert adopted == 1
    assert owners.count(None) == 1


def test_a_name_that_is_taken_by_another_template_leads_to_another_hash() -> None:
    async def story() -> tuple[int, list[str], dict[str, int]]:
        async with world() as here, paper_node(here):
            await create(here, 1)
            await here.clock.sleep(10)
            (first,) = await sets(here)
            await here.client.delete(DEPLOYMENTS, "web", "default")
            await here.clock.sleep(10)
            stranger = manifest(0, image="acme/other:v9")
            stranger |= {"kind": "ReplicaSet"}
            stranger["metadata"]["name"] = first["metadata"]["name"]
            stranger["spec"]["selector"]["matchLabels"] = {"app": "x"}
            stranger["spec"]["template"]["metadata"]["labels"] = {"app": "x"}
            await here.client.create(REPLICASETS, stranger, "default")
            await create(here, 1)
            await here.clock.sleep(60)
            made = await deployment(here)
            names = [one["metadata"]["name"] for one in await sets(here)]
            return made["status"].get("collisionCount", 0), names, await sizes(here)

    count, names, left = run_virtual(story())
    assert count == 1
    assert len(set(names)) == 2
    assert left == {"acme/other:v9": 0, "acme/web:v1": 1}


def test_annotations_of_the_deployment_are_copied_to_its_newest_replicaset() -> None:
    async def story() -> dict[str, str]:
        async with world() as here, paper_node(here):
            await create(here, 1)
            await here.clock.sleep(20)
            noted = {"kubernetes.io/change-cause": "first", "team": "a"}
            noted["kubectl.kubernetes.io/last-applied-configuration"] = "{}"
            patch = {"metadata": {"annotations": noted}}
            await here.client.patch(DEPLOYMENTS, "web", patch, "default")
            await here.clock.sleep(20)
            (one,) = await sets(here)
            found: dict[str, str] = one["metadata"]["annotations"]
            return found

    found = run_virtual(story())
    assert {found["kubernetes.io/change-cause"], found["team"]} == {"first", "a"}
    assert "kubectl.kubernetes.io/last-applied-configuration" not in found


def test_nothing_is_written_at_rest() -> None:
    async def story() -> tuple[str, str]:
        async with world() as here, paper_node(here):
            await create(here, 3)
            await here.clock.sleep(30)
            await set_image(here, "acme/web:v2")
            await here.clock.sleep(120)
            before = (await here.client.list(DEPLOYMENTS, "default")).resource_version
            await here.clock.sleep(7200)
            await asyncio.sleep(0)
            return before, (await here.client.list(DEPLOYMENTS, "default")).resource_version

    before, after = run_virtual(story())
    assert before == after


def part(name: str, replicas: int, available: int) -> ReplicaSet:
    status = {"replicas": available, "availableReplicas": available}
    spec = {"replicas": replicas}
    return decode(ReplicaSet, {"metadata": {"name": name}, "spec": spec, "status": status})


@pytest.mark.parametrize(
    ("old", "new", "left"),
    [
        ((10, 10), (3, 0), 8),  # two may be missing, none of the new ones counts yet
        ((8, 10), (5, 1), 7),  # its status is from before it shrank: it has 8 at most
        ((8, 6), (5, 0), 8),  # two old ones are missing already
        ((8, 6), (5, 2), 6),  # these go first, and cost nothing
        ((8, 8), (5, 5), 3),
    ],
)
def test_old_pods_go_as_far_as_others_are_available(
    old: tuple[int, int], new: tuple[int, int], left: int
) -> None:
    rolling = {"maxSurge": 3, "maxUnavailable": 2}
    wish = decode(Deployment, manifest(10, strategy={"rollingUpdate": rolling}))
    assert old_sizes(wish, part("new", *new), [part("old", *old)]) == {"old": left}
