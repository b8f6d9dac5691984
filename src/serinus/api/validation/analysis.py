"""Rules of metrics and of what asks for them, by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from serinus.api.analysis import (
    AnalysisRunArgument,
    AnalysisRunSpec,
    AnalysisTemplateSpec,
    Argument,
    DryRun,
    MeasurementRetention,
    Metric,
)
from serinus.api.argo import RolloutAnalysis
from serinus.api.validation.arguments import (
    exposed_secrets,
    misplaced_placeholders,
    secrets_of,
    used_arguments,
)
from serinus.api.validation.labels import validate_annotations, validate_labels
from serinus.api.validation.language import UNKNOWN, Language
from serinus.api.validation.later import not_yet_measured
from serinus.api.validation.numbers import duration, is_filled_in_later, not_negative, whole
from serinus.api.validation.prometheus import validate_prometheus
from serinus.base.errors import FieldProblem

Rules = tuple[DryRun | MeasurementRetention, ...]

ON_NO_DATA = ("error", "fail", "skip")
_LEAST = (
    ("count", 0),
    ("failure_limit", -1),
    ("inconclusive_limit", 0),
    ("consecutive_error_limit", 0),
    ("consecutive_success_limit", 0),
    ("no_data_limit", 0),
)
_PODS_OF = ("Latest", "Stable")
_DOWNWARD = re.compile(r"metadata\.(name|namespace|uid|(labels|annotations)\['[^']+'\])")


# --- What asks for an analysis --------------------------------------------------------------------


def validate_rollout_analysis(asked: RolloutAnalysis, path: str) -> Iterator[FieldProblem]:
    """An analysis as a step asks for it."""
    if not asked.templates:
        yield FieldProblem(f"{path}.templates", "is empty; name what is measured")
    for index, template in enumerate(asked.templates):
        if not template.template_name:
            yield FieldProblem(f"{path}.templates[{index}].templateName", "is missing")
        elif template in asked.templates[:index]:
            yield FieldProblem(f"{path}.templates[{index}]", f"{template.template_name} is twice")
    yield from passed_arguments(asked.args, f"{path}.args")
    for name, rules in rules_of(asked):
        yield from validate_rules(rules, f"{path}.{name}")
    metadata = asked.analysis_run_metadata
    yield from validate_labels(metadata.labels, f"{path}.analysisRunMetadata.labels")
    yield from validate_annotations(metadata.annotations, f"{path}.analysisRunMetadata.annotations")


def passed_arguments(arguments: Sequence[AnalysisRunArgument], path: str) -> Iterator[FieldProblem]:
    """Arguments that a rollout passes."""
    seen: set[str] = set()
    for index, argument in enumerate(arguments):
        here = f"{path}[{index}]"
        if not argument.name or argument.name in seen:
            yield FieldProblem(f"{here}.name", f"{argument.name!r} is empty or repeated")
        seen.add(argument.name)
        source = argument.value_from
        if source is None:
            continue
        if argument.value:
            yield FieldProblem(here, "has value and valueFrom; keep one")
        hash_of, field = source.pod_template_hash_value, source.field_ref
        if (hash_of is None) == (field is None):
            yield FieldProblem(
                f"{here}.valueFrom", "needs one of podTemplateHashValue and fieldRef"
            )
        if hash_of is not None and hash_of not in _PODS_OF:
            yield FieldProblem(
                f"{here}.valueFrom.podTemplateHashValue", f"{hash_of!r} must be Latest or Stable"
            )
        if field is not None:
            yield from _field_path(field.field_path, f"{here}.valueFrom.fieldRef.fieldPath")


def _field_path(text: str, path: str) -> Iterator[FieldProblem]:
    if not text:
        yield FieldProblem(path, "is missing")
    elif text.startswith("metadata") and not _DOWNWARD.fullmatch(text):
        yield FieldProblem(
            path,
            f"{text!r}: of metadata there are name, namespace, uid, labels['x'] and "
            "annotations['x']",
        )


def rules_of(
    spec: RolloutAnalysis | AnalysisTemplateSpec | AnalysisRunSpec,
) -> tuple[tuple[str, Rules], ...]:
    """What names metrics by regular expressions, by its field."""
    return ("dryRun", spec.dry_run), ("measurementRetention", spec.measurement_retention)


def validate_rules(rules: Rules, path: str) -> Iterator[FieldProblem]:
    """Rules of dryRun or measurementRetention by themselves."""
    seen: set[str] = set()
    for index, name in enumerate(_expressions(rules)):
        here = f"{path}[{index}].metricName"
        if name in seen:
            yield FieldProblem(here, f"{name!r} is repeated")
        seen.add(name)
    for index, rule in enumerate(rules):
        if isinstance(rule, MeasurementRetention):
            yield from not_negative(rule.limit, f"{path}[{index}].limit")


def _expressions(rules: Rules) -> list[str]:
    return [rule.metric_name for rule in rules]


def unreadable_patterns(rules: Rules, language: Language, path: str) -> Iterator[FieldProblem]:
    """Rules whose metricName is no regular expression (RE2, as Go reads it)."""
    for index, name in enumerate(_expressions(rules)):
        wrong = language.pattern(name)
        if wrong:
            hint = "; write .* for every metric" if name == "*" else ""
            yield FieldProblem(f"{path}[{index}].metricName", f"{wrong}{hint}")


def rules_without_metric(
    rules: Rules, names: Sequence[str], language: Language, path: str
) -> Iterator[FieldProblem]:
    """Rules that none of the metrics' names fits; `unreadable_patterns` names the others."""
    for index, expression in enumerate(_expressions(rules)):
        if language.pattern(expression):
            continue
        if not any(language.matches(expression, name) for name in names):
            yield FieldProblem(
                f"{path}[{index}].metricName",
                f"{expression!r} fits no metric; there are {', '.join(names) or 'none'}",
            )


