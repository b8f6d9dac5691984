"""The HTTP step plugin by itself: its config, its request, what answers mean."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest

from serinus.base.errors import SerinusError
from serinus.core.http import HttpAnswer, HttpRequest
from serinus.core.rollout.calls import Phase, StepAnswer, StepAsked, StepCall
from serinus.steps.http import HttpPlugin

URL = "https://tools.example.com/step"


@dataclass
class Lent:
    """The controller's tools over one recorded answer."""

    answer: HttpAnswer
    sent: list[HttpRequest] = field(default_factory=list)

    async def send(self, request: HttpRequest) -> HttpAnswer:
        self.sent.append(request)
        return self.answer

    async def secret(self, name: str, key: str) -> str:
        return f"<{name}/{key}>"


def call(config: Any, operation: str = "Run") -> StepCall:
    return StepCall(
        asked=StepAsked(2, "http", operation, "2026-01-01T12:00:00Z", 3),
        namespace="shop",
        name="web",
        uid="u",
        canary_hash="c",
        stable_hash="s",
        config=config,
        state={"job": 7},
    )


def asked(config: Any, body: str = '{"phase": "Successful"}', status: int = 200) -> Any:
    lent = Lent(HttpAnswer(status, body.encode()))
    answer = asyncio.run(HttpPlugin().call(call(config), lent))
    return answer, lent.sent[0]


def test_the_request_is_the_one_of_the_contract() -> None:
    headers = [
        {"key": "A", "value": "plain"},
        {"key": "B", "valueFrom": {"secretKeyRef": {"name": "n", "key": "k"}}},
    ]
    config = {"url": URL, "method": "PUT", "timeoutSeconds": 5, "insecure": True}
    _, request = asked({**config, "headers": headers, "input": {"x": [1]}})
    assert (request.method, request.url) == ("PUT", URL)
    assert (request.timeout_seconds, request.verify_tls) == (5, False)
    call_id = "u/2026-01-01T12:00:00Z/2/Run/3"
    assert request.headers == (
        ("Content-Type", "application/json"),
        ("Idempotency-Key", call_id),
        ("A", "plain"),
        ("B", "<n/k>"),
    )
    assert json.loads(request.body) == {
        "version": "1",
        "id": call_id,
        "operation": "Run",
        "rollout": {"namespace": "shop", "name": "web", "uid": "u"},
        "canaryHash": "c",
        "stableHash": "s",
        "stepIndex": 2,
        "attempt": "2026-01-01T12:00:00Z",
        "call": 3,
        "input": {"x": [1]},
        "state": {"job": 7},
    }


def test_a_config_needs_only_its_url() -> None:
    _, request = asked({"url": URL})
    assert (request.method, request.timeout_seconds, request.verify_tls) == ("POST", 10, True)
    assert json.loads(request.body)["input"] is None


@pytest.mark.parametrize(
    ("body", "meant"),
    [
        ('{"phase": "Running"}', StepAnswer(phase=Phase.RUNNING)),
        ('{"phase": "Failed", "message": "no", "more": 1}',
         StepAnswer(phase=Phase.FAILED, message="no")),
        ('{"phase": "Running", "state": {"a": 1}, "requeueAfterSeconds": 90}',
         StepAnswer(phase=Phase.RUNNING, state={"a": 1}, requeue_after_seconds=90)),
        ('{"phase": "Error", "message": "later"}', StepAnswer(phase=Phase.ERROR, message="later")),
    ],
    ids=["phase", "unknown field", "all", "error"],
)  # fmt: skip
def test_an_answer_is_what_the_server_says(body: str, meant: StepAnswer) -> None:
    assert asked({"url": URL}, body)[0] == meant


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (503, "busy", f"{URL} answered 503: busy"),
        (302, "", f"{URL} answered 302"),
        (200, "", "the contract does not know"),
        (200, "<html>", "<html>"),
        (200, "[]", "the contract does not know"),
        (200, '{"message": "done"}', "missing required field `phase`"),
        (200, '{"phase": "done"}', "Invalid enum value 'done'"),
        (200, '{"phase": "Running", "requeueAfterSeconds": "soon"}', "requeueAfterSeconds"),
    ],
)
def test_anything_else_is_an_error_that_says_what_came(status: int, body: str, words: str) -> None:
    answer, _ = asked({"url": URL}, body, status)
    assert answer.phase is Phase.ERROR
    assert words in answer.message


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (None, "Expected `object`, got `null`"),
        ({}, "missing required field `url`"),
        ({"url": "tools/step"}, "url 'tools/step' is not one of http or https"),
        ({"url": URL, "method": "GET"}, "method GET is none of POST, PUT"),
        ({"url": URL, "timeoutSeconds": 0}, "timeoutSeconds must be above 0 and at most 60"),
        ({"url": URL, "timeoutSeconds": 61}, "timeoutSeconds must be above 0 and at most 60"),
        ({"url": URL, "body": {}}, "unknown field `body`"),
        ({"url": URL, "headers": [{"key": "A"}]}, "header A needs one of value and valueFrom"),
    ],
)
def test_a_wrong_config_is_told_before_and_at_the_call(config: Any, words: str) -> None:
    (problem,) = HttpPlugin().problems(config)
    assert words in problem
    with pytest.raises(SerinusError, match=re.escape(words)):
        asked(config)


def test_all_that_is_wrong_with_a_config_is_told_at_once() -> None:
    assert len(HttpPlugin().problems({"url": "x", "method": "GET", "timeoutSeconds": 99})) == 3


def test_a_good_config_has_no_problems() -> None:
    assert HttpPlugin().problems({"url": URL, "input": None}) == ()
