"""What docs/controller.md promises: permissions that are enough, numbers that are there."""

from __future__ import annotations

import re
from typing import Any

import yaml

from control import mesh, scenes
from control.scenes import end_state, release, until_phase
from control.trials import trial
from serinus.control.kinds import ROLLOUTS
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, controlled, paper_cluster
from support.virtual import run_virtual
from tidy.source import ROOT

PAGE = (ROOT / "docs" / "controller.md").read_text()
VERBS = {"POST": "create", "PATCH": "patch", "DELETE": "delete"}


def permission(request: Request) -> tuple[str, str, str]:
    """Verb, group and resource, as the API server would ask its authorizer."""
    parts = request.path.strip("/").split("/")
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    if rest[0] == "namespaces" and len(rest) > 2:
        rest = rest[2:]
    verb = VERBS.get(request.method, "get" if len(rest) > 1 else "list")
    if request.query.get("watch") == "true":
        verb = "watch"
    return verb, group, "/".join((rest[0], *rest[2:]))


def allowed() -> set[tuple[str, str, str]]:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return {
        (verb, group, resource)
        for rule in yaml.safe_load(text)["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


class Watched:
    """Notes what each request asks for, and refuses what the page does not allow."""

    used: set[tuple[str, str, str]]
    allowed = allowed()

    def __init__(self, inner: Transport) -> None:
        self._inner, self.close = inner, inner.close

    async def send(self, request: Request) -> Response:
        self.used.add(permission(request))
        if permission(request) not in self.allowed:
            return Response(403, {}, b'{"kind":"Status","code":403,"message":"not allowed"}')
        return await self._inner.send(request)

    def stream(self, request: Request) -> Any:
        self.used.add(permission(request))
        return self._inner.stream(request)


def test_the_role_on_the_page_is_enough_and_not_too_much() -> None:
    Watched.used = set()

    async def story() -> dict[str, Any]:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster)
            async with controlled(cluster, Watched, asker=network):
                await cluster.apply(scenes.ALL)
                limits = {"successfulRunHistoryLimit": 0}
                labels = {"canaryMetadata": {"labels": {"role": "canary"}}}
                spec = {
                    "analysis": limits,
                    "revisionHistoryLimit": 0,
                    "strategy": {"canary": labels},
                }
                await cluster.admin.patch(ROLLOUTS, "web", {"spec": spec}, NAMESPACE)
                await until_phase(cluster, "Healthy")
                for number in (2, 3):
                    await release(cluster, f"web:v{number}")
                    await cluster.clock.sleep(120)
                now = cluster.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
                await cluster.admin.patch(ROLLOUTS, "web", {"spec": {"restartAt": now}}, NAMESPACE)
                await cluster.apply(trial(duration="5s"))
                template = {"name": "new", "specRef": "canary"}
                step = {"experiment": {"templates": [template], "duration": "5s"}}
                spec = {"strategy": {"canary": {"steps": [step]}}}
                await cluster.admin.patch(ROLLOUTS, "web", {"spec": spec}, NAMESPACE)
                for number in (4, 3):
                    await release(cluster, f"web:v{number}")
                    await cluster.clock.sleep(120)
                return await end_state(cluster)

    end = run_virtual(story())
    assert (end["phase"], end["stable"]) == ("Healthy", "web:v3")
    assert Watched.used - allowed() == set()
    unused = allowed() - Watched.used
    assert unused == {
        ("get", "", "secrets"),
        ("get", "", "services"),
        ("get", "apps", "replicasets"),
        *((verb, "apps", "deployments") for verb in ("get", "watch", "patch")),
        *((verb, "", "podtemplates") for verb in ("list", "watch")),
        ("get", "argoproj.io", "analysisruns"),
        ("get", "argoproj.io", "experiments"),
        ("get", "argoproj.io", "rollouts"),
        ("get", "networking.k8s.io", "ingresses"),
        *(
            (verb, "networking.istio.io", plural)
            for plural in ("virtualservices", "destinationrules")
            for verb in ("get", "watch", "patch")
        ),
        *((verb, "traefik.io", "traefikservices") for verb in ("get", "watch", "patch")),
        *((v, "split.smi-spec.io", "trafficsplits") for v in ("get", "watch", "create", "patch")),
        *(
            (verb, "apisix.apache.org", "apisixroutes")
            for verb in ("get", "watch", "create", "patch", "delete")
        ),
        *(
            (verb, "getambassador.io", "mappings")
            for verb in ("get", "watch", "create", "patch", "delete")
        ),
        *(
            (verb, "gateway.networking.k8s.io", f"{kind}routes")
            for kind in ("http", "grpc", "tcp", "tls")
            for verb in ("get", "watch", "patch")
        ),
        *((verb, "coordination.k8s.io", "leases") for verb in ("get", "list", "create", "update")),
    }, "one by one only after a lost answer; leases by the election, others where they are named"


def test_every_number_is_on_the_page_and_no_other() -> None:
    async def story() -> str:
        async with paper_cluster() as cluster:
            network = scenes.network(cluster)
            async with controlled(cluster, asker=network) as world:
                await cluster.apply(scenes.ALL)
                await until_phase(cluster, "Healthy")
                await release(cluster, "web:v2")
                await cluster.clock.sleep(60)
                return world.telemetry.page(empty=True)

    told = set(re.findall(r"^# TYPE (\w+)", run_virtual(story()), re.MULTILINE))
    rows = re.findall(r"^\| (`.*?`) \|", PAGE, re.MULTILINE)
    assert told == {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_role_is_enough_behind_istio() -> None:
    Watched.used = set()

    async def story() -> str:
        async with paper_cluster() as cluster, controlled(cluster, Watched):
            await mesh.serve(cluster)
            await cluster.apply(mesh.SUBSETS)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused")
            return str(await mesh.weights(cluster))

    assert run_virtual(story()) == "(50, 50)"
    assert Watched.used - allowed() == set()
    assert ("patch", "networking.istio.io", "destinationrules") in Watched.used