# --- Templates and runs ---------------------------------------------------------------------------


def validate_template_spec(
    spec: AnalysisTemplateSpec, language: Language = UNKNOWN, path: str = "spec"
) -> Iterator[FieldProblem]:
    """A template by itself; the templates that it names are looked at elsewhere."""
    if not spec.metrics and not spec.templates:
        yield FieldProblem(f"{path}.metrics", "is empty; say what is measured")
    for index, ref in enumerate(spec.templates):
        if not ref.template_name:
            yield FieldProblem(f"{path}.templates[{index}].templateName", "is missing")
    yield from own_arguments(spec.args, f"{path}.args")
    for name, rules in rules_of(spec):
        yield from validate_rules(rules, f"{path}.{name}")
        yield from unreadable_patterns(rules, language, f"{path}.{name}")
    yield from validate_metrics(spec.metrics, language, f"{path}.metrics")
    yield from exposed_secrets(spec.metrics, secrets_of(spec.args), f"{path}.metrics")


def validate_run_spec(
    spec: AnalysisRunSpec, language: Language = UNKNOWN, path: str = "spec"
) -> Iterator[FieldProblem]:
    """An AnalysisRun's spec: a template's rules, and every argument must have its value."""
    if not spec.metrics:
        yield FieldProblem(f"{path}.metrics", "is empty; say what is measured")
    yield from own_arguments(spec.args, f"{path}.args")
    for index, argument in enumerate(spec.args):
        if argument.value is None and argument.value_from is None:
            yield FieldProblem(f"{path}.args[{index}]", f"{argument.name!r} has no value")
    known = {argument.name for argument in spec.args}
    for index, metric in enumerate(spec.metrics):
        for name in used_arguments(metric):
            if name not in known:
                message = f"uses {{{{args.{name}}}}}, which is not in {path}.args"
                yield FieldProblem(f"{path}.metrics[{index}]", message)
    if spec.ttl_strategy is not None:
        for name, seconds in (
            ("secondsAfterCompletion", spec.ttl_strategy.seconds_after_completion),
            ("secondsAfterSuccess", spec.ttl_strategy.seconds_after_success),
            ("secondsAfterFailure", spec.ttl_strategy.seconds_after_failure),
        ):
            yield from not_negative(seconds, f"{path}.ttlStrategy.{name}")
    for name, rules in rules_of(spec):
        yield from validate_rules(rules, f"{path}.{name}")
        yield from unreadable_patterns(rules, language, f"{path}.{name}")
    names = [metric.name for metric in spec.metrics]
    for name, rules in rules_of(spec):
        yield from rules_without_metric(rules, names, language, f"{path}.{name}")
    yield from validate_metrics(spec.metrics, language, f"{path}.metrics")
    yield from exposed_secrets(spec.metrics, secrets_of(spec.args), f"{path}.metrics")


def own_arguments(arguments: Sequence[Argument], path: str) -> Iterator[FieldProblem]:
    """Arguments that a template or run declares."""
    for index, argument in enumerate(arguments):
        here = f"{path}[{index}]"
        if not argument.name or argument.name in [a.name for a in arguments[:index]]:
            yield FieldProblem(f"{here}.name", "is empty or repeated")
        source = argument.value_from
        if source is None:
            continue
        if argument.value is not None:
            yield FieldProblem(here, "has value and valueFrom; keep one")
        if (source.secret_key_ref is None) == (source.field_ref is None):
            yield FieldProblem(f"{here}.valueFrom", "needs one of secretKeyRef and fieldRef")
        secret = source.secret_key_ref
        if secret is not None and not (secret.name and secret.key):
            yield FieldProblem(f"{here}.valueFrom.secretKeyRef", "needs name and key")
        if source.field_ref is not None:
            yield from _field_path(
                source.field_ref.field_path, f"{here}.valueFrom.fieldRef.fieldPath"
            )


