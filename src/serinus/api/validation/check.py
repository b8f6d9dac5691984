"""Everything that can be found about an object, in one call, for whoever asks: the controller,
the embedded API server, the webhook, `serinus lint`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from serinus.api.analysis import (
    AnalysisRun,
    AnalysisRunArgument,
    AnalysisTemplate,
    AnalysisTemplateRef,
    ClusterAnalysisTemplate,
)
from serinus.api.argo import Rollout, RolloutAnalysis
from serinus.api.experiment import Experiment
from serinus.api.findings import Findings
from serinus.api.reading import Reading
from serinus.api.validation.analysis import (
    undeclared_arguments,
    validate_run_spec,
    validate_template_spec,
)
from serinus.api.validation.arguments import secrets_of
from serinus.api.validation.canary import dormant_background
from serinus.api.validation.derived import growing_names
from serinus.api.validation.experiment import validate_experiment
from serinus.api.validation.istio import strangers_told
from serinus.api.validation.language import UNKNOWN, Language
from serinus.api.validation.lookup import Lookup
from serinus.api.validation.references import validate_references
from serinus.api.validation.rollout import validate_rollout
from serinus.api.validation.templates import Asked, named_templates, validate_analyses
from serinus.api.validation.workload import resolve
from serinus.base.errors import FieldProblem

KINDS: Mapping[str, type[msgspec.Struct]] = {
    kind.__name__: kind
    for kind in (Rollout, AnalysisTemplate, ClusterAnalysisTemplate, AnalysisRun, Experiment)
}
"""Those that have rules, all of the group argoproj.io."""


def check_rollout(
    rollout: Rollout,
    lookup: Lookup,
    read: Findings | None = None,
    *,
    language: Language = UNKNOWN,
) -> Findings:
    """All that holds or ought to be told; `.problems()` of it is the text of InvalidSpec.

    `read` is what `reading.read` found: values of a wrong type, unknown fields. `language` says
    what is wrong with conditions and patterns; this room does not know it.
    """
    own = rules_of_rollout(rollout, lookup)
    return (read or Findings()) + own + references_of_rollout(rollout, lookup, language)


def rules_of_rollout(rollout: Rollout, lookup: Lookup) -> Findings:
    """What its own spec breaks, its pods among it, also where a workload lends them."""
    own = Findings.of(validate_rollout(rollout, resolve(rollout, lookup)))
    told = (*dormant_background(rollout), *growing_names(rollout))
    return own + Findings(warnings=told)


def references_of_rollout(rollout: Rollout, lookup: Lookup, language: Language) -> Findings:
    """What is wrong with what it refers to."""
    resolved = resolve(rollout, lookup).rollout
    found = Findings.of(validate_references(resolved, lookup, language))
    canary, namespace = rollout.spec.strategy.canary, rollout.metadata.namespace
    if canary is None:
        return found
    told = strangers_told(canary, namespace, lookup, "spec.strategy.canary")
    return found + Findings(warnings=tuple(told))


def check(reading: Reading[Any], lookup: Lookup, language: Language = UNKNOWN) -> Findings:
    """All that can be found about an object of one of KINDS."""
    return (
        reading.findings
        + check_own(reading.object, lookup, language)
        + check_references(reading.object, lookup, language)
    )


def check_own(found: msgspec.Struct, lookup: Lookup, language: Language) -> Findings:
    """What an object of one of KINDS breaks by itself."""
    match found:
        case Rollout():
            return rules_of_rollout(found, lookup)
        case AnalysisTemplate() | ClusterAnalysisTemplate():
            own = Findings.of(validate_template_spec(found.spec, language))
            return own + Findings(warnings=tuple(undeclared_arguments(found.spec)))
        case AnalysisRun():
            return Findings.of(validate_run_spec(found.spec, language))
        case Experiment():
            return Findings.of(validate_experiment(found))
    return Findings()


def check_references(found: msgspec.Struct, lookup: Lookup, language: Language) -> Findings:
    """What is wrong with what an object of one of KINDS refers to."""
    match found:
        case Rollout():
            return references_of_rollout(found, lookup, language)
        case AnalysisTemplate() | ClusterAnalysisTemplate():
            namespace = found.metadata.namespace
            return Findings.of(named_templates(found, namespace, lookup))
        case Experiment():
            return Findings.of(_analyses(found, lookup, language))
    return Findings()


def _analyses(experiment: Experiment, lookup: Lookup, language: Language) -> Iterator[FieldProblem]:
    """What is not required for its completion may measure for ever."""
    asked = []
    for index, one in enumerate(experiment.spec.analyses):
        ref = AnalysisTemplateRef(template_name=one.template_name, cluster_scope=one.cluster_scope)
        passed = tuple(AnalysisRunArgument(name=argument.name) for argument in one.args)
        here = f"spec.analyses[{index}]"
        asked.append(
            Asked(
                RolloutAnalysis(templates=(ref,), args=passed),
                here,
                waits=one.required_for_completion,
                passes_args_at=here,
                secret=secrets_of(one.args),
            )
        )
    yield from validate_analyses(experiment.metadata.namespace, asked, lookup, language)
