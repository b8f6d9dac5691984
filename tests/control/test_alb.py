"""Releases through an Ingress of the AWS Load Balancer Controller, in virtual time."""

from __future__ import annotations

import json
from typing import Any

from control import scenes
from control.scenes import command, condition, reasons, release, status, until_phase
from control.test_header_routes import ROLLOUT
from serinus.api.alb import MANAGED
from serinus.control.kinds import ROLLOUTS
from serinus.core.rollout.commands import abort, promote
from serinus.kube.resource import INGRESSES, PODS
from support.cluster import NAMESPACE, PaperCluster, controlled, paper_cluster
from support.virtual import run_virtual

PREFIX = "alb.ingress.kubernetes.io/"
THEIRS = {"alb.ingress.kubernetes.io/scheme": "internet-facing", PREFIX + "actions.cart": "{}"}
RULE = {"path": "/*", "pathType": "ImplementationSpecific"}


def path(name: str) -> dict[str, Any]:
    return {**RULE, "backend": {"service": {"name": name, "port": {"name": "use-annotation"}}}}


def shop(routing: str, action: str, rollout: str = ROLLOUT) -> str:
    told = rollout.replace("plugins: {argoproj-labs/gatewayAPI: {httpRoute: web}}", routing)
    ingress = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "web", "namespace": "shop", "annotations": THEIRS},
        "spec": {
            "ingressClassName": "alb",
            "rules": [{"http": {"paths": [path("cart"), path(action)]}}],
        },
    }
    parts = (told, scenes.STABLE_SERVICE, scenes.CANARY_SERVICE, json.dumps(ingress))
    return "\n---\n".join(parts)


async def look(cluster: PaperCluster, action: str) -> tuple[dict[str, int], list[str]]:
    """The weights by Service, and the actions of the paths."""
    found = await cluster.admin.get(INGRESSES, "web", NAMESPACE)
    notes = found["metadata"]["annotations"]
    assert THEIRS.items() <= notes.items()
    groups = json.loads(notes[f"{PREFIX}actions.{action}"])["ForwardConfig"]["TargetGroups"]
    paths = found["spec"]["rules"][0]["http"]["paths"]
    weights = {one["ServiceName"]: one["Weight"] for one in groups}
    return weights, [one["backend"]["service"]["name"] for one in paths]


def test_testers_come_first_then_weights_and_what_is_deleted_leaves_stable_alone() -> None:
    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(shop("alb: {ingress: web, servicePort: 80}", "web-stable"))
            await until_phase(cluster, "Healthy")
            at_rest = (await look(cluster, "web-stable"), ["cart", "web-stable"])
            assert at_rest[0] == ({"web-canary": 0, "web-stable": 100}, at_rest[1])
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            weights, paths = await look(cluster, "web-stable")
            assert (weights["web-canary"], paths) == (0, ["testers", "cart", "web-stable"])
            await command(cluster, promote)
            await until_phase(cluster, "Paused", 3)
            weights, paths = await look(cluster, "web-stable")
            assert weights == {"web-canary": 50, "web-stable": 50}
            await command(cluster, abort)
            await until_phase(cluster, "Degraded")
            await cluster.clock.sleep(30)
            assert await look(cluster, "web-stable") == at_rest[0]
            assert "PatchingALBIngress" in await reasons(cluster)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.clock.sleep(10)
            left = (await cluster.admin.get(INGRESSES, "web", NAMESPACE))["metadata"]
            assert not any("serinus.dev" in key for key in left["annotations"])

    run_virtual(story())


def test_it_is_deleted_in_mid_release_and_the_action_goes_back_to_stable() -> None:
    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(shop("alb: {ingress: web, servicePort: 80}", "web-stable"))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            await command(cluster, promote)
            await until_phase(cluster, "Paused", 3)
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.clock.sleep(10)
            weights, paths = await look(cluster, "web-stable")
            assert weights == {"web-canary": 0, "web-stable": 100}
            assert paths == ["cart", "web-stable"]
            left = await cluster.admin.get(INGRESSES, "web", NAMESPACE)
            assert MANAGED not in left["metadata"]["annotations"]

    run_virtual(story())


