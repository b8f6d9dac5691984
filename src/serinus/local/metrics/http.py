"""Prometheus's HTTP API over the ring, as a raw ASGI application.

Loopback is the caller's affair; so is who may ask. Knows queries and samples, no scraping beyond
the list of targets.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import promql_parser

from serinus import __version__
from serinus.base.clock import Clock
from serinus.base.errors import SerinusError
from serinus.local.metrics.answers import (
    failure,
    result_data,
    series_data,
    success,
    targets_data,
)
from serinus.local.metrics.labels import Labels
from serinus.local.metrics.promql.query import RangeQuery, query_instant
from serinus.local.metrics.promql.select import matchers_of
from serinus.local.metrics.promql.syntax import parse_query
from serinus.local.metrics.promql.values import (
    PROMETHEUS_3,
    BadQuery,
    QueryFailed,
    Semantics,
)
from serinus.local.metrics.samples import Samples
from serinus.local.metrics.scraper import Scraper

BODY_LIMIT_BYTES = 256 * 1024
STEPS_AT_ONCE = 100
SAFE_SECONDS = 9e9  # beyond this, instants leave the calendar
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Form = Mapping[str, list[str]]
_LABEL_VALUES = re.compile(r"/api/v1/label/([a-zA-Z_][a-zA-Z0-9_]*)/values")
_PLAIN = {"/-/healthy": "Serinus metrics are healthy.\n", "/-/ready": "Ready.\n"}


class _Refused(SerinusError):
    """A request that is answered with an error: status, Prometheus's error type, and why."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class QueryApi:
    """`await api(scope, receive, send)`: the query part of Prometheus's API."""

    def __init__(
        self,
        samples: Samples,
        clock: Clock,
        scraper: Scraper | None = None,
        semantics: Semantics = PROMETHEUS_3,
    ) -> None:
        self._samples = samples
        self._clock = clock
        self._scraper = scraper
        self._semantics = semantics
        self._pages: dict[str, Callable[[Form], Awaitable[Any]]] = {
            "/api/v1/query": self._query,
            "/api/v1/query_range": self._query_range,
            "/api/v1/series": self._series,
            "/api/v1/labels": self._labels,
            "/api/v1/targets": self._targets,
            "/api/v1/status/buildinfo": self._buildinfo,
        }

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        path, method = scope["path"], scope["method"]
        if path in _PLAIN and method in ("GET", "HEAD"):
            return await _answer(send, 200, _PLAIN[path].encode(), "text/plain; charset=utf-8")
        status = 200
        try:
            body = success(await self._data(path, method, await _form(scope, receive)))
        except _Refused as refused:
            status, body = refused.status, failure(refused.kind, str(refused))
        except BadQuery as error:
            status, body = 400, failure("bad_data", f"invalid parameter: {error}")
        except QueryFailed as error:
            status, body = 422, failure("execution", str(error))
        await _answer(send, status, body, "application/json")

    async def _data(self, path: str, method: str, form: Form) -> Any:
        if method not in ("GET", "POST"):
            raise _Refused(405, "bad_data", f"{method} is not answered here; use GET or POST")
        if path in self._pages:
            return await self._pages[path](form)
        match = _LABEL_VALUES.fullmatch(path)
        if match is None:
            known = ", ".join([*self._pages, "/api/v1/label/<name>/values"])
            raise _Refused(404, "not_found", f"{path} is not served here; served: {known}")
        found = self._selected(form)
        return sorted({labels.pairs[match[1]] for labels in found if match[1] in labels.pairs})

    async def _query(self, form: Form) -> Any:
        at_ms = _instant(form, "time", self._clock.millis())
        result = query_instant(self._samples, _one(form, "query"), at_ms, self._chosen(form))
        return result_data(result, at_ms)

    async def _query_range(self, form: Form) -> Any:
        begin, end = _instant(form, "start"), _instant(form, "end")
        step = _span_ms(_one(form, "step"), "step")
        if end < begin:
            raise BadQuery('"end": end timestamp must not be before start time')
        if step <= 0:
            raise BadQuery('"step": zero or negative query resolution step widths are not accepted')
        query = RangeQuery(
            self._samples, _one(form, "query"), range(begin, end + 1, step), self._chosen(form)
        )
        for count, _ in enumerate(query, 1):
            if count % STEPS_AT_ONCE == 0:
                await self._clock.sleep(0)  # others share this event loop
        return result_data(query.result, end)

    async def _series(self, form: Form) -> Any:
        if not form.get("match[]"):
            raise BadQuery("no match[] parameter provided")
        return series_data(self._selected(form))

    async def _labels(self, form: Form) -> Any:
        return sorted({name for labels in self._selected(form) for name in labels.pairs})

    async def _targets(self, form: Form) -> Any:
        if self._scraper is None:
            return targets_data((), 0)
        return targets_data(self._scraper.states(), self._scraper.period_seconds)

    async def _buildinfo(self, form: Form) -> Any:
        """The API's version (clients choose features by it), and whose answer this is."""
        version = "3.0.0" if self._semantics.left_open else "2.42.0"
        return {"version": version, "revision": f"serinus-{__version__}", "branch": "serinus"}

    def _selected(self, form: Form) -> list[Labels]:
        """Labels of the series that any `match[]` selects; of all series without one."""
        begin = _instant(form, "start", -(2**62))
        end = _instant(form, "end", 2**62)
        found: dict[Labels, None] = {}
        for text in form.get("match[]") or ['{__name__!=""}']:
            node = parse_query(text)
            if not isinstance(node, promql_parser.VectorSelector):
                raise BadQuery(f'"match[]": {text!r} is not a series selector')
            for series in self._samples.select(matchers_of(node)):
                if series.times and series.times[0] <= end and series.times[-1] >= begin:
                    found[series.labels] = None
        return list(found)

    def _chosen(self, form: Form) -> Semantics:
        """The semantics, with the look-back that the request asks for."""
        text = form.get("lookback_delta", [""])[0]
        if not text:
            return self._semantics
        return replace(self._semantics, lookback_ms=_span_ms(text, "lookback_delta"))


