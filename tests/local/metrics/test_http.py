"""The query API, asked as an ASGI application: Prometheus's shapes, errors and limits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from serinus.local.metrics.http import BODY_LIMIT_BYTES, QueryApi
from serinus.local.metrics.samples import Samples
from serinus.local.metrics.scraper import Scraper
from serinus.local.metrics.sources import Target
from support.virtual import EPOCH, run_virtual, virtual_clock

NOW = int(EPOCH.timestamp())


def ask(
    path: str,
    form: Mapping[str, str] | list[tuple[str, str]] = {},  # noqa: B006
    method: str = "GET",
    body: bytes | None = None,
) -> tuple[int, Any]:
    """Status and decoded answer of an API over a counter that grows by 2 a second."""

    async def story() -> tuple[int, Any]:
        clock, samples = virtual_clock(), Samples()
        for at in range(0, 601, 15):
            for pod in ("a", "b"):
                labels = {"__name__": "c_total", "pod": pod}
                samples.append(labels, (NOW - 600 + at) * 1000, at * 2.0)
        targets = [Target("http://127.0.0.1:9/metrics", {"job": "shop", "pod": "a"})]
        scraper = Scraper(clock, samples, lambda: targets)
        api = QueryApi(samples, clock, scraper)
        encoded = urlencode(form).encode()
        posted = method == "POST"
        sent: list[Any] = []
        messages = [
            {"type": "http.request", "body": encoded[:5] if posted else b"", "more_body": True},
            {"type": "http.request", "body": body or (encoded[5:] if posted else b"")},
        ]

        async def receive() -> Any:
            return messages.pop(0)

        async def send(message: Any) -> None:
            sent.append(message)

        query = b"" if posted else encoded
        scope = {"type": "http", "path": path, "method": method, "query_string": query}
        await api(scope, receive, send)
        assert int(dict(sent[0]["headers"])[b"content-length"]) == len(sent[1]["body"])
        return sent[0]["status"], sent[1]["body"]

    status, answer = run_virtual(story())
    return status, json.loads(answer) if answer[:1] in b"{[" else answer.decode()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_instant_query_answers_at_the_clocks_now_or_the_time_asked_for(method: str) -> None:
    query = 'irate(c_total{pod="a"}[2m])'
    status, answer = ask("/api/v1/query", {"query": query}, method)
    element = {"metric": {"pod": "a"}, "value": [NOW, "2"]}
    assert (status, answer) == (
        200,
        {"status": "success", "data": {"resultType": "vector", "result": [element]}},
    )
    earlier = {"query": 'c_total{pod="a"}', "time": "2025-12-31T23:59:00Z"}
    assert ask("/api/v1/query", earlier, method)[1]["data"]["result"][0]["value"] == [
        NOW - 60,
        "1080",
    ]
    assert ask("/api/v1/query", {**earlier, "time": f"{NOW - 0.5}"}, method)[1]["data"]["result"][
        0
    ]["value"] == [NOW - 0.5, "1170"]


@pytest.mark.parametrize(
    ("query", "kind", "result"),
    [
        ("1 / 3", "scalar", [NOW, "0.3333333333333333"]),
        ("-1 / 0", "scalar", [NOW, "-Inf"]),
        ("0 / 0", "scalar", [NOW, "NaN"]),
        ("1e21 + 0", "scalar", [NOW, "1000000000000000000000"]),
        ("1 / 1e7", "scalar", [NOW, "0.0000001"]),
        ('"text"', "string", [NOW, "text"]),
        ("nothing", "vector", []),
        (
            'c_total{pod="a"}[30s]',
            "matrix",
            [
                {
                    "metric": {"__name__": "c_total", "pod": "a"},
                    "values": [[NOW - 15, "1170"], [NOW, "1200"]],
                }
            ],
        ),
    ],
)
def test_every_type_of_result_has_its_shape(query: str, kind: str, result: Any) -> None:
    status, answer = ask("/api/v1/query", {"query": query})
    assert (status, answer["data"]) == (200, {"resultType": kind, "result": result})


def test_a_range_query_answers_at_each_step() -> None:
    form = {"query": "sum(c_total)", "start": f"{NOW - 120}", "end": f"{NOW}", "step": "1m"}
    status, answer = ask("/api/v1/query_range", form)
    values = [[NOW - 120, "1920"], [NOW - 60, "2160"], [NOW, "2400"]]
    assert (status, answer["data"]) == (
        200,
        {"resultType": "matrix", "result": [{"metric": {}, "values": values}]},
    )


RANGE = {"query": "c_total", "start": f"{NOW - 120}", "end": f"{NOW}", "step": "60"}


@pytest.mark.parametrize(
    ("path", "form", "status", "kind", "word"),
    [
        ("/api/v1/query", {}, 400, "bad_data", '"query": it is missing'),
        ("/api/v1/query", {"query": "sum("}, 400, "bad_data", "parse error"),
        ("/api/v1/query", {"query": "1", "time": "noon"}, 400, "bad_data", "cannot parse 'noon'"),
        ("/api/v1/query", {"query": "1", "time": "1e300"}, 400, "bad_data", "out of range"),
        ("/api/v1/query", {"query": "1", "time": "NaN"}, 400, "bad_data", "out of range"),
        ("/api/v1/query", {"query": "limitk(1, c)"}, 400, "bad_data", "'limitk'"),
        ("/api/v1/query", {"query": "c_total + on() c_total"}, 422, "execution", "duplicate"),
        ("/api/v1/query_range", {**RANGE, "step": "0"}, 400, "bad_data", "zero or negative"),
        ("/api/v1/query_range", {**RANGE, "step": "x"}, 400, "bad_data", "valid duration"),
        ("/api/v1/query_range", {**RANGE, "step": "0.01"}, 400, "bad_data", "11,000"),
        ("/api/v1/query_range", {**RANGE, "end": "0"}, 400, "bad_data", "before start"),
        ("/api/v1/query_range", {"query": "c_total"}, 400, "bad_data", '"start": it is missing'),
        ("/api/v1/series", {}, 400, "bad_data", "match[]"),
        ("/api/v1/series", {"match[]": "sum(c_total)"}, 400, "bad_data", "not a series selector"),
        ("/api/v1/admin/x", {}, 404, "not_found", "/api/v1/query_range"),
    ],
)
def test_a_wrong_question_is_answered_in_prometheus_words(
    path: str, form: dict[str, str], status: int, kind: str, word: str
) -> None:
    got, answer = ask(path, form)
    assert (got, answer["status"], answer["errorType"]) == (status, "error", kind)
    assert word in answer["error"]


def test_methods_and_bodies_have_limits() -> None:
    assert ask("/api/v1/query", {"query": "1"}, "DELETE")[0] == 405
    status, answer = ask("/api/v1/query", {}, "POST", b"x" * (BODY_LIMIT_BYTES + 1))
    assert (status, answer["status"]) == (413, "error")
    assert ask("/api/v1/query", {}, "POST", b"query=\xff")[0] == 400


def test_series_labels_and_values_are_listed() -> None:
    a = {"__name__": "c_total", "pod": "a"}
    assert ask("/api/v1/series", {"match[]": 'c_total{pod="a"}'})[1]["data"] == [a]
    both = [("match[]", 'c_total{pod="a"}'), ("match[]", "{pod=~'.+'}")]
    assert len(ask("/api/v1/series", both)[1]["data"]) == 2
    assert ask("/api/v1/series", {"match[]": "c_total", "end": f"{NOW - 601}"})[1]["data"] == []
    assert ask("/api/v1/labels")[1]["data"] == ["__name__", "pod"]
    assert ask("/api/v1/label/pod/values")[1]["data"] == ["a", "b"]


def test_health_build_and_targets_are_told() -> None:
    assert ask("/-/healthy")[0] == 200
    assert ask("/-/ready", method="HEAD")[0] == 200
    assert ask("/api/v1/status/buildinfo")[1]["data"]["version"] == "3.0.0"
    assert ask("/api/v1/targets")[1]["data"] == {"activeTargets": [], "droppedTargets": []}


def test_the_look_back_can_be_asked_for() -> None:
    form = {"query": "c_total", "time": f"{NOW + 30}", "lookback_delta": "20s"}
    assert ask("/api/v1/query", form)[1]["data"]["result"] == []
    assert len(ask("/api/v1/query", {**form, "lookback_delta": ""})[1]["data"]["result"]) == 2