def test_with_ping_pong_and_a_root_service_the_roles_swap_and_the_action_stays() -> None:
    swapping = ROLLOUT.replace("      canaryService: web-canary\n", "").replace(
        "stableService: web-stable",
        "pingPong: {pingService: web-stable, pongService: web-canary}",
    )
    routing = "alb: {ingress: web, servicePort: 80, rootService: root}"

    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(shop(routing, "root", swapping))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            await command(cluster, promote)
            await cluster.clock.sleep(120)
            now = await status(cluster)
            assert (now["phase"], now["canary"]["stablePingPong"]) == ("Healthy", "pong")
            weights, paths = await look(cluster, "root")
            assert weights == {"web-canary": 100, "web-stable": 0}
            assert paths == ["cart", "root"]
            version = await cluster.admin.get(INGRESSES, "web", NAMESPACE)
            await cluster.clock.sleep(300)
            assert await cluster.admin.get(INGRESSES, "web", NAMESPACE) == version

    run_virtual(story())


def test_an_ingress_without_the_action_is_told_and_the_release_goes_on_when_it_has_it() -> None:
    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(shop("alb: {ingress: web, servicePort: 80}", "other"))
            await cluster.clock.sleep(30)
            told = condition(await status(cluster), "InvalidSpec")["message"]
            assert "trafficRouting.alb.ingress: Ingress web has no rule that leads to" in told
            rules = [{"http": {"paths": [path("web-stable")]}}]
            patch = {"spec": {"rules": rules}}
            await cluster.admin.patch(INGRESSES, "web", patch, NAMESPACE)
            await until_phase(cluster, "Healthy")

    run_virtual(story())


def test_an_action_that_nobody_can_read_holds_the_release_and_is_told() -> None:
    key = PREFIX + "actions.web-stable"

    async def edit(cluster: PaperCluster, text: str | None) -> None:
        patch = {"metadata": {"annotations": {key: text}}}
        await cluster.admin.patch(INGRESSES, "web", patch, NAMESPACE)

    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(shop("alb: {ingress: web, servicePort: 80}", "web-stable"))
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            await edit(cluster, "{")
            await command(cluster, promote)
            await cluster.clock.sleep(60)
            told = condition(await status(cluster), "Waiting")
            assert told["reason"] == "RoutingUnknown"
            assert f"Ingress web: annotation {key} cannot be read" in told["message"]
            found = await cluster.admin.get(INGRESSES, "web", NAMESPACE)
            assert found["metadata"]["annotations"][key] == "{"
            await edit(cluster, None)
            await until_phase(cluster, "Healthy")

    run_virtual(story())


def test_two_rollouts_share_an_ingress_and_each_keeps_to_its_action() -> None:
    routing = "alb: {ingress: shared, servicePort: 80}"
    notes = json.dumps({PREFIX + "scheme": "internal"})
    paths = json.dumps([path("web-stable"), path("bar-stable")])
    ingress = f"""
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: shared, namespace: shop, annotations: {notes}}}
spec: {{ingressClassName: alb, rules: [{{http: {{paths: {paths}}}}}]}}
"""
    plain = ROLLOUT.replace("plugins: {argoproj-labs/gatewayAPI: {httpRoute: web}}", routing)
    one = "---".join((plain, scenes.STABLE_SERVICE, scenes.CANARY_SERVICE))
    other = one.replace("web", "bar").replace("testers", "probes")

    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply("---".join((ingress, one, other)))
            await until_phase(cluster, "Healthy")
            await cluster.clock.sleep(30)
            await release(cluster, "web:v2")
            await release(cluster, "bar:v2", "bar")
            await until_phase(cluster, "Paused", 1)
            await cluster.clock.sleep(30)
            found = await cluster.admin.get(INGRESSES, "shared", NAMESPACE)
            rows = found["spec"]["rules"][0]["http"]["paths"]
            assert {row["backend"]["service"]["name"] for row in rows[:2]} == {"testers", "probes"}
            await command(cluster, promote)
            await until_phase(cluster, "Healthy")
            found = await cluster.admin.get(INGRESSES, "shared", NAMESPACE)
            notes = found["metadata"]["annotations"]
            rows = found["spec"]["rules"][0]["http"]["paths"]
            assert [row["backend"]["service"]["name"] for row in rows] == [
                *("probes", "web-stable", "bar-stable")
            ]
            assert json.loads(notes[MANAGED]) == {
                "web": [PREFIX + "actions.web-stable"],
                "bar": [
                    PREFIX + "actions.bar-stable",
                    *(f"{PREFIX}{kind}.probes" for kind in ("actions", "conditions")),
                ],
            }
            assert (await status(cluster, "bar"))["phase"] == "Paused"

    run_virtual(story())


