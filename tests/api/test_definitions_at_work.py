"""Our definitions in the embedded API server: what is kept, warned about, refused, shown."""

from __future__ import annotations

from typing import Any

import yaml

from api.worlds import World, put
from local.apiserver.api import Api, story
from serinus.api import crds
from serinus.api.admission import admit

CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
ROLLOUTS = "/apis/argoproj.io/v1alpha1/namespaces/default/rollouts"
CANARY = "spec.strategy.canary"
_STRICT = {"fieldValidation": "Strict"}


async def installed(api: Api) -> None:
    for text in crds.documents():
        await api.ok("POST", CRDS, yaml.safe_load(text))


def rollout() -> dict[str, Any]:
    document = World().rollout
    document["metadata"] = {"name": "shop"}
    return document


def test_misplaced_fields_are_kept_and_named_even_by_a_strict_client() -> None:
    async def tell(api: Api) -> None:
        await installed(api)
        body = put(rollout(), f"{CANARY}.rollbackWindow", {"revisions": 3})
        put(body, f"{CANARY}.analysis", {"successfulRunHistoryLimit": 5})
        put(body, f"{CANARY}.steps.0.duration", "5m")
        answer = await api.call("POST", ROLLOUTS, body, query=_STRICT)
        assert answer.status == 201, answer.body
        told = answer.headers["warning"]
        for part in (
            f"{CANARY}.rollbackWindow: unknown field; did you mean spec.rollbackWindow?",
            f"{CANARY}.steps[0].duration: unknown field; did you mean",
            f"{CANARY}.stableService: waiting for Service shop-stable in namespace default",
        ):
            assert part in told
        kept = await api.ok("GET", f"{ROLLOUTS}/shop")
        assert kept["spec"]["strategy"]["canary"]["rollbackWindow"] == {"revisions": 3}

    story(tell, admission=(admit,))


def test_a_pod_template_is_preserved_as_it_came() -> None:
    async def tell(api: Api) -> None:
        await installed(api)
        body = rollout()
        put(body, "spec.template.spec.fieldOfTomorrow", {"deep": [1.5, None, ""]})
        made = await api.ok("POST", ROLLOUTS, body, query=_STRICT)
        assert made["spec"]["template"] == body["spec"]["template"]

    story(tell)


def test_what_the_schema_refuses_is_refused_all_at_once() -> None:
    async def tell(api: Api) -> None:
        await installed(api)
        body = put(rollout(), "spec.replicas", "many")
        put(body, f"{CANARY}.steps.0.setWeight", "five")
        status = await api.refused("POST", ROLLOUTS, body)
        fields = {cause["field"] for cause in status["details"]["causes"]}
        assert fields == {"spec.replicas", f"{CANARY}.steps[0].setWeight"}

    story(tell)


def test_status_and_scale_are_subresources() -> None:
    async def tell(api: Api) -> None:
        await installed(api)
        await api.ok("POST", ROLLOUTS, {**rollout(), "status": {"phase": "Healthy"}})
        assert "status" not in await api.ok("GET", f"{ROLLOUTS}/shop")
        patch = {"status": {"phase": "Paused", "HPAReplicas": 2, "selector": "app=shop"}}
        merge = "application/merge-patch+json"
        await api.ok("PATCH", f"{ROLLOUTS}/shop/status", patch, content_type=merge)
        scale = await api.ok("GET", f"{ROLLOUTS}/shop/scale")
        assert (scale["spec"]["replicas"], scale["status"]) == (
            4,
            {"replicas": 2, "selector": "app=shop"},
        )

    story(tell)


def test_people_see_the_usual_columns() -> None:
    async def tell(api: Api) -> None:
        await installed(api)
        await api.ok("POST", ROLLOUTS, rollout())
        table = "application/json;as=Table;v=v1;g=meta.k8s.io"
        shown = await api.ok("GET", ROLLOUTS, accept=table)
        names = [column["name"] for column in shown["columnDefinitions"]]
        assert names == ["Name", "Desired", "Current", "Up-to-date", "Available", "Age"]
        assert shown["rows"][0]["cells"][:2] == ["shop", 4]

    story(tell)
