"""What an Experiment and the step that starts one have in common: names, `{{...}}` in arguments.

An Experiment fills `{{templates.x.podTemplateHash}}` and its kin in itself, before anything of an
AnalysisTemplate is filled in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from serinus.api.validation.derived import is_service_name
from serinus.api.validation.labels import is_object_name
from serinus.base.errors import FieldProblem

TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)


def facts_of(templates: Iterable[str]) -> tuple[str, ...]:
    """What `{{...}}` in an argument may ask for, with templates of these names."""
    of_templates = (
        f"templates.{name}.{fact}"
        for name in templates
        for fact in ("podTemplateHash", "replicaset.name")
    )
    return ("experiment.availableAt", "experiment.finishedAt", *of_templates)


def unknown_facts(value: str, known: Iterable[str], path: str) -> Iterator[FieldProblem]:
    """What an argument asks for and no Experiment with these templates has."""
    names = sorted(known)
    for tag in dict.fromkeys(found.strip() for found in TAG.findall(value)):
        if tag not in names:
            yield FieldProblem(path, f"{{{{{tag}}}}} is not known; there are: {', '.join(names)}")


def analysis_names(names: Iterable[str], path: str) -> Iterator[FieldProblem]:
    """There, each once, and fit to be the end of a run's name."""
    seen: set[str] = set()
    for index, name in enumerate(names):
        here = f"{path}[{index}].name"
        if not name or name in seen:
            yield FieldProblem(here, f"{name!r} is empty or repeated")
        elif not is_object_name(f"x-{name}"):
            yield FieldProblem(here, f"{name!r}: use lower-case letters, digits and dashes")
        seen.add(name)


def service_names(services: Mapping[int, str], path: str) -> Iterator[FieldProblem]:
    """The names that are given to Services, by the index of their template."""
    seen: set[str] = set()
    for index, name in services.items():
        here = f"{path}[{index}].service.name"
        if name in seen:
            yield FieldProblem(here, f"{name!r} is of another template too")
        elif not is_service_name(name):
            yield FieldProblem(
                here,
                f"{name!r}: use at most 63 lower-case letters, digits and dashes, a letter first",
            )
        seen.add(name)
