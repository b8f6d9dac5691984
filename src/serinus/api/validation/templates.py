"""The AnalysisTemplates that a Rollout names: there, sound, finite, with all arguments.

A problem of a template is told once, at the first step that names it; a missing argument is told
with every step that has to pass it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from serinus.api.analysis import (
    AnalysisTemplate,
    AnalysisTemplateRef,
    Argument,
    ClusterAnalysisTemplate,
)
from serinus.api.argo import RolloutAnalysis
from serinus.api.findings import Missing, short
from serinus.api.validation.analysis import (
    is_endless,
    rules_of,
    rules_without_metric,
    unreadable_patterns,
    validate_template_spec,
)
from serinus.api.validation.arguments import (
    exposed_secrets,
    how_to_pass,
    secrets_of,
    used_arguments,
)
from serinus.api.validation.language import UNKNOWN, Language
from serinus.api.validation.lookup import Lookup, find
from serinus.base.errors import FieldProblem

AnyTemplate = AnalysisTemplate | ClusterAnalysisTemplate


@dataclass(frozen=True, slots=True)
class Asked:
    """An analysis that somebody asks for; `waits`: for its end, so that it must have one."""

    analysis: RolloutAnalysis
    path: str
    waits: bool = True
    passes_args_at: str = ""
    """Where its arguments are written, if that is not `args` below `path`."""
    secret: frozenset[str] = frozenset()
    """The arguments that are passed as secrets, which only an Experiment can."""


@dataclass(slots=True)
class _Need:
    """An argument that a template needs and some steps do not pass."""

    declared: bool
    metrics: tuple[str, ...]
    steps: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Survey:
    """What was looked at so far, over all steps."""

    namespace: str
    lookup: Lookup
    language: Language
    told: set[AnalysisTemplateRef] = field(default_factory=set)
    endless: set[AnalysisTemplateRef] = field(default_factory=set)
    """Templates of which it was told that they have no end."""
    needs: dict[tuple[str, str], _Need] = field(default_factory=dict)
    exposed: set[str] = field(default_factory=set)
    """What was told of secrets that show."""


_TEMPLATES_ONLY = Asked(RolloutAnalysis(), "spec")


def validate_analyses(
    namespace: str, asked: Iterable[Asked], lookup: Lookup, language: Language
) -> Iterator[FieldProblem]:
    """Everything that these analyses refer to."""
    survey = _Survey(namespace, lookup, language)
    for one in asked:
        yield from _analysis(survey, one)
    for (template, name), need in survey.needs.items():
        yield _missing_argument(template, name, need)


def named_templates(own: AnyTemplate, namespace: str, lookup: Lookup) -> Iterator[FieldProblem]:
    """The templates that a template names: there, and in accord with it and each other."""
    found: dict[AnalysisTemplateRef, AnyTemplate] = {}
    survey = _Survey(namespace, lookup, UNKNOWN)
    own_ref = AnalysisTemplateRef(
        template_name=own.metadata.name, cluster_scope=isinstance(own, ClusterAnalysisTemplate)
    )
    for index, ref in enumerate(own.spec.templates):
        for problem in _collect(survey, ref, f"spec.templates[{index}]", found):
            if isinstance(problem, Missing) or ref not in found:
                yield problem  # what is wrong with one that is there is told of that one
    found.pop(own_ref, None)
    if found:
        templates = [own, *found.values()]
        yield from _clashes(templates, "spec")
        yield from _exposed(survey, _TEMPLATES_ONLY, templates, "spec.templates")


def _analysis(survey: _Survey, one: Asked) -> Iterator[FieldProblem]:
    found: dict[AnalysisTemplateRef, AnyTemplate] = {}
    asked, path = one.analysis, one.path
    for index, ref in enumerate(asked.templates):
        here = f"{path}.templateName" if one.passes_args_at else f"{path}.templates[{index}]"
        yield from _collect(survey, ref, here, found)
        if one.waits:
            yield from _endless(survey, found, here)
    templates = list(found.values())
    yield from _clashes(templates, path)
    named = f"{path}.templateName" if one.passes_args_at else f"{path}.templates"
    yield from _exposed(survey, one, templates, named)
    names = [metric.name for template in templates for metric in template.spec.metrics]
    for name, rules in rules_of(asked):
        yield from unreadable_patterns(rules, survey.language, f"{path}.{name}")
        if len(found) >= len(asked.templates):  # else a missing template may have the metric
            yield from rules_without_metric(rules, names, survey.language, f"{path}.{name}")
            yield from _rules_of_templates(survey, templates, names, (name, named))
    _note_needs(survey, one, templates)


def _collect(
    survey: _Survey,
    ref: AnalysisTemplateRef,
    path: str,
    found: dict[AnalysisTemplateRef, AnyTemplate],
) -> Iterator[FieldProblem]:
    """`ref` and the templates that it names, into `found`; a circle ends where it began."""
    if not ref.template_name or ref in found:
        return
    template = _find(survey, ref, path)
    if isinstance(template, FieldProblem):
        yield template
        return
    found[ref] = template
    if ref not in survey.told:
        survey.told.add(ref)
        yield from _template(survey, template, _title(template), path)
    for inner in template.spec.templates:
        yield from _collect(survey, inner, path, found)


def _find(survey: _Survey, ref: AnalysisTemplateRef, path: str) -> AnyTemplate | FieldProblem:
    if ref.cluster_scope:
        return find(survey.lookup, ClusterAnalysisTemplate, "", ref.template_name, path)
    return find(survey.lookup, AnalysisTemplate, survey.namespace, ref.template_name, path)


def _title(template: AnyTemplate) -> str:
    return f"{type(template).__name__} {template.metadata.name}"


def _template(
    survey: _Survey, template: AnyTemplate, title: str, path: str
) -> Iterator[FieldProblem]:
    for problem in validate_template_spec(template.spec, survey.language):
        yield FieldProblem(path, f"{title}: {problem}")


def _endless(
    survey: _Survey, found: Mapping[AnalysisTemplateRef, AnyTemplate], path: str
) -> Iterator[FieldProblem]:
    for ref, template in found.items():
        if ref in survey.endless:
            continue
        for index, metric in enumerate(template.spec.metrics):
            if is_endless(metric):
                survey.endless.add(ref)
                yield FieldProblem(
                    path,
                    f"{_title(template)}: spec.metrics[{index}].count: is missing, so metric "
                    f"{metric.name} never ends; a step waits for the end of its analysis",
                )


def _clashes(templates: list[AnyTemplate], path: str) -> Iterator[FieldProblem]:
    """Metric names and argument values that templates of one analysis do not agree on."""
    metrics: dict[str, str] = {}
    values: dict[str, tuple[str, Argument]] = {}
    for template in templates:
        owner = template.metadata.name
        for metric in template.spec.metrics:
            if metrics.setdefault(metric.name, owner) != owner:
                yield FieldProblem(
                    f"{path}.templates",
                    f"{metrics[metric.name]} and {owner} both have a metric {metric.name}",
                )
        for argument in template.spec.args:
            if argument.value is None and argument.value_from is None:
                continue
            other, known = values.setdefault(argument.name, (owner, argument))
            if (known.value, known.value_from) != (argument.value, argument.value_from):
                yield FieldProblem(
                    f"{path}.templates",
                    f"{other} and {owner} have different values for arg {argument.name}",
                )


def _rules_of_templates(
    survey: _Survey, templates: list[AnyTemplate], metrics: list[str], place: tuple[str, str]
) -> Iterator[FieldProblem]:
    """Rules of the templates that fit none of all metrics, or that another template has too."""
    field_name, path = place
    owners: dict[str, str] = {}
    for template in templates:
        title, rules = _title(template), dict(rules_of(template.spec))[field_name]
        here = f"{title}: spec.{field_name}"
        for problem in rules_without_metric(rules, metrics, survey.language, here):
            yield FieldProblem(path, str(problem))
        for rule in rules:
            other = owners.setdefault(rule.metric_name, title)
            if other != title:
                yield FieldProblem(path, f"{here}: {rule.metric_name!r} is in {other} too")


def _exposed(
    survey: _Survey, one: Asked, templates: list[AnyTemplate], path: str
) -> Iterator[FieldProblem]:
    """Secrets of one template, or passed to it, that show in a metric of another.

    Those of a metric's own template are told with that template.
    """
    passed = {argument.name for argument in one.analysis.args}
    declared = frozenset[str]().union(*(secrets_of(t.spec.args) for t in templates)) - passed
    for template in templates:
        title, own = _title(template), secrets_of(template.spec.args)
        rows = ((declared - own, path), (one.secret, f"{one.path}.args"))
        for secret, place in rows:
            for problem in exposed_secrets(template.spec.metrics, secret, f"{title}: spec.metrics"):
                if str(problem) not in survey.exposed:
                    survey.exposed.add(str(problem))
                    yield FieldProblem(place, str(problem))


def _note_needs(survey: _Survey, one: Asked, templates: list[AnyTemplate]) -> None:
    place = one.passes_args_at or one.path
    passed = {argument.name for argument in one.analysis.args}
    declared: Mapping[str, list[Argument]] = {
        argument.name: [a for t in templates for a in t.spec.args if a.name == argument.name]
        for template in templates
        for argument in template.spec.args
    }
    given = {
        name
        for name, arguments in declared.items()
        if name in passed or any(a.value is not None or a.value_from for a in arguments)
    }
    for template in templates:
        used: dict[str, list[str]] = {a.name: [] for a in template.spec.args}
        for metric in template.spec.metrics:
            for name in used_arguments(metric):
                used.setdefault(name, []).append(metric.name)
        for name, metrics in used.items():
            if name in given:
                continue
            key = (_title(template), name)
            need = survey.needs.setdefault(key, _Need(name in declared, tuple(metrics)))
            need.steps.append(place + ("" if name in passed else ".args"))


def _missing_argument(template: str, name: str, need: _Need) -> FieldProblem:
    users = f"metric {' and '.join(need.metrics)} of " if need.metrics else ""
    steps = [short(step) for step in need.steps if step.endswith(".args")]
    todo = []
    if not need.declared:
        todo.append(f"declare it in the template (spec.args: `- name: {name}`)")
    if steps:
        todo.append(f"add it under {' and '.join(steps)}, for example {how_to_pass(name)}")
    return FieldProblem(
        need.steps[0],
        f"missing arg `{name}`, used by {users}{template}: {', and '.join(todo)}",
    )
