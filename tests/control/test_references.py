"""Objects that are not there yet, or not right: the rollout waits, says for what, and goes on by
itself. Nobody looks at a clock for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from control import scenes
from control.scenes import condition, end_state, release, status, until_phase
from serinus.control.kinds import ANALYSIS_TEMPLATES, CLUSTER_ANALYSIS_TEMPLATES, ROLLOUTS
from serinus.kube.errors import NotFound
from serinus.kube.resource import CRDS, INGRESSES, REPLICASETS, SERVICES
from serinus.kube.transport.wire import Request, Response, Transport
from support.cluster import NAMESPACE, controlled, paper_cluster
from support.virtual import run_virtual

MISSING = {
    "stable Service": (scenes.STABLE_SERVICE, "waiting for Service web-stable"),
    "canary Service": (scenes.CANARY_SERVICE, "waiting for Service web-canary"),
    "Ingress": (scenes.INGRESS, "waiting for Ingress web"),
    "AnalysisTemplate": (scenes.TEMPLATE, "waiting for AnalysisTemplate errors"),
}


@pytest.mark.parametrize("what", MISSING)
def test_what_is_missing_is_named_and_its_appearance_wakes_the_rollout(what: str) -> None:
    late, message = MISSING[what]

    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            parts = [part for part in scenes.ALL.split("---") if part.strip() != late.strip()]
            await cluster.apply("---".join(parts))
            await cluster.clock.sleep(60)
            held = await status(cluster)
            version = (await scenes.rollout(cluster))["metadata"]["resourceVersion"]
            await cluster.clock.sleep(600)
            still = (await scenes.rollout(cluster))["metadata"]["resourceVersion"]
            await cluster.apply(late)
            await cluster.clock.sleep(30)
            return held, version == still, await end_state(cluster)

    held, silent, end = run_virtual(story())
    assert held["phase"] == "Degraded"
    assert message in condition(held, "InvalidSpec")["message"]
    assert silent, "waiting costs no writes"
    assert (end["phase"], end["stable"], end["weight"]) == ("Healthy", "web:v1", 0)


def test_every_problem_is_told_at_once_and_goes_when_it_is_mended() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            wrong = yaml.safe_load(scenes.SMALL)
            wrong["spec"]["strategy"]["canary"]["steps"] = [{"setWeight": 500}, {"pause": {}}]
            wrong["spec"]["template"]["metadata"]["labels"] = {"app": "other"}
            await cluster.apply(scenes.STABLE_SERVICE + "---" + scenes.INGRESS)
            await cluster.admin.create(ROLLOUTS, wrong, NAMESPACE)
            await cluster.clock.sleep(20)
            held = condition(await status(cluster), "InvalidSpec")["message"]
            sets = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
            await cluster.apply(scenes.CANARY_SERVICE + "---" + scenes.TEMPLATE)
            spec = yaml.safe_load(scenes.SMALL)["spec"]
            patch = {"spec": {"strategy": spec["strategy"], "template": spec["template"]}}
            await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)
            await cluster.clock.sleep(30)
            return held, sets, await status(cluster)

    held, sets, end = run_virtual(story())
    for part in ("steps[0].setWeight", "spec.selector", "waiting for Service web-canary"):
        assert part in held
    assert sets == ()
    assert end["phase"] == "Healthy"
    assert condition(end, "InvalidSpec") == {}


def test_a_template_that_is_mended_wakes_the_rollout() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            wrong = scenes.TEMPLATE.replace("result[0] < 0.1", "result[0] <")
            await cluster.apply(scenes.ALL.replace(scenes.TEMPLATE, wrong))
            await cluster.clock.sleep(20)
            held = await status(cluster)
            good = yaml.safe_load(scenes.TEMPLATE)["spec"]
            patch = {"spec": good}
            await cluster.admin.patch(ANALYSIS_TEMPLATES, "errors", patch, NAMESPACE)
            await cluster.clock.sleep(20)
            return held, await status(cluster)

    held, end = run_virtual(story())
    assert "successCondition" in held["message"]
    assert end["phase"] == "Healthy"


def test_a_service_that_goes_in_mid_rollout_and_comes_back() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Progressing", 1)
            await cluster.admin.delete(SERVICES, "web-canary", NAMESPACE)
            await cluster.clock.sleep(60)
            held = await status(cluster)
            await cluster.apply(scenes.CANARY_SERVICE)
            await cluster.clock.sleep(120)
            return held, await end_state(cluster)

    held, end = run_virtual(story())
    assert "waiting for Service web-canary" in held["message"]
    assert (end["phase"], end["stable"], end["weight"]) == ("Healthy", "web:v2", 0)


# --- Kinds that are not there, or that we may not see --------------------------------------------


class Refusing:
    """A transport whose server refuses what `path` is in, with `status`, until `lifted`."""

    def __init__(self, inner: Transport, path: str, status: int, methods: str = "GET") -> None:
        self._inner, self._path, self._status = inner, path, status
        self._methods = methods.split()
        self.lifted = False
        self.close = inner.close

    def refuses(self, request: Request) -> bool:
        return not self.lifted and self._path in request.path and request.method in self._methods

    async def send(self, request: Request) -> Response:
        if self.refuses(request):
            body = b'{"kind":"Status","code":%d,"message":"not for you"}' % self._status
            return Response(self._status, {}, body)
        return await self._inner.send(request)

    def stream(self, request: Request) -> Any:
        return self._inner.stream(request)


def refusing(made: list[Refusing], *options: Any) -> Any:
    def wrap(inner: Transport) -> Refusing:
        made.append(Refusing(inner, *options))
        return made[-1]

    return wrap


def test_without_the_definition_of_cluster_templates_all_else_works() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster:
            name = f"{CLUSTER_ANALYSIS_TEMPLATES.plural}.{CLUSTER_ANALYSIS_TEMPLATES.group}"
            definition = await cluster.admin.get(CRDS, name)
            await cluster.admin.delete(CRDS, name)
            async with controlled(cluster, asker=scenes.network(cluster)):
                await cluster.apply(scenes.ALL)
                await until_phase(cluster, "Healthy")
                wanted = [{"templateName": "errors", "clusterScope": True}]
                steps = [{"setWeight": 50}, {"analysis": {"templates": wanted}}]
                patch = {"spec": {"strategy": {"canary": {"steps": steps}}}}
                await cluster.admin.patch(ROLLOUTS, "web", patch, NAMESPACE)
                await cluster.clock.sleep(10)
                held = condition(await status(cluster), "InvalidSpec")["message"]
                fresh = {key: definition[key] for key in ("apiVersion", "kind", "spec")}
                await cluster.admin.create(CRDS, {**fresh, "metadata": {"name": name}})
                await cluster.clock.sleep(120)
                appeared = condition(await status(cluster), "InvalidSpec")["message"]
                text = scenes.TEMPLATE.replace("AnalysisT", "ClusterAnalysisT")
                template = yaml.safe_load(text)
                del template["metadata"]["namespace"]
                await cluster.admin.create(CLUSTER_ANALYSIS_TEMPLATES, template)
                await cluster.clock.sleep(20)
                return held, appeared, await status(cluster)

    held, appeared, end = run_virtual(story())
    assert "clusteranalysistemplates.argoproj.io cannot be listed: " in held
    assert "waiting for ClusterAnalysisTemplate errors" in appeared
    assert end["phase"] == "Healthy"


def test_a_kind_that_may_not_be_listed_stops_only_those_who_need_it() -> None:
    made: list[Refusing] = []

    async def story() -> Any:
        async with (
            paper_cluster() as cluster,
            controlled(cluster, refusing(made, "/analysistemplates", 403)),
        ):
            await cluster.apply(scenes.ALL)
            await cluster.apply(scenes.other_shop("plain"))
            await cluster.clock.sleep(30)
            held, other = await status(cluster), await status(cluster, "plain")
            made[0].lifted = True
            await cluster.clock.sleep(60)
            return held, other, await status(cluster)

    held, other, end = run_virtual(story())
    assert "analysistemplates.argoproj.io cannot be listed: " in held["message"]
    assert "not for you" in held["message"]
    assert other["phase"] == "Healthy"
    assert end["phase"] == "Healthy"


def test_a_kind_that_everything_needs_is_waited_for_and_named() -> None:
    made: list[Refusing] = []

    async def story() -> Any:
        async with (
            paper_cluster() as cluster,
            controlled(cluster, refusing(made, "/replicasets", 403), wait_for_ready=False) as world,
        ):
            await cluster.apply(scenes.ALL)
            await cluster.clock.sleep(30)
            before = world.ready.is_set(), world.telemetry.missing(), await scenes.rollout(cluster)
            made[0].lifted = True
            await cluster.clock.sleep(120)
            return before, world.telemetry.missing(), await status(cluster)

    (ready, missing, untouched), after, end = run_virtual(story())
    assert not ready
    assert len(missing) == 1
    assert missing[0].startswith("replicasets.apps: ")
    assert "not for you" in missing[0]
    assert untouched.get("status", {}) == {}
    assert after == ()
    assert end["phase"] == "Healthy"


# --- Writes that are refused ---------------------------------------------------------------------


def test_a_template_that_no_server_accepts_is_told_and_holds_no_abort_up() -> None:
    """The third revision cannot be created; the second one must still be taken back."""
    made: list[Refusing] = []

    async def story() -> Any:
        wrap = refusing(made, "/replicasets", 422, "POST")
        async with (
            paper_cluster() as cluster,
            controlled(cluster, wrap, asker=scenes.network(cluster)),
        ):
            made[0].lifted = True
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await until_phase(cluster, "Paused", 2)
            made[0].lifted = False
            await release(cluster, "web:v3")
            await cluster.clock.sleep(60)
            held, weight = await status(cluster), await scenes.weight(cluster)
            told = await scenes.reasons(cluster)
            made[0].lifted = True
            await cluster.clock.sleep(240)
            return held, weight, told, await end_state(cluster)

    held, weight, told, end = run_virtual(story())
    assert weight == 0, "nobody may get requests for a revision that was given up"
    waiting = condition(held, "Waiting")
    assert waiting["reason"] == "WriteRefused"
    assert "not for you" in waiting["message"]
    assert "ReplicaSetCreateError" in told
    assert "ReconciliationError" not in told, "one refusal is one event"
    assert told.count("NewReplicaSetCreated") == 2, "what was refused is not told as done"
    assert (end["phase"], end["stable"]) == ("Healthy", "web:v3")


def test_a_run_that_may_not_be_created_holds_only_its_step() -> None:
    made: list[Refusing] = []

    async def story() -> Any:
        wrap = refusing(made, "/analysisruns", 403, "POST")
        async with (
            paper_cluster() as cluster,
            controlled(cluster, wrap, asker=scenes.network(cluster)),
        ):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            await release(cluster, "web:v2")
            await cluster.clock.sleep(60)
            held = await status(cluster)
            made[0].lifted = True
            await cluster.clock.sleep(120)
            return held, await end_state(cluster)

    held, end = run_virtual(story())
    assert condition(held, "Waiting")["reason"] == "WriteRefused"
    assert held["currentStepIndex"] == 1
    assert (end["phase"], end["stable"], end["runs"]) == ("Healthy", "web:v2", ["Successful"])


def test_a_name_that_somebody_else_has_is_not_fought_over_another_one_is_taken() -> None:
    tries: list[Mapping[str, Any]] = []

    class Counting(Refusing):
        async def send(self, request: Request) -> Response:
            if request.method == "POST" and request.path.endswith("/replicasets"):
                tries.append({})
            return await super().send(request)

    async def story() -> Any:
        async with (
            paper_cluster() as cluster,
            controlled(cluster, lambda inner: Counting(inner, "nothing", 500)),
        ):
            await cluster.apply(scenes.ALL)
            await until_phase(cluster, "Healthy")
            (mine,) = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
            name = mine["metadata"]["name"]
            await cluster.admin.delete(ROLLOUTS, "web", NAMESPACE)
            await cluster.clock.sleep(30)
            with pytest.raises(NotFound):
                await cluster.admin.get(REPLICASETS, name, NAMESPACE)
            foreign = {key: mine[key] for key in ("apiVersion", "kind", "spec")}
            foreign["metadata"] = {"name": name, "labels": {"app": "web"}}
            await cluster.admin.create(REPLICASETS, foreign, NAMESPACE)
            tries.clear()
            await cluster.apply(scenes.SMALL)
            await cluster.clock.sleep(600)
            left = await cluster.admin.get(REPLICASETS, name, NAMESPACE)
            return await status(cluster), len(tries), left

    now, tried, left = run_virtual(story())
    assert (now["phase"], now["collisionCount"]) == ("Healthy", 1)
    assert tried == 2
    assert "ownerReferences" not in left["metadata"], "theirs stays theirs"


def test_an_ingress_that_is_not_ours_is_left_alone() -> None:
    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster, asker=scenes.network(cluster)):
            theirs = yaml.safe_load(scenes.INGRESS.replace("name: web,", "name: web-web-canary,"))
            await cluster.admin.create(INGRESSES, theirs, NAMESPACE)
            before = await cluster.admin.get(INGRESSES, "web-web-canary", NAMESPACE)
            await cluster.apply(scenes.ALL)
            await cluster.clock.sleep(20)
            await release(cluster, "web:v2")
            await cluster.clock.sleep(60)
            after = await cluster.admin.get(INGRESSES, "web-web-canary", NAMESPACE)
            return before == after, condition(await status(cluster), "Waiting")

    untouched, waiting = run_virtual(story())
    assert untouched
    assert "web-web-canary belongs to nobody" in waiting["message"]