def undeclared_arguments(spec: AnalysisTemplateSpec, path: str = "spec") -> Iterator[FieldProblem]:
    """Arguments that metrics use and nobody declares: no Rollout can pass them.

    A template that names others, or is named by one, may get them from there; so these only warn.
    """
    declared = {argument.name for argument in spec.args}
    for index, metric in enumerate(spec.metrics):
        for name in used_arguments(metric):
            if name not in declared and not spec.templates:
                yield FieldProblem(
                    f"{path}.metrics[{index}]",
                    f"uses {{{{args.{name}}}}}; declare it in {path}.args as `- name: {name}`",
                )


def validate_metrics(
    metrics: Sequence[Metric], language: Language, path: str
) -> Iterator[FieldProblem]:
    """Metrics of a template or run."""
    for index, metric in enumerate(metrics):
        here = f"{path}[{index}]"
        if not metric.name:
            yield FieldProblem(f"{here}.name", "is missing")
        elif metric.name in [other.name for other in metrics[:index]]:
            yield FieldProblem(f"{here}.name", f"{metric.name!r} is used twice")
        yield from validate_metric(metric, language, here)


def validate_metric(metric: Metric, language: Language, path: str) -> Iterator[FieldProblem]:
    """One metric by itself; what holds an argument is left for when the argument is there."""
    yield from duration(metric.interval, f"{path}.interval")
    yield from duration(metric.initial_delay, f"{path}.initialDelay")
    yield from _limits(metric, path)
    for name, condition in (
        ("successCondition", metric.success_condition),
        ("failureCondition", metric.failure_condition),
    ):
        wrong = (
            language.condition(condition) if condition and not is_filled_in_later(condition) else ""
        )
        if wrong:
            yield FieldProblem(f"{path}.{name}", wrong)
    if metric.on_no_data and metric.on_no_data not in ON_NO_DATA:
        known = ", ".join(ON_NO_DATA)
        yield FieldProblem(f"{path}.onNoData", f"{metric.on_no_data!r} must be one of {known}")
    providers = metric.provider.names()
    if len(providers) != 1 or len(metric.provider.plugin or {}) > 1:
        found = " and ".join(providers) if providers else "none"
        yield FieldProblem(f"{path}.provider", f"needs exactly one provider, has {found}")
    if metric.provider.prometheus is not None:
        here = f"{path}.provider.prometheus"
        yield from validate_prometheus(metric.provider.prometheus, language, here)
    yield from not_yet_measured(metric, path)
    yield from misplaced_placeholders(metric, path)


def _limits(metric: Metric, path: str) -> Iterator[FieldProblem]:
    names = dict(zip(metric.__struct_fields__, metric.__struct_encode_fields__, strict=True))
    for attribute, least in _LEAST:
        value = getattr(metric, attribute)
        number = whole(value)
        if number is None and value is not None and not is_filled_in_later(value):
            yield FieldProblem(f"{path}.{names[attribute]}", f"{value!r} is no whole number")
        elif number is not None and number < least:
            yield FieldProblem(f"{path}.{names[attribute]}", f"{number} must be {least} or more")
    count, failures = whole(metric.count) or 0, whole(metric.failure_limit) or 0
    successes = whole(metric.consecutive_success_limit) or 0
    later = any(is_filled_in_later(getattr(metric, attribute)) for attribute, _ in _LEAST)
    if (
        failures == -1
        and successes == 0
        and not is_filled_in_later(metric.consecutive_success_limit)
    ):
        yield FieldProblem(
            f"{path}.failureLimit", "-1 tolerates every failure; set consecutiveSuccessLimit too"
        )
    if count > 1 and not metric.interval:
        yield FieldProblem(f"{path}.interval", f"is missing; {count} measurements need one")
    if count > 0 and not later:
        needed = successes + max(failures, 0)
        if count < needed:
            yield FieldProblem(
                f"{path}.count",
                f"{count} is less than failureLimit + consecutiveSuccessLimit ({needed})",
            )
        if count < (whole(metric.inconclusive_limit) or 0):
            yield FieldProblem(f"{path}.count", f"{count} is less than inconclusiveLimit")


def is_endless(metric: Metric) -> bool:
    """Whether it is measured until someone stops it: an interval, and no count."""
    return (
        bool(metric.interval) and not is_filled_in_later(metric.count) and not whole(metric.count)
    )
