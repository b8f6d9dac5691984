"""Prometheus and what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics, our own scraper).

An instant query unless the metric asks for a range. Facts of the API: prometheus.io, HTTP API v1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from serinus.api.analysis import Authentication, PrometheusMetric
from serinus.api.validation.prometheus import is_address
from serinus.base.durations import parse_duration
from serinus.base.errors import SerinusError
from serinus.core.analysis.answers import NoData, Outcome, Trouble, Value
from serinus.core.http import BasicAuth, ClientCredentials, HttpAnswer, HttpRequest, Pairs
from serinus.expr.condition import evaluate_time
from serinus.metrics.provider import Context

DEFAULT_TIMEOUT_SECONDS = 30
_SHOWN_CHARACTERS = 2_000
_AMAZON = "aps-workspaces"


class PrometheusProvider:
    """Stateless; see `metrics/provider.py`."""

    def requests(self, spec: PrometheusMetric, context: Context) -> tuple[HttpRequest, ...]:
        """One POST of a form, which has no limit on the length of a query."""
        address = _address(spec, context)
        timeout = DEFAULT_TIMEOUT_SECONDS if spec.timeout is None else spec.timeout
        if timeout < 0:
            raise SerinusError("prometheus.timeout should not be negative")
        if not spec.query.strip():
            raise SerinusError("prometheus.query is empty")
        endpoint, times = _times(spec, context.now)
        return (
            HttpRequest(
                method="POST",
                url=f"{address.rstrip('/')}/api/v1/{endpoint}",
                headers=tuple((header.key, header.value) for header in spec.headers),
                form=(("query", spec.query), *times),
                authorization=_authorization(spec.authentication, address),
                timeout_seconds=float(timeout),
                verify_tls=not spec.insecure,
            ),
        )

    def value(self, spec: PrometheusMetric, answers: Sequence[HttpAnswer]) -> Outcome:
        """A scalar is a float, a vector a list of floats, a matrix one flat list of all points."""
        answer = answers[0]
        try:
            body = msgspec.json.decode(answer.body)
        except (msgspec.DecodeError, RecursionError):
            return _no_api(answer)
        if not isinstance(body, dict):
            return _no_api(answer)
        if body.get("status") == "error":
            return Trouble(f"{body.get('errorType', 'error')}: {body.get('error', '')}")
        if answer.status != 200 or body.get("status") != "success":
            return _no_api(answer)
        try:
            return _outcome(body)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            return Trouble(f"Prometheus's answer is not as its API says: {error!r}")

    def about(self, spec: PrometheusMetric) -> Mapping[str, str]:
        """The query with its arguments filled in; secrets in it stay placeholders."""
        return {"ResolvedPrometheusQuery": spec.query} if spec.query else {}


def _address(spec: PrometheusMetric, context: Context) -> str:
    address = spec.address or context.addresses.get("prometheus", "")
    if not address:
        raise SerinusError(
            "prometheus address is not configured: give provider.prometheus.address in the metric, "
            "or ARGO_ROLLOUTS_PROMETHEUS_ADDRESS in the environment of the controller"
        )
    if "{{" not in address and not is_address(address):
        raise SerinusError(
            f"prometheus address {address!r} is not in url format; write http://HOST:PORT"
        )
    return address


def _times(spec: PrometheusMetric, now: datetime) -> tuple[str, Pairs]:
    asked = spec.range_query
    if asked is None:
        return "query", (("time", _instant(now)),)
    try:
        step = parse_duration(asked.step).total_seconds()
        start, end = evaluate_time(asked.start, now), evaluate_time(asked.end, now)
    except ValueError as error:
        raise SerinusError(f"prometheus.rangeQuery.step: {error}") from None
    except SerinusError as error:
        raise SerinusError(f"prometheus.rangeQuery: {error}") from None
    if step <= 0:
        raise SerinusError(f"prometheus.rangeQuery.step: {asked.step} is not more than nothing")
    times = (("start", _instant(start)), ("end", _instant(end)), ("step", f"{step:g}"))
    return "query_range", times


def _instant(instant: datetime) -> str:
    return f"{instant.timestamp():.3f}"


def _authorization(asked: Authentication, address: str) -> BasicAuth | ClientCredentials | None:
    if _AMAZON in address or (asked.sigv4 is not None and asked.sigv4.region):
        raise SerinusError(
            "prometheus.authentication.sigv4 (Amazon Managed Prometheus) is not supported yet; "
            "put a signing proxy before it"
        )
    basic, oauth2 = asked.basic_auth, asked.oauth2
    has_basic = basic is not None and bool(basic.username or basic.password)
    has_oauth2 = oauth2 is not None and bool(oauth2.token_url or oauth2.client_id)
    if has_basic and has_oauth2:
        raise SerinusError("prometheus.authentication: use either basicAuth or oauth2")
    if has_basic and basic is not None:
        return BasicAuth(basic.username, basic.password)
    if not has_oauth2 or oauth2 is None:
        return None
    if not (oauth2.token_url and oauth2.client_id and oauth2.client_secret):
        raise SerinusError(
            "prometheus.authentication.oauth2 needs tokenUrl, clientId and clientSecret"
        )
    return ClientCredentials(
        oauth2.token_url, oauth2.client_id, oauth2.client_secret, oauth2.scopes
    )


def _no_api(answer: HttpAnswer) -> Trouble:
    said = f": {answer.excerpt()}" if answer.body else ""
    return Trouble(f"HTTP {answer.status}, not an answer of Prometheus{said}")


def _outcome(body: dict[str, Any]) -> Outcome:
    data = body["data"]
    kind, result = data["resultType"], data["result"]
    metadata = _warnings(body.get("warnings"))
    match kind:
        case "scalar":
            text = str(result[1])
            return Value(float(text), text, metadata)
        case "vector" | "matrix" if any("value" not in s and "values" not in s for s in result):
            return Trouble("the query gives native histograms; take a number of them in the query")
        case "vector":
            samples = [_sample(series["value"]) for series in result]
        case "matrix":
            samples = [_sample(point) for series in result for point in series["values"]]
        case _:
            return Trouble(f"Prometheus metric type not supported: {kind}")
    text = _shown([text for _, text in samples])
    numbers = [number for number, _ in samples]
    if not numbers:
        return NoData([], text, "the query returned no series", metadata)
    return Value(numbers, text, metadata)


def _sample(point: Sequence[Any]) -> tuple[float, str]:
    text = point[1]
    if not isinstance(text, str):
        raise TypeError(f"a sample is {text!r}")
    return float(text), text


def _shown(texts: Sequence[str]) -> str:
    """As the status shows it; a very long list is cut, so that the object stays small."""
    text = f"[{','.join(texts)}]"
    return text if len(text) <= _SHOWN_CHARACTERS else text[: _SHOWN_CHARACTERS - 1] + "…"


def _warnings(warnings: Sequence[str] | None) -> dict[str, str]:
    return {"warnings": ", ".join(f'"{warning}"' for warning in warnings)} if warnings else {}
