"""Prometheus's JSON: results, series and errors in the shapes that its API documents. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from serinus.local.metrics.labels import Labels
from serinus.local.metrics.promql.query import (
    MatrixResult,
    Result,
    ScalarResult,
    TextResult,
    VectorResult,
)
from serinus.local.metrics.promql.values import format_value
from serinus.local.metrics.scraper import TargetState


def success(data: Any) -> bytes:
    return msgspec.json.encode({"status": "success", "data": data})


def failure(kind: str, message: str) -> bytes:
    return msgspec.json.encode({"status": "error", "errorType": kind, "error": message})


def result_data(result: Result, at_ms: int) -> dict[str, Any]:
    """`resultType` and `result`; values are text, times are seconds."""
    match result:
        case ScalarResult(value):
            return {"resultType": "scalar", "result": _point(at_ms, value)}
        case TextResult(text):
            return {"resultType": "string", "result": [at_ms / 1000, text]}
        case VectorResult(elements):
            shown = [{"metric": k.pairs, "value": _point(at_ms, v)} for k, v in elements]
            return {"resultType": "vector", "result": shown}
        case MatrixResult(windows):
            shown = [
                {"metric": labels.pairs, "values": [*map(_point, times, values)]}
                for labels, times, values in windows
            ]
            return {"resultType": "matrix", "result": shown}


def _point(at_ms: int, value: float) -> list[Any]:
    return [at_ms / 1000, format_value(value)]


def series_data(found: Iterable[Labels]) -> list[dict[str, str]]:
    return [labels.pairs for labels in found]


def targets_data(states: Sequence[TargetState], period_seconds: float) -> dict[str, Any]:
    """The active targets, as `/api/v1/targets` lists them."""
    active = [
        {
            "discoveredLabels": {},
            "labels": dict(state.target.labels),
            "scrapePool": state.target.labels.get("job", ""),
            "scrapeUrl": state.target.url,
            "globalUrl": state.target.url,
            "lastError": state.error,
            "lastScrape": state.at_ms / 1000,
            "health": "unknown" if not state.at_ms else "down" if state.error else "up",
            "scrapeInterval": f"{period_seconds:g}s",
        }
        for state in states
    ]
    return {"activeTargets": active, "droppedTargets": []}
