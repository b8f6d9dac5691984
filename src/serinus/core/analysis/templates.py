"""Templates to the spec of one run: nested ones flattened, arguments merged, all faults at once.

Serves validation (faults with field paths, before anything runs) and the making of a run alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from serinus.api.analysis import (
    AnalysisRunArgument,
    AnalysisRunSpec,
    AnalysisTemplateRef,
    AnalysisTemplateSpec,
    Argument,
    DryRun,
    MeasurementRetention,
    Metric,
)
from serinus.api.argo import RolloutAnalysis
from serinus.api.validation.arguments import how_to_pass
from serinus.base.errors import FieldProblem
from serinus.core.analysis.arguments import Values, fill, placeholders
from serinus.core.analysis.checks import metric_problems, rule_problems
from serinus.core.analysis.fieldref import field_value
from serinus.core.analysis.limits import limits_of
from serinus.core.analysis.subject import Subject, Templates

_HASHES = {"Latest": "latest_hash", "Stable": "stable_hash"}


@dataclass(frozen=True, slots=True)
class Prepared:
    """The spec of the run, and everything that is wrong with what it was made from.

    With problems the spec is only as good as could be.
    """

    spec: AnalysisRunSpec
    problems: tuple[FieldProblem, ...]


@dataclass(frozen=True, slots=True)
class _Sourced:
    """A template and how messages call it."""

    label: str
    spec: AnalysisTemplateSpec


def prepare(
    analysis: RolloutAnalysis,
    templates: Templates,
    subject: Subject,
    *,
    path: str = "analysis",
    endless: bool = False,
) -> Prepared:
    """The run that `analysis` asks for.

    `path` is the field that it stands at, as `spec.strategy.canary.steps[2].analysis`; only with
    `endless` (a background analysis) may a metric repeat without end.
    """
    problems: list[FieldProblem] = []
    sources = list(_flattened(analysis.templates, templates, f"{path}.templates", problems))
    if not analysis.templates:
        problems.append(FieldProblem(f"{path}.templates", "name at least one AnalysisTemplate"))
    passed = _passed(analysis.args, subject, f"{path}.args", problems)
    args = _merged(sources, {**passed, **subject.arguments}, subject, problems)
    problems += _unset(sources, args, f"{path}.args")
    metrics = tuple(metric for source in sources for metric in source.spec.metrics)
    dry, kept = _rules(analysis, sources)
    spec = AnalysisRunSpec(
        metrics=metrics, args=tuple(args.values()), dry_run=dry, measurement_retention=kept
    )
    problems += _metric_faults(sources, args, endless=endless)
    if metrics:
        problems += rule_problems(dry, metrics, f"{path}.dryRun")
        problems += rule_problems(kept, metrics, f"{path}.measurementRetention")
    return Prepared(spec, tuple(problems))


def label_of(reference: AnalysisTemplateRef) -> str:
    """As messages call a template: `AnalysisTemplate error-rate`."""
    kind = "ClusterAnalysisTemplate" if reference.cluster_scope else "AnalysisTemplate"
    return f"{kind} {reference.template_name}"


def needed(
    references: Iterable[AnalysisTemplateRef], templates: Templates
) -> set[AnalysisTemplateRef]:
    """All templates that these references lead to, as far as `templates` tells."""
    found: set[AnalysisTemplateRef] = set()
    waiting = list(references)
    while waiting:
        reference = waiting.pop()
        if reference not in found:
            found.add(reference)
            spec = templates.get(reference)
            waiting += spec.templates if spec else ()
    return found


def _flattened(
    references: Iterable[AnalysisTemplateRef],
    templates: Templates,
    path: str,
    problems: list[FieldProblem],
) -> Iterator[_Sourced]:
    """Each template once, those it refers to after it; a circle is walked once."""
    seen: set[AnalysisTemplateRef] = set()
    waiting = [(reference, f"{path}[{i}]") for i, reference in enumerate(references)]
    while waiting:
        reference, place = waiting.pop(0)
        if reference in seen:
            continue
        seen.add(reference)
        label = label_of(reference)
        spec = templates.get(reference)
        if spec is None:
            problems.append(FieldProblem(f"{place}.templateName", f"{label} does not exist (yet)"))
            continue
        yield _Sourced(label, spec)
        nested = [
            (inner, f"{label}: spec.templates[{i}]") for i, inner in enumerate(spec.templates)
        ]
        waiting = nested + waiting


def _passed(
    args: Iterable[AnalysisRunArgument],
    subject: Subject,
    path: str,
    problems: list[FieldProblem],
) -> dict[str, Argument]:
    """What the step passes, by name."""
    passed: dict[str, str] = {}
    for index, arg in enumerate(args):
        where = f"{path}[{index}]"
        source = arg.value_from
        if source is None:
            passed[arg.name] = arg.value
        elif source.pod_template_hash_value is not None:
            chosen = _HASHES.get(source.pod_template_hash_value)
            if chosen is None:
                problems.append(
                    FieldProblem(
                        f"{where}.valueFrom.podTemplateHashValue",
                        f"{source.pod_template_hash_value!r} is not known; use Latest or Stable",
                    )
                )
            passed[arg.name] = getattr(subject, chosen) if chosen else ""
        elif source.field_ref is not None:
            place = f"{where}.valueFrom.fieldRef.fieldPath"
            passed[arg.name] = _field(subject, source.field_ref.field_path, place, problems)
        else:
            problems.append(FieldProblem(f"{where}.valueFrom", "it says nothing; give a source"))
            passed[arg.name] = ""
    return {name: Argument(name=name, value=value) for name, value in passed.items()}


def _field(subject: Subject, field_path: str, place: str, problems: list[FieldProblem]) -> str:
    try:
        return field_value(subject.document, field_path)
    except ValueError as error:
        problems.append(FieldProblem(place, str(error)))
        return ""


def _merged(
    sources: list[_Sourced],
    passed: Mapping[str, Argument],
    subject: Subject,
    problems: list[FieldProblem],
) -> dict[str, Argument]:
    """The declared arguments of all templates, each with what was passed or its own value.

    What is passed and declared nowhere is ignored, as in the original.
    """
    declared: dict[str, Argument] = {}
    for source in sources:
        for index, arg in enumerate(source.spec.args):
            before = declared.get(arg.name)
            if before is None or (before.value is None and before.value_from is None):
                declared[arg.name] = arg
            elif arg.value is not None and before.value is not None and arg.value != before.value:
                problems.append(
                    FieldProblem(
                        f"{source.label}: spec.args[{index}]",
                        f"argument {arg.name} has different values in several templates: "
                        f"{before.value!r} and {arg.value!r}",
                    )
                )
    merged: dict[str, Argument] = {}
    for name, arg in declared.items():
        arg = passed.get(name, arg)
        own = arg.value_from.field_ref if arg.value_from else None
        if arg.value is None and own is not None:
            place = f"args.{name}.valueFrom.fieldRef.fieldPath"
            value = _field(subject, own.field_path, place, problems)
            merged[name] = Argument(name=name, value=value)
        else:
            merged[name] = arg
    return merged


def _unset(sources: list[_Sourced], args: dict[str, Argument], path: str) -> Iterator[FieldProblem]:
    """Arguments without value, and placeholders that no template declares: how to pass them."""
    for name, arg in args.items():
        if arg.value is None and (arg.value_from is None or not arg.value_from.secret_key_ref):
            user = next(s.label for s in sources if any(a.name == name for a in s.spec.args))
            yield FieldProblem(path, f"args.{name} of {user} has no value: add {how_to_pass(name)}")
    for source in sources:
        for index, metric in enumerate(source.spec.metrics):
            for tag in placeholders(metric):
                name = tag.removeprefix("args.")
                if tag.startswith("args.") and name not in args:
                    yield FieldProblem(
                        f"{source.label}: spec.metrics[{index}]",
                        f"it uses {{{{{tag}}}}}, which no template declares: add `- name: {name}` "
                        f"to spec.args of the template, and add {how_to_pass(name)} to {path}",
                    )


def _rules(
    analysis: RolloutAnalysis, sources: list[_Sourced]
) -> tuple[tuple[DryRun, ...], tuple[MeasurementRetention, ...]]:
    dry = (*analysis.dry_run, *(rule for source in sources for rule in source.spec.dry_run))
    kept = (
        *analysis.measurement_retention,
        *(rule for source in sources for rule in source.spec.measurement_retention),
    )
    return dry, kept


def _metric_faults(
    sources: list[_Sourced], args: dict[str, Argument], *, endless: bool
) -> Iterator[FieldProblem]:
    plain = {name: arg.value for name, arg in args.items() if arg.value is not None}
    secrets = {
        name: arg.value_from.secret_key_ref
        for name, arg in args.items()
        if arg.value_from is not None and arg.value_from.secret_key_ref is not None
    }
    values = Values(plain, secrets)
    owners: dict[str, str] = {}
    for source in sources:
        if not source.spec.metrics and not source.spec.templates:
            yield FieldProblem(f"{source.label}: spec.metrics", "no metrics specified")
        for index, metric in enumerate(source.spec.metrics):
            path = f"{source.label}: spec.metrics[{index}]"
            if metric.name in owners:
                yield FieldProblem(
                    path,
                    f"two metrics have the same name {metric.name!r}, the other is in "
                    f"{owners[metric.name]}",
                )
            owners.setdefault(metric.name, source.label)
            yield from _one_metric(metric, values, path, endless=endless)


def _one_metric(
    metric: Metric, values: Values, path: str, *, endless: bool
) -> Iterator[FieldProblem]:
    known = {f"args.{name}" for name in (*values.plain, *values.secrets)}
    tags = placeholders(metric)
    if any(tag.startswith("args.") and tag not in known for tag in tags):
        return  # told by _unset, and nothing else can be said about the metric before
    filled, problems = fill(metric, values, path)
    yield from problems
    if problems:
        return
    faults = metric_problems(filled, path)
    yield from faults
    if not faults and not endless and limits_of(filled).count is None:
        yield FieldProblem(
            path, "it repeats without end, which only a background analysis may; give a count"
        )