def test_a_strangers_group_in_the_action_goes_with_the_first_write_as_in_the_original() -> None:
    groups = [
        {"serviceName": name, "servicePort": "80", "weight": 10}
        for name in ("old-service", "web-stable", "web-canary")
    ]
    text = json.dumps({"type": "forward", "forwardConfig": {"targetGroups": groups}})

    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            shown = shop("alb: {ingress: web, servicePort: 80}", "web-stable")
            key = json.dumps(PREFIX + "actions.cart")
            mine = json.dumps(PREFIX + "actions.web-stable")
            await cluster.apply(shown.replace(key, f"{mine}: {json.dumps(text)}, {key}"))
            await until_phase(cluster, "Healthy")
            weights, _ = await look(cluster, "web-stable")
            assert weights == {"web-canary": 0, "web-stable": 100}

    run_virtual(story())


def test_alternatives_of_a_header_come_to_rest_and_a_route_that_is_dropped_goes_first() -> None:
    rows = (("X-A", "1"), ("X-B", "2"), ("X-A", "3"))
    match = [{"headerName": name, "headerValue": {"exact": value}} for name, value in rows]
    wanted = 'match: [{headerName: X-Tester, headerValue: {exact: "yes"}}]'
    assert wanted in ROLLOUT
    rollout = ROLLOUT.replace(wanted, f"match: {json.dumps(match)}")

    async def story() -> None:
        async with paper_cluster() as cluster, controlled(cluster):
            text = shop("alb: {ingress: web, servicePort: 80}", "web-stable", rollout)
            await cluster.apply(text)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 1)
            await cluster.clock.sleep(10)
            before = await cluster.admin.get(INGRESSES, "web", NAMESPACE)
            conditions = json.loads(
                before["metadata"]["annotations"][PREFIX + "conditions.testers"]
            )
            assert [one["HttpHeaderConfig"]["Values"] for one in conditions] == [["1", "3"], ["2"]]
            await cluster.clock.sleep(300)
            assert await cluster.admin.get(INGRESSES, "web", NAMESPACE) == before
            routing = {"managedRoutes": None}
            canary = {"trafficRouting": routing, "steps": [{"setWeight": 20}, {"pause": {}}]}
            edit = {"spec": {"strategy": {"canary": canary}}}
            await cluster.admin.patch(ROLLOUTS, "web", edit, NAMESPACE)
            await cluster.clock.sleep(60)
            weights, paths = await look(cluster, "web-stable")
            assert (weights["web-canary"], paths) == (20, ["cart", "web-stable"])

    run_virtual(story())


def test_an_experiments_templates_get_their_weight_and_give_it_back_before_their_pods_go() -> None:
    trial = {
        "duration": "30s",
        "templates": [
            {"name": name, "specRef": which, "weight": 10, "metadata": {"labels": {"role": name}}}
            for name, which in (("old", "stable"), ("new", "canary"))
        ],
    }
    steps = json.dumps([{"experiment": trial}, {"setWeight": 50}, {"pause": {}}])
    rollout = f"{ROLLOUT.partition('      steps:')[0]}      steps: {steps}\n"

    async def story() -> list[tuple[dict[str, int], int]]:
        lines: list[tuple[dict[str, int], int]] = []
        async with paper_cluster() as cluster, controlled(cluster):
            text = shop("alb: {ingress: web, servicePort: 80}", "web-stable", rollout)
            await cluster.apply(text)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            for _ in range(480):
                pods = (await cluster.admin.list(PODS, NAMESPACE)).items
                tried = sum("role" in pod["metadata"]["labels"] for pod in pods)
                weights, _ = await look(cluster, "web-stable")
                line = ({name.rpartition("-")[2]: w for name, w in weights.items()}, tried)
                if not lines or lines[-1] != line:
                    lines.append(line)
                await cluster.clock.sleep(0.25)
        return lines

    lines = run_virtual(story())
    given, none = {"canary": 0, "old": 10, "new": 10, "stable": 80}, {"canary": 0, "stable": 100}
    assert {pods for weights, pods in lines if weights == given} == {2}
    assert lines[lines.index((given, 2)) + 1] == (none, 2), "no pod goes with the traffic"
    assert lines[-1] == ({"canary": 50, "stable": 50}, 0)
