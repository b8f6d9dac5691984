"""The controller, the webhook and `serinus lint` say the same of a bad Rollout, and nothing of it
is found only later.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from control import scenes
from control.scenes import condition, status
from serinus.api.linting import lint
from serinus.api.reviewing import answer
from serinus.core.analysis.checks import LANGUAGE
from serinus.kube.resource import REPLICASETS
from support.cluster import NAMESPACE, controlled, paper_cluster
from support.virtual import run_virtual

Json = dict[str, Any]
NO_WAY: Json = {"headerName": "x", "headerValue": {}}
STRATEGIES: dict[str, Json] = {
    "numbers": {
        "maxSurge": "lots",
        "scaleDownDelaySeconds": -5,
        "steps": [{"setWeight": 101}, {"setWeight": -1}, {"pause": {"duration": "5 minutes"}}],
    },
    "steps": {
        "steps": [{}, {"setWeight": 5, "pause": {}}, {"setCanaryScale": {}}, {"analysis": {}}],
    },
    "names": {
        "canaryService": "web-stable",
        "steps": [
            {
                "experiment": {
                    "templates": [
                        {"name": "Bad_Name", "specRef": "both", "weight": 5},
                        {"name": "a" * 60, "specRef": "stable", "service": {}},
                    ],
                    "analyses": [{"name": "a", "templateName": "nobody"}],
                }
            }
        ],
    },
    "durations": {"steps": [{"pause": {"duration": "99999999999h"}}, {"pause": {"duration": "x"}}]},
    "router": {
        "trafficRouting": {
            "nginx": {"stableIngresses": ["web", "web"]},
            "maxTrafficWeight": 0,
        },
        "steps": [
            {"setHeaderRoute": {"name": "h", "match": [{"headerName": "x", "headerValue": {}}]}}
        ],
    },
}


def bad(what: str) -> Json:
    document: Json = yaml.safe_load(scenes.SMALL)
    document["metadata"]["namespace"] = NAMESPACE
    document["spec"]["strategy"]["canary"].update(copy.deepcopy(STRATEGIES[what]))
    pod = document["spec"]["template"]["spec"]
    pod["containers"][0]["env"] = [{"name": "A", "value": 5}]
    pod["terminationGracePeriodSeconds"] = "long"
    return document


@pytest.mark.parametrize("what", STRATEGIES)
def test_all_of_it_at_once_wherever_it_is_asked_for(what: str) -> None:
    document = bad(what)
    around = "---".join((scenes.TEMPLATE, scenes.STABLE_SERVICE, scenes.CANARY_SERVICE))
    around += "---" + scenes.INGRESS

    async def story() -> Any:
        async with paper_cluster() as cluster, controlled(cluster):
            await cluster.apply(around)
            await cluster.apply(yaml.safe_dump(document))
            await cluster.clock.sleep(30)
            made = (await cluster.admin.list(REPLICASETS, NAMESPACE)).items
            return await status(cluster), made

    told, made = run_virtual(story())
    message = condition(told, "InvalidSpec")["message"]
    assert not made, "nothing is begun"
    texts = f"{around}\n---\n{yaml.safe_dump(document)}"
    remarks = lint([("f", texts)], LANGUAGE, namespace=NAMESPACE).remarks
    own = [one for one in remarks if one.kind == "Rollout" and one.severity == "error"]
    assert len(own) >= 4
    assert [str(one) for one in own if f"{one.path}: {one.message}" not in message] == []
    request = {"uid": "u", "namespace": NAMESPACE, "object": document}
    response = answer(request, None, LANGUAGE)["response"]
    refused = response["status"]["message"]
    by_itself = [one for one in own if "waiting for" not in one.message]
    assert [str(one) for one in by_itself if one.message not in refused] == []
    assert "env[0].value: must be text; put the value in quotes" in message
