"""What people hear of our writes: refused ones, routed ones, warnings, the end of a Rollout."""

from __future__ import annotations

from typing import Any

from control import scenes
from control.scenes import release, until_phase
from serinus.base.errors import SerinusError
from serinus.control.kinds import ROLLOUTS
from serinus.control.telling import answers
from serinus.core.rollout.actions import Retire, Scale, SetRouting
from serinus.core.routing import Routing
from serinus.kube.resource import EVENTS, INGRESSES
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import EPOCH, run_virtual

PASSWORD = "hunter2-and-more"


async def told(cluster: PaperCluster) -> list[tuple[str, str, str]]:
    """Type, reason and message of our events about Rollouts."""
    events = (await cluster.admin.list(EVENTS, NAMESPACE)).items
    return [
        (event["type"], event["reason"], event["message"])
        for event in events
        if event["source"]["component"] == "serinus"
        and event["involvedObject"]["kind"] == "Rollout"
    ]


class Warning_:
    """Warns of each ReplicaSet that is created."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.stream, self.close = inner.stream, inner.close

    async def send(self, request: Request) -> Response:
        answer = await self._inner.send(request)
        if request.method != "POST" or not request.path.endswith("/replicasets"):
            return answer
        text = f'299 - "unknown field \\"spec.template.spec.tolerations[0].sekonds\\" {PASSWORD}"'
        return Response(answer.status, {**answer.headers, "warning": text}, answer.body)


def test_what_the_server_drops_of_a_template_is_told_once_a_revision_without_secrets() -> None:
    async def story() -> Any:
        async with (
            paper_cluster() as cluster,
            controlled(cluster, Warning_, asker=scenes.network(cluster)),
        ):
            env = f'env: [{{name: PASSWORD, value: "{PASSWORD}"}}]'
            await cluster.apply(scenes.ALL.replace('image: "web:v1"', f'image: "web:v1", {env}'))
            await until_phase(cluster, "Healthy")
            await cluster.clock.sleep(60)
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 2)
            return await told(cluster)

    events = run_virtual(story())
    warned = {text for _, reason, text in events if reason == "PodTemplateWarning"}
    assert {kind for kind, reason, _ in events if reason == "PodTemplateWarning"} == {"Warning"}
    first, second = (next(t for t in warned if f"(revision {n})" in t) for n in (1, 2))
    assert len(warned) == 2
    assert first.endswith(': unknown field "spec.template.spec.tolerations[0].sekonds" ***')
    assert "unknown field" in second


def test_the_canary_ingress_is_told_when_it_is_made_and_at_each_weight() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await cluster.clock.sleep(10)
            first = await told(cluster)
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 2)
            second = [event for event in await told(cluster) if event not in first]
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.clock.sleep(10)
            third = [event for event in await told(cluster) if event not in first + second]
            return first, second, third

    first, second, third = run_virtual(story())
    made = "Creating canary ingress `web-web-canary` with weight `0`"
    assert ("Normal", "CreatingCanaryIngress", made) in first
    reasons = [reason for _, reason, _ in first]
    assert reasons.count("RolloutAddedToInformer") == reasons.count("RolloutUpdated") == 1
    assert "TrafficWeightUpdated" not in reasons, "an Ingress at weight 0 changes nothing"
    assert "TrafficRoutingError" not in reasons, "one that is not made yet is no error"
    patched = "Updating Ingress `web-web-canary` to desiredWeight '50'"
    assert ("Normal", "PatchingCanaryIngress", patched) in second
    assert ("Normal", "RolloutDeleted", "Rollout web/shop is deleted.") in third


def test_a_canary_ingress_of_somebody_else_is_a_routing_error_told_once() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await cluster.clock.sleep(10)
            other = {"kind": "Rollout", "name": "cart", "uid": "u", "apiVersion": "v1"}
            foreign = {"metadata": {"ownerReferences": [other]}}
            await cluster.admin.patch(INGRESSES, "web-web-canary", foreign, NAMESPACE)
            await cluster.clock.sleep(60)
            return (await cluster.admin.list(EVENTS, NAMESPACE)).items

    (event,) = [e for e in run_virtual(story()) if e["reason"] == "TrafficRoutingError"]
    assert (event["type"], event["count"]) == ("Warning", 1)
    assert "Ingress web-web-canary belongs to Rollout cart" in event["message"]


def test_a_refusal_has_the_reason_of_what_was_refused() -> None:
    error = SerinusError("no quota")
    found = [
        answers.refused(action, error)
        for action in (
            SetRouting("nginx", Routing(50), EPOCH),
            Scale("web-abc", "7", 3),
            Retire("ReplicaSet", "web-abc", "7"),
        )
    ]
    assert all(one.warning for one in found)
    assert [(one.reason, one.message) for one in found] == [
        ("TrafficRoutingError", "no quota"),
        ("ReplicaSetUpdateError", "Failed to scale web-abc to 3: no quota"),
        ("ReconciliationError", "no quota"),
    ]


def test_a_rollout_that_is_replaced_by_its_namesake_is_told_as_deleted() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.apply(scenes.SMALL)
            await cluster.clock.sleep(10)
            return await told(cluster)

    assert [r for _, r, _ in run_virtual(story())].count("RolloutDeleted") == 1