async def _form(scope: Mapping[str, Any], receive: Receive) -> Form:
    """Query string and form body together; raises _Refused for a body that is too large."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_LIMIT_BYTES:
            raise _Refused(413, "bad_data", f"the body has more than {BODY_LIMIT_BYTES} bytes")
    try:
        text = b"&".join([body, scope["query_string"]]).decode()
        return parse_qs(text, keep_blank_values=True, max_num_fields=100)
    except (UnicodeDecodeError, ValueError) as error:
        raise _Refused(400, "bad_data", f"the form cannot be read: {error}") from error


def _one(form: Form, name: str) -> str:
    values: Sequence[str] = form.get(name, ())
    if not values or not values[0]:
        raise BadQuery(f'"{name}": it is missing')
    return values[0]


def _instant(form: Form, name: str, default_ms: int | None = None) -> int:
    """Milliseconds since 1970 from Unix seconds or RFC 3339."""
    if default_ms is not None and not form.get(name, [""])[0]:
        return default_ms
    text = _one(form, name)
    try:
        seconds = float(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise BadQuery(f'"{name}": cannot parse {text!r} to a valid timestamp') from None
        seconds = moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    if not abs(seconds) < SAFE_SECONDS:
        raise BadQuery(f'"{name}": {text!r} is out of range')
    return round(seconds * 1000)


def _span_ms(text: str, name: str) -> int:
    """Milliseconds from seconds or a duration such as 30s."""
    try:
        seconds = float(text)
    except ValueError:
        try:
            span: timedelta = promql_parser.parse_duration(text)
        except ValueError:
            raise BadQuery(f'"{name}": cannot parse {text!r} to a valid duration') from None
        seconds = span.total_seconds()
    if not abs(seconds) < SAFE_SECONDS:
        raise BadQuery(f'"{name}": {text!r} is out of range')
    return round(seconds * 1000)


async def _answer(send: Send, status: int, body: bytes, content_type: str) -> None:
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
