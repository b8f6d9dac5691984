"""What must be true of a run's metrics before the first measurement; all faults at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from serinus.api.analysis import DryRun, MeasurementRetention, Metric
from serinus.base.errors import FieldProblem
from serinus.core.analysis.limits import ON_NO_DATA, Limits, limits_of, unreadable_limits
from serinus.expr.condition import compile_expression
from serinus.expr.errors import ExprError
from serinus.expr.regex import compile_pattern


def metric_problems(metric: Metric, path: str) -> list[FieldProblem]:
    """Faults of one metric whose arguments are filled in."""
    problems = unreadable_limits(metric, path)
    if not metric.name:
        problems.append(FieldProblem(f"{path}.name", "a metric needs a name"))
    if not problems:
        limits = limits_of(metric)
        problems += [FieldProblem(path, text) for text in _number_faults(metric, limits)]
    if metric.on_no_data not in ON_NO_DATA:
        problems.append(
            FieldProblem(
                f"{path}.onNoData",
                f"{metric.on_no_data!r} is not known; use error, fail or skip",
            )
        )
    problems += _provider_problems(metric, path)
    conditions = {
        "successCondition": metric.success_condition,
        "failureCondition": metric.failure_condition,
    }
    for name, source in conditions.items():
        try:
            if source:
                compile_expression(source)
        except ExprError as error:
            problems.append(FieldProblem(f"{path}.{name}", str(error)))
    return problems


def _number_faults(metric: Metric, limits: Limits) -> Iterable[str]:
    count, failures, successes = limits.count or 0, limits.failure_limit, limits.success_run
    written = int(metric.count or 0)
    if successes < 0:
        yield "consecutiveSuccessLimit must be >= 0"
    if failures < -1:
        yield "failureLimit must be >= -1"
    if failures == -1 and successes == 0:
        yield "failureLimit -1 and consecutiveSuccessLimit 0 together can never decide"
    if limits.inconclusive_limit < 0:
        yield "inconclusiveLimit must be >= 0"
    if limits.error_run < 0:
        yield "consecutiveErrorLimit must be >= 0"
    if limits.no_data_run is not None and limits.no_data_run < 0:
        yield "noDataLimit must be >= 0"
    if written < 0:
        yield "count must be >= 0"
    if written > 0:
        if failures >= 0 and count < failures + max(successes, 0):
            yield "count must be >= failureLimit + consecutiveSuccessLimit"
        elif count < successes:
            yield "count must be >= consecutiveSuccessLimit"
        if count < limits.inconclusive_limit:
            yield "count must be >= inconclusiveLimit"
    if written > 1 and not metric.interval:
        yield "interval must be specified when count > 1"


def _provider_problems(metric: Metric, path: str) -> list[FieldProblem]:
    names = list(metric.provider.names())
    plugins = len(metric.provider.plugin or {})
    total = len([name for name in names if name != "plugin"]) + plugins
    if total == 1:
        return []
    fault = "no provider specified" if total == 0 else f"several providers: {', '.join(names)}"
    return [FieldProblem(f"{path}.provider", f"{fault}; exactly one is needed")]


def metrics_problems(metrics: Sequence[Metric], path: str) -> list[FieldProblem]:
    """Faults of all metrics of a run together and of each."""
    if not metrics:
        return [FieldProblem(path, "no metrics specified")]
    problems: list[FieldProblem] = []
    seen: set[str] = set()
    for index, metric in enumerate(metrics):
        if metric.name in seen:
            problems.append(FieldProblem(f"{path}[{index}]", f"duplicate name {metric.name!r}"))
        seen.add(metric.name)
        problems += metric_problems(metric, f"{path}[{index}]")
    return problems


def rule_problems(
    rules: Sequence[DryRun | MeasurementRetention], metrics: Sequence[Metric], path: str
) -> list[FieldProblem]:
    """Rules of dryRun or measurementRetention that are repeated or match nothing."""
    problems: list[FieldProblem] = []
    seen: set[str] = set()
    for index, rule in enumerate(rules):
        where = f"{path}[{index}]"
        if rule.metric_name in seen:
            problems.append(FieldProblem(where, f"a second rule for {rule.metric_name!r}"))
        seen.add(rule.metric_name)
        if not any(matches(rule.metric_name, metric.name) for metric in metrics):
            problems.append(
                FieldProblem(where, "Rule didn't match any metric name(s)" + _why(rule))
            )
    return problems


def _why(rule: DryRun | MeasurementRetention) -> str:
    try:
        compile_pattern(rule.metric_name)
    except ExprError as error:
        return f": {error}; write .* for all metrics"
    return ""


def matches(pattern: str, name: str) -> bool:
    """Whether the rule is meant for that metric: a regular expression, found anywhere.

    Quirk: one that cannot be read, such as `*`, matches nothing.
    """
    try:
        return compile_pattern(pattern).search(name)
    except ExprError:
        return False
