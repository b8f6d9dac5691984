"""Rules of what a metric asks Prometheus, by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from serinus.api.analysis import (
    Authentication,
    BasicAuthConfig,
    OAuth2Config,
    PrometheusMetric,
    RangeQuery,
)
from serinus.api.validation.language import Language
from serinus.api.validation.numbers import duration, is_filled_in_later
from serinus.base.durations import parse_duration
from serinus.base.errors import FieldProblem

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def validate_prometheus(
    asked: PrometheusMetric, language: Language, path: str
) -> Iterator[FieldProblem]:
    """One metric's `provider.prometheus`."""
    if not asked.query.strip():
        yield FieldProblem(f"{path}.query", "is missing")
    if asked.address and not is_filled_in_later(asked.address) and not is_address(asked.address):
        yield FieldProblem(
            f"{path}.address", f"{asked.address!r} is no address; write for example http://p:9090"
        )
    if asked.timeout is not None and asked.timeout < 0:
        yield FieldProblem(f"{path}.timeout", f"{asked.timeout} must be 0 or more")
    for index, header in enumerate(asked.headers):
        here = f"{path}.headers[{index}]"
        if not _TOKEN.fullmatch(header.key) and not is_filled_in_later(header.key):
            yield FieldProblem(f"{here}.key", f"{header.key!r} is no name of a header")
        if _CONTROL.search(header.value):
            yield FieldProblem(f"{here}.value", "has a line break or another control character")
    if asked.range_query is not None:
        yield from _range(asked.range_query, language, f"{path}.rangeQuery")
    yield from _login(asked.authentication, f"{path}.authentication")


def is_address(text: str) -> bool:
    """Whether `text` is a URL that can be asked by HTTP."""
    try:
        parts = urlsplit(text)
        number = parts.port
    except ValueError:
        return False
    plain = not re.search(r"\s", text) and (number is None or number > 0)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and plain


def _range(asked: RangeQuery, language: Language, path: str) -> Iterator[FieldProblem]:
    for name, source in (("start", asked.start), ("end", asked.end)):
        if not source.strip():
            yield FieldProblem(f"{path}.{name}", "is missing; write for example now()")
        elif not is_filled_in_later(source) and (wrong := language.instant(source)):
            yield FieldProblem(f"{path}.{name}", wrong)
    problems = list(duration(asked.step, f"{path}.step"))
    yield from problems
    if not asked.step:
        yield FieldProblem(f"{path}.step", "is missing; write for example 1m")
    elif not (problems or is_filled_in_later(asked.step) or parse_duration(asked.step)):
        yield FieldProblem(f"{path}.step", f"{asked.step!r} must be more than 0")


def _login(login: Authentication, path: str) -> Iterator[FieldProblem]:
    empty = (None, BasicAuthConfig(), OAuth2Config())
    if login.basic_auth not in empty and login.oauth2 not in empty:
        yield FieldProblem(path, "has basicAuth and oauth2; keep one")
    if login.oauth2 is None or login.oauth2 in empty:
        return
    for name, value in (
        ("tokenUrl", login.oauth2.token_url),
        ("clientId", login.oauth2.client_id),
        ("clientSecret", login.oauth2.client_secret),
    ):
        if not value:
            yield FieldProblem(f"{path}.oauth2.{name}", "is missing")
