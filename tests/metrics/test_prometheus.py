"""Prometheus: what is asked, and what recorded answers of Prometheus 2 and 3 mean."""

from __future__ import annotations

import math
from typing import Any

import pytest

from metrics import laws
from metrics.laws import CONTEXT, Case
from serinus.api.analysis import PrometheusMetric
from serinus.api.wire import decode
from serinus.base.errors import SerinusError
from serinus.core.analysis.answers import NoData, Trouble, Value
from serinus.core.http import BasicAuth, ClientCredentials, HttpRequest
from serinus.metrics.prometheus import PrometheusProvider
from serinus.metrics.provider import Context
from support.steady import run_steady

PROVIDER = PrometheusProvider()


def spec(**fields: Any) -> PrometheusMetric:
    return decode(PrometheusMetric, {"address": "http://prometheus:9090", "query": "up"} | fields)


def at(address: str) -> PrometheusMetric:
    return spec(address=address)


def ok(kind: str, result: str, more: str = "") -> list[tuple[int, str]]:
    body = f'{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}{more}}}'
    return [(200, body)]


LONG = "[" + ",".join(['{"metric":{},"value":[1,"0.123456789"]}'] * 400) + "]"
CASES = [
    Case("a scalar", spec(), ok("scalar", '[1767268800.1,"0.25"]'), Value(0.25, "0.25")),
    Case("NaN", spec(), ok("scalar", '[1,"NaN"]'), Value(math.nan, "NaN")),
    Case("infinity", spec(), ok("scalar", '[1,"+Inf"]'), Value(math.inf, "+Inf")),
    Case(
        "a vector",
        spec(),
        ok("vector", '[{"metric":{"a":"b"},"value":[1,"0.5"]},{"metric":{},"value":[1,"2"]}]'),
        Value([0.5, 2.0], "[0.5,2]"),
    ),
    Case(
        "an empty vector",
        spec(),
        ok("vector", "[]"),
        NoData([], "[]", "the query returned no series"),
    ),
    Case(
        "0/0 in a vector",
        spec(),
        ok("vector", '[{"metric":{},"value":[1,"NaN"]}]'),
        Value([math.nan], "[NaN]"),
    ),
    Case(
        "a matrix",
        spec(),
        ok("matrix", '[{"metric":{},"values":[[1,"1"],[2,"2"]]},{"metric":{},"values":[[1,"3"]]}]'),
        Value([1.0, 2.0, 3.0], "[1,2,3]"),
    ),
    Case(
        "an empty matrix",
        spec(),
        ok("matrix", "[]"),
        NoData([], "[]", "the query returned no series"),
    ),
    Case(
        "warnings",
        spec(),
        ok("scalar", '[1,"1"]', ',"warnings":["store a is down","partial"],"infos":["x"]'),
        Value(1.0, "1", {"warnings": '"store a is down", "partial"'}),
    ),
    Case(
        "a text",
        spec(),
        ok("string", '[1,"text"]'),
        Trouble("Prometheus metric type not supported: string"),
    ),
    Case(
        "a native histogram",
        spec(),
        ok("vector", '[{"metric":{},"histogram":[1,{"count":"1"}]}]'),
        Trouble("the query gives native histograms; take a number of them in the query"),
    ),
    Case(
        "a bad query",
        spec(),
        [(400, '{"status":"error","errorType":"bad_data","error":"parse error: unexpected end"}')],
        Trouble("bad_data: parse error: unexpected end"),
    ),
    Case(
        "a query that took too long",
        spec(),
        [(503, '{"status":"error","errorType":"timeout","error":"query timed out in expression"}')],
        Trouble("timeout: query timed out in expression"),
    ),
    Case(
        "a proxy's page",
        spec(),
        [(502, "<html>\n  <h1>502 Bad Gateway</h1>\n</html>")],
        Trouble("HTTP 502, not an answer of Prometheus: <html> <h1>502 Bad Gateway</h1> </html>"),
    ),
    Case(
        "no permission",
        spec(),
        [(401, "")],
        Trouble("HTTP 401, not an answer of Prometheus"),
    ),
    Case(
        "success with the wrong status",
        spec(),
        [(500, ok("scalar", '[1,"1"]')[0][1])],
        Trouble(
            "HTTP 500, not an answer of Prometheus: "
            '{"status":"success","data":{"resultType":"scalar","result":[1,"1"]}}'
        ),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_recorded_answer_has_its_meaning(case: Case) -> None:
    laws.law_a_recorded_answer_has_its_meaning(PROVIDER, case, at)


def test_the_other_laws_of_providers_hold() -> None:
    laws.law_garbage_is_trouble(PROVIDER, spec())
    laws.law_requests_are_pure_and_bounded(PROVIDER, spec())
    laws.law_nobody_there_is_unanswered(PROVIDER, at)
    secret = [
        {"query": "up{x='{{args.secret}}'}"},
        {"headers": [{"key": "Authorization", "value": "Bearer {{args.secret}}"}]},
        {"authentication": {"basicAuth": {"username": "u", "password": "{{args.secret}}"}}},
        {"authentication": {"oauth2": {"tokenUrl": "http://t", "clientId": "c",
                                       "clientSecret": "{{args.secret}}"}}},
        {"address": "http://{{args.secret}}:9090"},
        {"address": "{{args.secret}}"},
    ]  # fmt: skip
    for fields in secret:
        laws.law_secrets_reach_the_request_as_placeholders(PROVIDER, spec(**fields))


def request(**fields: Any) -> HttpRequest:
    (made,) = PROVIDER.requests(spec(**fields), CONTEXT)
    return made


def test_an_instant_query_is_asked_for_the_time_of_the_clock() -> None:
    made = request(address="https://thanos/prefix/", query="up{a='b'}")
    assert (made.method, made.url) == ("POST", "https://thanos/prefix/api/v1/query")
    assert made.form == (("query", "up{a='b'}"), ("time", "1767268800.000"))
    assert (made.timeout_seconds, made.verify_tls, made.authorization) == (30.0, True, None)


def test_a_range_is_two_instants_and_a_step() -> None:
    ends = {"start": 'now() - duration("5m")', "end": "now()", "step": "30s"}
    made = request(rangeQuery=ends)
    assert made.url.endswith("/api/v1/query_range")
    assert made.form is not None
    assert made.form[1:] == (("start", "1767268500.000"), ("end", "1767268800.000"), ("step", "30"))


def test_what_the_metric_says_about_the_connection_is_kept() -> None:
    made = request(timeout=5, insecure=True, headers=[{"key": "X-Scope-OrgID", "value": "team"}])
    assert (made.timeout_seconds, made.verify_tls) == (5.0, False)
    assert made.headers == (("X-Scope-OrgID", "team"),)
    basic = request(authentication={"basicAuth": {"username": "u", "password": "p"}})
    assert basic.authorization == BasicAuth("u", "p")
    oauth2 = {"tokenUrl": "http://t", "clientId": "c", "clientSecret": "s", "scopes": ["a", "b"]}
    token = request(authentication={"oauth2": oauth2})
    assert token.authorization == ClientCredentials("http://t", "c", "s", ("a", "b"))
    empty = request(authentication={"basicAuth": {}, "oauth2": {}, "sigv4": {}})
    assert empty.authorization is None


def test_an_address_may_come_from_the_composition() -> None:
    context = Context(now=CONTEXT.now, addresses={"prometheus": "http://default:9090"})
    (made,) = PROVIDER.requests(spec(address=""), context)
    assert made.url == "http://default:9090/api/v1/query"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"address": ""}, "prometheus address is not configured"),
        ({"address": "prometheus:9090"}, "'prometheus:9090' is not in url format"),
        ({"address": "file:///etc/passwd"}, "is not in url format"),
        ({"query": " "}, "prometheus.query is empty"),
        ({"timeout": -1}, "should not be negative"),
        ({"authentication": {"sigv4": {"region": "eu-west-1"}}}, "sigv4 .* is not supported yet"),
        ({"address": "https://aps-workspaces.eu-west-1.amazonaws.com/ws"}, "sigv4"),
        ({"authentication": {"oauth2": {"tokenUrl": "http://t"}}}, "needs tokenUrl, clientId and"),
        ({"authentication": {"basicAuth": {"username": "u"},
                             "oauth2": {"clientId": "c"}}}, "use either basicAuth or oauth2"),
        ({"rangeQuery": {"start": "now()", "end": "now()", "step": "x"}}, "rangeQuery.step: 'x'"),
        ({"rangeQuery": {"start": "now()", "end": "now()", "step": "0"}}, "not more than nothing"),
        ({"rangeQuery": {"start": "yesterday", "end": "now()", "step": "1m"}},
         "rangeQuery: unknown name yesterday"),
        ({"rangeQuery": {"start": "5", "end": "now()", "step": "1m"}}, "expected a time"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused_by_name(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(SerinusError, match=message):
        request(**fields)


def test_a_long_answer_is_shown_in_part_and_judged_in_full() -> None:
    made = run_steady(laws.asked_over_http(PROVIDER, at, ok("vector", LONG)))[0]
    assert isinstance(made, Value)
    assert len(made.result) == 400
    assert len(made.text) == 2000


def test_the_resolved_query_is_told_about_the_metric() -> None:
    assert PROVIDER.about(spec(query="up")) == {"ResolvedPrometheusQuery": "up"}


def test_a_server_hears_what_was_asked() -> None:
    made = lambda address: spec(  # noqa: E731 - the spec needs the server's address
        address=f"{address}/p",
        query="sum(up)",
        headers=[{"key": "X-Team", "value": "a"}],
        authentication={"basicAuth": {"username": "u", "password": "p"}},
    )
    _, heard = run_steady(laws.asked_over_http(PROVIDER, made, ok("scalar", '[1,"1"]')))
    (one,) = heard
    assert (one.method, one.path) == ("POST", "/p/api/v1/query")
    assert one.form == {"query": "sum(up)", "time": "1767268800.000"}
    assert one.headers["X-Team"] == "a"
    assert one.headers["Authorization"] == "Basic dTpw"
