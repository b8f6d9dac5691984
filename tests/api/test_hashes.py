"""The step hash is the original's, bit for bit."""

from __future__ import annotations

from typing import Any

import pytest

from serinus.api import hashes
from serinus.api.argo import Step
from serinus.api.hashes import step_hash
from serinus.api.wire import decode

VECTORS = [
    ([{"pause": {}}], "6b9b86fbd5"),
    ([{"pause": {}}, {"pause": {}}], "79c9b9f6bf"),
    ([], "5ffbfbbd64"),
]


def steps(*entries: dict[str, Any]) -> tuple[Step, ...]:
    return tuple(decode(Step, entry) for entry in entries)


@pytest.mark.parametrize(("entries", "expected"), VECTORS)
def test_hashes_of_the_original(entries: list[dict[str, Any]], expected: str) -> None:
    assert step_hash(steps(*entries)) == expected


GO_JSON = {
    "weight 0 is written": ({"setWeight": 0}, '{"setWeight":0}'),
    "pauses keep their type": ({"pause": {"duration": "10"}}, '{"pause":{"duration":"10"}}'),
    "seconds as a number": ({"pause": {"duration": 10}}, '{"pause":{"duration":10}}'),
    "an analysis always has metadata": (
        {"analysis": {"templates": [{"templateName": "a", "clusterScope": False}]}},
        '{"analysis":{"templates":[{"templateName":"a"}],"analysisRunMetadata":{}}}',
    ),
    "arguments, in Go's order": (
        {
            "analysis": {
                "args": [
                    {"valueFrom": {"podTemplateHashValue": "Latest"}, "name": "h"},
                    {"name": "f", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                    {"value": "1 < 2 & 3", "name": "v"},
                ],
                "measurementRetention": [{"limit": 0, "metricName": "m"}],
                "dryRun": [{"metricName": ".*"}],
                "analysisRunMetadata": {"labels": {"z": "1", "a": "2"}},
                "startingStep": 2,
            }
        },
        '{"analysis":{"args":[{"name":"h","valueFrom":{"podTemplateHashValue":"Latest"}},'
        '{"name":"f","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}},'
        '{"name":"v","value":"1 \\u003c 2 \\u0026 3"}],"dryRun":[{"metricName":".*"}],'
        '"measurementRetention":[{"metricName":"m","limit":0}],'
        '"analysisRunMetadata":{"labels":{"a":"2","z":"1"}}}}',
    ),
    "canary scale": (
        {"setCanaryScale": {"matchTrafficWeight": True, "replicas": 0}},
        '{"setCanaryScale":{"replicas":0,"matchTrafficWeight":true}}',
    ),
    "header route without a value": (
        {"setHeaderRoute": {"match": [{"headerName": "x"}], "name": "r"}},
        '{"setHeaderRoute":{"name":"r","match":[{"headerName":"x","headerValue":null}]}}',
    ),
    "mirror route": (
        {
            "setMirrorRoute": {
                "percentage": 0,
                "name": "m",
                "match": [{"headers": {"b": {"exact": "1"}, "a": {"prefix": "2"}}}],
            }
        },
        '{"setMirrorRoute":{"name":"m","match":[{"headers":{"a":{"prefix":"2"},'
        '"b":{"exact":"1"}}}],"percentage":0}}',
    ),
    "experiment": (
        {
            "experiment": {
                "duration": "1h",
                "templates": [{"weight": 5, "specRef": "canary", "name": "a", "service": {}}],
                "analyses": [{"templateName": "t", "name": "n"}],
                "scaleDownDelaySeconds": 0,
            }
        },
        '{"experiment":{"templates":[{"name":"a","specRef":"canary","metadata":{},"weight":5,'
        '"service":{}}],"duration":"1h","analyses":[{"name":"n","templateName":"t"}],'
        '"analysisRunMetadata":{},"scaleDownDelaySeconds":0}}',
    ),
    "a plugin's empty config is written": (
        {"plugin": {"config": {}, "name": "p"}},
        '{"plugin":{"name":"p","config":{}}}',
    ),
    "whole floats, zeros and false in a config": (
        {"plugin": {"config": {"c": 1.0, "b": 0, "a": False, "d": 2.5}, "name": "p"}},
        '{"plugin":{"name":"p","config":{"a":false,"b":0,"c":1,"d":2.5}}}',
    ),
    "canary scale by weight": (
        {"setCanaryScale": {"weight": 0, "matchTrafficWeight": False}},
        '{"setCanaryScale":{"weight":0}}',
    ),
    "a header route that is taken away": (
        {"setHeaderRoute": {"name": "r", "match": []}},
        '{"setHeaderRoute":{"name":"r"}}',
    ),
    "plugin": (
        {"plugin": {"config": {"b": "é", "a": 1}, "name": "p"}},
        '{"plugin":{"name":"p","config":{"a":1,"b":"é"}}}',
    ),
}


@pytest.mark.parametrize(("entry", "expected"), GO_JSON.values(), ids=GO_JSON)
def test_steps_are_written_as_the_original_writes_them(
    entry: dict[str, Any], expected: str
) -> None:
    assert hashes._go_json(steps(entry)).decode() == f"[{expected}]"


def test_unknown_fields_do_not_count() -> None:
    assert step_hash(steps({"pause": {}, "rollbackWindow": {}})) == "6b9b86fbd5"
