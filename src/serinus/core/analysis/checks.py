"""What must be true of a run before its first measurement; all faults at once.

The rules of one metric are those of validation (`api/validation`); here they are asked again with
all arguments filled in, and the language of conditions is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from serinus.api.analysis import DryRun, MeasurementRetention, Metric
from serinus.api.validation.analysis import validate_metric, validate_metrics
from serinus.api.validation.language import Language
from serinus.base.errors import FieldProblem
from serinus.expr.condition import compile_expression, evaluate_time
from serinus.expr.errors import ExprError
from serinus.expr.regex import compile_pattern


def condition_problem(source: str) -> str:
    """What is wrong with a condition, in a sentence, or "" if it compiles."""
    try:
        compile_expression(source)
    except ExprError as error:
        return str(error)
    return ""


def pattern_problem(source: str) -> str:
    """What is wrong with a regular expression, in a sentence, or "" if it compiles."""
    try:
        compile_pattern(source)
    except ExprError as error:
        return str(error)
    return ""


def instant_problem(source: str) -> str:
    """What is wrong with the start or end of a range, in a sentence, or "" if it gives a time."""
    try:
        evaluate_time(source, datetime(2001, 1, 1, tzinfo=UTC))
    except (ExprError, OverflowError) as error:
        return str(error)
    return ""


def metric_problems(metric: Metric, path: str) -> list[FieldProblem]:
    """Faults of one metric whose arguments are filled in."""
    return list(validate_metric(metric, LANGUAGE, path))


def metrics_problems(metrics: Sequence[Metric], path: str) -> list[FieldProblem]:
    """Faults of all metrics of a run together and of each."""
    if not metrics:
        return [FieldProblem(path, "no metrics specified")]
    return list(validate_metrics(metrics, LANGUAGE, path))


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
    wrong = pattern_problem(rule.metric_name)
    return f": {wrong}; write .* for all metrics" if wrong else ""


def matches(pattern: str, name: str) -> bool:
    """Whether the rule is meant for that metric: a regular expression, found anywhere.

    Quirk: one that cannot be read, such as `*`, matches nothing.
    """
    try:
        return compile_pattern(pattern).search(name)
    except ExprError:
        return False


LANGUAGE = Language(condition_problem, pattern_problem, instant_problem, matches)
"""What validation asks of the language of conditions."""
