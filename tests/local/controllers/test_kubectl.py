"""Deployments, Jobs and budgets as real kubectl meets them; pods are only objects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from local.apiserver.served import Kubectl, each_kubectl
from serinus.local.cluster import Cluster, ClusterOptions
from support.steady import run_steady

pytestmark = each_kubectl
DEADLINE_SECONDS = 60


def story(binary: str, home: Path, tell: Callable[[Kubectl], Awaitable[None]]) -> None:
    """Run `tell` with kubectl and a cluster whose pods are only objects."""

    async def run() -> None:
        async with Cluster(ClusterOptions(gateway=False, pods="objects")) as cluster:
            url = cluster.kubeconfig.read_text().split("server: ")[1].split()[0]
            async with asyncio.timeout(DEADLINE_SECONDS):
                await tell(Kubectl(binary, home, url))

    run_steady(run())


def test_a_deployment_is_updated_undone_paused_and_scaled(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl) -> None:
        status = "rollout status deploy/web --timeout=30s"
        await kubectl.ok("create deployment web --image=acme/web:v1 --replicas=3 --port=8080")
        done = 'deployment "web" successfully rolled out'
        assert done in (await kubectl.ok(status)).out
        await kubectl.ok("set image deploy/web web=acme/web:v2")
        await kubectl.ok("annotate deploy/web kubernetes.io/change-cause=second")
        assert done in (await kubectl.ok(status)).out
        listed = (await kubectl.ok("get deploy")).lines
        assert listed[0] == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
        assert listed[1][:4] == ["web", "3/3", "3", "3"]
        history = (await kubectl.ok("rollout history deploy/web")).lines
        assert [line for line in history if line][-2:] == [["1", "<none>"], ["2", "second"]]
        one = (await kubectl.ok("rollout history deploy/web --revision=1")).out
        assert "acme/web:v1" in one
        undone = await kubectl.ok("rollout undo deploy/web")
        assert undone.out == "deployment.apps/web rolled back\n"
        assert done in (await kubectl.ok(status)).out
        image = "jsonpath={.spec.template.spec.containers[0].image}"
        assert (await kubectl.ok("get deploy web -o", image)).out == "acme/web:v1"
        await kubectl.ok("rollout pause deploy/web")
        await kubectl.ok("set image deploy/web web=acme/web:v3")
        await kubectl.ok("rollout resume deploy/web")
        assert done in (await kubectl.ok(status)).out
        await kubectl.ok("rollout restart deploy/web")
        assert done in (await kubectl.ok(status)).out
        await kubectl.ok("scale deploy/web --replicas=5")
        assert done in (await kubectl.ok(status)).out
        await kubectl.ok("wait deploy/web --for=condition=Available --timeout=20s")
        described = (await kubectl.ok("describe deploy web")).out
        for said in ("NewReplicaSetAvailable", "MinimumReplicasAvailable", "ScalingReplicaSet"):
            assert said in described
        await kubectl.ok("delete deploy web --cascade=foreground")
        assert (await kubectl.ok("get rs,pods")).out == ""

    story(binary, tmp_path, tell)


def test_an_update_that_gets_nowhere_ends_the_wait_with_an_error(
    tmp_path: Path, binary: str
) -> None:
    async def tell(kubectl: Kubectl) -> None:
        await kubectl.ok("create deployment web --image=acme/web:does-not-exist")
        patch = '{"spec":{"progressDeadlineSeconds":2}}'
        await kubectl.ok("patch deploy web -p", patch)
        ran = await kubectl("rollout status deploy/web --timeout=30s")
        assert ran.status == 1
        assert 'deployment "web" exceeded its progress deadline' in ran.err

    story(binary, tmp_path, tell)


def test_a_service_an_autoscaler_and_a_budget_beside_a_deployment(
    tmp_path: Path, binary: str
) -> None:
    async def tell(kubectl: Kubectl) -> None:
        await kubectl.ok("create deployment web --image=acme/web:v1 --replicas=2 --port=8080")
        await kubectl.ok("rollout status deploy/web --timeout=30s")
        await kubectl.ok("expose deploy/web --port=80 --target-port=8080")
        scaled = await kubectl.ok("autoscale deploy/web --min=2 --max=5 --cpu=70%")
        assert "autoscaled" in scaled.out
        heads, row = (await kubectl.ok("get hpa")).lines
        assert "TARGETS" in heads
        assert row[1] == "Deployment/web"
        await kubectl.ok("create poddisruptionbudget web --selector=app=web --min-available=2")
        await kubectl.ok("wait pdb/web --for=condition=DisruptionAllowed=False --timeout=20s")
        heads, row = (await kubectl.ok("get pdb")).lines
        assert " ".join(heads) == "NAME MIN AVAILABLE MAX UNAVAILABLE ALLOWED DISRUPTIONS AGE"
        assert row[:4] == ["web", "2", "N/A", "0"]
        assert (await kubectl.ok("describe pdb web")).status == 0

    story(binary, tmp_path, tell)


def test_a_job_is_created_waited_for_and_described(tmp_path: Path, binary: str) -> None:
    async def tell(kubectl: Kubectl) -> None:
        await kubectl.ok("create job task --image=acme/task:v1 -- true")
        await kubectl.ok("wait job/task --for=condition=Complete --timeout=30s")
        heads, row = (await kubectl.ok("get jobs")).lines
        assert heads == ["NAME", "STATUS", "COMPLETIONS", "DURATION", "AGE"]
        assert row[:3] == ["task", "Complete", "1/1"]
        assert "Completed" in (await kubectl.ok("describe job task")).out
        await kubectl.ok("delete job task")
        assert (await kubectl.ok("get pods")).out == ""

    story(binary, tmp_path, tell)
